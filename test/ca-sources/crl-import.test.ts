// Goal: an operator's list is taken like one that is fetched, but neither its age nor its number keeps it out; a dry run changes nothing.
// Method: a real store; files in a folder.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { crlOf, type TestCrlOptions } from '../helpers/test-crl.ts'
import { file, listOf, operator, startCrlGateway } from './crl-setting.ts'

const nowMs = systemClock.nowMs()
const dayMs = 86_400_000
type Written = Partial<TestCrlOptions> & { readonly serials?: readonly string[] }

async function start(t: Test, lists = [listOf({ from: [file(join(t.testdir(), 'polled.crl'))] })]) {
  const path = join(t.testdir(), 'list.crl')
  const gateway = await startCrlGateway(t, { lists })
  return {
    gateway,
    path,
    write: (options: Written) => writeFileSync(path, crlOf(gateway.ca, nowMs, options)),
    take: (dryRun = false) => gateway.sources.importList(path, { issuer: 'branch', dryRun, actor: operator }),
  }
}

t.test('a dry run counts, the real one revokes, cuts and goes on record as the operator’s', async (t) => {
  const { gateway, write, take } = await start(t)
  const { keyOf, isListed, audited, workers, publisher, store } = gateway
  await publisher.publish([{ key: keyOf('a3'), loginId: undefined, reason: 'unspecified', comment: '' }], operator)
  workers.live.push({
    door: 'main',
    certificateKey: keyOf('a1'),
    loginId: 'user01',
    contractId: 'shoji',
    openedAtMs: 0,
    clientAddress: '127.0.0.1',
  })
  write({ number: 7, serials: ['a1', 'a2', 'a3'] })
  const wanted = {
    issuer: 'branch',
    number: '7',
    isDelta: false,
    entries: 3,
    revoked: 2,
    alreadyRevoked: 1,
    warnings: [],
  }
  t.match(await take(true), { ...wanted, dryRun: true, connectionsCut: 0 })
  t.notOk(isListed('a1'))
  t.strictSame(audited, [])
  t.match(await gateway.sources.status(), [{ number: undefined }])
  t.match(await take(), { ...wanted, dryRun: false, connectionsCut: 1 })
  t.ok(isListed('a1') && isListed('a2'))
  t.match(audited, [
    { event: 'certificates_revoked', actor: { kind: 'operator', name: 'sato.hanako' }, requestId: 'r-1' },
    { event: 'crl_applied', actor: { kind: 'operator', name: 'sato.hanako' }, detail: { revoked: 2 } },
  ])
  t.match((await store.revocation(keyOf('a1')))?.revocation, {
    actor: 'sato.hanako',
    comment: 'CRL 7 of branch (imported)',
  })
  t.match(await gateway.sources.status(), [{ number: '7', entries: 3, lookedAtMs: undefined, result: undefined }])
})

t.test('older and expired lists are taken with warnings, and what is known goes on from the newest', async (t) => {
  const { gateway, path, write, take } = await start(t)
  write({ number: 7, serials: ['a1'] })
  await take()
  write({ number: 6, thisUpdateMs: nowMs - 9 * dayMs, nextUpdateMs: nowMs - 8 * dayMs, serials: ['a2'] })
  const { warnings, revoked } = await take()
  t.equal(revoked, 1)
  t.match(warnings, [/older than what is known.*6.*7/, /nextUpdate is past/])
  t.match(await gateway.sources.status(), [{ number: '7', place: `imported by ${operator.name}` }])
  const before = await gateway.sources.status()
  const copy = path.replace('list.crl', 'again.crl')
  writeFileSync(copy, crlOf(gateway.ca, nowMs, { number: 7, serials: ['a1'] }))
  await gateway.sources.importList(copy, { issuer: 'branch', dryRun: false, actor: operator })
  t.same(await gateway.sources.status(), before, 'that one is not newer')
  write({ number: 9, deltaBase: 8, entries: [{ serial: 'a3' }, { serial: 'a1', reasonCode: 8 }] })
  t.match(await take(), {
    isDelta: true,
    revoked: 1,
    warnings: [/difference to list 8, which was not taken/, /removeFromCRL/],
  })
  t.ok(gateway.isListed('a1') && gateway.isListed('a3'))
})

t.test('an issuer without configured lists takes one too', async (t) => {
  const { gateway, write, take } = await start(t, [])
  write({ number: 7, serials: ['a1'] })
  t.match(await take(), { revoked: 1 })
  t.match(await take(), { revoked: 0, alreadyRevoked: 1 })
  t.equal(await gateway.values.readMeta('crlsTaken'), undefined)
})

t.test('what is no list of the issuer is refused', async (t) => {
  const { gateway, path, write, take } = await start(t)
  await t.rejects(take(), { code: 'crl_unreadable', message: /ENOENT/ })
  writeFileSync(path, 'nothing')
  await t.rejects(take(), { code: 'crl_unreadable' })
  writeFileSync(path, crlOf(createTestCa({ commonName: gateway.ca.commonName }), nowMs, { number: 1, serials: ['a1'] }))
  await t.rejects(take(), { code: 'crl_refused' })
  const asking = gateway.sources.importList(path, { issuer: 'nobody', dryRun: true, actor: operator })
  await t.rejects(asking, { code: 'admin_not_found' })
  t.strictSame(gateway.posted, [])
  write({ number: 1, serials: ['a1'] })
  gateway.failing = new Error('the store is away')
  await t.rejects(take(), { message: 'the store is away' })
  gateway.failing = undefined
  t.match(await take(), { revoked: 1 })
})
