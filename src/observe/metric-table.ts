import { layOutMetrics, type MetricLayout, type MetricType } from '../base/metric-sheet.ts'
import { cutReasons, denialReasons } from '../trust/denial.ts'
import { backgroundMetricRows } from './background-metric-rows.ts'
import { mailMetricRows } from './mail-metric-rows.ts'
import {
  delayStatistics,
  directions,
  durationBuckets,
  faultCodes,
  handshakeResults,
  httpVersions,
  loginResults,
  noIssuer,
  reloadResults,
  statusClasses,
  targetStates,
  upstreamFaultCodes,
  upstreamStates,
  verdicts,
} from './metric-labels.ts'
import { outsideMetricRows } from './outside-metric-rows.ts'
import { trustMetricRows } from './trust-metric-rows.ts'

/** Names that come from the configuration; together with the closed lists they fix every series until the next reload. */
export type MetricNames = {
  /** Certificate doors and the public door. */
  readonly doors: readonly string[]
  /** Route names given to `DataPathMetrics.requestEnded`. */
  readonly routes: readonly string[]
  readonly upstreams: readonly string[]
  /** The targets of the upstreams. Default none. */
  readonly targets?: readonly { readonly upstream: string; readonly name: string }[]
  readonly issuers: readonly string[]
  /** CRLs of other CAs that are taken: `<issuer>/<list>`, and `<issuer>/<list>+delta` for a delta list. Default none. */
  readonly crlLists?: readonly string[]
  /** Issuers whose OCSP responder is asked. Default none. */
  readonly ocspIssuers?: readonly string[]
  /** Issuers whose CRL is published here. Default none. */
  readonly publishers?: readonly string[]
  /** Names under which server certificates are watched for expiry. */
  readonly serverCertificates: readonly string[]
  /** Whom the gateway shows a client certificate to. Default none. */
  readonly clientCertificates?: readonly string[]
  /** Route names of the admin API. */
  readonly adminRoutes: readonly string[]
  readonly build: { readonly version: string; readonly node: string; readonly openssl: string }
}

/** One row of the metric table; the documentation lists the same rows. */
export type MetricRow = {
  readonly name: string
  readonly type: MetricType
  readonly help: string
  readonly labels: readonly string[]
  readonly buckets?: readonly number[]
  /** One series per thread, with the label `thread` added; a dead thread's series disappear. */
  readonly perThread?: true
  /** A name that a reload removes takes its series with it; everywhere else a series stays for good. Gauges only. */
  readonly currentOnly?: true
  /** Shown as NaN until the control thread has set it, as 0 would say something. Its gauges only. */
  readonly startsUnknown?: true
  /** Label values of every series. */
  readonly series: (names: MetricNames) => readonly (readonly string[])[]
}

const single = () => [[]]

function product(first: readonly string[], second: readonly string[]): string[][] {
  return first.flatMap((a) => second.map((b) => [a, b]))
}

function eachTarget({ targets = [] }: MetricNames): string[][] {
  return targets.map(({ upstream, name }) => [upstream, name])
}

function each(values: readonly string[]): string[][] {
  return values.map((value) => [value])
}

