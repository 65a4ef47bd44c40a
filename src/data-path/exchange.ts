import type { Clock } from '../base/clock.ts'
import type { FaultCode } from '../base/errors.ts'
import type { Limits } from '../config/gateway-config.ts'
import type { Batch } from './batch.ts'
import type { ClientStream } from './client-stream.ts'
import type { BodySink } from './http1/body-reader.ts'
import { chunkEnd, chunkStart, lastChunk } from './http1/chunked-body.ts'
import { fieldClass } from './http1/field-class.ts'
import type { FieldList } from './http1/field-list.ts'
import type { HeadLimits } from './http1/head-fault.ts'
import type { ResponseHead } from './http1/response-head.ts'
import { endToEndTrailers } from './http1/trailer-fields.ts'
import type { PermittedClient } from './permitted-client.ts'
import type { DataPathMetrics } from './ports.ts'
import { type ForwardRequest, upstreamRequestHead } from './request-headers.ts'
import { clientResponseFields } from './response-headers.ts'
import { type AnswerOwner, UpstreamAnswer } from './upstream-answer.ts'
import type { UpstreamConnection } from './upstream-connection.ts'
import type { UpstreamPool, UpstreamWaiter } from './upstream-pool.ts'

/** Methods that may be sent twice without harm (RFC 9110 9.2.2). */
const idempotentMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/** What every exchange of a worker shares. */
export type ExchangeContext = {
  readonly pool: UpstreamPool
  readonly batch: Batch
  readonly limits: Limits
  readonly headLimits: HeadLimits
  readonly hsts: string | undefined
  readonly date: () => string
  readonly clock: Clock
  readonly metrics: DataPathMetrics
}

/**
 * Where an exchange stands. `preparing`: an assertion is being signed. `queued`: no upstream connection is free.
 * `connecting`: the request is written into a connection that is being made. `uploading`: the request body is on its way.
 * `waiting`: it is the application's turn: the request is complete, or its body waits for 100 (Continue). `responding`: the
 * answer's head has gone to the client, while the rest of an upload may still be on its way. `ended`.
 */
export type ExchangePhase = 'preparing' | 'queued' | 'connecting' | 'uploading' | 'waiting' | 'responding' | 'ended'

/** One request and its answer: streams both ways, keeps back-pressure, holds nothing whole. */
export class Exchange implements UpstreamWaiter, BodySink, AnswerOwner {
  phase: ExchangePhase = 'preparing'
  readonly request: ForwardRequest
  readonly requestId: string
  /** Status sent to the client; 0 until then. */
  status = 0
  bodyBytes = 0
  /** From the request's head to the answer's. Unit: milliseconds. */
  upstreamMs: number | undefined
  fault: FaultCode | undefined
  /** Whether any byte of the request may have reached the application. */
  sent = false
  readonly #permitted: PermittedClient
  readonly #client: ClientStream
  readonly #context: ExchangeContext
  readonly #answer: UpstreamAnswer
  #upstream: UpstreamConnection | undefined
  #sentAtMs = 0
  #requestDone: boolean
  #bodyForwarded = false
  #retried = false

  constructor(options: {
    request: ForwardRequest
    requestId: string
    permitted: PermittedClient
    client: ClientStream
    context: ExchangeContext
  }) {
    this.request = options.request
    this.requestId = options.requestId
    this.#permitted = options.permitted
    this.#client = options.client
    this.#context = options.context
    this.#requestDone = options.request.framing.kind === 'none'
    this.#answer = new UpstreamAnswer(this)
  }

