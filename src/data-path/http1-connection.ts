import type { FaultCode } from '../base/errors.ts'
import { faults } from '../base/errors.ts'
import { judgeAgain } from '../trust/admit.ts'
import type { Denial } from '../trust/denial.ts'
import type { ClientConnection, ClientProtocol } from './client-connection.ts'
import type { ClientStream, ResponseStart } from './client-stream.ts'
import { Exchange } from './exchange.ts'
import { hostMatches, normaliseHost } from './host-check.ts'
import { BodyReader } from './http1/body-reader.ts'
import { chunkEnd, chunkStart, lastChunk } from './http1/chunked-body.ts'
import { classifyField, fieldClass } from './http1/field-class.ts'
import type { FieldList } from './http1/field-list.ts'
import { fieldLines } from './http1/head-text.ts'
import { parseRequestHead, type RequestHead } from './http1/request-head.ts'
import type { Page } from './ports.ts'
import { recordOutcome } from './outcome.ts'

/** How long a closing connection may go on sending before it is dropped, so that the answer is read. Unit: milliseconds. */
const lingerMs = 2_000

/**
 * HTTP/1.1 towards one client (RFC 9112): requests are read one after the other, judged, and given to an exchange; answers
 * are framed for the client's version.
 *
 * States, by what is held: no exchange: waiting for a head; an exchange with `reading`: its body is being read; an exchange
 * without: its answer is awaited, and what the client sends meanwhile waits in `held`; `closing`: the last answer is
 * written and everything else the client sends is thrown away.
 */
export class Http1Connection implements ClientProtocol, ClientStream {
  readonly #connection: ClientConnection
  #held: Buffer | undefined
  #head: RequestHead | undefined
  #exchange: Exchange | undefined
  #reading: BodyReader | undefined
  #bodyPaused = false
  #closing = false
  #draining = false
  #startedAtMs = 0
  #requestId = ''
  /** What waits for `flush`: strings are latin1. */
  #pieces: (string | Buffer)[] = []
  #chunkedOut = false
  #closeAfter = false

  constructor(connection: ClientConnection) {
    this.#connection = connection
    connection.awaitWithin(connection.door.limits.headTimeoutMs)
  }

  // From the client.

  data(bytes: Buffer): void {
    this.#connection.door.metrics.bytesReceived(this.#connection.door.name, bytes.length)
    if (this.#closing) return
    if (this.#reading !== undefined && this.#held === undefined && !this.#bodyPaused) {
      const after = this.#readBody(bytes, 0)
      if (after < bytes.length) this.#hold(bytes.subarray(after))
    } else {
      this.#hold(bytes)
    }
    this.#advance()
  }

  #hold(bytes: Buffer): void {
    this.#held = this.#held === undefined ? bytes : Buffer.concat([this.#held, bytes])
    // Pipelined requests and a paused body wait in TCP, not here.
    if (this.#exchange !== undefined && this.#held.length > this.#connection.door.limits.headBytesMax) {
      this.#connection.socket.pause()
    }
  }

