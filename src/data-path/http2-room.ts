import { windowBytesMax } from './http2/frame-type.ts'

/** Has something to write when there is room for it. */
export type RoomUser = { mayWrite(): void }

/** Before SETTINGS say otherwise (RFC 9113 6.9.2). Unit: bytes. */
export const windowBytesDefault = 65_535

/** What the client lets us send on all streams together (RFC 9113 6.9), and who waits for it: they take turns. */
export class Http2Room {
  /** Unit: bytes. */
  window = windowBytesDefault
  readonly #waiting = new Set<RoomUser>()

  /** A WINDOW_UPDATE came. Returns false when the window is larger than it may be. */
  grow(increment: number): boolean {
    const wasClosed = this.window <= 0
    this.window += increment
    if (this.window > windowBytesMax) return false
    if (wasClosed) this.serve()
    return true
  }

  /** `user` is told when it is its turn. It waits for the socket, or for its own window, in the same queue. */
  wait(user: RoomUser): void {
    this.#waiting.add(user)
  }

  /** Returns false if `user` did not wait. */
  leave(user: RoomUser): boolean {
    return this.#waiting.delete(user)
  }

  /** Each may write once, while there is room; who still has to wait does so behind the others. */
  serve(): void {
    let turns = this.#waiting.size
    for (const user of this.#waiting) {
      if (turns-- === 0 || this.window <= 0) return
      this.#waiting.delete(user)
      user.mayWrite()
    }
  }
}