/** Every metric of the gateway, beside prom-client's `process_*` and `nodejs_*`. Names are never reused. */
export const metricTable: readonly MetricRow[] = [
  {
    name: 'sekisho_connections_open',
    type: 'gauge',
    help: 'Client connections open now',
    labels: ['door'],
    series: (names) => each(names.doors),
  },
  {
    name: 'sekisho_connections_total',
    type: 'counter',
    help: 'Client connections accepted',
    labels: ['door'],
    series: (names) => each(names.doors),
  },
  {
    name: 'sekisho_connections_by_version_total',
    type: 'counter',
    help: 'Client connections by the version of HTTP agreed on in the handshake',
    labels: ['door', 'version'],
    series: (names) => product(names.doors, Object.values(httpVersions)),
  },
  {
    name: 'sekisho_handshakes_total',
    type: 'counter',
    help: 'TLS handshakes ended, by result',
    labels: ['door', 'result'],
    series: (names) => product(names.doors, handshakeResults),
  },
  {
    name: 'sekisho_handshake_duration_seconds',
    type: 'histogram',
    help: 'Time from TCP accept to the completed TLS handshake',
    labels: ['door'],
    buckets: durationBuckets,
    series: (names) => each(names.doors),
  },
  {
    name: 'sekisho_sessions_resumed_total',
    type: 'counter',
    help: 'TLS sessions resumed; each one was judged again',
    labels: ['door'],
    series: (names) => each(names.doors),
  },
  {
    name: 'sekisho_verdicts_total',
    type: 'counter',
    help: 'Verdicts on client certificates: permitted, or the reason of the denial',
    labels: ['door', 'verdict'],
    series: (names) => product(names.doors, verdicts),
  },
  {
    name: 'sekisho_denials_total',
    type: 'counter',
    help: 'Refusals by reason and by the configured CA whose certificate it was; none where there was none of ours',
    labels: ['reason', 'issuer'],
    series: (names) => product(denialReasons, [...names.issuers, noIssuer]),
  },
  {
    name: 'sekisho_app_logins_total',
    type: 'counter',
    help: 'Logins by what the application said of them in its answer; unknown: it said something else, or said it twice',
    labels: ['door', 'result'],
    series: (names) => product(names.doors, loginResults),
  },
  {
    name: 'sekisho_cuts_total',
    type: 'counter',
    help: 'Live connections cut, by reason',
    labels: ['door', 'reason'],
    series: (names) => product(names.doors, cutReasons),
  },
  {
    name: 'sekisho_bytes_total',
    type: 'counter',
    help: 'Bytes received from and sent to clients, inside TLS',
    labels: ['door', 'direction'],
    series: (names) => product(names.doors, directions),
  },
  {
    name: 'sekisho_http2_streams_open',
    type: 'gauge',
    help: 'HTTP/2 streams open now',
    labels: ['door'],
    series: (names) => each(names.doors),
  },
  {
    name: 'sekisho_http2_resets_total',
    type: 'counter',
    help: 'HTTP/2 streams reset by clients',
    labels: ['door'],
    series: (names) => each(names.doors),
  },
  {
    name: 'sekisho_requests_total',
    type: 'counter',
    help: 'Requests ended, by class of the status sent',
    labels: ['route', 'status_class'],
    series: (names) => product(names.routes, statusClasses),
  },
  {
    name: 'sekisho_request_duration_seconds',
    type: 'histogram',
    help: 'Time from the first byte of a request to the end of its response; of a WebSocket, until the application switched',
    labels: ['route'],
    buckets: durationBuckets,
    series: (names) => each(names.routes),
  },
  {
    name: 'sekisho_upgrades_open',
    type: 'gauge',
    help: 'WebSockets open now',
    labels: ['route'],
    series: (names) => each(names.routes),
  },
  {
    name: 'sekisho_upgrades_total',
    type: 'counter',
    help: 'WebSockets opened',
    labels: ['route'],
    series: (names) => each(names.routes),
  },
  {
    name: 'sekisho_upstream_response_seconds',
    type: 'histogram',
    help: 'Time from sending a request to the application to the head of its response',
    labels: ['upstream'],
    buckets: durationBuckets,
    series: (names) => each(names.upstreams),
  },
  {
    name: 'sekisho_upstream_failures_total',
    type: 'counter',
    help: 'Exchanges with the application that failed, by fault',
    labels: ['upstream', 'fault'],
    series: (names) => product(names.upstreams, upstreamFaultCodes),
  },
  {
    name: 'sekisho_upstream_connections',
    type: 'gauge',
    help: 'Connections to the application now',
    labels: ['upstream', 'state'],
    series: (names) => product(names.upstreams, upstreamStates),
  },
  {
    name: 'sekisho_upstream_queue',
    type: 'gauge',
    help: 'Requests that wait for a connection to the application now',
    labels: ['upstream'],
    series: (names) => each(names.upstreams),
  },
  {
    name: 'sekisho_upstream_target_state',
    type: 'gauge',
    help: 'Data workers that see the target in this state',
    labels: ['upstream', 'target', 'state'],
    currentOnly: true,
    series: (names) => eachTarget(names).flatMap((target) => targetStates.map((state) => [...target, state])),
  },
  {
    name: 'sekisho_upstream_ejections_total',
    type: 'counter',
    help: 'Times a data worker left a target out for a while after failures in a row',
    labels: ['upstream', 'target'],
    series: eachTarget,
  },
  {
    name: 'sekisho_faults_total',
    type: 'counter',
    help: 'Faults that ended a request or a connection, by code',
    labels: ['code'],
    series: () => each(faultCodes),
  },
  ...trustMetricRows,
  ...outsideMetricRows,
  ...mailMetricRows,
  ...backgroundMetricRows,
  {
    name: 'sekisho_certificate_days_left',
    type: 'gauge',
    help: 'Days until a server certificate, a client certificate of the gateway, or an issuing CA expires; negative afterwards',
    labels: ['kind', 'name'],
    currentOnly: true,
    series: (names) => [
      ...product(['server'], names.serverCertificates),
      ...product(['client'], names.clientCertificates ?? []),
      ...product(['issuer'], names.issuers),
    ],
  },
  {
    name: 'sekisho_event_loop_delay_seconds',
    type: 'gauge',
    help: 'Delay of the event loop over the last 15 to 30 seconds',
    labels: ['statistic'],
    perThread: true,
    series: () => each(delayStatistics),
  },
  {
    name: 'sekisho_event_loop_turn_timestamp_seconds',
    type: 'gauge',
    help: 'When the event loop last got round, told once a second; Unix time. One that is blocked for good tells no delay any more',
    labels: [],
    perThread: true,
    series: single,
  },
  {
    name: 'sekisho_workers',
    type: 'gauge',
    help: 'Data workers running now',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_worker_restarts_total',
    type: 'counter',
    help: 'Data workers started again after one ended unexpectedly',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_config_reloads_total',
    type: 'counter',
    help: 'Reloads of the configuration, by result',
    labels: ['result'],
    series: () => each(reloadResults),
  },
  {
    name: 'sekisho_config_last_reload_successful',
    type: 'gauge',
    help: '0 after a reload was refused, until one succeeds; else 1',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_config_loaded_timestamp_seconds',
    type: 'gauge',
    help: 'When the configuration in force was loaded, since 1970',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_audit_records_total',
    type: 'counter',
    help: 'Records put into the audit log',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_audit_records_dropped_total',
    type: 'counter',
    help: 'Audit records lost because the log could not be written fast enough',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_access_log_dropped_total',
    type: 'counter',
    help: 'Access log lines lost because the log could not be written fast enough',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_admin_requests_total',
    type: 'counter',
    help: 'Requests to the admin API, by class of the status sent',
    labels: ['route', 'status_class'],
    series: (names) => product(names.adminRoutes, statusClasses),
  },
  {
    name: 'sekisho_metrics_lost_total',
    type: 'counter',
    help: 'Observations with a label value that was not known at start; more than 0 is a defect',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_build_info',
    type: 'gauge',
    help: 'Always 1; the labels name the versions that run',
    labels: ['version', 'node', 'openssl'],
    series: ({ build }) => [[build.version, build.node, build.openssl]],
  },
]

/**
 * Fixes every series for these names; control thread and workers share the result. Repeated names count once.
 *
 * @param before the layout that this one follows after a reload: its series are kept, so that no counter vanishes
 */
export function createMetricLayout(names: MetricNames, before?: MetricLayout): MetricLayout {
  const former = new Map(before?.metrics.map(({ name, series }) => [name, series]))
  return layOutMetrics(
    metricTable.map((row) => ({
      name: row.name,
      help: row.help,
      type: row.type,
      labels: row.labels,
      series: distinct([...row.series(names), ...(row.currentOnly ? [] : (former.get(row.name) ?? []))]),
      buckets: row.buckets ?? [],
      perThread: row.perThread ?? false,
    })),
  )
}

function distinct(series: readonly (readonly string[])[]): (readonly string[])[] {
  return [...new Map(series.map((values) => [JSON.stringify(values), values])).values()]
}
