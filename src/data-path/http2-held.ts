/** Smallest and largest block that small pieces share. Unit: bytes. */
const blockBytesMin = 512
const blockBytesMax = 16_384

/**
 * Copies of bytes that wait, in order. Small pieces share blocks, or a sender of one-byte DATA frames would make the gateway hold a
 * hundred times what the window allows (CVE-2019-9511 class).
 */
export class Http2Held {
  /** Bytes that wait. */
  length = 0
  /** All but the last are full. */
  readonly #blocks: Buffer[] = []
  /** Where what waits begins in the first block, and ends in the last. */
  #start = 0
  #end = 0

  append(piece: Uint8Array): void {
    const last = this.#blocks.at(-1)
    const shared = last === undefined ? 0 : Math.min(piece.length, last.length - this.#end)
    if (last !== undefined && shared > 0) {
      last.set(shared === piece.length ? piece : piece.subarray(0, shared), this.#end)
      this.#end += shared
    }
    const rest = piece.length - shared
    if (rest > 0) {
      // It grows with what waits, so that less than half is ever unused beyond the smallest block.
      const block = Buffer.allocUnsafe(Math.max(rest, blockBytesMin, Math.min(blockBytesMax, this.length)))
      block.set(shared === 0 ? piece : piece.subarray(shared))
      this.#blocks.push(block)
      this.#end = rest
    }
    this.length += piece.length
  }

  /** The first bytes, as many as stand together; undefined for none. Their memory is never written to again. */
  first(): Buffer | undefined {
    const block = this.#blocks[0]
    return block?.subarray(this.#start, this.#blocks.length === 1 ? this.#end : block.length)
  }

  /** Forgets bytes of those that `first` gave. */
  drop(bytes: number): void {
    this.length -= bytes
    this.#start += bytes
    const end = this.#blocks.length === 1 ? this.#end : this.#blocks[0]?.length
    if (this.#start !== end) return
    this.#blocks.shift()
    this.#start = 0
  }

  clear(): void {
    this.length = 0
    this.#blocks.length = 0
    this.#start = 0
    this.#end = 0
  }
}
