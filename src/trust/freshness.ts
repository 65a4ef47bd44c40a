import type { Clock } from '../base/clock.ts'

/** Until the first load nothing is fresh: unknown means deny. */
const neverHeard = 0
const heardAt = 0
const tickMs = 100
/** Ticks kept for times before the machine was started, since trust data may be older than that: more than three years. */
const ticksBeforeStart = 2 ** 30

/** A word shared by all threads: when the control thread last heard from the store. */
export type SharedFreshness = SharedArrayBuffer

/** Shared memory for one `Freshness`; nothing has been heard yet. */
export function createFreshness(): SharedFreshness {
  return new SharedArrayBuffer(4)
}

/**
 * Age of the trust data: time since the store was last heard, on the monotonic clock, so that neither a stepped wall clock nor
 * a clock in another time makes old data look fresh. Kept in tenths of a second, of which one atomic word holds three years
 * before the machine's start and ten after it.
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
    this.#note(Math.ceil(this.#clock.monotonicMs() / tickMs))
  }

  /**
   * The trust data come from a snapshot and were known to be current so long ago; what was heard later counts on. Unit:
   * milliseconds; Infinity: unknown, so nothing is fresh.
   */
  assumeHeard(ageMs: number): void {
    if (ageMs === Number.POSITIVE_INFINITY) return
    this.#note(Math.floor((this.#clock.monotonicMs() - Math.max(0, ageMs)) / tickMs))
  }

  /** Unit: milliseconds. Infinity before the first load. */
  ageMs(): number {
    const heard = Atomics.load(this.#words, heardAt)
    if (heard === neverHeard) return Number.POSITIVE_INFINITY
    return Math.max(0, this.#clock.monotonicMs() - (heard - ticksBeforeStart) * tickMs)
  }

  #note(tick: number): void {
    const word = Math.max(neverHeard + 1, tick + ticksBeforeStart)
    if (word > Atomics.load(this.#words, heardAt)) Atomics.store(this.#words, heardAt, word)
  }

  /** Whether logins may be judged on this data. Data never loaded is never fresh enough, whatever is configured. */
  freshEnough(): boolean {
    const ageMs = this.ageMs()
    if (ageMs <= this.#maxStalenessMs) return true
    return this.#serveWhenStale && ageMs !== Number.POSITIVE_INFINITY
  }
}
