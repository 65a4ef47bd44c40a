// Goal: the metrics page is valid for a scraper, shows every series at 0 from the start, adds up over workers, keeps
// what a dead worker counted and never steps back. Method: real worker threads and sheets, a strict parser of the page.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { faults } from '../../src/base/errors.ts'
import { MetricSheet } from '../../src/base/metric-sheet.ts'
import { followerStates } from '../../src/observe/metric-labels.ts'
import { createMetricLayout, type MetricNames, metricTable } from '../../src/observe/metric-table.ts'
import { createMetrics } from '../../src/observe/metrics-page.ts'
import { createWorkerMetrics } from '../../src/observe/worker-metrics.ts'
import { denialReasons } from '../../src/trust/denial.ts'
import { parsePrometheus, sampleValue } from './parse-prometheus.ts'

const names: MetricNames = {
  doors: ['retail', 'public'],
  routes: ['app', 'denied'],
  upstreams: ['app'],
  targets: [{ upstream: 'app', name: '127.0.0.1:8080' }],
  issuers: ['demo-issuing-ca'],
  serverCertificates: ['retail-localhost'],
  adminRoutes: ['revocations'],
  build: { version: '0.1.0', node: 'v26.10.0', openssl: '3.5.8' },
}
const layout = createMetricLayout(names)

function createPage(options: { refresh?: () => void; processMetrics?: boolean } = {}) {
  return createMetrics({ layout, processMetrics: false, ...options })
}

const turnMetric = 'sekisho_event_loop_turn_timestamp_seconds'

t.test('every series is there at 0 before anything happened', async (t) => {
  const page = createPage()
  page.addWorker('worker-0', MetricSheet.create(layout))
  const { contentType, body } = await page.render()
  t.match(contentType, /^text\/plain; version=0\.0\.4/)
  const families = parsePrometheus(body)
  t.strictSame([...families.keys()].sort(), metricTable.map((row) => row.name).sort())
  for (const row of metricTable) {
    t.equal(families.get(row.name)?.type, row.type, row.name)
    t.match(row.name, row.type === 'counter' ? /^sekisho_[a-z0-9_]+_total$/ : /^sekisho_[a-z0-9_]+(?<!_total)$/)
  }
  for (const door of names.doors) {
    for (const verdict of ['permitted', ...denialReasons]) {
      t.equal(sampleValue(body, 'sekisho_verdicts_total', { door, verdict }), 0)
    }
  }
  for (const code of Object.keys(faults)) t.equal(sampleValue(body, 'sekisho_faults_total', { code }), 0)
  const exceptions = new Set([
    'sekisho_workers',
    'sekisho_build_info',
    'sekisho_config_last_reload_successful',
    'sekisho_follower_state',
    // NaN until they are known.
    'sekisho_certificates_expiring',
    'sekisho_audit_chain_intact',
  ])
  const risen = [...families.values()].flatMap((family) =>
    exceptions.has(family.name) ? [] : family.samples.filter((sample) => sample.value !== 0),
  )
  t.strictSame(risen, [])
  t.equal(sampleValue(body, 'sekisho_workers'), 1)
  t.equal(sampleValue(body, 'sekisho_build_info', names.build), 1)
  for (const state of followerStates) {
    t.equal(sampleValue(body, 'sekisho_follower_state', { state }), state === 'connecting' ? 1 : 0, state)
  }
  for (const result of ['clean', 'differences', 'failed'])
    t.equal(sampleValue(body, 'sekisho_reconciles_total', { result }), 0)
  for (const kind of ['missing_in_store', 'unknown_here', 'unreadable'])
    t.equal(sampleValue(body, 'sekisho_reconcile_differences_total', { kind }), 0)
})

