import type { Test } from 'tap'
import type { GatewayReport } from '../../src/control-path/store-port.ts'
import {
  addPeople,
  type ContractSetting,
  givenNowMs,
  keyA1,
  nowMs,
  operator,
  revocationOf,
  start,
  storeNowMs,
} from './samples.ts'

function reportOf(gatewayId: string, changes: Partial<GatewayReport> = {}): GatewayReport {
  return {
    gatewayId,
    name: `host:${gatewayId}`,
    programVersion: '0.1.0',
    state: 'live',
    position: { version: 12, token: 'abc' },
    dataAgeMs: 3,
    ...changes,
  }
}

/** Reports of gateways on what they have applied. */
export function testGateways(t: Test, { open, clock }: ContractSetting): void {
  t.test('gateways say where they are; each has one report, the last, with the store’s time', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.publish([revocationOf(keyA1)], operator)
    const before = await store.position()
    const beforeMs = await storeNowMs(store)
    const odd = reportOf('two', { name: `日本 "o'brien" 😀\n`, state: 'connecting', position: start, dataAgeMs: null })
    await store.reportGateway(reportOf('one', { state: 'replaying' }))
    await store.reportGateway(odd)
    const last = reportOf('one', { position: before, dataAgeMs: 1_234.5 })
    await store.reportGateway(last)
    const list = await store.gateways()
    t.ok(list.nowMs >= beforeMs && list.nowMs <= (await storeNowMs(store)))
    if (clock === 'given') t.equal(list.nowMs, givenNowMs)
    const reports = list.gateways.toSorted((left, right) => (left.gatewayId < right.gatewayId ? -1 : 1))
    t.strictSame(
      reports.map(({ reportedAtMs, ...report }) => report),
      [last, odd],
    )
    for (const { reportedAtMs } of reports) t.ok(reportedAtMs >= beforeMs && reportedAtMs <= list.nowMs)
    t.strictSame(await store.position(), before, 'the log is for trust alone')
  })

  t.test('a gateway that ends is waited for no longer; the others stay', async (t) => {
    const store = await open(t, { nowMs })
    for (const gatewayId of ['one', 'two']) await store.reportGateway(reportOf(gatewayId))
    await store.withdrawGateway('one')
    await store.withdrawGateway('one')
    await store.withdrawGateway('never there')
    t.match((await store.gateways()).gateways, [{ gatewayId: 'two' }])
    t.equal((await store.gateways()).gateways.length, 1)
    await store.reportGateway(reportOf('one'))
    t.equal((await store.gateways()).gateways.length, 2, 'and may come back')
  })

  // A store with a clock of its own shows this in its own tests: this test cannot move that clock.
  if (clock === 'own') return
  t.test('a gateway that says nothing for a minute is not listed; one that does is', async (t) => {
    let atMs = givenNowMs
    const store = await open(t, { nowMs: () => atMs })
    await store.reportGateway(reportOf('silent'))
    await store.reportGateway(reportOf('lively'))
    atMs += 40_000
    await store.reportGateway(reportOf('lively'))
    atMs += 19_999
    const names = async () => (await store.gateways()).gateways.map(({ gatewayId }) => gatewayId).toSorted()
    t.strictSame(await names(), ['lively', 'silent'])
    atMs += 2
    t.strictSame(await names(), ['lively'])
    await store.reportGateway(reportOf('silent'))
    t.strictSame(await names(), ['lively', 'silent'])
  })
}
