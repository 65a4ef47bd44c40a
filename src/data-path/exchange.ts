import type { FaultCode } from '../base/errors.ts'
import type { Limits } from '../config/gateway-config.ts'
import type { ClientStream } from './client-stream.ts'
import { BodyReader, type BodySink } from './http1/body-reader.ts'
import { chunkEnd, chunkStart, lastChunk } from './http1/chunked-body.ts'
import { classifyField, fieldClass } from './http1/field-class.ts'
import type { FieldList } from './http1/field-list.ts'
import type { HeadLimits } from './http1/head-fault.ts'
import { parseResponseHead, type ResponseHead } from './http1/response-head.ts'
import type { PermittedClient } from './permitted-client.ts'
import type { ForwardRequest } from './request-headers.ts'
import { upstreamRequestHead } from './request-headers.ts'
import { clientResponseFields, type ResponseRules } from './response-headers.ts'
import type { UpstreamConnection } from './upstream-connection.ts'
import type { UpstreamPool, UpstreamWaiter } from './upstream-pool.ts'
import type { Clock } from '../base/clock.ts'
import type { DataPathMetrics } from './ports.ts'

/** Methods that may be sent twice without harm (RFC 9110 9.2.2). */
const idempotentMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/** What every exchange of a worker shares. */
export type ExchangeContext = {
  readonly pool: UpstreamPool
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
 * `waiting`: the request is complete, no answer yet. `responding`: the answer's head has gone to the client. `ended`.
 */
export type ExchangePhase = 'preparing' | 'queued' | 'connecting' | 'uploading' | 'waiting' | 'responding' | 'ended'

/** One request and its answer: streams both ways, keeps back-pressure, holds nothing whole. */
export class Exchange implements UpstreamWaiter, BodySink {
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
  #upstream: UpstreamConnection | undefined
  #sentAtMs = 0
  #requestDone: boolean
  #bodyForwarded = false
  #retried = false
  #partialHead: Buffer | undefined
  #head: ResponseHead | undefined
  #reader: BodyReader | undefined

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
  }

  /** Begins: at once, or after an assertion has been signed. */
  start(): void {
    if (this.#permitted.assertionReady()) {
      this.#acquire(false)
      return
    }
    this.#client.pauseBody()
    this.#client.awaitWithin(this.#context.limits.upstreamResponseTimeoutMs)
    this.#permitted.renewAssertion().then(
      () => {
        if (this.phase === 'preparing') this.#acquire(false)
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
    const { limits, clock } = this.#context
    this.#upstream = connection
    this.#sentAtMs = clock.monotonicMs()
    this.sent = true
    const head = upstreamRequestHead(this.request, this.#permitted.linesFor(this.request.host, this.requestId))
    if (!this.#requestDone) {
      // The first body bytes, if they are here already, go out in the same packet as the head.
      connection.socket.cork()
      process.nextTick(() => connection.socket.uncork())
    }
    connection.socket.write(head, 'latin1')
    if (connection.connected) {
      this.upstreamConnected()
    } else {
      this.phase = 'connecting'
      this.#client.awaitWithin(limits.upstreamConnectTimeoutMs)
    }
    if (!this.#requestDone) this.#client.resumeBody()
  }

  upstreamConnected(): void {
    if (this.#requestDone) this.#await('waiting', this.#context.limits.upstreamResponseTimeoutMs)
    else this.#await('uploading', this.#context.limits.bodyIdleTimeoutMs)
  }

  #await(phase: ExchangePhase, durationMs: number): void {
    if (this.phase === 'responding' || this.phase === 'ended') return
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
    if (this.phase === 'uploading' || this.phase === 'responding') {
      this.#client.awaitWithin(this.#context.limits.bodyIdleTimeoutMs)
    }
  }

  /** The request body is complete. */
  end(trailers: FieldList): void {
    if (this.#requestDone) return
    this.#requestDone = true
    if (this.request.framing.kind === 'chunked') this.#upstream?.socket.write(lastChunk(trailers), 'latin1')
    if (this.phase === 'uploading') this.#await('waiting', this.#context.limits.upstreamResponseTimeoutMs)
  }

  upstreamDrained(): void {
    if (!this.#requestDone) this.#client.resumeBody()
  }

  // Answer, application to client.

  upstreamData(bytes: Buffer): void {
    if (!this.#isOpen()) return
    if (this.#head !== undefined) {
      this.#feedBody(bytes, 0)
      return
    }
    const held = this.#partialHead
    const all = held === undefined ? bytes : Buffer.concat([held, bytes])
    this.#partialHead = undefined
    this.#readHeads(all)
  }

  #readHeads(bytes: Buffer): void {
    let at = 0
    for (;;) {
      const head = parseResponseHead(bytes, at, this.request.method, this.#context.headLimits)
      if (head === undefined) {
        // The buffer is the pool's: what is kept is copied.
        this.#partialHead = at < bytes.length ? Buffer.from(bytes.subarray(at)) : undefined
        return
      }
      if ('fault' in head || head.status === 101) {
        this.#fail('upstream_response_malformed')
        return
      }
      at += head.byteLength
      if (head.status >= 200) {
        this.#respond(head)
        this.#feedBody(bytes, at)
        return
      }
      this.#client.respondInformational(head.status, head.reason, this.#clientFields(head))
    }
  }

  #respond(head: ResponseHead): void {
    this.#head = head
    this.phase = 'responding'
    this.status = head.status
    this.upstreamMs = this.#context.clock.monotonicMs() - this.#sentAtMs
    this.#context.metrics.upstreamAnswered(this.#context.pool.name, this.upstreamMs / 1_000)
    this.#client.respond({
      status: head.status,
      reason: head.reason,
      fields: this.#clientFields(head),
      framing: head.framing,
      statedLength: head.framing.kind === 'none' ? statedLength(head.fields) : undefined,
    })
    this.#client.awaitWithin(this.#context.limits.bodyIdleTimeoutMs)
    this.#reader = new BodyReader(head.framing, this.#context.limits)
  }

  #clientFields(head: ResponseHead): FieldList {
    const rules: ResponseRules = {
      sealSetCookie: this.#permitted.sealSetCookie,
      hsts: this.#context.hsts,
      date: this.#context.date,
    }
    return clientResponseFields(head.fields, head.connectionNominated, rules)
  }

  #feedBody(bytes: Buffer, offset: number): void {
    const reader = this.#reader as BodyReader
    const after = reader.feed(bytes, offset, this.#responseSink)
    if (typeof after !== 'number') {
      this.#context.metrics.upstreamFailed(this.#context.pool.name, 'upstream_response_malformed')
      this.fault = 'upstream_response_malformed'
      this.#abandon()
      return
    }
    if (reader.done) {
      this.#finish(after === bytes.length)
      return
    }
    if (!this.#client.flush()) this.#upstream?.socket.pause()
    this.#client.awaitWithin(this.#context.limits.bodyIdleTimeoutMs)
  }

  readonly #responseSink: BodySink = {
    data: (chunk) => {
      this.bodyBytes += chunk.length
      this.#client.writeBody(chunk)
    },
    end: (trailers) => this.#client.endBody(trailers),
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
    if (this.#head === undefined) {
      if (this.#mayRetry(upstream)) {
        this.#retried = true
        this.#acquire(true)
        return
      }
      const connectFailed = !upstream.connected
      this.#fail(connectFailed ? 'upstream_connect_failed' : 'upstream_reset')
      return
    }
    if (this.#head.framing.kind === 'until_close' && error === undefined) {
      this.#client.endBody([])
      this.#finish(false)
      return
    }
    this.fault = 'upstream_reset'
    this.#context.metrics.upstreamFailed(this.#context.pool.name, 'upstream_reset')
    this.#abandon()
  }

  /**
   * A kept connection may have been closed by the application while our request was on its way; nothing of the answer came
   * and no body byte was spent, so an idempotent request is sent once more, on a new connection.
   */
  #mayRetry(upstream: UpstreamConnection): boolean {
    return (
      !this.#retried &&
      upstream.exchanges > 0 &&
      this.#partialHead === undefined &&
      !this.#bodyForwarded &&
      this.#requestDone &&
      this.request.framing.kind === 'none' &&
      idempotentMethods.has(this.request.method)
    )
  }

  /** The deadline set with `awaitWithin` has passed. */
  expired(): void {
    switch (this.phase) {
      case 'connecting':
        this.#fail('upstream_connect_timeout')
        return
      case 'uploading':
        this.#fail('body_idle_timeout')
        return
      case 'queued':
        this.#fail('upstream_too_busy')
        return
      case 'waiting':
        this.#fail('upstream_response_timeout')
        return
      case 'preparing':
        this.#fail('internal')
        return
      case 'responding':
        this.fault = 'body_idle_timeout'
        this.#abandon()
        return
      case 'ended':
    }
  }

  /** The request body broke the rules of its framing. */
  bodyFault(code: FaultCode): void {
    if (this.phase === 'responding') {
      this.fault = code
      this.#abandon()
    } else {
      this.#fail(code)
    }
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
      const reusable = cleanEnd && this.#requestDone && this.#head?.persistent === true && !upstream.socket.writableNeedDrain
      if (reusable) this.#context.pool.release(upstream)
      else upstream.destroy()
    }
    this.#client.flush()
    this.#client.exchangeEnded(!this.#requestDone)
  }

  #fail(code: FaultCode): void {
    if (!this.#isOpen()) return
    this.phase = 'ended'
    this.fault = code
    if (code.startsWith('upstream_')) this.#context.metrics.upstreamFailed(this.#context.pool.name, code)
    this.#dropUpstream()
    this.#client.respondFault(code)
  }

  #abandon(): void {
    this.phase = 'ended'
    this.#dropUpstream()
    this.#client.abort()
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
function statedLength(fields: FieldList): string | undefined {
  for (let at = 0; at < fields.length; at += 2) {
    if (classifyField(fields[at] as string) === fieldClass.contentLength) return fields[at + 1]
  }
  return undefined
}