t.test('names follow the conventions of Prometheus', async (t) => {
  for (const { name, type, labels, help } of metricTable) {
    t.match(name, /^sekisho(_[a-z0-9]+)+$/)
    t.equal(name.endsWith('_total'), type === 'counter', `${name}: only counters end in _total`)
    t.notMatch(
      name,
      /_(count|sum|bucket|ms|milliseconds|minutes|kilobytes)(_|$)/,
      `${name}: base units, no reserved ending`,
    )
    t.notMatch(name, /_(gauge|counter|histogram)(_|$)/, `${name}: no type in the name`)
    if (type === 'histogram') t.match(name, /_seconds$/)
    for (const label of labels) t.match(label, /^(?!__|le$|quantile$)[a-z_]+$/, `${name}: ${label}`)
    t.match(help, /^\S.*[^.]$/, name)
  }
})

t.test('the time to apply a revocation is told apart where it is promised', async (t) => {
  const page = createPage()
  const bounds = metricTable.find(({ name }) => name === 'sekisho_revocation_apply_seconds')?.buckets ?? []
  t.equal(bounds[0], 0.001)
  t.equal(bounds.at(-1), 60)
  for (const bound of [0.05, 0.5]) t.ok(bounds.includes(bound), String(bound))
  // The store's clock may be ahead: a negative time counts as none.
  for (const seconds of [0.05, 0.051, 0.5, 61, -1]) page.control.revocationApplied(seconds)
  const { body } = await page.render()
  const upTo = (le: string) => sampleValue(body, 'sekisho_revocation_apply_seconds_bucket', { le })
  t.same(['0.001', '0.05', '0.1', '0.5', '60', '+Inf'].map(upTo), [1, 2, 3, 4, 4, 5])
  t.equal(sampleValue(body, 'sekisho_revocation_apply_seconds_count'), 5)
})

t.test('the follower is in one state at a time', async (t) => {
  const page = createPage()
  for (const state of [...followerStates, 'live'] as const) {
    page.control.followerState(state)
    const { body } = await page.render()
    const set = followerStates.filter((other) => sampleValue(body, 'sekisho_follower_state', { state: other }) === 1)
    t.same(set, [state])
  }
})

t.test('the age of a snapshot that is not there is no number, that of a store never heard is infinite', async (t) => {
  const page = createPage()
  page.control.snapshotAge(Number.NaN)
  page.control.revocationDataAge(Number.POSITIVE_INFINITY)
  const { body } = await page.render()
  // Prometheus reads the word in any case.
  t.match(body, /^sekisho_snapshot_age_seconds nan$/im)
  t.match(body, /^sekisho_revocation_data_age_seconds \+Inf$/m)
  page.control.snapshotAge(3)
  t.equal(sampleValue((await page.render()).body, 'sekisho_snapshot_age_seconds'), 3)
})

