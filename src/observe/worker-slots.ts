import { type MetricLayout, MetricSheet } from '../base/metric-sheet.ts'
import { httpVersions, statusClasses, targetStates } from './metric-labels.ts'

/** Slots of the series of one door. */
export type DoorSlots = {
  readonly open: number
  readonly accepted: number
  readonly resumed: number
  readonly received: number
  readonly sent: number
  readonly duration: number
  readonly streamsOpen: number
  readonly streamResets: number
  readonly results: ReadonlyMap<string, number>
  readonly verdicts: ReadonlyMap<string, number>
  readonly cuts: ReadonlyMap<string, number>
  /** By what the application said of a login. */
  readonly appLogins: ReadonlyMap<string, number>
  /** By what ALPN agreed on. */
  readonly protocols: Readonly<Record<keyof typeof httpVersions, number>>
}

/** Slots of the series of one route; `classes` in the order of `statusClasses`. */
export type RouteSlots = {
  readonly duration: number
  readonly classes: readonly number[]
  readonly upgradesOpen: number
  readonly upgrades: number
}

/** Slots of the series of one upstream. */
export type UpstreamSlots = {
  readonly inUse: number
  readonly idle: number
  readonly queue: number
  readonly duration: number
  readonly failures: ReadonlyMap<string, number>
  readonly ejections: ReadonlyMap<string, number>
  /** By target; states in the order of `targetStates`. */
  readonly states: ReadonlyMap<string, readonly number[]>
}

/** A sheet, and where a data worker's series lie in it. */
export type WorkerSlots = {
  readonly sheet: MetricSheet
  readonly doors: ReadonlyMap<string, DoorSlots>
  readonly routes: ReadonlyMap<string, RouteSlots>
  readonly upstreams: ReadonlyMap<string, UpstreamSlots>
  /** By reason, then by issuer. */
  readonly denials: ReadonlyMap<string, ReadonlyMap<string, number>>
  readonly faults: ReadonlyMap<string, number>
  readonly accessDropped: number
  readonly delayP99: number
  readonly delayMax: number
  readonly turnAt: number
  readonly lost: number
}

type SlotFinder = ReturnType<MetricSheet['slotFinder']>

/** Opens the sheet and finds every slot once. Throws when the buffer was made for another layout. */
export function findWorkerSlots(layout: MetricLayout, buffer: SharedArrayBuffer): WorkerSlots {
  const sheet = MetricSheet.open(layout, buffer)
  const slot = sheet.slotFinder()
  return {
    sheet,
    doors: mapSeries(layout, 'sekisho_connections_total', (door) => findDoorSlots(layout, slot, door)),
    routes: mapSeries(layout, 'sekisho_request_duration_seconds', (route) => findRouteSlots(slot, route)),
    upstreams: mapSeries(layout, 'sekisho_upstream_response_seconds', (upstream) =>
      findUpstreamSlots(layout, slot, upstream),
    ),
    denials: mapSeries(layout, 'sekisho_denials_total', (reason) =>
      findSecondLabels(layout, ['sekisho_denials_total', reason], slot),
    ),
    faults: mapSeries(layout, 'sekisho_faults_total', (code) => slot('sekisho_faults_total', code)),
    accessDropped: slot('sekisho_access_log_dropped_total'),
    delayP99: slot('sekisho_event_loop_delay_seconds', 'p99'),
    delayMax: slot('sekisho_event_loop_delay_seconds', 'max'),
    turnAt: slot('sekisho_event_loop_turn_timestamp_seconds'),
    lost: slot('sekisho_metrics_lost_total'),
  }
}

/** One entry per distinct first label value of a metric's series. */
function mapSeries<Slots>(
  layout: MetricLayout,
  name: string,
  find: (labelValue: string) => Slots,
): ReadonlyMap<string, Slots> {
  return new Map(labelValues(layout, name).map((value) => [value, find(value)]))
}

/** Distinct values of a label: the first one, or the second one beside a given first. */
function labelValues(layout: MetricLayout, name: string, first?: string): string[] {
  const series = layout.metrics.find((candidate) => candidate.name === name)?.series ?? []
  if (first === undefined) return [...new Set(series.map((values) => values[0] as string))]
  return [...new Set(series.filter((values) => values[0] === first).map((values) => values[1] as string))]
}

function findSecondLabels<Slots = number>(
  layout: MetricLayout,
  series: readonly [string, string],
  find: (...labels: [name: string, first: string, second: string]) => Slots,
): ReadonlyMap<string, Slots> {
  const [name, first] = series
  return new Map(labelValues(layout, name, first).map((second) => [second, find(name, first, second)]))
}

function findDoorSlots(layout: MetricLayout, slot: SlotFinder, door: string): DoorSlots {
  const version = (protocol: keyof typeof httpVersions) =>
    slot('sekisho_connections_by_version_total', door, httpVersions[protocol])
  return {
    open: slot('sekisho_connections_open', door),
    accepted: slot('sekisho_connections_total', door),
    resumed: slot('sekisho_sessions_resumed_total', door),
    received: slot('sekisho_bytes_total', door, 'received'),
    sent: slot('sekisho_bytes_total', door, 'sent'),
    duration: slot('sekisho_handshake_duration_seconds', door),
    streamsOpen: slot('sekisho_http2_streams_open', door),
    streamResets: slot('sekisho_http2_resets_total', door),
    results: findSecondLabels(layout, ['sekisho_handshakes_total', door], slot),
    verdicts: findSecondLabels(layout, ['sekisho_verdicts_total', door], slot),
    cuts: findSecondLabels(layout, ['sekisho_cuts_total', door], slot),
    appLogins: findSecondLabels(layout, ['sekisho_app_logins_total', door], slot),
    protocols: { 'http/1.1': version('http/1.1'), h2: version('h2') },
  }
}

function findRouteSlots(slot: SlotFinder, route: string): RouteSlots {
  return {
    duration: slot('sekisho_request_duration_seconds', route),
    classes: statusClasses.map((statusClass) => slot('sekisho_requests_total', route, statusClass)),
    upgradesOpen: slot('sekisho_upgrades_open', route),
    upgrades: slot('sekisho_upgrades_total', route),
  }
}

function findUpstreamSlots(layout: MetricLayout, slot: SlotFinder, upstream: string): UpstreamSlots {
  return {
    inUse: slot('sekisho_upstream_connections', upstream, 'in_use'),
    idle: slot('sekisho_upstream_connections', upstream, 'idle'),
    queue: slot('sekisho_upstream_queue', upstream),
    duration: slot('sekisho_upstream_response_seconds', upstream),
    failures: findSecondLabels(layout, ['sekisho_upstream_failures_total', upstream], slot),
    ejections: findSecondLabels(layout, ['sekisho_upstream_ejections_total', upstream], slot),
    states: findSecondLabels(layout, ['sekisho_upstream_target_state', upstream], (name, first, target) =>
      targetStates.map((state) => slot(name, first, target, state)),
    ),
  }
}
