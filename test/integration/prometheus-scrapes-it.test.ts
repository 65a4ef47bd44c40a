// Goal: every expression of every board, alert and recording rule says something about a gateway that runs, or is known to say nothing.
// Method: a real Prometheus scrapes two gateways over one Redis during logins, denials, a push and failures, and evaluates all of them.
import t from 'tap'
import { fillVariables } from '../../scripts/boards/fill-variables.ts'
import { type BoardQuery, queriesOf, readBoards } from '../boards/board-files.ts'
import { BoardTraffic } from '../boards/board-traffic.ts'
import { startBoardWorld } from '../boards/board-world.ts'
import { readRules, ruleTexts, withoutComparisons } from '../boards/rule-files.ts'
import { eventually } from '../helpers/eventually.ts'
import { type PrometheusSeries, startPrometheusServer } from '../helpers/prometheus-server.ts'

/** Panels without a series here, and why. Everything else must have one. */
const emptyPanels: Readonly<Record<string, string>> = {
  'Targets not in use': 'two failures in a row leave no target out',
}

/** Rules without a series here even without their comparisons, and why. */
const emptyRules: Readonly<Record<string, string>> = {
  'sekisho:admitted:usual': 'nobody was there an hour ago, or a week ago',
}

const world = await startBoardWorld()
t.teardown(() => world.stop())
const traffic = new BoardTraffic(world)
t.teardown(() => traffic.end())
const prometheus = await startPrometheusServer({ targets: world.targets, rules: ruleTexts() })
t.teardown(() => prometheus.stop())

/** Longer than this test takes, also on a machine that is slow and busy: what happened once is still in every rate. */
const values = { rateInterval: '10m', range: '10m' }

/** Whether there is a series that is more than "nothing to divide by". */
const says = (series: readonly PrometheusSeries[]) => series.some(({ value: [, number] }) => number !== 'NaN')

/** It is scraped, recorded and evaluated each second; a machine that is busy with other tests takes a few more. */
const recordedWithinMs = 60_000

/**
 * Names of those that say nothing, in order. What was recorded a moment ago is told a second later, so whoever is not known to be silent
 * is asked again, for a minute at most. Whoever has spoken once is not. An expression that Prometheus refuses is no silence: it rejects.
 */
async function silentOf<T>(
  all: readonly T[],
  nameIfSilent: (one: T) => Promise<string | undefined>,
): Promise<string[]> {
  const deadlineMs = performance.now() + recordedWithinMs
  let left = all
  const silent = await eventually(
    async () => {
      const found: { one: T; name: string }[] = []
      for (const one of left) {
        const name = await nameIfSilent(one)
        if (name !== undefined) found.push({ one, name })
      }
      left = found.map(({ one }) => one)
      return found.map(({ name }) => name)
    },
    (names) => names.every((name) => name in emptyPanels || name in emptyRules) || performance.now() > deadlineMs,
    2 * recordedWithinMs,
  )
  return [...new Set(silent)].sort()
}

await traffic.hold(6)
for (let turn = 0; turn < 24; turn++) await traffic.turn()
await traffic.push(3)
await traffic.breakOff(2)
for (let turn = 0; turn < 8; turn++) await traffic.turn()

t.test('what happened at both gateways has arrived', async (t) => {
  for (const expr of [
    'sum by (instance) (sekisho_verdicts_total{verdict="permitted"}) > 20',
    'sum by (instance) (sekisho_denials_total{reason="certificate_revoked"}) == 3',
    'sum by (instance) (sekisho_cuts_total) == 3',
    'sum by (instance) (sekisho_upstream_failures_total) > 0',
    'sum by (instance) (sekisho_certificates_expiring) > 0',
    'sekisho_audit_chain_intact == 1',
    'sum by (instance) (sekisho_reconciles_total) > 0',
  ]) {
    const series = await eventually(
      () => prometheus.query(expr),
      (found) => found.length === 2,
      30_000,
    )
    t.same(series.map(({ metric }) => metric.instance).sort(), ['gateway-a:9464', 'gateway-b:9464'], expr)
  }
})

