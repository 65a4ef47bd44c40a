// Goal: the checker gets on with a responder that others wrote, under both policies.
// Method: `openssl ocsp` as the responder of a CA, with a delegated certificate or the CA's own key.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ca, keyOf, OcspWorld, responderKey } from './ocsp-world.ts'

const folder = mkdtempSync(join(tmpdir(), 'sekisho-ocsp-'))
const at = (name: string) => join(folder, name)
t.teardown(() => rmSync(folder, { recursive: true }))

writeFileSync(at('ca.pem'), ca.certificatePem)
writeFileSync(at('ca.key'), ca.certificatePem + ca.keyPem)
writeFileSync(at('delegated.key'), responderKey.certificatePem + responderKey.keyPem)
const lines = [
  'V\t360101000000Z\t\tA1\tunknown\t/CN=a',
  'R\t360101000000Z\t260102030405Z,superseded\tB2\tunknown\t/CN=b',
]
writeFileSync(at('index.txt'), `${lines.join('\n')}\n`)

/** Its URL, once it listens. */
async function startOpenssl(t: { teardown(end: () => Promise<void>): void }, signer: string, more: string[] = []) {
  const files = ['-index', at('index.txt'), '-CA', at('ca.pem'), '-rsigner', at(signer)]
  const child = spawn('openssl', ['ocsp', '-port', '0', ...files, ...more], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => stop(child))
  let said = ''
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (part: Buffer) => {
      said += part
      const found = /^ACCEPT \S*:(\d+) /m.exec(said)?.[1]
      if (found !== undefined) resolve(found)
    })
    child.stderr.resume()
    child.on('close', () => reject(new Error(said)))
  })
  return `http://127.0.0.1:${port}/`
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.on('close', () => resolve())
    child.kill()
  })
}

for (const [signer, more] of [
  ['delegated.key', []],
  ['ca.key', []],
  ['delegated.key', ['-nmin', '5', '-resp_key_id']],
] as const) {
  t.test(`signed with ${signer} ${more.join(' ')}`, async (t) => {
    const url = await startOpenssl(t, signer, [...more])
    const strict = new OcspWorld({ url })
    const loose = new OcspWorld({ url, policy: 'revokedOnly' })
    for (const world of [strict, loose]) {
      // Theirs is the machine's clock, ours is played and stands still.
      world.config = { ...world.config, crlFetch: { ...world.config.crlFetch, clockSkewSeconds: 300 } }
    }
    t.teardown(async () => void (await Promise.all([strict.checker.close(), loose.checker.close()])))
    t.ok(((await strict.ask('a1')) ?? 0) > strict.clock.nowMs(), 'good')
    t.equal(await strict.ask('b2'), 0, 'revoked')
    t.equal(await strict.ask('c3'), 0, 'unknown')
    t.same(strict.results, ['bank good', 'bank revoked', 'bank unknown'], strict.logged.join())
    for (const serial of ['a1', 'b2', 'c3']) t.equal(await loose.ask(serial), undefined)
    await loose.until(() => loose.results.length === 3 && loose.published.length === 1)
    for (const { published } of [strict, loose]) {
      t.match(published, [{ request: { key: keyOf('b2'), reason: 'superseded' } }])
    }
  })
}
