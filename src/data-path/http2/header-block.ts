import { connectionFault, type Http2Fault, http2Error } from './http2-fault.ts'

// More than any client needs: the largest list we allow fits in a few frames.
const fragmentsMax = 33

/**
 * A field block that comes in more than one frame (RFC 9113 4.3), until its last. Bounded in bytes and in frames, empty ones
 * included (CVE-2024-27983).
 */
export class HeaderBlock {
  /** The stream it belongs to; 0 while there is none. */
  streamId = 0
  endStream = false
  readonly #bytesMax: number
  #fragments: Buffer[] = []
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  begin(streamId: number, endStream: boolean): void {
    this.streamId = streamId
    this.endStream = endStream
  }

  /** Keeps a copy of `fragment`. Fault: ENHANCE_YOUR_CALM when it is too much. */
  add(fragment: Buffer): Http2Fault | undefined {
    this.#bytes += fragment.length
    if (this.#fragments.length >= fragmentsMax) return tooMuch(`A field block has more than ${fragmentsMax} frames`)
    if (this.#bytes > this.#bytesMax) return tooMuch(`A field block is larger than ${this.#bytesMax} bytes`)
    this.#fragments.push(Buffer.from(fragment))
    return undefined
  }

  /** The whole block; the next may begin. */
  finish(): Buffer {
    const block = Buffer.concat(this.#fragments, this.#bytes)
    this.clear()
    return block
  }

  clear(): void {
    this.streamId = 0
    this.#bytes = 0
    if (this.#fragments.length > 0) this.#fragments = []
  }
}

function tooMuch(detail: string): Http2Fault {
  return connectionFault(http2Error.enhanceYourCalm, detail)
}
