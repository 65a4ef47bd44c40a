import type { Clock } from '../base/clock.ts'

/** Until the first load nothing is fresh: unknown means deny. */
const neverHeard = 0
const heardAt = 0

/** Two words shared by all threads: when the control thread last heard from the store. */
export type SharedFreshness = SharedArrayBuffer

/** Shared memory for one `Freshness`; nothing has been heard yet. */
export function createFreshness(): SharedFreshness {
  return new SharedArrayBuffer(4)
}

/**
 * Age of the trust data: time since the store was last heard, on the monotonic clock, so that neither a stepped wall clock nor
 * a clock in another time makes old data look fresh. Kept in tenths of a second, which one atomic word holds for 13 years.
 */
export class Freshness {
  readonly #words: Uint32Array
  readonly #clock: Clock
  #maxStalenessMs: number
  #serveWhenStale: boolean

  constructor(
    shared: SharedFreshness,
    options: { clock: Clock; maxStalenessSeconds: number; insecureServeWhenStale: boolean },
  ) {
    this.#words = new Uint32Array(shared)
    this.#clock = options.clock
    this.#maxStalenessMs = options.maxStalenessSeconds * 1_000
    this.#serveWhenStale = options.insecureServeWhenStale
  }

  /** Other rules from now on. */
  reconfigure(rules: { maxStalenessSeconds: number; insecureServeWhenStale: boolean }): void {
    this.#maxStalenessMs = rules.maxStalenessSeconds * 1_000
    this.#serveWhenStale = rules.insecureServeWhenStale
  }

  /** The control thread has just heard from the store and applied all it said. */
  heard(): void {
    Atomics.store(this.#words, heardAt, Math.max(1, Math.ceil(this.#clock.monotonicMs() / 100)))
  }

  /** Unit: milliseconds. Infinity before the first load. */
  ageMs(): number {
    const heard = Atomics.load(this.#words, heardAt)
    if (heard === neverHeard) return Number.POSITIVE_INFINITY
    return Math.max(0, this.#clock.monotonicMs() - heard * 100)
  }

  /** Whether logins may be judged on this data. Data never loaded is never fresh enough, whatever is configured. */
  freshEnough(): boolean {
    const ageMs = this.ageMs()
    if (ageMs <= this.#maxStalenessMs) return true
    return this.#serveWhenStale && ageMs !== Number.POSITIVE_INFINITY
  }
}
