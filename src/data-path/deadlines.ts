import type { TickClock } from '../base/tick-clock.ts'

/** Something that must have happened by a time, on the monotonic clock. `Infinity`: nothing is awaited. */
export type Deadline = {
  deadlineMs: number
  /** Its place among the deadlines, which they keep; -1 while it is not there. */
  deadlinePlace: number
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
  /** No Set: under so much coming and going V8 rebuilds its table all the time, and dead tables keep dead requests alive. */
  readonly #items: Deadline[] = []
  readonly #clock: TickClock
  readonly #timer: NodeJS.Timeout

  constructor(clock: TickClock) {
    this.#clock = clock
    this.#timer = setInterval(() => this.sweep(), sweepMs)
    this.#timer.unref()
  }

  add(item: Deadline): void {
    if (item.deadlinePlace >= 0) return
    item.deadlinePlace = this.#items.length
    this.#items.push(item)
  }

  remove(item: Deadline): void {
    const place = item.deadlinePlace
    if (place < 0) return
    item.deadlinePlace = -1
    const last = this.#items.pop() as Deadline
    if (last === item) return
    this.#items[place] = last
    last.deadlinePlace = place
  }

  /** Expires what is due. Called by the timer; tests with a fake clock call it themselves. */
  sweep(): void {
    this.#clock.refresh()
    const nowMs = this.#clock.monotonicMs()
    // From the end: one that goes is replaced by one that was looked at already.
    for (let at = this.#items.length - 1; at >= 0; at--) {
      const item = this.#items[at]
      if (item === undefined || item.deadlineMs > nowMs) continue
      item.deadlineMs = Number.POSITIVE_INFINITY
      item.expire()
    }
  }

  close(): void {
    clearInterval(this.#timer)
    for (const item of this.#items.splice(0)) item.deadlinePlace = -1
  }
}
