import { frameFlag, frameHeadBytes, frameType } from './frame-type.ts'

/** How a field block is sent. */
export type HeadersOptions = { readonly streamId: number; readonly endStream: boolean }

type FrameHead = { readonly streamId: number; readonly flags: number }

const onConnection: FrameHead = { streamId: 0, flags: 0 }
const nothing = Buffer.alloc(0)
const firstBytes = 512

/**
 * Gathers frames (RFC 9113 6) for one write. What is given is copied; `take` hands the bytes over. Payloads larger than the client's
 * SETTINGS_MAX_FRAME_SIZE are divided.
 */
export class FrameWriter {
  /** The client's SETTINGS_MAX_FRAME_SIZE. Unit: bytes. Default 16384. */
  frameBytesMax = 16_384
  #bytes = nothing
  #length = 0

  /** Bytes gathered since the last `take`. */
  get length(): number {
    return this.#length
  }

  /** What was gathered, or undefined for nothing. The buffer belongs to the caller. */
  take(): Buffer | undefined {
    if (this.#length === 0) return undefined
    const taken = this.#bytes.subarray(0, this.#length)
    this.#bytes = nothing
    this.#length = 0
    return taken
  }

  /** Identifier, value, identifier, value… (RFC 9113 6.5). */
  settings(pairs: readonly number[]): void {
    let at = this.#frame(frameType.settings, pairs.length * 3, onConnection)
    for (let index = 0; index < pairs.length; index += 2) {
      at = this.#bytes.writeUInt16BE(pairs[index] as number, at)
      at = this.#bytes.writeUInt32BE(pairs[index + 1] as number, at)
    }
  }

  settingsAck(): void {
    this.#frame(frameType.settings, 0, { streamId: 0, flags: frameFlag.ack })
  }

  /** `payload` is 8 bytes. */
  ping(payload: Uint8Array): void {
    this.#whole(frameType.ping, payload, { streamId: 0, flags: 0 })
  }

  /** `payload` is that of the PING. */
  pingAck(payload: Uint8Array): void {
    this.#whole(frameType.ping, payload, { streamId: 0, flags: frameFlag.ack })
  }

  goaway(lastStreamId: number, code: number): void {
    const at = this.#frame(frameType.goaway, 8, onConnection)
    this.#bytes.writeUInt32BE(code, this.#bytes.writeUInt32BE(lastStreamId, at))
  }

  rstStream(streamId: number, code: number): void {
    const at = this.#frame(frameType.rstStream, 4, { streamId, flags: 0 })
    this.#bytes.writeUInt32BE(code, at)
  }

  /** `streamId` 0: the connection's window. `increment` 1 to 2^31-1. */
  windowUpdate(streamId: number, increment: number): void {
    const at = this.#frame(frameType.windowUpdate, 4, { streamId, flags: 0 })
    this.#bytes.writeUInt32BE(increment, at)
  }

  /** HEADERS, with CONTINUATION where the block is larger than one frame. */
  headers(block: Uint8Array, options: HeadersOptions): void {
    const { streamId } = options
    const endStream = options.endStream ? frameFlag.endStream : 0
    if (block.length <= this.frameBytesMax) {
      this.#whole(frameType.headers, block, { streamId, flags: endStream | frameFlag.endHeaders })
      return
    }
    let type: number = frameType.headers
    let flags: number = endStream
    for (let from = 0; from < block.length; from += this.frameBytesMax) {
      const fragment = block.subarray(from, from + this.frameBytesMax)
      if (from + fragment.length === block.length) flags |= frameFlag.endHeaders
      this.#whole(type, fragment, { streamId, flags })
      type = frameType.continuation
      flags = 0
    }
  }

  /** DATA frames of at most `frameBytesMax`; an empty one for an empty chunk. Flow control is the caller's. */
  data(streamId: number, chunk: Uint8Array, endStream: boolean): void {
    const last = endStream ? frameFlag.endStream : 0
    if (chunk.length <= this.frameBytesMax) {
      this.#whole(frameType.data, chunk, { streamId, flags: last })
      return
    }
    for (let from = 0; from < chunk.length; from += this.frameBytesMax) {
      const piece = chunk.subarray(from, from + this.frameBytesMax)
      this.#whole(frameType.data, piece, { streamId, flags: from + piece.length === chunk.length ? last : 0 })
    }
  }

  #whole(type: number, payload: Uint8Array, head: FrameHead): void {
    const at = this.#frame(type, payload.length, head)
    this.#bytes.set(payload, at)
  }

  /** Appends a frame's head and room for its payload. Returns where the payload begins. */
  #frame(type: number, length: number, { streamId, flags }: FrameHead): number {
    this.#reserve(frameHeadBytes + length)
    const bytes = this.#bytes
    const at = this.#length
    bytes[at] = length >>> 16
    bytes[at + 1] = length >>> 8
    bytes[at + 2] = length
    bytes[at + 3] = type
    bytes[at + 4] = flags
    bytes[at + 5] = streamId >>> 24
    bytes[at + 6] = streamId >>> 16
    bytes[at + 7] = streamId >>> 8
    bytes[at + 8] = streamId
    this.#length = at + frameHeadBytes + length
    return at + frameHeadBytes
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(firstBytes, needed, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}
