import type { Clock } from '../base/clock.ts'

/** An instant by both clocks. The monotonic one counts only as long as the machine has not been started again. */
export type Moment = {
  /** Which start of the machine; empty: unknown. */
  readonly bootId: string
  /** Unit: milliseconds. */
  readonly monotonicMs: number
  /** Unit: milliseconds since the epoch. */
  readonly wallMs: number
}

/** This instant. */
export function momentNow(clock: Clock, bootId: string): Moment {
  return { bootId, monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() }
}

/**
 * Time since then. Unit: milliseconds. Within one start of the machine the monotonic clock tells, which a stepped wall clock does
 * not touch; after another start only the wall clock can. Infinity where the clock stands before the noted time, so that nothing
 * old is ever taken for fresh, and where nothing was noted.
 */
export function ageOf(moment: Moment | undefined, now: Moment): number {
  if (moment === undefined) return Number.POSITIVE_INFINITY
  const isSameBoot = moment.bootId !== '' && moment.bootId === now.bootId
  const ageMs = isSameBoot ? now.monotonicMs - moment.monotonicMs : now.wallMs - moment.wallMs
  return ageMs >= 0 ? ageMs : Number.POSITIVE_INFINITY
}
