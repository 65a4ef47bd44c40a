import type { FaultCode } from '../base/errors.ts'
import type { ClientStream } from './client-stream.ts'
import type { ExchangeContext, ExchangeLimits, ExchangeOptions, ExchangePhase } from './exchange-context.ts'
import type { BodySink } from './http1/body-reader.ts'
import type { FieldList } from './http1/field-list.ts'
import type { HeadLimits } from './http1/head-fault.ts'
import type { ResponseHead } from './http1/response-head.ts'
import { endToEndTrailers } from './http1/trailer-fields.ts'
import type { LoginGate } from './login-gate.ts'
import { loginResultOf } from './login-result.ts'
import type { PermittedClient } from './permitted-client.ts'
import type { ForwardRequest } from './request-headers.ts'
import { clientResponseFields, statedLength } from './response-headers.ts'
import { type AnswerOwner, UpstreamAnswer } from './upstream-answer.ts'
import type { UpstreamConnection } from './upstream-connection.ts'
import type { UpstreamWaiter } from './upstream-group.ts'
import { UpstreamRequest } from './upstream-request.ts'
import type { UpstreamTarget } from './upstream-target.ts'

/** Connections tried for one request. */
const attemptsMax = 3

/** How long what a gone client sent last may take to leave for the application. Unit: milliseconds. */
const lingerMs = 2_000

/** One request and its answer: streams both ways, keeps back-pressure, holds nothing whole. */
export class Exchange implements UpstreamWaiter, BodySink, AnswerOwner {
  phase: ExchangePhase = 'preparing'
  readonly request: ForwardRequest
  readonly requestId: string
  readonly context: ExchangeContext
  /** Status sent to the client; 0 until then. */
  status = 0
  bodyBytes = 0
  /** From the request's head to the answer's. Unit: milliseconds. */
  upstreamMs: number | undefined
  fault: FaultCode | undefined
  /** Whether the protocol was switched to WebSocket. */
  switched = false
  /** Whether any byte of the request may have reached the application. */
  sent = false
  /** Takes the request's body and deadlines in place of this, until it has seen what it wants to see. */
  gate: LoginGate | undefined
  readonly #permitted: PermittedClient
  readonly #client: ClientStream
  readonly #sending: UpstreamRequest
  readonly #answer: UpstreamAnswer
  #upstream: UpstreamConnection | undefined
  #sentAtMs = 0
  #attempts = 0

  constructor(options: ExchangeOptions) {
    this.request = options.request
    this.requestId = options.requestId
    this.context = options.context
    this.#permitted = options.permitted
    this.#client = options.client
    this.#sending = new UpstreamRequest(options.request, options.context.batch)
    this.#answer = new UpstreamAnswer(this)
  }

