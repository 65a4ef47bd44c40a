import type { FaultCode } from '../base/errors.ts'
import { faults } from '../base/errors.ts'
import type { Denial } from '../trust/denial.ts'
import type { ClientConnection } from './client-connection.ts'
import type { ClientProtocol } from './client-protocol.ts'
import type { ClientStream, ResponseStart } from './client-stream.ts'
import type { Exchange } from './exchange.ts'
import { HeldBytes } from './held-bytes.ts'
import { normaliseHost } from './host-check.ts'
import { bodyUntilClose } from './http1/body-framing.ts'
import { BodyReader } from './http1/body-reader.ts'
import type { FieldList } from './http1/field-list.ts'
import { parseRequestHead, type RequestHead } from './http1/request-head.ts'
import { Http1Answer } from './http1-answer.ts'
import { openExchange } from './open-exchange.ts'
import { openRequest } from './open-request.ts'
import { recordExchange, recordOutcome } from './outcome.ts'
import { denialPage, faultPage, ownPage, type PageAnswer } from './refusal-page.ts'
import type { Route } from './route-table.ts'

/** How long a closing connection may go on sending before it is dropped, so that the answer is read. Unit: milliseconds. */
const lingerMs = 2_000

/**
 * HTTP/1.1 towards one client (RFC 9112): requests are read one after the other, judged, and given to an exchange; answers
 * are framed by `Http1Answer`.
 *
 * States, by what is held: no exchange: waiting for a head; an exchange with `reading`: its body is being read; an exchange
 * without: its answer is awaited, and what the client sends meanwhile waits in `held`; `closing`: the last answer is
 * written and everything else the client sends is thrown away. After a switch to WebSocket the rest of the connection is
 * one body without end each way.
 */
export class Http1Connection implements ClientProtocol, ClientStream {
  readonly #connection: ClientConnection
  readonly #answer: Http1Answer
  readonly #held = new HeldBytes()
  #head: RequestHead | undefined
  #exchange: Exchange | undefined
  #reading: BodyReader | undefined
  #bodyPaused = false
  #closing = false
  /** When the first byte of the request under way came; 0 while there is none. */
  #startedAtMs = 0
  #requestId = ''

  constructor(connection: ClientConnection) {
    this.#connection = connection
    this.#answer = new Http1Answer(connection)
    connection.awaitWithin(connection.door.limits.headTimeoutMs)
  }

  // From the client.

  receive(bytes: Buffer): void {
    this.#connection.door.metrics.bytesReceived(this.#connection.door.name, bytes.length)
    if (this.#closing) return
    if (this.#reading !== undefined && this.#held.first === undefined && !this.#bodyPaused) {
      const after = this.#readBody(bytes)
      if (after < bytes.length) this.#hold(bytes.subarray(after))
    } else {
      this.#hold(bytes)
    }
    this.#advance()
  }

  #hold(bytes: Buffer): void {
    this.#held.add(bytes)
    // Pipelined requests and a paused body wait in TCP, not here.
    if (this.#exchange !== undefined && this.#held.length > this.#connection.door.limits.headBytesMax) {
      this.#connection.socket.pause()
    }
  }

