import type { FaultCode } from '../base/errors.ts'
import type { ClientStream, ResponseStart } from './client-stream.ts'
import type { Deadline } from './deadlines.ts'
import type { Exchange } from './exchange.ts'
import { bodyUntilClose } from './http1/body-framing.ts'
import { fieldClass } from './http1/field-class.ts'
import type { FieldList } from './http1/field-list.ts'
import type { HeadFault } from './http1/head-fault.ts'
import { http2Error } from './http2/http2-fault.ts'
import type { Http2RequestHead } from './http2/http2-head.ts'
import { Http2Answer } from './http2-answer.ts'
import { Http2Body } from './http2-body.ts'
import type { Http2Connection } from './http2-connection.ts'
import { openExchange } from './open-exchange.ts'
import { openRequest } from './open-request.ts'
import { recordExchange, recordOutcome } from './outcome.ts'
import { denialPage, faultPage, ownPage, type PageAnswer } from './refusal-page.ts'
import type { ForwardRequest } from './request-headers.ts'
import type { Route } from './route-table.ts'
import { WebSocketKey } from './web-socket-key.ts'

/**
 * One stream of HTTP/2 (RFC 9113 5): a request, its exchange, its answer. It is open until both sides have ended, or one of them
 * was reset. An answer that waits for the client's window keeps it open after the exchange has ended.
 */
export class Http2Stream implements ClientStream, Deadline {
  readonly id: number
  deadlineMs = Number.POSITIVE_INFINITY
  deadlinePlace = -1
  readonly #http2: Http2Connection
  readonly #answer: Http2Answer
  #request: ForwardRequest | undefined
  #requestId = ''
  #exchange: Exchange | undefined
  #webSocketKey: WebSocketKey | undefined
  readonly #startedAtMs: number
  /** Undefined where the request ended with its head. */
  #body: Http2Body | undefined
  /** The exchange was told to wait. */
  #blocked = false
  #closed = false

  constructor(http2: Http2Connection, id: number, windowBytes: number) {
    this.id = id
    this.#http2 = http2
    this.#answer = new Http2Answer(http2, id, windowBytes)
    this.#startedAtMs = http2.connection.door.clock.monotonicMs()
    http2.connection.door.deadlines.add(this)
  }

  // From the client.

