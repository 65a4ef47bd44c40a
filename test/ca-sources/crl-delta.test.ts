// Goal: delta lists revoke soon, and un-revoke nothing but, where an operator has said so, what the same CA had put on hold.
// Method: a real store; complete and delta lists in files.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { crlOf, type TestCrlEntry } from '../helpers/test-crl.ts'
import { file, listOf, operator, startCrlGateway } from './crl-setting.ts'

const nowMs = systemClock.nowMs()
const hold = (serial: string): TestCrlEntry => ({ serial, reasonCode: 6 })
const removed = (serial: string): TestCrlEntry => ({ serial, reasonCode: 8 })

async function start(t: Test, restoreRemovedHolds = false) {
  const folder = t.testdir()
  const paths = { complete: join(folder, 'complete.crl'), delta: join(folder, 'delta.crl') }
  const list = listOf({ from: [file(paths.complete)], delta: [file(paths.delta)], restoreRemovedHolds })
  const gateway = await startCrlGateway(t, { lists: [list] })
  const { ca, sources } = gateway
  return {
    gateway,
    complete: (number: number, entries: readonly TestCrlEntry[]) =>
      writeFileSync(paths.complete, crlOf(ca, nowMs, { number, entries })),
    delta: (number: number, deltaBase: number | undefined, entries: readonly TestCrlEntry[]) =>
      writeFileSync(paths.delta, crlOf(ca, nowMs, { number, deltaBase, entries })),
    look: async () => (await sources.lookNow()).map(({ result, fault }) => ({ result, fault })),
  }
}

t.test('a delta list to what was taken revokes', async (t) => {
  const { gateway, complete, delta, look } = await start(t)
  complete(40, [{ serial: 'a1' }])
  delta(42, 40, [{ serial: 'a2', reasonCode: 4 }])
  t.match(await look(), [{ result: 'applied' }, { result: 'applied' }])
  t.ok(gateway.isListed('a1') && gateway.isListed('a2'))
  t.match((await gateway.store.revocation(gateway.keyOf('a2')))?.revocation, {
    reason: 'superseded',
    comment: 'delta CRL 42 of branch/crl+delta',
  })
  t.match(await gateway.sources.status(), [
    { list: 'crl', number: '40' },
    { list: 'crl+delta', number: '42' },
  ])
  t.match(gateway.audited.at(-1), { event: 'crl_applied', detail: { kind: 'delta', baseNumber: '40', revoked: 1 } })
  t.match(await look(), [{ result: 'unchanged' }, { result: 'unchanged' }])
  delta(43, 38, [{ serial: 'a2' }, { serial: 'a3' }])
  t.match(await look(), [{ result: 'unchanged' }, { result: 'applied' }], 'to an older list than was taken')
  t.ok(gateway.isListed('a3'))
})

t.test('a delta list to a list that was not taken is refused, until that one is there', async (t) => {
  const { gateway, complete, delta, look } = await start(t)
  complete(40, [])
  delta(42, 41, [{ serial: 'a2' }])
  const [, refused] = await look()
  t.match(refused, { result: 'refused', fault: /difference to list 41, and 40 is the complete list that was taken/ })
  t.notOk(gateway.isListed('a2'))
  complete(41, [])
  t.match(await look(), [{ result: 'applied' }, { result: 'applied', fault: undefined }])
  t.ok(gateway.isListed('a2'))
})

t.test(
  'a delta list that goes back is refused, and one that its complete list has overtaken says nothing new',
  async (t) => {
    const { gateway, complete, delta, look } = await start(t)
    complete(40, [])
    delta(42, 40, [{ serial: 'a1' }])
    await look()
    delta(41, 40, [{ serial: 'a2' }])
    t.match(await look(), [{ result: 'unchanged' }, { result: 'rolled_back' }])
    complete(50, [])
    delta(50, 40, [{ serial: 'a3' }])
    t.match(await look(), [{ result: 'applied' }, { result: 'unchanged', fault: undefined }])
    t.strictSame(gateway.posted, ['a1'])
  },
)

t.test(
  'a complete list in the place of a delta list is refused, and without a complete one there is none',
  async (t) => {
    const { complete, delta, look } = await start(t)
    delta(42, 40, [])
    t.match(await look(), [{ result: 'unreachable' }, { result: 'unreachable', fault: /no complete list/ }])
    complete(40, [])
    delta(42, undefined, [])
    t.match(await look(), [{ result: 'applied' }, { result: 'refused', fault: /complete list where a delta/ }])
  },
)

t.test('removeFromCRL restores nothing unless it was configured', async (t) => {
  const { gateway, complete, delta, look } = await start(t)
  complete(40, [hold('a1')])
  delta(41, 40, [removed('a1')])
  t.match(await look(), [{ result: 'applied' }, { result: 'applied' }])
  t.ok(gateway.isListed('a1'))
  t.match(gateway.audited.at(-1)?.detail, { warnings: /1 entries with removeFromCRL were passed over/ })
})

t.test('configured, it restores the hold of this CA and nothing else', async (t) => {
  const { gateway, complete, delta, look } = await start(t, true)
  const { keyOf, isListed, publisher } = gateway
  const byHand = {
    key: keyOf('a3'),
    loginId: undefined,
    reason: 'unspecified',
    comment: 'lost (certificateHold)',
  } as const
  await publisher.publish([byHand], operator)
  complete(40, [hold('a1'), { serial: 'a2', reasonCode: 1 }, hold('a3'), removed('a1')])
  delta(41, 40, [removed('a1'), removed('a2'), removed('a3'), removed('a4')])
  t.match(await look(), [{ result: 'applied' }, { result: 'applied' }])
  t.notOk(isListed('a1'), 'its hold')
  t.ok(isListed('a2'), 'no hold')
  t.ok(isListed('a3'), 'not by this CA')
  t.match(
    gateway.audited.filter(({ event }) => event === 'certificate_restored'),
    [{ actor: { kind: 'gateway', name: 'crl:branch' }, target: { name: 'branch a1' }, reason: 'removeFromCRL' }],
  )
  t.equal(gateway.audited.filter(({ event }) => event === 'certificate_restored').length, 1)
  t.match(await look(), [{ result: 'unchanged' }, { result: 'unchanged' }])
  t.notOk(isListed('a1'), 'the complete list from before changes nothing')
})

t.test(
  'a hold that was revoked by hand meanwhile stays, and so does one whose login ID has a newer certificate',
  async (t) => {
    const { gateway, complete, delta, look } = await start(t, true)
    const { keyOf, isListed, publisher, store, lines } = gateway
    await store.upsertContract({ contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 9 })
    await store.upsertUser({ loginId: 'user01', contractId: 'shoji', role: 'general' })
    const certificate = { loginId: 'user01', notAfterMs: nowMs * 2 }
    await store.upsertCertificate({ ...certificate, key: keyOf('a2'), notBeforeMs: 1 })
    complete(40, [hold('a1'), hold('a2')])
    delta(40, 39, [])
    await look()
    await publisher.restore(keyOf('a1'), operator)
    await publisher.publish(
      [{ key: keyOf('a1'), loginId: undefined, reason: 'keyCompromise', comment: 'stolen' }],
      operator,
    )
    await store.upsertCertificate({ ...certificate, key: keyOf('a9'), notBeforeMs: 2 })
    delta(41, 40, [removed('a1'), removed('a2')])
    t.match(await look(), [{ result: 'unchanged' }, { result: 'applied' }])
    t.ok(isListed('a1') && isListed('a2'))
    t.ok(lines.some((line) => line.includes('taken off hold stays revoked')))
  },
)