  /** Reads as far as it can: the rest of a body, then heads while no exchange is under way. */
  #advance(): void {
    while (this.#held.first !== undefined && !this.#closing) {
      if (this.#reading !== undefined) {
        if (this.#bodyPaused) return
        this.#held.readUpTo(this.#readBody(this.#held.first))
        continue
      }
      if (this.#exchange !== undefined) return
      if (this.#connection.socket.writableNeedDrain) {
        // Whoever asks and does not take the answers is asked to wait, or they would gather here.
        this.#connection.socket.pause()
        return
      }
      if (!this.#readHead(this.#held.join() as Buffer)) return
    }
  }

  /** Returns false when the head is not complete yet. */
  #readHead(held: Buffer): boolean {
    const { door } = this.#connection
    const head = parseRequestHead(held, 0, door.headLimits)
    if (head === undefined) {
      // A CRLF too much after the last request begins nothing (RFC 9112 2.2): the connection is as idle as before.
      if (this.#startedAtMs === 0 && !isEmptyLine(held)) {
        this.#startedAtMs = door.clock.monotonicMs()
        this.#connection.deadlineMs = this.#startedAtMs + door.limits.headTimeoutMs
      }
      return false
    }
    if (this.#startedAtMs === 0) this.#startedAtMs = door.clock.monotonicMs()
    this.#requestId = this.#connection.nextRequestId()
    if ('fault' in head) {
      this.#held.clear()
      this.#head = undefined
      this.#answer.begin(undefined)
      this.#answerFault(head.fault)
      return true
    }
    this.#held.readUpTo(head.byteLength)
    this.#head = head.host === '' ? { ...head, host: this.#impliedHost() } : head
    this.#begin(this.#head)
    return true
  }

  /**
   * Only HTTP/1.0 may leave Host out; it then means the name it came under. Normalised, because the SNI is whatever bytes the
   * client put there, CRLF included; what is left is compared with the door's names before it is used.
   */
  #impliedHost(): string {
    const { door, serverName } = this.#connection
    return serverName === undefined ? door.defaultHost : (normaliseHost(serverName) ?? '')
  }

  #begin(head: RequestHead): void {
    const connection = this.#connection
    this.#answer.begin(head)
    const opening = openRequest(connection, head)
    switch (opening.kind) {
      case 'route':
        this.#exchangeOn(opening, head)
        return
      case 'own':
        this.#answerPage(ownPage(connection.door, opening.page), 'own')
        return
      case 'refusal':
        this.#answerFault(opening.code, { more: opening.fields })
        return
      case 'denial':
        // The page shows the id under which the refusal stands in the audit log.
        if (opening === connection.verdict) this.#requestId = connection.refusalRequestId
        else connection.recordRefusal(opening, this.#requestId)
        this.#answerDenial(opening)
    }
  }

  #exchangeOn(route: Route, head: RequestHead): void {
    // A route without WebSocket ignores the wish to switch (RFC 9110 7.8).
    const request = head.webSocket && !route.webSocket ? { ...head, webSocket: false } : head
    const started = { requestId: this.#requestId, startedAtMs: this.#startedAtMs }
    const exchange = openExchange(this.#connection, { ...started, route, request, client: this })
    this.#exchange = exchange
    const first = exchange.gate ?? exchange
    if (head.framing.kind === 'none') {
      first.start()
      return
    }
    const reader = new BodyReader(head.framing, this.#connection.door.limits)
    if (!reader.done) this.#reading = reader
    first.start()
    if (reader.done) first.end([])
  }

  /** Returns the place after the last byte of the body. */
  #readBody(bytes: Buffer): number {
    const { exchange, reader } = { exchange: this.#exchange, reader: this.#reading }
    if (exchange === undefined || reader === undefined) return bytes.length
    const first = exchange.gate ?? exchange
    const after = reader.feed(bytes, 0, first)
    if (typeof after !== 'number') {
      this.#reading = undefined
      first.bodyFault(after.fault)
      return bytes.length
    }
    if (reader.done) this.#reading = undefined
    return after
  }

  drained(): void {
    if (this.#exchange !== undefined) {
      this.#exchange.clientDrained()
      return
    }
    if (this.#connection.socket.isPaused()) this.#connection.socket.resume()
    this.#advance()
  }

  expired(): void {
    const first = this.#exchange?.gate ?? this.#exchange
    if (first !== undefined) {
      first.expired()
    } else if (this.#closing) {
      this.#connection.end('closed')
    } else if (this.#startedAtMs === 0) {
      this.#close()
    } else {
      this.#requestId = this.#connection.nextRequestId()
      this.#head = undefined
      this.#answer.begin(undefined)
      this.#answerFault('head_timeout')
    }
  }

  drain(): void {
    if (this.#exchange === undefined && !this.#closing && this.#startedAtMs === 0) this.#awaitWhileIdle()
  }

  cut(): boolean {
    if (this.#exchange?.context.outlivesCut !== true || this.#reading !== undefined) return false
    this.#answer.closes = true
    return true
  }

  closed(cause: string): void {
    const exchange = this.#exchange
    // What a WebSocket client said before it left goes out although the application is slow to take it.
    const unread = this.#held.join()
    if (exchange?.switched && cause === 'client_closed' && unread !== undefined) exchange.data(unread)
    this.#exchange = undefined
    this.#reading = undefined
    this.#held.clear()
    if (exchange === undefined) return
    exchange.abort(cause === 'client_closed')
    recordExchange(this.#connection, exchange, { startedAtMs: this.#startedAtMs, outcome: cause })
  }

  // To the client: ClientStream, called by the exchange.

  respondInformational(status: number, reason: string, fields: FieldList): void {
    this.#answer.interim(status, reason, fields)
  }

  respond(start: ResponseStart): void {
    // The client may take an answer that comes before the end of its body as a reason to stop, so the body's end is not relied on.
    if (this.#reading !== undefined) this.#answer.closes = true
    this.#answer.respond(start)
  }

  switchProtocols(fields: FieldList): number {
    this.#answer.switchProtocols(fields)
    this.#reading = new BodyReader(bodyUntilClose, this.#connection.door.limits)
    this.#connection.door.metrics.upgradeOpened(this.#exchange?.context.route ?? '')
    // A client that did not wait for the answer may have been told to.
    if (this.#connection.socket.isPaused()) this.#connection.socket.resume()
    if (this.#held.first !== undefined) process.nextTick(() => this.#advance())
    return 101
  }

  writeBody(chunk: Buffer): void {
    this.#answer.writeBody(chunk)
  }

  endBody(trailers: FieldList): void {
    this.#answer.endBody(trailers)
  }

  flush(): boolean {
    return this.#answer.flush()
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
    if (this.#held.first !== undefined) process.nextTick(() => this.#advance())
  }

  stillPermitted(): boolean {
    return this.#connection.stillPermitted()
  }

  awaitWithin(durationMs: number): void {
    this.#connection.awaitWithin(durationMs)
  }

  respondFault(code: FaultCode): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    this.#answerFault(code, { exchange })
  }

  abort(code: FaultCode): void {
    this.#connection.door.metrics.fault(code)
    this.#connection.end(code)
  }

  exchangeEnded(bodyUnread: boolean): void {
    const exchange = this.#exchange as Exchange
    this.#exchange = undefined
    this.#answer.finish()
    recordExchange(this.#connection, exchange, { startedAtMs: this.#startedAtMs, outcome: 'answered' })
    if (bodyUnread || this.#answer.closes) this.#close()
    else this.#awaitNext()
  }

  #awaitNext(): void {
    this.#head = undefined
    this.#reading = undefined
    this.#bodyPaused = false
    this.#startedAtMs = 0
    this.#awaitWhileIdle()
    if (this.#connection.socket.isPaused()) this.#connection.socket.resume()
    if (this.#held.first !== undefined) process.nextTick(() => this.#advance())
  }

  /** In a drain that began after the answer's head was sent, the client does not know that the connection ends: it gets time too. */
  #awaitWhileIdle(): void {
    const { idleTimeoutMs } = this.#connection
    if (idleTimeoutMs > 0) this.#connection.awaitWithin(idleTimeoutMs)
    else this.#close()
  }

  // Answers of the gateway's own.

  #answerDenial(denial: Denial): void {
    this.#answer.closes = true
    this.#answerPage(denialPage(this.#connection.door, denial, this.#pageSubject()), denial.reason)
  }

  #answerFault(
    code: FaultCode,
    { exchange, more = [] }: { exchange?: Exchange | undefined; more?: FieldList } = {},
  ): void {
    const { door } = this.#connection
    door.metrics.fault(code)
    // After a fault of the client's nobody knows where its next request begins; after one of ours the body may be unread.
    if (faults[code].origin === 'client' || this.#reading !== undefined) this.#answer.closes = true
    this.#answerPage(faultPage(door, code, { ...this.#pageSubject(), more }), code, exchange)
  }

  #pageSubject() {
    return { requestId: this.#requestId, host: this.#head?.host ?? '', fields: this.#head?.fields ?? [] }
  }

  #answerPage(answer: PageAnswer, outcome: string, exchange?: Exchange): void {
    const head = this.#head
    if (head !== undefined && head.framing.kind !== 'none' && exchange === undefined) this.#answer.closes = true
    const bodyBytes = this.#answer.page(answer)
    const answered = { status: answer.page.status, bodyBytes, startedAtMs: this.#startedAtMs, outcome }
    if (exchange !== undefined) {
      recordExchange(this.#connection, exchange, answered)
    } else {
      recordOutcome(this.#connection, {
        ...answered,
        requestId: this.#requestId,
        method: head?.method ?? '',
        host: head?.host ?? '',
        target: head?.target ?? '',
        fields: head?.fields ?? [],
        upstreamMs: undefined,
        route: outcome === 'own' ? 'own' : 'refused',
      })
    }
    if (this.#answer.closes) this.#close()
    else this.#awaitNext()
  }

  /** Closes after the last answer: our side ends, and what the client still sends is read and dropped for a moment. */
  #close(): void {
    if (this.#closing) return
    this.#closing = true
    this.#held.clear()
    this.#reading = undefined
    this.#connection.door.batch.flush()
    this.#connection.endWriting(lingerMs)
  }
}

/** A CRLF, or its beginning. */
function isEmptyLine(bytes: Buffer): boolean {
  return bytes[0] === 0x0d && (bytes.length === 1 || (bytes.length === 2 && bytes[1] === 0x0a))
}
