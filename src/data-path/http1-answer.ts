import type { ClientConnection } from './client-connection.ts'
import type { ResponseStart } from './client-stream.ts'
import { chunkEnd, chunkStart, lastChunk } from './http1/chunked-body.ts'
import type { FieldList } from './http1/field-list.ts'
import { fieldLines } from './http1/head-text.ts'
import type { RequestHead } from './http1/request-head.ts'
import type { PageAnswer } from './refusal-page.ts'

/**
 * The writing half of an HTTP/1.1 connection (RFC 9112): frames one answer after the other for the client's version. What is
 * given between two calls of `flush` leaves in one write, and as one chunk where the answer is chunked.
 */
export class Http1Answer {
  /** Whether the connection ends with this answer. Said in its head if known by then. */
  closes = false
  readonly #connection: ClientConnection
  #minorVersion: 0 | 1 = 1
  #method = ''
  #chunked = false
  // What waits for `flush`: text is latin1; the pieces of the body are views, valid until then only.
  #headText = ''
  #first: Buffer | undefined
  #more: Buffer[] = []
  #bodyBytes = 0
  #endText = ''

  constructor(connection: ClientConnection) {
    this.#connection = connection
  }

  /** A request has come: what follows answers it. Undefined: no head could be read, so the connection ends with the answer. */
  begin(request: RequestHead | undefined): void {
    this.closes = request === undefined || !request.persistent
    this.#minorVersion = request?.minorVersion ?? 1
    this.#method = request?.method ?? ''
  }

  /** A 1xx answer, sent at once: the client may be waiting for it before it goes on (RFC 9110 15.2). HTTP/1.0 has none. */
  interim(status: number, reason: string, fields: FieldList): void {
    if (this.#minorVersion === 1)
      this.#write(Buffer.from(`HTTP/1.1 ${status} ${reason}\r\n${fieldLines(fields)}\r\n`, 'latin1'))
  }

  respond(start: ResponseStart): void {
    let framing = ''
    this.#chunked = false
    switch (start.framing.kind) {
      case 'length':
        framing = `Content-Length: ${start.framing.bytes}\r\n`
        break
      case 'none':
        if (start.statedLength !== undefined) framing = `Content-Length: ${start.statedLength}\r\n`
        break
      default:
        if (this.#minorVersion === 1) {
          framing = 'Transfer-Encoding: chunked\r\n'
          this.#chunked = true
        } else {
          // HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
          this.closes = true
        }
    }
    this.#headText = `HTTP/1.1 ${start.status} ${start.reason}\r\n${fieldLines(start.fields)}${framing}${this.#connectionLine()}\r\n`
  }

  /** 101 (RFC 9110 15.2.2): what is written after it passes as it is, until the connection ends. */
  switchProtocols(fields: FieldList): void {
    this.closes = true
    this.#chunked = false
    this.#headText = `HTTP/1.1 101 Switching Protocols\r\n${fieldLines(fields)}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
  }

  writeBody(chunk: Buffer): void {
    if (this.#bodyBytes === 0) this.#first = chunk
    else this.#more.push(chunk)
    this.#bodyBytes += chunk.length
  }

  endBody(trailers: FieldList): void {
    if (this.#chunked) this.#endText = lastChunk(trailers)
  }

  /** Sends what was gathered. Returns false when the client is slow: wait for the socket's `drain`. */
  flush(): boolean {
    const bytes = this.#join()
    return bytes === undefined ? !this.#connection.socket.writableNeedDrain : this.#write(bytes)
  }

  /** The same for the last part of an answer, which leaves with those of other connections at the end of the batch. */
  finish(): void {
    const bytes = this.#join()
    if (bytes === undefined) return
    const { door, socket } = this.#connection
    door.metrics.bytesSent(door.name, bytes.length)
    door.batch.write(socket, bytes)
  }

  #join(): Buffer | undefined {
    const bodyBytes = this.#bodyBytes
    let before = this.#headText
    let after = this.#endText
    if (this.#chunked && bodyBytes > 0) {
      before += chunkStart(bodyBytes)
      after = chunkEnd + after
    }
    const length = before.length + bodyBytes + after.length
    if (length === 0) return undefined
    const bytes = Buffer.allocUnsafe(length)
    let at = before.length
    if (at > 0) bytes.write(before, 0, 'latin1')
    if (bodyBytes > 0) at = this.#copyBody(bytes, at)
    if (after.length > 0) bytes.write(after, at, 'latin1')
    this.#forget()
    return bytes
  }

  /** Returns the place after the last byte. */
  #copyBody(target: Buffer, offset: number): number {
    const first = this.#first as Buffer
    target.set(first, offset)
    let at = offset + first.length
    for (const piece of this.#more) {
      target.set(piece, at)
      at += piece.length
    }
    return at
  }

  /** Sends a whole answer of the gateway's own in place of whatever was not flushed yet. Returns the bytes of its body. */
  page({ page, fields }: PageAnswer): number {
    this.#forget()
    const body = Buffer.from(page.body)
    const start = `HTTP/1.1 ${page.status} ${statusReason(page.status)}\r\n${fieldLines(fields)}Content-Length: ${body.length}\r\n`
    const head = Buffer.from(`${start}${this.#connectionLine()}\r\n`, 'latin1')
    const headOnly = this.#method === 'HEAD'
    this.#write(headOnly ? head : Buffer.concat([head, body]))
    return headOnly ? 0 : body.length
  }

  #connectionLine(): string {
    if (this.#connection.door.isDraining()) this.closes = true
    if (this.closes) return 'Connection: close\r\n'
    return this.#minorVersion === 0 ? 'Connection: keep-alive\r\n' : ''
  }

  #write(bytes: Buffer): boolean {
    const { door, socket } = this.#connection
    door.metrics.bytesSent(door.name, bytes.length)
    door.batch.flush()
    return socket.write(bytes)
  }

  #forget(): void {
    this.#headText = ''
    this.#first = undefined
    if (this.#more.length > 0) this.#more = []
    this.#bodyBytes = 0
    this.#endText = ''
  }
}

const reasons: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
}

function statusReason(status: number): string {
  return reasons[status] ?? ''
}
