// Goal: a reload that brings other names keeps every count and every gauge of what is open, and the page stays valid at each step.
// Method: sheets of real layouts moved as data workers move them, scraped before, between and after; a strict parser of the page.
import t from 'tap'
import { MetricSheet } from '../../src/base/metric-sheet.ts'
import { createMetricLayout, type MetricNames } from '../../src/observe/metric-table.ts'
import { createMetrics, type Metrics } from '../../src/observe/metrics-page.ts'
import { createWorkerMetrics } from '../../src/observe/worker-metrics.ts'
import { parsePrometheus, sampleValue } from './parse-prometheus.ts'

const before: MetricNames = {
  doors: ['retail'],
  routes: ['shop', 'old', 'own', 'refused'],
  upstreams: ['shop', 'old'],
  targets: [
    { upstream: 'shop', name: 'a:80' },
    { upstream: 'old', name: 'b:80' },
  ],
  issuers: ['first-ca', 'gone-ca'],
  serverCertificates: ['retail'],
  adminRoutes: ['none'],
  build: { version: '0.1.0', node: 'v26', openssl: '3.5' },
}
const after: MetricNames = {
  ...before,
  // Other order, one gone, one new: no series stays where it was.
  routes: ['new', 'shop', 'own', 'refused'],
  upstreams: ['new', 'shop'],
  targets: [
    { upstream: 'new', name: 'c:80' },
    { upstream: 'shop', name: 'a:80' },
  ],
  issuers: ['new-ca', 'first-ca'],
  serverCertificates: ['retail-0', 'retail-1'],
}

function startWorker(page: Metrics, id: string) {
  const sheet = MetricSheet.create(page.layout)
  page.addWorker(id, sheet)
  return createWorkerMetrics(page.layout, sheet.buffer)
}

function start() {
  const page = createMetrics({ layout: createMetricLayout(before), processMetrics: false })
  const workers = [startWorker(page, 'worker-1'), startWorker(page, 'worker-2')]
  for (const worker of workers) {
    worker.connectionOpened('retail')
    worker.requestEnded('old', 200, 0.2)
    worker.requestEnded('shop', 502, 0.4)
    worker.upgradeOpened('old')
    worker.upstreamConnections('old', 2, 1)
    worker.upstreamTarget('old', 'b:80', 'ejected')
    worker.upstreamTarget('shop', 'a:80', 'available')
    worker.upstreamEjected('old', 'b:80')
    worker.eventLoopDelay(0.01, 0.02)
  }
  page.control.auditRecorded()
  page.control.followerState('live')
  page.control.revocationApplied(0.02)
  page.control.revocationEntries('gone-ca', 5)
  page.control.certificateDaysLeft('server', 'retail', 9)
  return { page, workers }
}

type Started = ReturnType<typeof start>

async function scrape({ page }: Started) {
  const { body } = await page.render()
  return { body, families: parsePrometheus(body) }
}

/** As the workers do when they are told to commit. */
function move({ page, workers }: Started, names: MetricNames) {
  const relayout = page.relayout(names)
  workers.forEach((worker, index) => {
    const sheet = relayout.sheetOf(`worker-${index + 1}`)
    if (sheet !== undefined) worker.useSheet(relayout.layout, sheet.buffer)
  })
  return relayout
}

/** Series of counters and histograms with their values; gauges may fall. */
function counts(families: Awaited<ReturnType<typeof scrape>>['families']) {
  const rising = [...families.values()].filter(({ type }) => type !== 'gauge')
  return new Map(
    rising.flatMap(({ samples }) => samples).map(({ name, labels, value }) => [JSON.stringify([name, labels]), value]),
  )
}

t.test('no counter steps back or vanishes, at no step of a reload', async (t) => {
  const started = start()
  const pages = [counts((await scrape(started)).families)]
  const look = async () => pages.push(counts((await scrape(started)).families))
  const relayout = move(started, after)
  await look()
  started.workers[0]?.requestEnded('shop', 200, 0.1)
  relayout.commit()
  await look()
  for (const worker of started.workers) worker.requestEnded('new', 200, 0.3)
  started.page.removeWorker('worker-1')
  await look()
  move(started, before).commit()
  await look()
  started.workers[1]?.requestEnded('shop', 200, 0.1)
  pages.reduce((earlier, later) => {
    for (const [series, value] of earlier) t.ok((later.get(series) ?? -1) >= value, series)
    return later
  })
  const { body } = await scrape(started)
  t.equal(sampleValue(body, 'sekisho_requests_total', { route: 'old', status_class: '2xx' }), 2)
  t.equal(sampleValue(body, 'sekisho_requests_total', { route: 'new', status_class: '2xx' }), 2, 'gone, and kept')
  t.equal(sampleValue(body, 'sekisho_requests_total', { route: 'shop', status_class: '2xx' }), 2, 'rises further')
  t.equal(sampleValue(body, 'sekisho_request_duration_seconds_count', { route: 'shop' }), 4)
  t.equal(sampleValue(body, 'sekisho_audit_records_total'), 1)
  t.equal(sampleValue(body, 'sekisho_metrics_lost_total'), 0)
})