t.test('each call of a worker moves exactly its series', async (t) => {
  const page = createPage()
  const sheet = MetricSheet.create(layout)
  page.addWorker('worker-0', sheet)
  const worker = createWorkerMetrics(layout, sheet.buffer)
  worker.connectionOpened('retail')
  worker.connectionOpened('retail')
  worker.connectionClosed('retail')
  worker.handshakeEnded('retail', 'completed', 0.004)
  worker.handshakeEnded('retail', 'timeout', 10)
  worker.sessionResumed('retail')
  worker.verdict('retail', 'certificate_revoked')
  worker.denied('certificate_revoked', 'demo-issuing-ca')
  worker.denied('certificate_missing', undefined)
  worker.requestEnded('app', 204, 0.02)
  worker.requestEnded('app', 0, 3)
  worker.upstreamAnswered('app', 0.3)
  worker.upstreamFailed('app', 'upstream_reset')
  worker.upstreamConnections('app', 7, 3)
  worker.upstreamTarget('app', '127.0.0.1:8080', 'available')
  worker.upstreamTarget('app', '127.0.0.1:8080', 'ejected')
  worker.upstreamEjected('app', '127.0.0.1:8080')
  worker.upstreamQueued('app', 6)
  worker.connectionProtocol('retail', 'http/1.1')
  worker.connectionProtocol('retail', 'h2')
  worker.connectionProtocol('retail', 'h2')
  worker.http2StreamOpened('retail')
  worker.http2StreamOpened('retail')
  worker.http2StreamClosed('retail')
  worker.http2StreamReset('retail')
  worker.upgradeOpened('app')
  worker.upgradeOpened('app')
  worker.upgradeClosed('app')
  worker.bytesReceived('retail', 100)
  worker.bytesSent('retail', 4_000)
  worker.connectionCut('retail', 'certificate_revoked')
  worker.fault('head_malformed')
  worker.accessLogDropped(4)
  const beganMs = Date.now()
  worker.eventLoopDelay(0.01, 0.5)
  page.control.revocationEntries('demo-issuing-ca', 12)
  page.control.revocationDataAge(1.5)
  page.control.revocationsApplied(2)
  page.control.certificateDaysLeft('server', 'retail-localhost', -1)
  page.control.workerRestarted()
  page.control.auditRecorded()
  page.control.auditDropped(3)
  page.control.adminRequestEnded('revocations', 403)
  page.control.configLoaded(1_700_000_000)
  page.control.followerState('stale')
  page.control.revocationApplied(0.03)
  page.control.reconcileEnded('differences')
  page.control.reconcileDifferences('missing_in_store', 4)
  page.control.reconcileDifferences('unreadable', 1)
  page.control.snapshotAge(12)
  page.control.snapshotFailed()
  page.control.rulesInForce(2)
  page.control.indexBytes(4_096)
  page.control.gatewaysLive(8)
  page.control.gatewaysBehind(1)
  page.control.storeBehind()
  page.control.connectionsUntracked(5)
  page.control.unrecordedRevocations(-3)
  page.control.configReloaded('applied')
  page.control.configReloaded('refused')
  page.control.certificatesExpiring([0, 6])
  page.control.auditChainRead(true)
  const { body } = await page.render()
  const samples = [...parsePrometheus(body).values()].flatMap((family) => family.samples)
  const turnAt = samples.find(({ name, labels }) => name === turnMetric && labels.thread === 'worker-0')?.value ?? 0
  t.ok(turnAt >= beganMs / 1_000 && turnAt <= Date.now() / 1_000, 'the time of the last turn')
  const moved = samples
    .filter(({ name }) => name !== turnMetric)
    .filter((sample) => sample.value !== 0 && !sample.name.endsWith('_bucket') && sample.name !== 'sekisho_build_info')
    .map((sample) => `${sample.name}{${Object.values(sample.labels)}} ${sample.value}`)
  t.strictSame(moved.sort(), [
    'sekisho_access_log_dropped_total{} 4',
    'sekisho_admin_requests_total{revocations,4xx} 1',
    'sekisho_audit_chain_intact{} 1',
    'sekisho_audit_records_dropped_total{} 3',
    'sekisho_audit_records_total{} 1',
    'sekisho_bytes_total{retail,received} 100',
    'sekisho_bytes_total{retail,sent} 4000',
    'sekisho_certificate_days_left{server,retail-localhost} -1',
    'sekisho_certificates_expiring{1} 6',
    'sekisho_config_loaded_timestamp_seconds{} 1700000000',
    'sekisho_config_reloads_total{applied} 1',
    'sekisho_config_reloads_total{refused} 1',
    'sekisho_connections_by_version_total{retail,http1} 1',
    'sekisho_connections_by_version_total{retail,http2} 2',
    'sekisho_connections_open{retail} 1',
    'sekisho_connections_total{retail} 2',
    'sekisho_connections_untracked{} 5',
    'sekisho_cuts_total{retail,certificate_revoked} 1',
    'sekisho_denials_total{certificate_missing,none} 1',
    'sekisho_denials_total{certificate_revoked,demo-issuing-ca} 1',
    'sekisho_event_loop_delay_seconds{worker-0,max} 0.5',
    'sekisho_event_loop_delay_seconds{worker-0,p99} 0.01',
    'sekisho_faults_total{head_malformed} 1',
    'sekisho_follower_state{stale} 1',
    'sekisho_gateways_behind{} 1',
    'sekisho_gateways_live{} 8',
    'sekisho_handshake_duration_seconds_count{retail} 1',
    'sekisho_handshake_duration_seconds_sum{retail} 0.004',
    'sekisho_handshakes_total{retail,completed} 1',
    'sekisho_handshakes_total{retail,timeout} 1',
    'sekisho_http2_resets_total{retail} 1',
    'sekisho_http2_streams_open{retail} 1',
    'sekisho_reconcile_differences_total{missing_in_store} 4',
    'sekisho_reconcile_differences_total{unreadable} 1',
    'sekisho_reconciles_total{differences} 1',
    'sekisho_request_duration_seconds_count{app} 2',
    'sekisho_request_duration_seconds_sum{app} 3.02',
    'sekisho_requests_total{app,2xx} 1',
    'sekisho_requests_total{app,none} 1',
    'sekisho_revocation_apply_seconds_count{} 1',
    'sekisho_revocation_apply_seconds_sum{} 0.03',
    'sekisho_revocation_data_age_seconds{} 1.5',
    'sekisho_revocation_entries{demo-issuing-ca} 12',
    'sekisho_revocation_index_bytes{} 4096',
    'sekisho_revocation_rules{} 2',
    'sekisho_revocations_applied_total{} 2',
    'sekisho_revocations_unrecorded{} -3',
    'sekisho_sessions_resumed_total{retail} 1',
    'sekisho_snapshot_age_seconds{} 12',
    'sekisho_snapshot_failures_total{} 1',
    'sekisho_store_behind_total{} 1',
    'sekisho_upgrades_open{app} 1',
    'sekisho_upgrades_total{app} 2',
    'sekisho_upstream_connections{app,idle} 3',
    'sekisho_upstream_connections{app,in_use} 7',
    'sekisho_upstream_ejections_total{app,127.0.0.1:8080} 1',
    'sekisho_upstream_failures_total{app,upstream_reset} 1',
    'sekisho_upstream_queue{app} 6',
    'sekisho_upstream_response_seconds_count{app} 1',
    'sekisho_upstream_response_seconds_sum{app} 0.3',
    'sekisho_upstream_target_state{app,127.0.0.1:8080,ejected} 1',
    'sekisho_verdicts_total{retail,certificate_revoked} 1',
    'sekisho_worker_restarts_total{} 1',
    'sekisho_workers{} 1',
  ])
  t.equal(sampleValue(body, 'sekisho_request_duration_seconds_bucket', { route: 'app', le: '0.025' }), 1)
  t.equal(sampleValue(body, 'sekisho_request_duration_seconds_bucket', { route: 'app', le: '0.01' }), 0)
})