  /** Reads as far as it can: the rest of a body, then heads while no exchange is under way. */
  #advance(): void {
    while (this.#held !== undefined && !this.#closing) {
      const held = this.#held
      if (this.#reading !== undefined) {
        if (this.#bodyPaused) return
        this.#held = undefined
        const after = this.#readBody(held, 0)
        if (after < held.length) this.#held = held.subarray(after)
        continue
      }
      if (this.#exchange !== undefined) return
      if (!this.#readHead(held)) return
    }
  }

  /** Returns false when the head is not complete yet. */
  #readHead(held: Buffer): boolean {
    const { door } = this.#connection
    const head = parseRequestHead(held, 0, door.headLimits)
    if (head === undefined) {
      if (this.#startedAtMs === 0) {
        this.#startedAtMs = door.clock.monotonicMs()
        this.#connection.deadlineMs = this.#startedAtMs + door.limits.headTimeoutMs
      }
      return false
    }
    this.#startedAtMs = door.clock.monotonicMs()
    this.#requestId = door.nextRequestId()
    if ('fault' in head) {
      this.#held = undefined
      this.#head = undefined
      this.#answerFault(head.fault)
      return true
    }
    this.#held = head.byteLength < held.length ? held.subarray(head.byteLength) : undefined
    // Only HTTP/1.0 may leave Host out; it then means the name it came under.
    this.#head = head.host === '' ? { ...head, host: this.#connection.serverName ?? door.defaultHost } : head
    this.#begin(this.#head)
    return true
  }

  #begin(head: RequestHead): void {
    const { door, verdict, permitted, serverName } = this.#connection
    this.#closeAfter = !head.persistent
    if (!hostMatches(normaliseHost(head.host), serverName, door.hostNames)) {
      this.#answerFault('host_mismatch')
      return
    }
    if (verdict === undefined) return
    const now = verdict.kind === 'permit' ? judgeAgain(verdict, door.trust) : verdict
    if (now.kind === 'denial') {
      // The page shows the id under which the refusal stands in the audit log.
      if (now === verdict) this.#requestId = this.#connection.refusalRequestId
      else this.#connection.recordRefusal(now, this.#requestId)
      this.#answerDenial(now)
      return
    }
    const own = door.ownPages.find(head.target)
    if (own !== undefined) {
      if (own === 'missing') this.#answerFault('request_not_found')
      else this.#answerPage(own(), 'own')
      return
    }
    if (permitted === undefined) return
    this.#exchange = new Exchange({
      request: head,
      requestId: this.#requestId,
      permitted,
      client: this,
      context: door.exchanges,
    })
    const reader = new BodyReader(head.framing, door.limits)
    if (!reader.done) this.#reading = reader
    this.#exchange.start()
    if (reader.done) this.#exchange?.end([])
  }

  #readBody(bytes: Buffer, offset: number): number {
    const { exchange, reader } = { exchange: this.#exchange, reader: this.#reading }
    if (exchange === undefined || reader === undefined) return bytes.length
    const after = reader.feed(bytes, offset, exchange)
    if (typeof after !== 'number') {
      this.#reading = undefined
      exchange.bodyFault(after.fault)
      return bytes.length
    }
    if (reader.done) this.#reading = undefined
    return after
  }

  drained(): void {
    this.#exchange?.clientDrained()
  }

  expired(): void {
    if (this.#exchange !== undefined) {
      this.#exchange.expired()
      return
    }
    if (this.#closing || this.#held === undefined) {
      this.#connection.end(this.#closing ? 'closed' : 'idle_timeout')
      return
    }
    this.#requestId = this.#connection.door.nextRequestId()
    this.#head = undefined
    this.#answerFault('head_timeout')
  }

  drain(): void {
    this.#draining = true
    if (this.#exchange === undefined && !this.#closing && this.#held === undefined) this.#close()
  }

  closed(cause: string): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    this.#reading = undefined
    if (exchange === undefined) return
    exchange.abort()
    this.#record(exchange, cause)
    if (exchange.status === 0 && exchange.sent && unsafeMethods(exchange.request.method)) {
      this.#connection.door.audit.outcomeUnknown({
        requestId: exchange.requestId,
        door: this.#connection.door.name,
        loginId: this.#connection.subject.loginId,
        method: exchange.request.method,
        path: withoutQuery(exchange.request.target),
        cause,
      })
    }
  }

  // To the client: ClientStream, called by the exchange.

  respondInformational(status: number, reason: string, fields: FieldList): void {
    if (this.#head?.minorVersion !== 1) return
    // Sent at once: the client waits for it before it goes on (RFC 9110 15.2.1).
    const lines = status === 100 ? '' : fieldLines(fields)
    this.#connection.socket.write(`HTTP/1.1 ${status} ${reason}\r\n${lines}\r\n`, 'latin1')
  }

  respond(start: ResponseStart): void {
    const head = this.#head as RequestHead
    let framing = ''
    this.#chunkedOut = false
    switch (start.framing.kind) {
      case 'length':
        framing = `Content-Length: ${start.framing.bytes}\r\n`
        break
      case 'none':
        if (start.statedLength !== undefined) framing = `Content-Length: ${start.statedLength}\r\n`
        break
      default:
        if (head.minorVersion === 1) {
          framing = 'Transfer-Encoding: chunked\r\n'
          this.#chunkedOut = true
        } else {
          // HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
          this.#closeAfter = true
        }
    }
    this.#pieces.push(
      `HTTP/1.1 ${start.status} ${start.reason}\r\n${fieldLines(start.fields)}${framing}${this.#connectionLine()}\r\n`,
    )
  }

  #connectionLine(): string {
    if (this.#draining || this.#connection.door.isDraining()) this.#closeAfter = true
    if (this.#closeAfter) return 'Connection: close\r\n'
    return this.#head?.minorVersion === 0 ? 'Connection: keep-alive\r\n' : ''
  }

  writeBody(chunk: Buffer): void {
    if (this.#chunkedOut) this.#pieces.push(chunkStart(chunk.length), chunk, chunkEnd)
    else this.#pieces.push(chunk)
  }

  endBody(trailers: FieldList): void {
    if (this.#chunkedOut) this.#pieces.push(lastChunk(trailers))
  }

  flush(): boolean {
    const pieces = this.#pieces
    if (pieces.length === 0) return !this.#connection.socket.writableNeedDrain
    this.#pieces = []
    const bytes = joinPieces(pieces)
    this.#connection.door.metrics.bytesSent(this.#connection.door.name, bytes.length)
    return this.#connection.socket.write(bytes)
  }

  pauseBody(): void {
    if (this.#bodyPaused) return
    this.#bodyPaused = true
    if (this.#reading !== undefined) this.#connection.socket.pause()
  }

  resumeBody(): void {
    if (!this.#bodyPaused) return
    this.#bodyPaused = false
    this.#connection.socket.resume()
    if (this.#held !== undefined) process.nextTick(() => this.#advance())
  }

  awaitWithin(durationMs: number): void {
    this.#connection.awaitWithin(durationMs)
  }

  respondFault(code: FaultCode): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    this.#answerFault(code, exchange)
  }

  abort(): void {
    this.#connection.end(this.#exchange?.fault ?? 'upstream_reset')
  }

  exchangeEnded(bodyUnread: boolean): void {
    const exchange = this.#exchange as Exchange
    this.#exchange = undefined
    this.#record(exchange, 'answered')
    if (bodyUnread || this.#closeAfter) {
      this.#close()
      return
    }
    this.#awaitNext()
  }

  #awaitNext(): void {
    this.#head = undefined
    this.#reading = undefined
    this.#bodyPaused = false
    this.#startedAtMs = 0
    this.#connection.awaitWithin(this.#connection.door.limits.keepAliveIdleTimeoutMs)
    if (this.#connection.socket.isPaused()) this.#connection.socket.resume()
    if (this.#held !== undefined) process.nextTick(() => this.#advance())
  }

  // Answers of the gateway's own.

  #answerDenial(denial: Denial): void {
    const { door } = this.#connection
    const page = door.pages.denial({
      denial,
      requestId: this.#requestId,
      alternateAuthorities: door.alternateAuthorities,
      authority: this.#head?.host ?? '',
      ...this.#preferences(),
    })
    this.#closeAfter = true
    this.#answerPage(page, denial.reason, denial.reason === 'trust_data_stale' ? ['Retry-After', '5'] : [])
  }

  #answerFault(code: FaultCode, exchange?: Exchange): void {
    const { door } = this.#connection
    door.metrics.fault(code)
    // After a fault of the client's nobody knows where its next request begins; after one of ours the body may be unread.
    const keep = this.#head !== undefined && this.#reading === undefined && faults[code].origin !== 'client'
    this.#closeAfter ||= !keep
    const page = door.pages.fault({ code, requestId: this.#requestId, ...this.#preferences() })
    const retry = page.status === 503 ? ['Retry-After', '5'] : []
    this.#answerPage(page, code, retry, exchange)
  }

  #answerPage(page: Page, outcome: string, more: FieldList = [], exchange?: Exchange): void {
    const { door, socket } = this.#connection
    const head = this.#head
    if (head === undefined || (head.framing.kind !== 'none' && exchange === undefined) || !head.persistent) this.#closeAfter = true
    const body = Buffer.from(page.body)
    const fields = [...door.pageFields, 'Content-Type', page.contentType, 'Date', door.exchanges.date(), ...more]
    if (door.hsts !== undefined) fields.push('Strict-Transport-Security', door.hsts)
    const start = `HTTP/1.1 ${page.status} ${statusReason(page.status)}\r\n${fieldLines(fields)}Content-Length: ${body.length}\r\n`
    const text = Buffer.from(`${start}${this.#connectionLine()}\r\n`, 'latin1')
    const bytes = head?.method === 'HEAD' ? text : Buffer.concat([text, body])
    this.#pieces = []
    socket.write(bytes)
    door.metrics.bytesSent(door.name, bytes.length)
    recordOutcome(this.#connection, {
      requestId: this.#requestId,
      method: head?.method ?? '',
      host: head?.host ?? '',
      target: head?.target ?? '',
      status: page.status,
      bodyBytes: head?.method === 'HEAD' ? 0 : body.length,
      startedAtMs: this.#startedAtMs,
      upstreamMs: exchange?.upstreamMs,
      route: outcome === 'own' ? 'own' : 'refused',
      outcome,
    })
    if (this.#closeAfter) this.#close()
    else this.#awaitNext()
  }

  #preferences(): { acceptLanguage: string | undefined; accept: string | undefined } {
    let accept: string | undefined
    let acceptLanguage: string | undefined
    const fields = this.#head?.fields ?? []
    for (let at = 0; at < fields.length; at += 2) {
      const found = classifyField(fields[at] as string)
      if (found === fieldClass.accept) accept = accept === undefined ? fields[at + 1] : `${accept}, ${fields[at + 1]}`
      if (found === fieldClass.acceptLanguage) acceptLanguage = fields[at + 1]
    }
    return { accept, acceptLanguage }
  }

  /** Closes after the last answer: our side ends, and what the client still sends is read and dropped for a moment. */
  #close(): void {
    if (this.#closing) return
    this.#closing = true
    this.#held = undefined
    this.#reading = undefined
    this.#connection.awaitWithin(lingerMs)
    this.#connection.socket.end()
    if (this.#connection.socket.isPaused()) this.#connection.socket.resume()
  }

  #record(exchange: Exchange, outcome: string): void {
    recordOutcome(this.#connection, {
      requestId: exchange.requestId,
      method: exchange.request.method,
      host: exchange.request.host,
      target: exchange.request.target,
      status: exchange.status,
      bodyBytes: exchange.bodyBytes,
      startedAtMs: this.#startedAtMs,
      upstreamMs: exchange.upstreamMs,
      route: this.#connection.door.exchanges.pool.name,
      outcome: exchange.fault ?? outcome,
    })
  }
}

/** One buffer of all pieces: one write, one TLS record where it fits. */
function joinPieces(pieces: readonly (string | Buffer)[]): Buffer {
  let length = 0
  for (const piece of pieces) length += piece.length
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  for (const piece of pieces) {
    if (typeof piece === 'string') bytes.write(piece, at, 'latin1')
    else bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

function unsafeMethods(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS' && method !== 'TRACE'
}

function withoutQuery(target: string): string {
  const query = target.indexOf('?')
  return query < 0 ? target : target.slice(0, query)
}

const reasons: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
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
