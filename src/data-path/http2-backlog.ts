import type { Deadline } from './deadlines.ts'
import type { Door } from './door.ts'

/** How long a client that has more waiting than it may is waited for, each time. Unit: milliseconds. */
const patienceMs = 3_000
/** The part of its maximum that it must take in that time. */
const shareTaken = 1 / 16

/**
 * Whole answers that wait for the windows of one client. They hold no place at the application any more, so a client that asks and
 * opens no window (CVE-2019-9517 class) would gather them; one that is only slow must get them all the same. So what is too much
 * may wait as long as the client takes its share of it.
 */
export class Http2Backlog implements Deadline {
  deadlinePlace = -1
  deadlineMs = Number.POSITIVE_INFINITY
  readonly #door: Pick<Door, 'deadlines' | 'clock'>
  readonly #bytesMax: number
  readonly #shed: () => void
  #bytes = 0
  #takenBytes = 0
  #watched = false

  /** `shed` is called when the client is too slow with too much: it ends streams until `over` is false. */
  constructor(door: Pick<Door, 'deadlines' | 'clock' | 'limits'>, shed: () => void) {
    this.#door = door
    this.#bytesMax = door.limits.http2ConnectionWindowBytes
    this.#shed = shed
  }

  /** More waits than may. */
  get over(): boolean {
    return this.#bytes > this.#bytesMax
  }

  /** So many bytes more wait, or fewer. */
  change(bytes: number): void {
    this.#bytes += bytes
    if (bytes < 0) this.#takenBytes -= bytes
    if (this.over !== this.#watched) this.#watch()
  }

  expire(): void {
    if (this.#takenBytes < this.#bytesMax * shareTaken) this.#shed()
    if (this.over) this.#await()
  }

  #watch(): void {
    this.#watched = this.over
    if (this.#watched) {
      this.#door.deadlines.add(this)
      this.#await()
    } else {
      this.#door.deadlines.remove(this)
      this.deadlineMs = Number.POSITIVE_INFINITY
    }
  }

  #await(): void {
    this.#takenBytes = 0
    this.deadlineMs = this.#door.clock.monotonicMs() + patienceMs
  }
}