t.test('names unknown at start never throw and are counted', async (t) => {
  const page = createPage()
  const worker = page.controlThread
  worker.connectionOpened('nowhere')
  worker.bytesSent('nowhere', 500)
  worker.denied('certificate_revoked', 'nobody')
  worker.requestEnded('nowhere', 200, 1)
  worker.upstreamAnswered('nowhere', 1)
  worker.upstreamConnections('nowhere', 1, 1)
  worker.upstreamFailed('app', 'head_malformed')
  worker.upstreamQueued('nowhere', 1)
  worker.upgradeOpened('nowhere')
  worker.http2StreamOpened('nowhere')
  worker.connectionProtocol('nowhere', 'h2')
  page.control.revocationEntries('nobody', 1)
  page.control.adminRequestEnded('nowhere', 200)
  page.control.reconcileEnded('unheard' as 'clean')
  const { body } = await page.render()
  t.equal(sampleValue(body, 'sekisho_metrics_lost_total'), 14)
})

t.test('counters of a worker that died are kept, its gauges are dropped', async (t) => {
  const page = createPage()
  const moduleUrl = JSON.stringify(new URL('../../src/observe/worker-metrics.ts', import.meta.url).href)
  const source = `
    import { parentPort, workerData } from 'node:worker_threads'
    const { createWorkerMetrics } = await import(${moduleUrl})
    const metrics = createWorkerMetrics(workerData.layout, workerData.buffer)
    for (let i = 0; i < 10; i += 1) metrics.connectionOpened('retail')
    metrics.requestEnded('app', 200, 0.5)
    metrics.eventLoopDelay(1, 2)
    parentPort.postMessage('counted')
    setInterval(() => undefined, 1000)
  `
  const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`)
  const start = async (id: string) => {
    const sheet = MetricSheet.create(layout)
    page.addWorker(id, sheet)
    const worker = new Worker(url, { workerData: { layout, buffer: sheet.buffer } })
    await once(worker, 'message')
    return worker
  }
  const first = await start('worker-0')
  const second = await start('worker-1')
  const before = (await page.render()).body
  t.equal(sampleValue(before, 'sekisho_connections_total', { door: 'retail' }), 20)
  t.equal(sampleValue(before, 'sekisho_connections_open', { door: 'retail' }), 20)
  t.equal(sampleValue(before, 'sekisho_workers'), 2)

  await first.terminate()
  page.removeWorker('worker-0')
  page.removeWorker('worker-0')
  const after = (await page.render()).body
  t.equal(sampleValue(after, 'sekisho_connections_total', { door: 'retail' }), 20)
  t.equal(sampleValue(after, 'sekisho_request_duration_seconds_count', { route: 'app' }), 2)
  t.equal(sampleValue(after, 'sekisho_request_duration_seconds_sum', { route: 'app' }), 1)
  t.equal(sampleValue(after, 'sekisho_connections_open', { door: 'retail' }), 10)
  t.equal(sampleValue(after, 'sekisho_workers'), 1)
  const threads = parsePrometheus(after).get('sekisho_event_loop_delay_seconds')?.samples ?? []
  t.strictSame([...new Set(threads.map((sample) => sample.labels.thread))], ['control', 'worker-1'])

  const third = await start('worker-0')
  t.equal(sampleValue((await page.render()).body, 'sekisho_connections_total', { door: 'retail' }), 30)
  await Promise.all([second.terminate(), third.terminate()])
})

t.test('no total steps back when workers end in any order', async (t) => {
  const page = createPage()
  const sheets = [0.1, 0.2, 0.3, 1e-9, 12_345.678].map((seconds, index) => {
    const sheet = MetricSheet.create(layout)
    const metrics = createWorkerMetrics(layout, sheet.buffer)
    for (let i = 0; i < 7; i += 1) metrics.requestEnded('app', 200, seconds)
    page.addWorker(`worker-${index}`, sheet)
    return sheet
  })
  let before = 0
  for (const index of [3, 0, 4, 1, 2]) {
    const sum = sampleValue((await page.render()).body, 'sekisho_request_duration_seconds_sum', { route: 'app' })
    t.ok(sum >= before, `${sum} >= ${before}`)
    before = sum
    page.removeWorker(`worker-${index}`)
  }
  const end = (await page.render()).body
  t.ok(sampleValue(end, 'sekisho_request_duration_seconds_sum', { route: 'app' }) >= before)
  t.equal(sampleValue(end, 'sekisho_request_duration_seconds_count', { route: 'app' }), 7 * sheets.length)
})

t.test('gauges are refreshed before each reading, and process metrics are on by default', async (t) => {
  let age = 0
  const page = createMetrics({
    layout,
    refresh: () => {
      age += 1
      page.control.revocationDataAge(age)
    },
  })
  t.equal(sampleValue((await page.render()).body, 'sekisho_revocation_data_age_seconds'), 1)
  const { body } = await page.render()
  t.equal(sampleValue(body, 'sekisho_revocation_data_age_seconds'), 2)
  t.ok(sampleValue(body, 'process_cpu_seconds_total') > 0)
  t.ok(sampleValue(body, 'process_resident_memory_bytes') > 0)
})

t.test('a worker id is used once at a time', async (t) => {
  const page = createPage()
  page.addWorker('worker-0', MetricSheet.create(layout))
  t.throws(() => page.addWorker('worker-0', MetricSheet.create(layout)), /unique/)
  t.throws(() => page.addWorker('control', MetricSheet.create(layout)), /unique/)
})