  /** Begins: at once, or after an assertion has been signed. */
  start(): void {
    if (this.#permitted.assertionReady()) this.#acquire()
    else this.#renewAssertion(() => this.#acquire())
  }

  #renewAssertion(next: () => void): void {
    this.#client.pauseBody()
    this.#await('preparing', this.limits.upstreamResponseTimeoutMs)
    this.#permitted.renewAssertion().then(
      () => {
        if (this.phase === 'preparing') next()
      },
      () => this.#fail('internal'),
    )
  }

  /** `failed`: the target that just failed this request, and what is answered if there is no other way. */
  #acquire(failed?: { target: UpstreamTarget | undefined; code: FaultCode }): void {
    this.phase = 'queued'
    this.#attempts++
    const { upstream } = this.context
    const fresh = failed !== undefined
    const taken = upstream.acquire(this, { fresh, affinity: this.#permitted.affinity, avoid: failed?.target })
    if (taken === 'full') this.#fail('upstream_too_busy')
    else if (taken === 'unavailable') this.#fail(failed?.code ?? 'upstream_unavailable')
    else if (taken === 'queued') {
      this.#client.pauseBody()
      // The group has a deadline of its own.
      this.#client.awaitWithin(Number.POSITIVE_INFINITY)
    }
  }

  upstreamRefused(code: FaultCode): void {
    if (this.phase === 'queued') this.#fail(code)
  }

  upstreamAcquired(connection: UpstreamConnection): void {
    this.#upstream = connection
    if (this.#permitted.assertionReady()) {
      this.#send(connection)
      return
    }
    // It has run out in the queue.
    this.#renewAssertion(() => {
      if (this.#upstream === connection) this.#send(connection)
    })
  }

  #send(connection: UpstreamConnection): void {
    this.#sentAtMs = this.context.clock.monotonicMs()
    this.phase = 'connecting'
    const lines = this.#permitted.linesFor(this.request.host)
    this.#sending.sendHead(connection, { requestId: this.requestId, lines })
    if (connection.connected) {
      this.upstreamConnected()
      return
    }
    // The body waits, so that another target can have it if this one does not answer.
    if (!this.#sending.done) this.#client.pauseBody()
    this.#client.awaitWithin(this.limits.upstreamConnectTimeoutMs)
  }

  upstreamConnected(): void {
    if (this.phase !== 'connecting') return
    this.sent = true
    if (this.#sending.done || this.request.expectsContinue)
      this.#await('waiting', this.limits.upstreamResponseTimeoutMs)
    else this.#await('uploading', this.limits.bodyIdleTimeoutMs)
    if (!this.#sending.done) this.#client.resumeBody()
  }

  #await(phase: ExchangePhase, durationMs: number): void {
    this.phase = phase
    this.#client.awaitWithin(durationMs)
  }

  // Request body, or what follows a switch, client to application.

  /** A piece of the request body, decoded. */
  data(chunk: Buffer): void {
    // Behind a request that is complete the application would read it as the next one.
    if (this.#upstream === undefined || !this.#isOpen() || (this.#sending.done && !this.#mayPass())) return
    if (this.#sending.bodyBytes + chunk.length > this.limits.bodyBytesMax && this.phase !== 'switched') {
      this.#break('body_too_large')
      return
    }
    if (!this.#sending.sendBody(this.#upstream, chunk)) this.#client.pauseBody()
    if (this.phase === 'waiting') this.phase = 'uploading'
    this.#moved()
  }

  /** A WebSocket lasts for hours: its user is judged again with everything that passes, as before a request. */
  #mayPass(): boolean {
    return this.phase === 'switched' && this.#client.stillPermitted()
  }

  /** The request body is complete; after a switch: the client sends no more. */
  end(trailers: FieldList): void {
    if (this.phase === 'switched') {
      this.#upstream?.socket.end()
      this.#client.awaitWithin(lingerMs)
      return
    }
    if (this.#sending.done) return
    this.#sending.sendEnd(this.#upstream, trailers)
    if (this.phase === 'uploading') this.#await('waiting', this.limits.upstreamResponseTimeoutMs)
  }

  upstreamDrained(): void {
    this.#client.resumeBody()
    if (this.phase === 'uploading' || this.phase === 'switched') this.#moved()
  }

  /** Something of a body has moved: the next pause begins. */
  #moved(): void {
    if (this.phase === 'switched') this.#client.awaitWithin(this.limits.webSocketIdleTimeoutMs)
    else if (this.phase === 'uploading' || this.phase === 'responding')
      this.#client.awaitWithin(this.limits.bodyIdleTimeoutMs)
  }

  // Answer, application to client.

  upstreamData(bytes: Buffer): void {
    if (!this.#isOpen() || (this.phase === 'switched' && !this.#mayPass())) return
    if (this.phase === 'preparing') {
      // The request has not been sent yet: what comes now answers another one, if any (desync).
      this.#break('upstream_response_malformed')
      return
    }
    const state = this.#answer.feed(bytes)
    if (typeof state !== 'string') {
      if (this.status === 0) this.#upstream?.target.failed()
      this.#break('upstream_response_malformed')
    } else if (state !== 'more') {
      this.#finish(state === 'done')
    } else if (this.phase === 'responding' || this.phase === 'switched') {
      if (!this.#client.flush()) this.#upstream?.socket.pause()
      this.#moved()
    }
  }

  get headLimits(): HeadLimits {
    return this.context.headLimits
  }

  get limits(): ExchangeLimits {
    return this.context.limits
  }

  answerInterim(head: ResponseHead): void {
    const fields = clientResponseFields(head, this.#permitted.sealSetCookie, undefined)
    this.#client.respondInformational(head.status, head.reason, fields)
    if (this.phase === 'waiting' && !this.#sending.done) this.#await('uploading', this.limits.bodyIdleTimeoutMs)
  }

  answerHead(head: ResponseHead): void {
    this.#answered('responding', head.status)
    this.#client.respond({
      status: head.status,
      reason: head.reason,
      fields: clientResponseFields(head, this.#permitted.sealSetCookie, this.context),
      framing: head.framing,
      statedLength: statedLength(head, this.request.method),
    })
  }

  answerSwitched(head: ResponseHead): boolean {
    const fields = clientResponseFields(head, this.#permitted.sealSetCookie, this.context)
    const status = this.#client.switchProtocols(fields)
    if (status === undefined) return false
    this.#answered('switched', status)
    this.switched = true
    // It may have been paused while the request waited, and nothing has resumed what has no body.
    this.#client.resumeBody()
    return true
  }

  #answered(phase: ExchangePhase, status: number): void {
    const { clock, metrics, upstream } = this.context
    this.phase = phase
    this.status = status
    this.upstreamMs = clock.monotonicMs() - this.#sentAtMs
    metrics.upstreamAnswered(upstream.name, this.upstreamMs / 1_000)
    this.#upstream?.target.succeeded()
  }

  answerData(chunk: Buffer): void {
    this.bodyBytes += chunk.length
    this.#client.writeBody(chunk)
  }

  answerEnded(trailers: FieldList): void {
    this.#client.endBody(endToEndTrailers(trailers, this.#answer.head?.connectionNominated ?? []))
  }

  get loginResult() {
    return this.#answer.head && loginResultOf(this.#answer.head)
  }

  /** The client has taken what was written. */
  clientDrained(): void {
    this.#upstream?.socket.resume()
    if (this.phase === 'responding' || this.phase === 'switched') this.#moved()
  }

  upstreamEnded(error: Error | undefined): void {
    const upstream = this.#upstream
    this.#upstream = undefined
    if (!this.#isOpen() || upstream === undefined) return
    const endsTheAnswer = this.phase === 'switched' || this.#answer.head?.framing.kind === 'until_close'
    if (endsTheAnswer && error === undefined) {
      this.#client.endBody([])
      this.#finish(false)
      return
    }
    this.#tryAgain(upstream, upstream.connected ? 'upstream_reset' : 'upstream_connect_failed')
  }

  /** The connection failed: another one if nothing is lost by that, else the end. */
  #tryAgain(upstream: UpstreamConnection, code: FaultCode): void {
    // A kept connection may end between two requests, and a head tells that the target works.
    if (this.status === 0 && (this.#answer.begun || upstream.exchanges === 0)) upstream.target.failed()
    if (this.#attempts >= attemptsMax || !this.#mayBeSentAgain(upstream)) {
      this.#break(code)
      return
    }
    this.context.metrics.upstreamFailed(this.context.upstream.name, code)
    this.#acquire({ target: upstream.exchanges === 0 ? upstream.target : undefined, code })
  }

  /** What never left goes to another target; what died with a kept connection, unanswered, is sent again if that is harmless. */
  #mayBeSentAgain(upstream: UpstreamConnection): boolean {
    if (this.#answer.begun || this.#sending.bodyBytes > 0) return false
    if (!upstream.connected) return this.context.upstream.hasOther(upstream.target)
    return upstream.exchanges > 0 && this.#sending.repeatable
  }

  /** The deadline set with `awaitWithin` has passed. */
  expired(): void {
    const upstream = this.#upstream
    switch (this.phase) {
      case 'preparing':
        this.#fail('internal')
        return
      case 'queued':
        this.#fail('upstream_too_busy')
        return
      case 'connecting':
        this.#upstream = undefined
        upstream?.destroy()
        if (upstream !== undefined) this.#tryAgain(upstream, 'upstream_connect_timeout')
        return
      case 'uploading':
        // Who is to blame: the application that takes nothing, or the client that sends nothing.
        this.#fail(upstream?.socket.writableNeedDrain ? 'upstream_response_timeout' : 'body_idle_timeout')
        return
      case 'waiting':
        upstream?.target.failed()
        this.#fail('upstream_response_timeout')
        return
      case 'responding':
        if (!upstream?.socket.isPaused())
          this.context.metrics.upstreamFailed(this.context.upstream.name, 'body_idle_timeout')
        this.#break('body_idle_timeout')
        return
      case 'switched':
        this.#break('upgrade_idle_timeout')
        return
      case 'ended':
    }
  }

  /** The request body broke the rules of its framing. */
  bodyFault(code: FaultCode): void {
    this.#break(code)
  }

  /**
   * The client's side is gone or cut: the upstream side ends at once. `cleanly`: what a WebSocket client sent before it left, its
   * Close frame for example, still goes out.
   */
  abort(cleanly: boolean): void {
    const socket = this.phase === 'switched' && cleanly ? this.#upstream?.socket : undefined
    this.phase = 'ended'
    if (socket === undefined) this.#dropUpstream()
    socket?.setTimeout(lingerMs, () => socket.destroy())
    socket?.destroySoon()
  }

  #finish(cleanEnd: boolean): void {
    this.phase = 'ended'
    const upstream = this.#upstream
    this.#upstream = undefined
    if (upstream !== undefined) {
      const reusable =
        cleanEnd && this.#sending.done && this.#answer.head?.persistent === true && upstream.socket.writableLength === 0
      if (reusable) upstream.release()
      else upstream.destroy()
    }
    this.#client.exchangeEnded(!this.#sending.done)
  }

  /** A fault at any time: a page while there is no answer, the abrupt end of one that has begun. */
  #break(code: FaultCode): void {
    if (this.phase !== 'responding' && this.phase !== 'switched') {
      this.#fail(code)
      return
    }
    this.#ended(code)
    this.#client.abort(code)
  }

  #fail(code: FaultCode): void {
    if (!this.#isOpen()) return
    this.#ended(code)
    this.#client.respondFault(code)
  }

  #ended(code: FaultCode): void {
    this.phase = 'ended'
    this.fault = code
    if (code.startsWith('upstream_')) this.context.metrics.upstreamFailed(this.context.upstream.name, code)
    this.#dropUpstream()
  }

  #dropUpstream(): void {
    const upstream = this.#upstream
    this.#upstream = undefined
    if (upstream === undefined) this.context.upstream.forget(this)
    else upstream.destroy()
  }

  #isOpen(): boolean {
    return this.phase !== 'ended'
  }
}
