import { systemClock } from '../base/clock.ts'
import type { FaultCode } from '../base/errors.ts'
import type { MetricLayout } from '../base/metric-sheet.ts'
import type { ConnectionProtocol, DataPathMetrics, HandshakeResult } from '../data-path/ports.ts'
import type { CutReason } from '../trust/denial.ts'
import { carrySeries } from './carry-series.ts'
import { durationBuckets, noIssuer, statusClassIndex, targetStates } from './metric-labels.ts'
import { findWorkerSlots, type WorkerSlots } from './worker-slots.ts'

/** How a data worker sees a target of an upstream. */
export type TargetState = (typeof targetStates)[number]

/** What a data worker counts, beside the data path's own numbers. */
export type WorkerMetrics = DataPathMetrics & {
  accessLogDropped(lines: number): void
  /** Unit: seconds. */
  eventLoopDelay(p99Seconds: number, maxSeconds: number): void
  /**
   * Goes on with another sheet, after a reload brought other names: all counts and gauges are carried over, so nothing steps back
   * and whatever is open stays counted. Throws when the buffer was made for another layout.
   */
  useSheet(layout: MetricLayout, buffer: SharedArrayBuffer): void
}

/**
 * The writer of one thread's sheet. Every call is a map look-up or two and a few memory writes. A door, route or
 * upstream that the layout does not know is counted in `sekisho_metrics_lost_total` and never throws.
 *
 * @param buffer the sheet's memory, created by the control thread with the same layout
 */
export function createWorkerMetrics(layout: MetricLayout, buffer: SharedArrayBuffer): WorkerMetrics {
  let slots = findWorkerSlots(layout, buffer)
  const states = new TargetStates()
  const add = (slot: number | undefined, amount: number) =>
    slots.sheet.add(slot ?? slots.lost, slot === undefined ? 1 : amount)
  const set = (slot: number | undefined, value: number) =>
    slot === undefined ? slots.sheet.add(slots.lost, 1) : slots.sheet.set(slot, value)
  const observe = (slot: number | undefined, seconds: number) =>
    slot === undefined ? slots.sheet.add(slots.lost, 1) : slots.sheet.observe(slot, durationBuckets, seconds)

  return {
    connectionOpened(door) {
      const found = slots.doors.get(door)
      add(found?.open, 1)
      if (found !== undefined) add(found.accepted, 1)
    },
    connectionClosed: (door) => add(slots.doors.get(door)?.open, -1),
    handshakeEnded(door, result: HandshakeResult, seconds) {
      const found = slots.doors.get(door)
      add(found?.results.get(result), 1)
      if (found !== undefined && result === 'completed') observe(found.duration, seconds)
    },
    sessionResumed: (door) => add(slots.doors.get(door)?.resumed, 1),
    verdict: (door, verdict) => add(slots.doors.get(door)?.verdicts.get(verdict), 1),
    denied: (reason, issuer = noIssuer) => add(slots.denials.get(reason)?.get(issuer), 1),
    appLogin: (door, result) => add(slots.doors.get(door)?.appLogins.get(result), 1),
    requestEnded(route, status, seconds) {
      const found = slots.routes.get(route)
      add(found?.classes[statusClassIndex(status)], 1)
      if (found !== undefined) observe(found.duration, seconds)
    },
    upstreamAnswered: (upstream, seconds) => observe(slots.upstreams.get(upstream)?.duration, seconds),
    upstreamFailed: (upstream, fault: FaultCode) => add(slots.upstreams.get(upstream)?.failures.get(fault), 1),
    upstreamConnections(upstream, inUse, idle) {
      const found = slots.upstreams.get(upstream)
      set(found?.inUse, inUse)
      if (found !== undefined) set(found.idle, idle)
    },
    upstreamTarget: (upstream, target, state: TargetState) => states.take({ upstream, target, state }, slots),
    upstreamEjected: (upstream, target) => add(slots.upstreams.get(upstream)?.ejections.get(target), 1),
    upstreamQueued: (upstream, waiting) => set(slots.upstreams.get(upstream)?.queue, waiting),
    bytesReceived: (door, bytes) => add(slots.doors.get(door)?.received, bytes),
    bytesSent: (door, bytes) => add(slots.doors.get(door)?.sent, bytes),
    connectionCut: (door, reason: CutReason) => add(slots.doors.get(door)?.cuts.get(reason), 1),
    connectionProtocol: (door, protocol: ConnectionProtocol) => add(slots.doors.get(door)?.protocols[protocol], 1),
    http2StreamOpened: (door) => add(slots.doors.get(door)?.streamsOpen, 1),
    http2StreamClosed: (door) => add(slots.doors.get(door)?.streamsOpen, -1),
    http2StreamReset: (door) => add(slots.doors.get(door)?.streamResets, 1),
    upgradeOpened(route) {
      const found = slots.routes.get(route)
      add(found?.upgradesOpen, 1)
      if (found !== undefined) add(found.upgrades, 1)
    },
    upgradeClosed: (route) => add(slots.routes.get(route)?.upgradesOpen, -1),
    fault: (code) => add(slots.faults.get(code), 1),
    accessLogDropped: (lines) => add(slots.accessDropped, lines),
    eventLoopDelay(p99Seconds, maxSeconds) {
      set(slots.delayP99, p99Seconds)
      set(slots.delayMax, maxSeconds)
      set(slots.turnAt, systemClock.nowMs() / 1_000)
    },
    useSheet(nextLayout, nextBuffer) {
      const next = findWorkerSlots(nextLayout, nextBuffer)
      carrySeries(slots.sheet, next.sheet)
      slots = next
      states.moveTo(next)
    },
  }
}

type SeenTarget = { readonly upstream: string; readonly target: string; readonly state: TargetState }

/**
 * The latest state of each target. A reload makes its targets known before the sheet that has a place for them is in use, so a state
 * without a place waits here and is not counted as lost.
 */
class TargetStates {
  readonly #seen = new Map<string, SeenTarget>()

  take(seen: SeenTarget, slots: WorkerSlots): void {
    this.#seen.set(JSON.stringify([seen.upstream, seen.target]), seen)
    write(seen, slots)
  }

  moveTo(slots: WorkerSlots): void {
    for (const [key, seen] of this.#seen) if (!write(seen, slots)) this.#seen.delete(key)
  }
}

/** False where the sheet has no place for the target. */
function write({ upstream, target, state }: SeenTarget, { upstreams, sheet }: WorkerSlots): boolean {
  const found = upstreams.get(upstream)?.states.get(target)
  for (const [index, slot] of found?.entries() ?? []) sheet.set(slot, targetStates[index] === state ? 1 : 0)
  return found !== undefined
}
