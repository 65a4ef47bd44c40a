// Goal: whoever waits for a change to be everywhere is told the truth: who has applied it, who has not, who is silent.
// Method: reports of several gateways over a store in memory whose clock the test moves.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { GatewayError } from '../../src/base/errors.ts'
import { GatewayReports } from '../../src/control-path/gateway-reports.ts'
import type { GatewayList, GatewayReport } from '../../src/control-path/store-port.ts'
import { eventually } from './fake-gateway.ts'

class ReportStore {
  nowMs = 1_000_000
  away = false
  readonly reports = new Map<string, GatewayReport & { reportedAtMs: number }>()

  async reportGateway(report: GatewayReport): Promise<void> {
    this.#throwIfAway()
    this.reports.set(report.gatewayId, { ...report, reportedAtMs: this.nowMs })
  }

  async withdrawGateway(gatewayId: string): Promise<void> {
    this.#throwIfAway()
    this.reports.delete(gatewayId)
  }

  async gateways(): Promise<GatewayList> {
    this.#throwIfAway()
    return { nowMs: this.nowMs, gateways: [...this.reports.values()] }
  }

  #throwIfAway(): void {
    if (this.away) throw new GatewayError('store_unavailable', 'away')
  }
}

function startGateway(t: { teardown(end: () => unknown): void }, store: ReportStore, place: string) {
  const position = { version: 0, token: '' }
  const reports = new GatewayReports({
    store,
    place,
    process: 'p1',
    clock: systemClock,
    report: () => ({
      name: `gateway ${place}`,
      programVersion: '1',
      state: 'live',
      position: { ...position },
      dataAgeMs: 1,
    }),
  })
  reports.start()
  t.teardown(() => reports.stop())
  const reach = (version: number) => {
    position.version = version
    reports.changed()
  }
  return { reports, reach }
}

t.test('it is complete once every gateway has reached the version, and not before', async (t) => {
  const store = new ReportStore()
  const one = startGateway(t, store, 'one')
  const two = startGateway(t, store, 'two')
  await eventually(() => store.reports.size === 2, 'the first reports')
  one.reach(5)
  const early = await one.reports.confirmed(5, 200)
  t.match(early, {
    complete: false,
    gateways: [
      { name: 'gateway one', confirmed: true },
      { name: 'gateway two', confirmed: false, version: 0, silent: false },
    ],
  })
  const waiting = one.reports.confirmed(5, 10_000)
  two.reach(6)
  t.match(await waiting, {
    complete: true,
    gateways: [
      { confirmed: true, version: 5 },
      { confirmed: true, version: 6 },
    ],
  })
})

t.test('a gateway that fell silent is named and waited for; one that ended is not', async (t) => {
  const store = new ReportStore()
  const one = startGateway(t, store, 'one')
  await store.reportGateway({
    gatewayId: 'partitioned.p9',
    name: 'partitioned',
    programVersion: '1',
    state: 'live',
    position: { version: 1, token: '' },
    dataAgeMs: 0,
  })
  store.nowMs += 6_000
  one.reach(3)
  await eventually(() => store.reports.get('one.p1')?.position.version === 3, 'its report')
  t.match(await one.reports.confirmed(3, 50), {
    complete: false,
    gateways: [{ name: 'gateway one' }, { name: 'partitioned', silent: true, confirmed: false }],
  })
  await store.withdrawGateway('partitioned.p9')
  t.match(await one.reports.confirmed(3, 50), { complete: true })
})

t.test('a killed process of the same state folder is withdrawn, a silent one of another place is not', async (t) => {
  const store = new ReportStore()
  const report = {
    name: 'x',
    programVersion: '1',
    state: 'live',
    position: { version: 1, token: '' },
    dataAgeMs: 0,
  } as const
  await store.reportGateway({ ...report, gatewayId: 'one.killed' })
  await store.reportGateway({ ...report, gatewayId: 'two.killed' })
  store.nowMs += 10_000
  startGateway(t, store, 'one')
  await eventually(() => !store.reports.has('one.killed'), 'the withdrawal')
  t.ok(store.reports.has('two.killed'))
})

t.test('with nobody reporting nothing is complete, and a store that is away is told', async (t) => {
  const store = new ReportStore()
  const reports = new GatewayReports({
    store,
    place: 'x',
    process: 'y',
    clock: systemClock,
    report: () => ({
      name: 'x',
      programVersion: '1',
      state: 'live',
      position: { version: 9, token: '' },
      dataAgeMs: 1,
    }),
  })
  t.match(await reports.confirmed(1, 10), { complete: false, gateways: [] })
  store.away = true
  await t.rejects(reports.confirmed(1, 10), { code: 'store_unavailable' })
  await reports.stop()
})
