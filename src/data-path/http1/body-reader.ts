import type { BodyFraming } from './body-framing.ts'
import type { FieldList } from './field-list.ts'
import type { HeadFault } from './head-fault.ts'
import { readTrailer } from './trailer-fields.ts'

/** Receives a body. Chunks are views of the bytes that were fed: valid until the reader's caller reuses them. */
export type BodySink = {
  data(chunk: Buffer): void
  /** Called once, when the body ended as its framing says. */
  end(trailers: FieldList): void
}

export type BodyLimits = {
  readonly trailerBytesMax: number
  /** Bytes of chunk extensions in one body; 0 refuses them. Accepted ones are read and dropped. */
  readonly chunkExtensionBytesMax: number
  readonly headFieldsMax: number
}

/** `size`: in a chunk-size line. `data`: in data. `data_end`: in the CRLF after a chunk's data. */
type Place = 'size' | 'data' | 'data_end' | 'trailers' | 'done'

// 8 hexadecimal digits: chunks below 4 GiB. Numbers stay far from what a double or a 32-bit reader behind us gets wrong.
const chunkSizeLine =
  /^([0-9A-Fa-f]{1,8})((?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"[\t !#-[\]-~]*"))?)*)$/
const chunkSizeDigitsMax = 8
const lineFeed = 0x0a
const carriageReturn = 0x0d

/**
 * Reads one message body from pieces of any size without copying it (RFC 9112 6 and 7).
 *
 * A body without bytes (`none`, length 0) is `done` from the beginning and its sink's `end` is never called.
 * Faults: body_malformed, and head_too_large for trailers; after a fault the reader is not fed again.
 */
export class BodyReader {
  #place: Place
  /** Bytes of the body or of the current chunk that are still to come. */
  #remainingBytes: number
  readonly #chunked: boolean
  readonly #limits: BodyLimits
  /** The beginning of a line whose end has not been fed yet. */
  #line = ''
  #extensionBytes = 0
  #trailerBytes = 0
  #trailerCount = 0
  readonly #trailers: FieldList = []

  constructor(framing: BodyFraming, limits: BodyLimits) {
    this.#limits = limits
    this.#chunked = framing.kind === 'chunked'
    this.#place = this.#chunked ? 'size' : 'data'
    this.#remainingBytes = framing.kind === 'length' ? framing.bytes : framing.kind === 'until_close' ? Infinity : 0
    if (!this.#chunked && this.#remainingBytes === 0) this.#place = 'done'
  }

  get done(): boolean {
    return this.#place === 'done'
  }

  /**
   * Consumes body bytes of `bytes` from `offset` and gives them to `sink`. Returns the place after the last byte
   * consumed, `bytes.length` unless the body ended before, or the fault; data before the fault has been given already.
   */
  feed(bytes: Buffer, offset: number, sink: BodySink): number | HeadFault {
    let at = offset
    while (at < bytes.length && this.#place !== 'done') {
      const next = this.#place === 'data' ? this.#takeData(bytes, at, sink) : this.#takeLine(bytes, at, sink)
      if (typeof next !== 'number') return next
      at = next
    }
    return at
  }

  /** The sender closed its side. Ends a body that lasts until then; any other that is not done broke off. */
  close(sink: BodySink): HeadFault | undefined {
    if (this.#place === 'done') return undefined
    if (this.#remainingBytes !== Infinity) return malformed('The connection ended within the body')
    this.#place = 'done'
    sink.end(this.#trailers)
    return undefined
  }

  #takeData(bytes: Buffer, at: number, sink: BodySink): number {
    const end = Math.min(bytes.length, at + this.#remainingBytes)
    this.#remainingBytes -= end - at
    // The state is complete before the sink runs: it may look at `done`.
    const ended = this.#remainingBytes === 0 && !this.#chunked
    if (ended) this.#place = 'done'
    else if (this.#remainingBytes === 0) this.#place = 'data_end'
    sink.data(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end))
    if (ended) sink.end(this.#trailers)
    return end
  }

  #takeLine(bytes: Buffer, at: number, sink: BodySink): number | HeadFault {
    const lengthMax = this.#lineLengthMax()
    const room = lengthMax + 2 - this.#line.length
    let end = at
    const limit = Math.min(bytes.length, at + room)
    while (end < limit && bytes[end] !== lineFeed) end++
    if (end === limit) {
      // No line end within what a line may have: refused now, or waited for.
      if (end - at === room) return this.#lineTooLong()
      this.#line += bytes.toString('latin1', at, end)
      return end
    }
    const text = this.#line + bytes.toString('latin1', at, end)
    this.#line = ''
    if (text.charCodeAt(text.length - 1) !== carriageReturn)
      return malformed('A line of the body ends in LF without CR')
    const fault = this.#applyLine(text.slice(0, -1), sink)
    return fault ?? end + 1
  }

  #lineLengthMax(): number {
    if (this.#place === 'data_end') return 0
    if (this.#place === 'size') return chunkSizeDigitsMax + this.#limits.chunkExtensionBytesMax - this.#extensionBytes
    // The CRLF that ends the trailers is not counted, so that a limit of 0 means: no trailers.
    return Math.max(0, this.#limits.trailerBytesMax - this.#trailerBytes)
  }

  #lineTooLong(): HeadFault {
    if (this.#place === 'data_end') return malformed('The data of a chunk is longer than its size')
    return this.#place === 'size' ? malformed('A chunk-size line is too long') : this.#trailersTooLarge()
  }

  #applyLine(line: string, sink: BodySink): HeadFault | undefined {
    if (this.#place === 'size') return this.#applySize(line)
    if (this.#place === 'trailers') return this.#applyTrailer(line, sink)
    // After data no line but the empty one is short enough to come this far.
    this.#place = 'size'
    return undefined
  }

  #applySize(line: string): HeadFault | undefined {
    const match = chunkSizeLine.exec(line)
    if (match === null) return malformed('A chunk-size line is not a hexadecimal number with well-formed extensions')
    this.#extensionBytes += (match[2] as string).length
    if (this.#extensionBytes > this.#limits.chunkExtensionBytesMax) return malformed('Chunk extensions are too long')
    this.#remainingBytes = Number.parseInt(match[1] as string, 16)
    this.#place = this.#remainingBytes === 0 ? 'trailers' : 'data'
    return undefined
  }

  #applyTrailer(line: string, sink: BodySink): HeadFault | undefined {
    if (line === '') {
      this.#place = 'done'
      sink.end(this.#trailers)
      return undefined
    }
    this.#trailerBytes += line.length + 2
    this.#trailerCount += 1
    if (this.#trailerBytes > this.#limits.trailerBytesMax || this.#trailerCount > this.#limits.headFieldsMax) {
      return this.#trailersTooLarge()
    }
    return readTrailer(line, this.#trailers)
  }

  #trailersTooLarge(): HeadFault {
    return { fault: 'head_too_large', detail: `Trailers larger than ${this.#limits.trailerBytesMax} bytes` }
  }
}

function malformed(detail: string): HeadFault {
  return { fault: 'body_malformed', detail }
}