t.test('every panel of every board has a series, or is known to have none', async (t) => {
  const queries = readBoards().flatMap(queriesOf)
  t.ok(queries.length > 60)
  const silent = await silentOf(queries, async (query) => ((await panelSays(query)) ? undefined : titleOf(query)))
  t.same(silent, Object.keys(emptyPanels).sort())
  const excused = queries.filter((query) => titleOf(query) in emptyPanels)
  t.ok(
    excused.every(({ noValue }) => noValue !== undefined),
    'and says so in its place',
  )
})

const titleOf = ({ where }: BoardQuery) => where.split(' / ')[1] ?? ''

async function panelSays({ expr }: BoardQuery): Promise<boolean> {
  return says(await prometheus.query(fillVariables(expr, values)))
}

t.test('one gateway and one door can be chosen', async (t) => {
  const query = readBoards()
    .flatMap(queriesOf)
    .find(({ where }) => where.includes('Admitted by door'))
  const expr = query?.expr.replaceAll('$instance', 'gateway-a:9464').replaceAll('$door', 'public|certificate') ?? ''
  const series = await prometheus.query(fillVariables(expr, values))
  t.same(series.map(({ metric }) => metric.door).sort(), ['certificate', 'public'])
  t.same(await prometheus.query(fillVariables(expr.replaceAll('gateway-a', 'gateway-c'), values)), [])
})

t.test('every rule is healthy', async (t) => {
  const { groups } = await eventually(
    () => prometheus.ask('rules'),
    ({ groups }) => groups.every(({ rules }: Group) => rules.every(({ health }) => health !== 'unknown')),
    90_000,
  )
  const rules = groups.flatMap((group: Group) => group.rules)
  t.equal(rules.length, readRules().length)
  t.ok(rules.length > 10)
  t.same(
    rules.filter(({ health, lastError = '' }: LiveRule) => health !== 'ok' || lastError !== ''),
    [],
  )
})

type Group = { readonly rules: readonly LiveRule[] }
type LiveRule = { readonly name: string; readonly health: string; readonly lastError?: string }

t.test('every recording rule has recorded something', async (t) => {
  const records = readRules().filter(({ kind }) => kind === 'record')
  t.ok(records.length > 10)
  t.same(
    await silentOf(records, async ({ name }) => (says(await prometheus.query(name)) ? undefined : name)),
    Object.keys(emptyRules).filter((name) => records.some((record) => record.name === name)),
  )
})

t.test('every rule looks at series that there are, whether or not it fires', async (t) => {
  const silent = await silentOf(readRules(), async ({ name, expr }) =>
    says(await prometheus.query(withoutComparisons(expr))) ? undefined : name,
  )
  t.same(silent, Object.keys(emptyRules).sort())
})

t.test('an expression that cannot be evaluated is no silence', async (t) => {
  await t.rejects(
    silentOf(['up', 'rate(up)'], async (expr) => (says(await prometheus.query(expr)) ? undefined : expr)),
    /Prometheus refuses: bad_data/,
  )
  t.same(await silentOf(['up'], async (expr) => (says(await prometheus.query(expr)) ? undefined : expr)), [])
})

t.test('of an alert stays what it looks at', async (t) => {
  for (const [expr, left] of [
    ['rate(a{x!="1",y=~">2"}[5m]) > 0.5', 'rate(a{x!="1",y=~">2"}[5m])'],
    ['(a / b > 3 * c) and on (d) e == 0', '(a / b ) and on (d) e'],
    ['sum by (x) (a == bool 1) or b < 7 * 86400', 'sum by (x) (a ) or b'],
    ['a > 1 unless on (x) b > 2', 'a'],
    ['absent(up{job="x"})', '(up{job="x"})'],
  ] as const) {
    t.equal(withoutComparisons(expr).replaceAll(/ +/g, ' '), left)
  }
})
