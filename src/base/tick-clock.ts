import type { Clock } from './clock.ts'

/**
 * A clock that stands still while one batch of work is done: it is read once at `refresh()`, so the dozen questions a request
 * asks cost a memory read each. Whoever begins a turn of work that judges refreshes it first; the sweep of deadlines does so ten times
 * a second besides, so it is never further behind than that.
 */
export class TickClock implements Clock {
  readonly #source: Clock
  #nowMs: number
  #monotonicMs: number

  constructor(source: Clock) {
    this.#source = source
    this.#nowMs = source.nowMs()
    this.#monotonicMs = source.monotonicMs()
  }

  refresh(): void {
    this.#nowMs = this.#source.nowMs()
    this.#monotonicMs = this.#source.monotonicMs()
  }

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }
}
