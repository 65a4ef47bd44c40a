import type { TickClock } from '../base/tick-clock.ts'

/** Something that must have happened by a time, on the monotonic clock. `Infinity`: nothing is awaited. */
export type Deadline = {
  deadlineMs: number
  /** Called once when the deadline has passed; must set a new one or end the thing. */
  expire(): void
}

/** How often deadlines are looked at. Unit: milliseconds. A deadline fires at most this much late. */
const sweepMs = 100

/**
 * The deadlines of one worker. Setting one is a plain assignment, which matters because each request sets several; one
 * timer looks at all of them ten times a second, which costs about 10 ns a connection and sweep.
 */
export class Deadlines {
  readonly #items = new Set<Deadline>()
  readonly #clock: TickClock
  readonly #timer: NodeJS.Timeout

  constructor(clock: TickClock) {
    this.#clock = clock
    this.#timer = setInterval(() => this.sweep(), sweepMs)
    this.#timer.unref()
  }

  add(item: Deadline): void {
    this.#items.add(item)
  }

  remove(item: Deadline): void {
    this.#items.delete(item)
  }

  /** Expires what is due. Called by the timer; tests with a fake clock call it themselves. */
  sweep(): void {
    this.#clock.refresh()
    const nowMs = this.#clock.monotonicMs()
    for (const item of this.#items) {
      if (item.deadlineMs > nowMs) continue
      item.deadlineMs = Number.POSITIVE_INFINITY
      item.expire()
    }
  }

  close(): void {
    clearInterval(this.#timer)
    this.#items.clear()
  }
}
