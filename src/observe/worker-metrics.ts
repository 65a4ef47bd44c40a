import type { FaultCode } from '../base/errors.ts'
import { type MetricLayout, MetricSheet } from '../base/metric-sheet.ts'
import type { DataPathMetrics, HandshakeResult } from '../data-path/ports.ts'
import type { DenialReason } from '../trust/denial.ts'
import { durationBuckets, statusClasses, statusClassIndex } from './metric-table.ts'

/** What a data worker counts, beside the data path's own numbers. */
export type WorkerMetrics = DataPathMetrics & {
  accessLogDropped(lines: number): void
  /** Unit: seconds. */
  eventLoopDelay(p99Seconds: number, maxSeconds: number): void
}

type SlotFinder = ReturnType<MetricSheet['slotFinder']>

type DoorSlots = {
  readonly open: number
  readonly accepted: number
  readonly resumed: number
  readonly received: number
  readonly sent: number
  readonly duration: number
  readonly results: ReadonlyMap<string, number>
  readonly verdicts: ReadonlyMap<string, number>
  readonly cuts: ReadonlyMap<string, number>
}
type RouteSlots = { readonly duration: number; readonly classes: readonly number[] }
type UpstreamSlots = {
  readonly inUse: number
  readonly idle: number
  readonly duration: number
  readonly failures: ReadonlyMap<string, number>
}

/**
 * The writer of one thread's sheet. Every call is a map look-up or two and a few memory writes. A door, route or
 * upstream that the layout does not know is counted in `sekisho_metrics_lost_total` and never throws.
 *
 * @param buffer the sheet's memory, created by the control thread with the same layout
 */
export function createWorkerMetrics(layout: MetricLayout, buffer: SharedArrayBuffer): WorkerMetrics {
  const sheet = MetricSheet.open(layout, buffer)
  const slot = sheet.slotFinder()
  const doors = mapSeries(layout, 'sekisho_connections_total', (door) => findDoorSlots(layout, slot, door))
  const routes = mapSeries(layout, 'sekisho_request_duration_seconds', (route) => findRouteSlots(slot, route))
  const upstreams = mapSeries(layout, 'sekisho_upstream_response_seconds', (upstream) =>
    findUpstreamSlots(layout, slot, upstream),
  )
  const faults = mapSeries(layout, 'sekisho_faults_total', (code) => slot('sekisho_faults_total', code))
  const accessDropped = slot('sekisho_access_log_dropped_total')
  const delayP99 = slot('sekisho_event_loop_delay_seconds', 'p99')
  const delayMax = slot('sekisho_event_loop_delay_seconds', 'max')
  const lost = slot('sekisho_metrics_lost_total')
  const add = (target: number | undefined, amount: number) =>
    sheet.add(target ?? lost, target === undefined ? 1 : amount)

  return {
    connectionOpened(door) {
      const slots = doors.get(door)
      add(slots?.open, 1)
      if (slots !== undefined) sheet.add(slots.accepted, 1)
    },
    connectionClosed: (door) => add(doors.get(door)?.open, -1),
    handshakeEnded(door, result: HandshakeResult, seconds) {
      const slots = doors.get(door)
      add(slots?.results.get(result), 1)
      if (slots !== undefined && result === 'completed') sheet.observe(slots.duration, durationBuckets, seconds)
    },
    sessionResumed: (door) => add(doors.get(door)?.resumed, 1),
    verdict: (door, verdict) => add(doors.get(door)?.verdicts.get(verdict), 1),
    requestEnded(route, status, seconds) {
      const slots = routes.get(route)
      add(slots?.classes[statusClassIndex(status)], 1)
      if (slots !== undefined) sheet.observe(slots.duration, durationBuckets, seconds)
    },
    upstreamAnswered(upstream, seconds) {
      const slots = upstreams.get(upstream)
      if (slots === undefined) sheet.add(lost, 1)
      else sheet.observe(slots.duration, durationBuckets, seconds)
    },
    upstreamFailed: (upstream, fault: FaultCode) => add(upstreams.get(upstream)?.failures.get(fault), 1),
    upstreamConnections(upstream, inUse, idle) {
      const slots = upstreams.get(upstream)
      if (slots === undefined) return sheet.add(lost, 1)
      sheet.set(slots.inUse, inUse)
      sheet.set(slots.idle, idle)
    },
    bytesReceived: (door, bytes) => add(doors.get(door)?.received, bytes),
    bytesSent: (door, bytes) => add(doors.get(door)?.sent, bytes),
    connectionCut: (door, reason: DenialReason) => add(doors.get(door)?.cuts.get(reason), 1),
    fault: (code) => add(faults.get(code), 1),
    accessLogDropped: (lines) => sheet.add(accessDropped, lines),
    eventLoopDelay(p99Seconds, maxSeconds) {
      sheet.set(delayP99, p99Seconds)
      sheet.set(delayMax, maxSeconds)
    },
  }
}

/** One entry per distinct first label value of a metric's series. */
function mapSeries<Slots>(
  layout: MetricLayout,
  name: string,
  find: (labelValue: string) => Slots,
): ReadonlyMap<string, Slots> {
  return new Map(labelValues(layout, name, 0).map((value) => [value, find(value)]))
}

function labelValues(layout: MetricLayout, name: string, labelIndex: number): string[] {
  const metric = layout.metrics.find((candidate) => candidate.name === name)
  return [...new Set(metric?.series.map((values) => values[labelIndex] as string))]
}

function findSecondLabels(layout: MetricLayout, slot: SlotFinder, series: readonly [string, string]) {
  const [name, first] = series
  return new Map(labelValues(layout, name, 1).map((second) => [second, slot(name, first, second)]))
}

function findDoorSlots(layout: MetricLayout, slot: SlotFinder, door: string): DoorSlots {
  return {
    open: slot('sekisho_connections_open', door),
    accepted: slot('sekisho_connections_total', door),
    resumed: slot('sekisho_sessions_resumed_total', door),
    received: slot('sekisho_bytes_total', door, 'received'),
    sent: slot('sekisho_bytes_total', door, 'sent'),
    duration: slot('sekisho_handshake_duration_seconds', door),
    results: findSecondLabels(layout, slot, ['sekisho_handshakes_total', door]),
    verdicts: findSecondLabels(layout, slot, ['sekisho_verdicts_total', door]),
    cuts: findSecondLabels(layout, slot, ['sekisho_cuts_total', door]),
  }
}

function findRouteSlots(slot: SlotFinder, route: string): RouteSlots {
  return {
    duration: slot('sekisho_request_duration_seconds', route),
    classes: statusClasses.map((statusClass) => slot('sekisho_requests_total', route, statusClass)),
  }
}

function findUpstreamSlots(layout: MetricLayout, slot: SlotFinder, upstream: string): UpstreamSlots {
  return {
    inUse: slot('sekisho_upstream_connections', upstream, 'in_use'),
    idle: slot('sekisho_upstream_connections', upstream, 'idle'),
    duration: slot('sekisho_upstream_response_seconds', upstream),
    failures: findSecondLabels(layout, slot, ['sekisho_upstream_failures_total', upstream]),
  }
}
