/**
 * The only place that asks the machine what time it is.
 *
 * Two clocks, never mixed: wall time decides validity windows (RFC 5280 4.1.2.5), monotonic time
 * decides ages and deadlines, so that a stepped wall clock cannot make stale data look fresh.
 */
export type Clock = {
  /** Wall time. Unit: milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number
  /** Time that only moves forward, the same in every thread of the process. Unit: milliseconds. */
  monotonicMs(): number
}

// performance.now() starts at zero in each thread; hrtime does not. The offset is taken once a thread, because
// process.hrtime.bigint() allocates and performance.now() does not.
const monotonicOffsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now()

/** The machine's clocks; tests use one they move themselves. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now() + monotonicOffsetMs,
}
