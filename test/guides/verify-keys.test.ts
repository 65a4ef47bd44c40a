// Goal: an application that uses the verification programs lets nobody wait or go away because keys change, a gateway does not answer, or a
// stranger makes up names of keys. Method: each language as a process that keeps one `Keys`, and a key set whose answers the test decides.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { KeySetServer, keysDrivers, VerifyingApp } from './verify-keys.ts'
import { createOwnKey, currentClaims, es256, makeToken, verifyPrograms } from './verify-programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'sekisho-keys-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const ca = createTestCa({ commonName: 'Server CA' })
const caFile = join(folder, 'ca.pem')
writeFileSync(caFile, ca.certificatePem)
const drivers = await keysDrivers(folder, await verifyPrograms(folder))

type Key = ReturnType<typeof createOwnKey>
const [old, current, madeUp] = [createOwnKey('old'), createOwnKey('current'), createOwnKey('made-up')]
const setOf = (...keys: Key[]) => ({ status: 200, body: JSON.stringify({ keys: keys.map((key) => key.publicJwk) }) })
const signedBy = ({ kid, privateKey }: Key) =>
  makeToken({ alg: 'ES256', typ: 'JWT', kid }, currentClaims(), es256(privateKey))
/** 1,000 gateways have up to three keys each. */
const many = Array.from({ length: 2_998 }, (_, at) => {
  const kid = String(at).padStart(16, '-')
  return { ...madeUp, kid, publicJwk: { ...madeUp.publicJwk, kid } }
})
/** The programs ask once in this time for a key that is not known. */
const askAgainMs = 1_000
const isAccepted = (said: string) => said === 'accepted'
const noKey = /^refused .*key is none of the gateway/

for (const driver of drivers) {
  t.test(driver.name, async (t) => {
    const server = await KeySetServer.start(ca.issueServer())
    const app = new VerifyingApp(driver, server.url, caFile)
    t.teardown(async () => {
      await app.stop()
      await server.stop()
    })

    await t.test('while no key was ever read nobody is accepted', async (t) => {
      server.answer = { status: 503, body: '' }
      t.match(await app.ask(signedBy(old)), /^failed .*503/)
    })

    await t.test('requests that come together wait for one answer', async (t) => {
      server.answer = setOf(old)
      t.ok(await eventually(() => app.ask(signedBy(old)), isAccepted), 'by itself, when keys can be read')
      const fresh = new VerifyingApp(driver, server.url, caFile)
      t.teardown(() => fresh.stop())
      const asked = server.asked
      const open = Promise.withResolvers<void>()
      server.gate = open.promise
      const first = server.next()
      const all = Promise.all(Array.from({ length: 8 }, () => fresh.ask(signedBy(old))))
      // A refusal of one of them, as of a program that lets only the first wait, would come before any answer to the first.
      await first
      const refused = await fresh.ask('nothing')
      open.resolve()
      t.match(refused, /^refused .*no JWT/)
      t.same(new Set(await all), new Set(['accepted']))
      t.equal(server.asked - asked, 1)
    })

    await t.test('a new key is asked for, and the one before stays while it is in the set', async (t) => {
      server.answer = setOf(old, ...many, current)
      t.ok(await eventually(() => app.ask(signedBy(current)), isAccepted))
      t.equal(await app.ask(signedBy(old)), 'accepted')
    })

    await t.test('names that strangers make up are asked for once a second, and are refused', async (t) => {
      const [asked, startedMs] = [server.asked, performance.now()]
      for (let count = 0; count < 200; count++) {
        const key = { ...madeUp, kid: `made-up-${count}` }
        t.match(await app.ask(signedBy(key)), noKey)
      }
      t.ok(server.asked - asked <= 1 + (performance.now() - startedMs) / askAgainMs, `${server.asked - asked} times`)
      t.match(await app.ask(signedBy({ ...madeUp, kid: 'current' })), /signature is wrong/)
    })

    const failures: [what: string, answer: typeof server.answer][] = [
      ['fails', { status: 500, body: '' }],
      ['says no JSON', { status: 200, body: '<html>' }],
      ['says too much', { status: 200, body: `{"keys":[],"more":"${'x'.repeat(3_000_000)}"}` }],
    ]
    for (const [what, answer] of failures) {
      await t.test(`known keys count on while the gateway ${what}`, async (t) => {
        server.answer = answer
        const asked = server.asked
        const said = await eventually(
          () => app.ask(signedBy(madeUp)),
          () => server.asked > asked,
        )
        t.notOk(isAccepted(said), said)
        t.equal(await app.ask(signedBy(current)), 'accepted')
      })
    }

    await t.test('known keys do not wait for a gateway that does not answer', async (t) => {
      const open = Promise.withResolvers<void>()
      server.gate = open.promise
      server.answer = setOf(old, current)
      const asked = server.asked
      const unknown: Promise<string>[] = []
      await eventually(
        () => void unknown.push(app.ask(signedBy(madeUp))),
        () => server.asked > asked,
      )
      let isWaiting = true
      unknown.at(-1)?.then(() => {
        isWaiting = false
      })
      t.equal(await app.ask(signedBy(current)), 'accepted')
      t.ok(isWaiting, 'the other has no answer yet')
      open.resolve()
      for (const said of await Promise.all(unknown)) t.notOk(isAccepted(said), said)
    })

    await t.test('a key that has left the set is no longer believed, from the next answer on', async (t) => {
      server.answer = setOf(current)
      t.equal(await app.ask(signedBy(old)), 'accepted', 'nobody has asked yet')
      const asked = server.asked
      await eventually(
        () => app.ask(signedBy(madeUp)),
        () => server.asked > asked,
      )
      t.match(await app.ask(signedBy(old)), noKey)
      t.equal(await app.ask(signedBy(current)), 'accepted')
    })
  })
}
