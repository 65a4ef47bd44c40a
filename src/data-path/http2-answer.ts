import type { ResponseStart } from './client-stream.ts'
import type { FieldList } from './http1/field-list.ts'
import { windowBytesMax } from './http2/frame-type.ts'
import type { Http2Connection } from './http2-connection.ts'
import { Http2Held } from './http2-held.ts'
import type { PageAnswer } from './refusal-page.ts'

/**
 * The writing half of one stream of HTTP/2: HEADERS, DATA within the client's windows, trailers. What is given between two calls of
 * `flush` leaves together, and the last of it carries END_STREAM.
 */
export class Http2Answer {
  /** Method of the request; an answer to HEAD has no body. */
  method = ''
  /** END_STREAM was written. */
  ended = false
  readonly #http2: Http2Connection
  readonly #streamId: number
  /** What the client lets us send on this stream; less than 0 after it has made its windows smaller. Unit: bytes. */
  #window: number
  // Pieces of the body that wait for `flush`: views, valid until then only.
  #first: Buffer | undefined
  #more: Buffer[] = []
  /** What waits for the client's windows; made when something does. */
  #waiting: Http2Held | undefined
  /** The body is complete; trailers to be written after it. */
  #trailers: FieldList | undefined
  /** Complete, and waiting: `#waiting` is counted in the backlog of the connection. */
  #inBacklog = false

  constructor(http2: Http2Connection, streamId: number, windowBytes: number) {
    this.#http2 = http2
    this.#streamId = streamId
    this.#window = windowBytes
  }

  /** A 1xx answer (RFC 9113 8.1). */
  interim(status: number, fields: FieldList): void {
    this.#headers(status, fields, false)
  }

  start({ status, fields, framing, statedLength }: Omit<ResponseStart, 'reason'>): void {
    const length = framing.kind === 'length' ? String(framing.bytes) : statedLength
    const ends = framing.kind === 'none' || (framing.kind === 'length' && framing.bytes === 0)
    this.#headers(status, length === undefined ? fields : [...fields, 'Content-Length', length], ends)
  }

  write(chunk: Buffer): void {
    if (this.#first === undefined) this.#first = chunk
    else this.#more.push(chunk)
  }

  end(trailers: FieldList): void {
    this.#trailers = trailers
  }

  /** Returns false when the client takes no more for now: wait for `resume` to return true. */
  flush(): boolean {
    this.#sendGathered()
    return !this.waits && this.#http2.writable
  }

  /** Something waits for the client's windows. */
  get waits(): boolean {
    return this.#waiting !== undefined && this.#waiting.length > 0
  }

  /** The answer is complete. */
  finish(): void {
    this.#trailers ??= []
    this.#sendGathered()
    if (!this.waits) {
      this.#sendEnd()
      return
    }
    this.#inBacklog = true
    this.#http2.backlog.change(this.#waiting?.length ?? 0)
  }

  /** The windows have grown, or the socket was drained. Returns true when everything that waited is written. */
  resume(): boolean {
    const waiting = this.#waiting
    if (waiting !== undefined) {
      for (let next = waiting.first(); next !== undefined; next = waiting.first()) {
        const sent = this.#sendPart(next, next.length === waiting.length)
        waiting.drop(sent)
        if (this.#inBacklog) this.#http2.backlog.change(-sent)
        if (sent < next.length) return false
      }
    }
    if (this.#trailers !== undefined) this.#sendEnd()
    return true
  }

  /** Returns false when the window would grow beyond what RFC 9113 6.9.1 allows. */
  growWindow(bytes: number): boolean {
    this.#window += bytes
    return this.#window <= windowBytesMax
  }

  /** A whole answer of the gateway's own. Returns the bytes of its body. */
  page({ page, fields }: PageAnswer): number {
    this.forget()
    const body = Buffer.from(page.body)
    const headOnly = this.method === 'HEAD'
    this.#headers(page.status, [...fields, 'Content-Length', String(body.length)], headOnly)
    if (!headOnly) {
      this.#first = body
      this.finish()
    }
    return headOnly ? 0 : body.length
  }

  /** Nothing more is written. */
  forget(): void {
    this.#forgetGathered()
    if (this.#inBacklog) this.#http2.backlog.change(-(this.#waiting?.length ?? 0))
    this.#inBacklog = false
    this.#waiting = undefined
  }

  #forgetGathered(): void {
    this.#first = undefined
    if (this.#more.length > 0) this.#more = []
  }

  #headers(status: number | undefined, fields: FieldList, endStream: boolean): void {
    const { writer, encoder } = this.#http2
    writer.headers(encoder.encode(status, fields), { streamId: this.#streamId, endStream })
    this.ended = endStream
    this.#http2.gather()
  }

  #sendGathered(): void {
    const first = this.#first
    if (first === undefined) return
    const chunk = this.#more.length === 0 ? first : Buffer.concat([first, ...this.#more])
    this.#forgetGathered()
    const sent = this.waits ? 0 : this.#sendPart(chunk, true)
    if (sent === chunk.length) return
    this.#waiting ??= new Http2Held()
    this.#waiting.append(sent === 0 ? chunk : chunk.subarray(sent))
  }

  /** Sends as much as the windows allow; returns how much that is. `last`: nothing waits behind it. */
  #sendPart(chunk: Buffer, last: boolean): number {
    const room = Math.min(chunk.length, this.#window, this.#http2.room.window)
    if (room <= 0) return 0
    const whole = room === chunk.length
    const ends = last && whole && this.#trailers?.length === 0
    this.#http2.writer.data(this.#streamId, whole ? chunk : chunk.subarray(0, room), ends)
    this.ended = ends
    this.#window -= room
    this.#http2.sent(room)
    this.#http2.gather()
    return room
  }

  #sendEnd(): void {
    if (this.ended) return
    const trailers = this.#trailers ?? []
    if (trailers.length > 0) this.#headers(undefined, trailers, true)
    else {
      this.#http2.writer.data(this.#streamId, noBytes, true)
      this.ended = true
      this.#http2.gather()
    }
  }
}

const noBytes = Buffer.alloc(0)