  begin(head: Http2RequestHead | HeadFault, endStream: boolean): void {
    const { connection } = this.#http2
    if (!endStream) this.#body = this.#expectBody(head)
    if ('fault' in head && head.fault === 'http2_protocol_error') {
      this.#http2.streamError(this.id, http2Error.protocolError)
      return
    }
    this.#requestId = connection.nextRequestId()
    if ('fault' in head) {
      this.#answerFault(head.fault)
      return
    }
    const request = this.#prepare(head)
    this.#request = request
    this.#answer.method = request.method
    const opening = openRequest(connection, request)
    switch (opening.kind) {
      case 'route':
        this.#exchangeOn(opening, request)
        return
      case 'own':
        // A 2xx would tell the client that it has its WebSocket (RFC 8441 5).
        if (request.webSocket) this.#answerFault('method_not_allowed', { more: ['Allow', 'GET, HEAD'] })
        else this.#answerPage(ownPage(connection.door, opening.page), 'own')
        return
      case 'refusal':
        this.#answerFault(opening.code, { more: opening.fields })
        return
      case 'denial':
        // The page shows the id under which the refusal stands in the audit log.
        if (opening === connection.verdict) this.#requestId = connection.refusalRequestId
        else connection.recordRefusal(opening, this.#requestId)
        this.#answerPage(denialPage(connection.door, opening, this.#pageSubject()), opening.reason)
        this.#http2.leave()
    }
  }

  #expectBody(head: Http2RequestHead | HeadFault): Http2Body {
    const { contentLengthBytes, webSocket } =
      'fault' in head ? { contentLengthBytes: undefined, webSocket: false } : head
    return new Http2Body(this.#http2, { streamId: this.id, contentLengthBytes, awaitsSwitch: webSocket })
  }

  #prepare(head: Http2RequestHead): ForwardRequest {
    if (!head.webSocket) return head
    this.#webSocketKey = new WebSocketKey()
    const fields = [...head.fields, ...this.#webSocketKey.fields]
    return { ...head, fields, classes: [...head.classes, fieldClass.other] }
  }

  #exchangeOn(route: Route, request: ForwardRequest): void {
    if (request.webSocket && !route.webSocket) {
      this.#answerFault('method_not_allowed', { more: ['Allow', 'GET'] })
      return
    }
    const { connection } = this.#http2
    const started = { requestId: this.#requestId, startedAtMs: this.#startedAtMs }
    const exchange = openExchange(connection, { ...started, route, request, client: this })
    this.#exchange = exchange
    const first = exchange.gate ?? exchange
    if (this.#body !== undefined) this.#body.sink = first
    first.start()
    // A body that was announced as empty has ended with the head.
    if (this.#body === undefined && request.framing.kind !== 'none') first.end([])
  }

  /** Takes bytes from the window. Returns false when the client sent more than it may. */
  takeWindow(bytes: number): boolean {
    return this.#body?.takeWindow(bytes) ?? true
  }

  /** Padding has been dealt with. */
  giveStreamWindow(bytes: number): void {
    this.#body?.giveStreamWindow(bytes)
  }

  takeData(chunk: Buffer): void {
    if (this.#body === undefined) this.#http2.received(chunk.length)
    const error = this.#body === undefined ? http2Error.streamClosed : this.#body.data(chunk)
    if (error !== undefined) this.#http2.streamError(this.id, error)
  }

  /** END_STREAM came, with trailers if there are any. */
  endRequest(trailers: FieldList): void {
    const error = this.#body === undefined ? http2Error.streamClosed : this.#body.end(trailers)
    if (error === undefined) this.#closeIfDone()
    else this.#http2.streamError(this.id, error)
  }

  resetByClient(): void {
    this.#end('client_reset', true)
  }

  /** The stream was reset by us, or its connection fails. */
  failed(code: FaultCode): void {
    this.#end(code, false)
  }

  /** Its answer is the last one its client gets; the request is complete. */
  get outlivesCut(): boolean {
    return this.#exchange?.context.outlivesCut === true && this.#body?.ended !== false
  }

  connectionClosed(cause: string): void {
    this.#end(cause, cause === 'client_closed')
  }

  #end(cause: string, cleanly: boolean): void {
    const exchange = this.#takeExchange()
    if (exchange !== undefined) {
      exchange.abort(cleanly)
      this.#record(exchange, { outcome: cause })
    }
    this.#close()
  }

  /** The exchange is over. */
  #takeExchange(): Exchange | undefined {
    const exchange = this.#exchange
    this.#exchange = undefined
    this.#body?.drop()
    return exchange
  }

  /** Returns false when the window would grow beyond what RFC 9113 6.9.1 allows. */
  growSendWindow(bytes: number): boolean {
    return this.#answer.growWindow(bytes)
  }

  /** The client takes more: what waited for that is written. */
  mayWrite(): void {
    if (!this.#answer.resume() || (this.#blocked && !this.#http2.writable)) {
      this.#http2.room.wait(this)
      return
    }
    if (this.#blocked) {
      this.#blocked = false
      this.#exchange?.clientDrained()
    }
    this.#closeIfDone()
  }

  /** Ends a stream whose answer only waits for the client. Returns false for one that has more to do. */
  shed(): boolean {
    if (this.#exchange !== undefined) return false
    this.#http2.connection.door.metrics.fault('http2_flood')
    this.#reset(http2Error.enhanceYourCalm)
    return true
  }

  /** The deadline passed: the exchange decides; without one an answer waits for a client that takes nothing. */
  expire(): void {
    const first = this.#exchange?.gate ?? this.#exchange
    if (first !== undefined) first.expired()
    else {
      this.#http2.connection.door.metrics.fault('body_idle_timeout')
      this.#reset(http2Error.cancel)
    }
  }

  // To the client: ClientStream, called by the exchange.

  respondInformational(status: number, _reason: string, fields: FieldList): void {
    this.#answer.interim(status, fields)
  }

  respond(start: ResponseStart): void {
    // A 2xx would tell the client that it has its WebSocket (RFC 8441 5).
    if (this.#webSocketKey === undefined || start.status >= 300) {
      this.#answer.start(start)
      return
    }
    if (this.#exchange !== undefined) this.#exchange.status = 502
    this.#answer.start({ ...start, status: 502 })
  }

  switchProtocols(fields: FieldList): number | undefined {
    const kept = this.#webSocketKey?.accepted(fields)
    if (kept === undefined) return undefined
    this.#answer.start({ status: 200, fields: kept, framing: bodyUntilClose, statedLength: undefined })
    this.#http2.connection.door.metrics.upgradeOpened(this.#exchange?.context.route ?? '')
    this.#body?.switched()
    return 200
  }

  writeBody(chunk: Buffer): void {
    this.#answer.write(chunk)
  }

  endBody(trailers: FieldList): void {
    this.#answer.end(trailers)
  }

  flush(): boolean {
    this.#blocked = !this.#answer.flush()
    if (this.#blocked) this.#http2.room.wait(this)
    return !this.#blocked
  }

  pauseBody(): void {
    this.#body?.pause()
  }

  resumeBody(): void {
    this.#body?.resume()
  }

  stillPermitted(): boolean {
    return this.#http2.connection.stillPermitted()
  }

  awaitWithin(durationMs: number): void {
    this.deadlineMs = this.#http2.connection.door.clock.monotonicMs() + durationMs
  }

  respondFault(code: FaultCode): void {
    this.#answerFault(code, { exchange: this.#takeExchange() })
  }

  abort(code: FaultCode): void {
    const exchange = this.#takeExchange()
    this.#http2.connection.door.metrics.fault(code)
    if (exchange !== undefined) this.#record(exchange, { outcome: code })
    this.#reset(http2Error.internalError)
  }

  exchangeEnded(_bodyUnread: boolean): void {
    const exchange = this.#takeExchange() as Exchange
    this.#answer.finish()
    this.#record(exchange, { outcome: 'answered' })
    this.#closeIfDone()
  }

  // Answers of the gateway's own.

  #answerFault(
    code: FaultCode,
    { exchange, more = [] }: { exchange?: Exchange | undefined; more?: FieldList } = {},
  ): void {
    const { door } = this.#http2.connection
    door.metrics.fault(code)
    this.#answerPage(faultPage(door, code, { ...this.#pageSubject(), more }), code, exchange)
  }

  #pageSubject() {
    return { requestId: this.#requestId, host: this.#request?.host ?? '', fields: this.#request?.fields ?? [] }
  }

  #answerPage(answer: PageAnswer, outcome: string, exchange?: Exchange): void {
    this.#body?.drop()
    const bodyBytes = this.#answer.page(answer)
    const { status } = answer.page
    if (exchange !== undefined) {
      this.#record(exchange, { outcome, status, bodyBytes })
    } else {
      recordOutcome(this.#http2.connection, {
        requestId: this.#requestId,
        method: this.#request?.method ?? '',
        host: this.#request?.host ?? '',
        target: this.#request?.target ?? '',
        fields: this.#request?.fields ?? [],
        status,
        bodyBytes,
        startedAtMs: this.#startedAtMs,
        upstreamMs: undefined,
        route: outcome === 'own' ? 'own' : 'refused',
        outcome,
      })
    }
    this.#closeIfDone()
  }

  #record(exchange: Exchange, ended: { outcome: string; status?: number; bodyBytes?: number }): void {
    recordExchange(this.#http2.connection, exchange, { ...ended, startedAtMs: this.#startedAtMs })
  }

  #closeIfDone(): void {
    if (this.#closed || this.#exchange !== undefined) return
    if (!this.#answer.ended) {
      this.#http2.room.wait(this)
      this.awaitWithin(this.#http2.connection.door.limits.bodyIdleTimeoutMs)
      return
    }
    // RFC 9113 8.1: the answer is whole, so the rest of the request is not needed.
    if (this.#body?.ended === false) this.#reset(http2Error.noError)
    else this.#close()
  }

  #reset(code: number): void {
    if (this.#closed) return
    this.#http2.writer.rstStream(this.id, code)
    this.#http2.gather()
    this.#close()
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#http2.connection.door.deadlines.remove(this)
    this.#answer.forget()
    this.#body?.drop()
    this.#http2.streamClosed(this)
  }
}
