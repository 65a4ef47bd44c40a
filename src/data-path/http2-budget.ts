import type { Clock } from '../base/clock.ts'

const minuteMs = 60_000

/** So many of something a minute, all at once if need be: a token bucket. */
export class Budget {
  readonly #perMinute: number
  readonly #clock: Clock
  #tokens: number
  #atMs: number

  constructor(perMinute: number, clock: Clock) {
    this.#perMinute = perMinute
    this.#clock = clock
    this.#tokens = perMinute
    this.#atMs = clock.monotonicMs()
  }

  /** Takes one; false when none is left. */
  take(): boolean {
    const nowMs = this.#clock.monotonicMs()
    this.#tokens = Math.min(this.#perMinute, this.#tokens + ((nowMs - this.#atMs) * this.#perMinute) / minuteMs)
    this.#atMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  /** Gives some back, earned by useful work. */
  earn(count: number): void {
    this.#tokens = Math.min(this.#perMinute, this.#tokens + count)
  }
}
