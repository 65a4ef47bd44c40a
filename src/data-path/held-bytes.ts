/** Pieces up to this size are put together as they come: each by itself would cost more than it holds. Unit: bytes. */
const smallBytesMax = 4_096

/**
 * Bytes of a client that wait to be read, in their order. Large pieces are put together only when all are wanted at once: what a
 * client sends to an application that is slow comes in many.
 */
export class HeldBytes {
  /** The piece that comes first; undefined: nothing waits. */
  first: Buffer | undefined
  #more: Buffer[] | undefined
  #moreBytes = 0

  get length(): number {
    return (this.first?.length ?? 0) + this.#moreBytes
  }

  add(bytes: Buffer): void {
    if (this.first === undefined) {
      this.first = bytes
      return
    }
    this.#moreBytes += bytes.length
    const last = this.#more?.at(-1)
    if (this.#more === undefined) this.#more = [bytes]
    else if (last !== undefined && last.length + bytes.length <= smallBytesMax)
      this.#more[this.#more.length - 1] = Buffer.concat([last, bytes])
    else this.#more.push(bytes)
  }

  /** Everything before `place` in the first piece has been read. */
  readUpTo(place: number): void {
    if (this.first !== undefined && place < this.first.length) {
      this.first = this.first.subarray(place)
      return
    }
    this.first = this.#more?.shift()
    if (this.first === undefined) this.#more = undefined
    else this.#moreBytes -= this.first.length
  }

  /** Makes one piece of all. Returns it; undefined: nothing waits. */
  join(): Buffer | undefined {
    if (this.first === undefined || this.#more === undefined) return this.first
    const all = Buffer.concat([this.first, ...this.#more])
    this.clear()
    this.first = all
    return all
  }

  clear(): void {
    this.first = undefined
    this.#more = undefined
    this.#moreBytes = 0
  }
}