  /** Begins: at once, or after an assertion has been signed. */
  start(): void {
    if (this.#permitted.assertionReady()) this.#acquire(false)
    else this.#renewAssertion(() => this.#acquire(false))
  }

  #renewAssertion(next: () => void): void {
    this.phase = 'preparing'
    this.#client.pauseBody()
    this.#client.awaitWithin(this.#context.limits.upstreamResponseTimeoutMs)
    this.#permitted.renewAssertion().then(
      () => {
        if (this.phase === 'preparing') next()
      },
      () => this.#fail('internal'),
    )
  }

  #acquire(fresh: boolean): void {
    this.phase = 'queued'
    if (!this.#context.pool.acquire(this, fresh)) {
      this.#fail('upstream_too_busy')
      return
    }
    if (this.#upstream === undefined && this.#isOpen()) {
      this.#client.pauseBody()
      this.#client.awaitWithin(this.#context.limits.upstreamResponseTimeoutMs)
    }
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
    const { limits, clock } = this.#context
    this.#sentAtMs = clock.monotonicMs()
    const head = upstreamRequestHead(this.request, this.requestId, this.#permitted.linesFor(this.request.host))
    if (!this.#requestDone) {
      // The first body bytes, if they are here already, go out in the same packet as the head.
      connection.socket.cork()
      process.nextTick(() => connection.socket.uncork())
    }
    if (this.#requestDone) this.#context.batch.write(connection.socket, head)
    else connection.socket.write(head, 'latin1')
    this.phase = 'connecting'
    if (connection.connected) this.upstreamConnected()
    else this.#client.awaitWithin(limits.upstreamConnectTimeoutMs)
    if (!this.#requestDone) this.#client.resumeBody()
  }

  upstreamConnected(): void {
    if (this.phase !== 'connecting') return
    this.sent = true
    const awaitsContinue = this.request.expectsContinue && !this.#bodyForwarded
    if (this.#requestDone || awaitsContinue) this.#await('waiting', this.#context.limits.upstreamResponseTimeoutMs)
    else this.#await('uploading', this.#context.limits.bodyIdleTimeoutMs)
  }

  #await(phase: ExchangePhase, durationMs: number): void {
    this.phase = phase
    this.#client.awaitWithin(durationMs)
  }

  // Request body, client to application.

  /** A piece of the request body, decoded. */
  data(chunk: Buffer): void {
    const socket = this.#upstream?.socket
    if (socket === undefined || !this.#isOpen()) return
    this.#bodyForwarded = true
    if (this.request.framing.kind === 'chunked') {
      socket.cork()
      socket.write(chunkStart(chunk.length), 'latin1')
      socket.write(chunk)
      socket.write(chunkEnd, 'latin1')
      socket.uncork()
    } else {
      socket.write(chunk)
    }
    if (socket.writableNeedDrain) this.#client.pauseBody()
    if (this.phase === 'waiting') this.phase = 'uploading'
    if (this.phase === 'uploading' || this.phase === 'responding') {
      this.#client.awaitWithin(this.#context.limits.bodyIdleTimeoutMs)
    }
  }

  /** The request body is complete. */
  end(trailers: FieldList): void {
    if (this.#requestDone) return
    this.#requestDone = true
    if (this.request.framing.kind === 'chunked') {
      const kept = endToEndTrailers(trailers, this.request.connectionNominated)
      this.#upstream?.socket.write(lastChunk(kept), 'latin1')
    }
    if (this.phase === 'uploading') this.#await('waiting', this.#context.limits.upstreamResponseTimeoutMs)
  }

  upstreamDrained(): void {
    this.#client.resumeBody()
    if (this.phase === 'uploading') this.#client.awaitWithin(this.#context.limits.bodyIdleTimeoutMs)
  }

  // Answer, application to client.

  upstreamData(bytes: Buffer): void {
    if (!this.#isOpen()) return
    const state = this.#answer.feed(bytes)
    if (typeof state !== 'string') {
      this.#break('upstream_response_malformed')
    } else if (state !== 'more') {
      this.#finish(state === 'done')
    } else if (this.phase === 'responding') {
      if (!this.#client.flush()) this.#upstream?.socket.pause()
      this.#client.awaitWithin(this.#context.limits.bodyIdleTimeoutMs)
    }
  }

  get requestMethod(): string {
    return this.request.method
  }

  get headLimits(): HeadLimits {
    return this.#context.headLimits
  }

  get limits(): Limits {
    return this.#context.limits
  }

  answerInterim(head: ResponseHead): void {
    const fields = clientResponseFields(head, this.#permitted.sealSetCookie, undefined)
    this.#client.respondInformational(head.status, head.reason, fields)
    if (this.phase === 'waiting' && !this.#requestDone) {
      this.#await('uploading', this.#context.limits.bodyIdleTimeoutMs)
    }
  }

  answerHead(head: ResponseHead): void {
    const { clock, metrics, pool } = this.#context
    this.phase = 'responding'
    this.status = head.status
    this.upstreamMs = clock.monotonicMs() - this.#sentAtMs
    metrics.upstreamAnswered(pool.name, this.upstreamMs / 1_000)
    this.#client.respond({
      status: head.status,
      reason: head.reason,
      fields: clientResponseFields(head, this.#permitted.sealSetCookie, this.#context),
      framing: head.framing,
      statedLength: statedLength(head, this.request.method),
    })
  }

  answerData(chunk: Buffer): void {
    this.bodyBytes += chunk.length
    this.#client.writeBody(chunk)
  }

  answerEnded(trailers: FieldList): void {
    this.#client.endBody(endToEndTrailers(trailers, this.#answer.head?.connectionNominated ?? []))
  }

  /** The client has taken what was written. */
  clientDrained(): void {
    this.#upstream?.socket.resume()
    if (this.phase === 'responding') this.#client.awaitWithin(this.#context.limits.bodyIdleTimeoutMs)
  }

  upstreamEnded(error: Error | undefined): void {
    const upstream = this.#upstream
    this.#upstream = undefined
    if (!this.#isOpen() || upstream === undefined) return
    if (this.#answer.head?.framing.kind === 'until_close' && error === undefined) {
      this.#client.endBody([])
      this.#finish(false)
    } else if (this.#mayRetry(upstream)) {
      this.#retried = true
      this.#acquire(true)
    } else {
      this.#break(upstream.connected ? 'upstream_reset' : 'upstream_connect_failed')
    }
  }

  /**
   * A kept connection may have been closed by the application while our request was on its way; nothing of the answer came
   * and no body byte was spent, so an idempotent request is sent once more, on a new connection.
   */
  #mayRetry(upstream: UpstreamConnection): boolean {
    return (
      !this.#retried &&
      upstream.exchanges > 0 &&
      !this.#answer.begun &&
      !this.#bodyForwarded &&
      this.#requestDone &&
      this.request.framing.kind === 'none' &&
      idempotentMethods.has(this.request.method)
    )
  }

  /** The deadline set with `awaitWithin` has passed. */
  expired(): void {
    switch (this.phase) {
      case 'preparing':
        this.#fail('internal')
        return
      case 'queued':
        this.#fail('upstream_too_busy')
        return
      case 'connecting':
        this.#fail('upstream_connect_timeout')
        return
      case 'uploading':
        // Who is to blame: the application that takes nothing, or the client that sends nothing.
        this.#fail(this.#upstream?.socket.writableNeedDrain ? 'upstream_response_timeout' : 'body_idle_timeout')
        return
      case 'waiting':
        this.#fail('upstream_response_timeout')
        return
      case 'responding':
        if (!this.#upstream?.socket.isPaused()) {
          this.#context.metrics.upstreamFailed(this.#context.pool.name, 'body_idle_timeout')
        }
        this.#break('body_idle_timeout')
        return
      case 'ended':
    }
  }

  /** The request body broke the rules of its framing. */
  bodyFault(code: FaultCode): void {
    this.#break(code)
  }

  /** The client's side is gone or cut: the upstream side ends at once. */
  abort(): void {
    this.phase = 'ended'
    this.#dropUpstream()
  }

  #finish(cleanEnd: boolean): void {
    this.phase = 'ended'
    const upstream = this.#upstream
    this.#upstream = undefined
    if (upstream !== undefined) {
      const { socket } = upstream
      const reusable =
        cleanEnd && this.#requestDone && this.#answer.head?.persistent === true && socket.writableLength === 0
      if (reusable) this.#context.pool.release(upstream)
      else upstream.destroy()
    }
    this.#client.exchangeEnded(!this.#requestDone)
  }

  /** A fault at any time: a page while there is no answer, the abrupt end of one that has begun. */
  #break(code: FaultCode): void {
    if (this.phase !== 'responding') {
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
    if (code.startsWith('upstream_')) this.#context.metrics.upstreamFailed(this.#context.pool.name, code)
    this.#dropUpstream()
  }

  #dropUpstream(): void {
    const upstream = this.#upstream
    this.#upstream = undefined
    if (upstream === undefined) this.#context.pool.forget(this)
    else upstream.destroy()
  }

  #isOpen(): boolean {
    return this.phase !== 'ended'
  }
}

/** Content-Length of an answer without a body (HEAD, 304): a statement about the resource, passed on as it is. */
function statedLength(head: ResponseHead, requestMethod: string): string | undefined {
  // A 204 has none, whatever the application says (RFC 9110 8.6).
  if (head.framing.kind !== 'none' || head.status === 204 || (requestMethod !== 'HEAD' && head.status !== 304))
    return undefined
  const at = head.classes.indexOf(fieldClass.contentLength)
  return at === -1 ? undefined : head.fields[at * 2 + 1]
}
