import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'

/** Longest line. Unit: bytes, without its end. */
export const lineBytesMax = 65_536

/** One line of a body that is not blank, or why it cannot be read. Lines count from 1, blank ones too. */
export type BodyLine =
  | { readonly line: number; readonly text: string }
  | { readonly line: number; readonly unreadable: string }

/** How long a body that is read as it comes is waited for. Unit: milliseconds. */
export type BodyPatience = {
  /** Longest wait for bytes. */
  readonly idleMs: number
  /** Having waited for so long, what has come is worked on. */
  readonly pauseMs: number
}

export type BodyLinesOptions = BodyPatience & {
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** Most lines that are not blank. */
  readonly linesMax: number
}

const lineFeed = 0x0a

/** Reads a body line by line as it comes, no faster than it is asked for, and holds no more of it than one line and one chunk. */
export class BodyLines {
  readonly #options: BodyLinesOptions
  readonly #chunks: AsyncIterator<Buffer>
  /** Begun and not taken yet. */
  #next: Promise<IteratorResult<Buffer>> | undefined
  #line = 0
  #count = 0
  #rest: Buffer = Buffer.alloc(0)
  /** In the middle of a line that is too long. */
  #skipping = false

  constructor(request: IncomingMessage, options: BodyLinesOptions) {
    this.#options = options
    this.#chunks = (request as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  }

  /**
   * Lines, and `pause` after each `pauseMs` spent waiting for bytes, whether some came meanwhile or not. Throws
   * `admin_request_invalid` if the body ends early, stays away for `idleMs` or has too many lines.
   */
  async *read(): AsyncGenerator<BodyLine | 'pause'> {
    const { idleMs, pauseMs, clock } = this.#options
    let waitedMs = 0
    for (;;) {
      const next = this.#begin()
      const sinceMs = clock.monotonicMs()
      if (!(await settlesWithin(next, pauseMs - waitedMs))) {
        yield 'pause'
        if (!(await settlesWithin(next, idleMs))) {
          throw invalid(`Cannot read the body: nothing came for ${idleMs / 1_000} seconds`)
        }
        waitedMs = 0
      } else waitedMs = Math.min(pauseMs, waitedMs + clock.monotonicMs() - sinceMs)
      const chunk = await this.#take()
      yield* this.#counted(chunk === undefined ? this.#splitLast() : this.#split(chunk))
      if (chunk === undefined) return
    }
  }

  #begin(): Promise<IteratorResult<Buffer>> {
    if (this.#next === undefined) {
      this.#next = this.#chunks.next()
      // It may fail while somebody works on what came before.
      this.#next.catch(() => {})
    }
    return this.#next
  }

  async #take(): Promise<Buffer | undefined> {
    try {
      const { done, value } = await this.#begin()
      return done === true ? undefined : value
    } catch (cause) {
      throw invalid('Cannot read the body: it ended early', { cause })
    } finally {
      this.#next = undefined
    }
  }

  *#counted(lines: Iterable<BodyLine>): Generator<BodyLine> {
    for (const line of lines) {
      if (++this.#count > this.#options.linesMax) {
        throw invalid(`Cannot read a body above ${this.#options.linesMax} lines: send the rest by itself`)
      }
      yield line
    }
  }

  *#split(chunk: Buffer): Generator<BodyLine> {
    const end = chunk.lastIndexOf(lineFeed)
    if (end < 0) {
      this.#keep(chunk)
      return
    }
    let region = chunk.subarray(0, end)
    if (this.#skipping) {
      const first = chunk.indexOf(lineFeed)
      yield this.#tooLong()
      region = first === end ? Buffer.alloc(0) : chunk.subarray(first + 1, end)
      this.#skipping = false
      if (first < end) yield* this.#splitRegion(region)
    } else {
      yield* this.#splitRegion(this.#rest.length === 0 ? region : Buffer.concat([this.#rest, region]))
    }
    this.#rest = Buffer.alloc(0)
    this.#keep(chunk.subarray(end + 1))
  }

  *#splitLast(): Generator<BodyLine> {
    if (this.#skipping) yield this.#tooLong()
    else if (this.#rest.length > 0) yield* this.#splitRegion(this.#rest)
    this.#skipping = false
    this.#rest = Buffer.alloc(0)
  }

  /** Whole lines, without the end of the last one. */
  *#splitRegion(region: Buffer): Generator<BodyLine> {
    if (isUtf8(region)) {
      for (const text of region.toString().split('\n')) {
        this.#line++
        const line = readLine(this.#line, text)
        if (line !== undefined) yield line
      }
      return
    }
    for (let start = 0; start <= region.length; ) {
      const found = region.indexOf(lineFeed, start)
      const end = found < 0 ? region.length : found
      const bytes = region.subarray(start, end)
      this.#line++
      const line = isUtf8(bytes)
        ? readLine(this.#line, bytes.toString())
        : { line: this.#line, unreadable: 'it is not UTF-8' }
      if (line !== undefined) yield line
      start = end + 1
    }
  }

  #keep(bytes: Buffer): void {
    if (this.#skipping) return
    // Copied: a view would keep the whole chunk.
    this.#rest = Buffer.concat([this.#rest, bytes])
    if (this.#rest.length <= lineBytesMax + 1) return
    this.#skipping = true
    this.#rest = Buffer.alloc(0)
  }

  #tooLong(): BodyLine {
    return tooLong(++this.#line)
  }
}

function readLine(line: number, text: string): BodyLine | undefined {
  const trimmed = (line === 1 ? text.replace(/^\ufeff/, '') : text).trim()
  if (trimmed === '') return undefined
  // A character takes at most three bytes.
  if (trimmed.length * 3 > lineBytesMax && Buffer.byteLength(trimmed) > lineBytesMax) return tooLong(line)
  return { line, text: trimmed }
}

function tooLong(line: number): BodyLine {
  return { line, unreadable: `it is longer than ${lineBytesMax} bytes` }
}

async function settlesWithin(promise: Promise<unknown>, durationMs: number): Promise<boolean> {
  const timeout = Promise.withResolvers<false>()
  const timer = setTimeout(() => timeout.resolve(false), durationMs)
  const settled = promise.then(
    () => true as const,
    () => true as const,
  )
  try {
    return await Promise.race([settled, timeout.promise])
  } finally {
    clearTimeout(timer)
  }
}

function invalid(message: string, options: { cause?: unknown } = {}): GatewayError {
  return new GatewayError('admin_request_invalid', message, options)
}