t.test('what is open stays counted and is uncounted when it closes, also under a name that is gone', async (t) => {
  const started = start()
  move(started, after).commit()
  const open = await scrape(started)
  t.equal(sampleValue(open.body, 'sekisho_connections_open', { door: 'retail' }), 2)
  t.equal(sampleValue(open.body, 'sekisho_upgrades_open', { route: 'old' }), 2)
  t.equal(sampleValue(open.body, 'sekisho_upstream_connections', { upstream: 'old', state: 'in_use' }), 4)
  t.equal(sampleValue(open.body, 'sekisho_event_loop_delay_seconds', { thread: 'worker-1', statistic: 'p99' }), 0.01)
  t.equal(sampleValue(open.body, 'sekisho_workers'), 2)
  t.equal(sampleValue(open.body, 'sekisho_build_info', before.build), 1)
  t.equal(sampleValue(open.body, 'sekisho_follower_state', { state: 'live' }), 1)
  t.equal(sampleValue(open.body, 'sekisho_follower_state', { state: 'connecting' }), 0)
  t.equal(sampleValue(open.body, 'sekisho_revocation_apply_seconds_count'), 1)
  for (const worker of started.workers) {
    worker.connectionClosed('retail')
    worker.upgradeClosed('old')
    worker.upstreamConnections('old', 0, 0)
  }
  const closed = await scrape(started)
  t.equal(sampleValue(closed.body, 'sekisho_connections_open', { door: 'retail' }), 0)
  t.equal(sampleValue(closed.body, 'sekisho_upgrades_open', { route: 'old' }), 0)
  t.equal(sampleValue(closed.body, 'sekisho_upstream_connections', { upstream: 'old', state: 'in_use' }), 0)
})

t.test('gauges that describe the configuration lose the names that left it', async (t) => {
  const started = start()
  move(started, after).commit()
  started.page.control.revocationEntries('new-ca', 1)
  const { families, body } = await scrape(started)
  const labels = (name: string, label: string) => [
    ...new Set(families.get(name)?.samples.map((sample) => sample.labels[label])),
  ]
  t.strictSame(labels('sekisho_upstream_target_state', 'target').sort(), ['a:80', 'c:80'])
  t.strictSame(labels('sekisho_upstream_ejections_total', 'target').sort(), ['a:80', 'b:80', 'c:80'])
  t.strictSame(labels('sekisho_revocation_entries', 'issuer').sort(), ['first-ca', 'new-ca'])
  t.notOk(labels('sekisho_certificate_days_left', 'name').includes('retail'))
  const state = { upstream: 'shop', target: 'a:80', state: 'available' }
  t.equal(sampleValue(body, 'sekisho_upstream_target_state', state), 2, 'a target that stays is still seen')
})

t.test('a target told before its sheet is in use is shown afterwards, and is not lost', async (t) => {
  const started = start()
  for (const worker of started.workers) worker.upstreamTarget('new', 'c:80', 'unhealthy')
  move(started, after).commit()
  const { body } = await scrape(started)
  t.equal(sampleValue(body, 'sekisho_metrics_lost_total'), 0)
  const target = { upstream: 'new', target: 'c:80' }
  t.equal(sampleValue(body, 'sekisho_upstream_target_state', { ...target, state: 'unhealthy' }), 2)
  t.equal(sampleValue(body, 'sekisho_upstream_target_state', { ...target, state: 'available' }), 0)
})

t.test('a worker that ends while it moves loses no count, whether it had moved or not', async (t) => {
  const route = { route: 'old', status_class: '2xx' }
  for (const moved of [false, true]) {
    const started = start()
    const { page, workers } = started
    const relayout = page.relayout(after)
    const sheet = relayout.sheetOf('worker-1') as MetricSheet
    if (moved) workers[0]?.useSheet(relayout.layout, sheet.buffer)
    workers[0]?.requestEnded('old', 200, 0.2)
    page.removeWorker('worker-1')
    t.equal(relayout.sheetOf('worker-1'), undefined)
    t.equal(sampleValue((await scrape(started)).body, 'sekisho_requests_total', route), 3, `moved: ${moved}`)
    workers[1]?.useSheet(relayout.layout, (relayout.sheetOf('worker-2') as MetricSheet).buffer)
    relayout.commit()
    t.equal(sampleValue((await scrape(started)).body, 'sekisho_requests_total', route), 3)
  }
})

t.test('a reload that is given up changes nothing, and the next one works', async (t) => {
  const started = start()
  started.page.relayout(after)
  const { families } = await scrape(started)
  t.notOk(families.get('sekisho_requests_total')?.samples.some(({ labels }) => labels.route === 'new'))
  const third = startWorker(started.page, 'worker-3')
  third.requestEnded('shop', 502, 1)
  started.workers.push(third)
  move(started, after).commit()
  const { body } = await scrape(started)
  t.equal(sampleValue(body, 'sekisho_requests_total', { route: 'shop', status_class: '5xx' }), 3)
  t.equal(sampleValue(body, 'sekisho_requests_total', { route: 'new', status_class: '2xx' }), 0)
})

t.test('a sheet of another layout is refused, and the old one stays in use', async (t) => {
  const started = start()
  const other = MetricSheet.create(createMetricLayout(after))
  t.throws(() => started.workers[0]?.useSheet(started.page.layout, other.buffer), /layout/)
  started.workers[0]?.requestEnded('shop', 502, 1)
  const { body } = await scrape(started)
  t.equal(sampleValue(body, 'sekisho_requests_total', { route: 'shop', status_class: '5xx' }), 3)
})
