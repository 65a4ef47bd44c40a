import { pathToFileURL } from 'node:url'
import {
  type Attributes,
  type Context,
  isSpanContextValid,
  type Link,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import type { HandshakeResult } from '../data-path/ports.ts'
import type {
  ConnectionTrace,
  HandshakeFacts,
  RequestTrace,
  TracedAttempt,
  TracedEnd,
  TracedStart,
  Tracing,
} from '../data-path/trace-ports.ts'
import type { DenialReason } from '../trust/denial.ts'
import { readTraceContext, writeTraceContext } from './tracing-context.ts'

/** What becomes of the operator's module: where spans go, and what has the last ones leave. */
export type TracingModule = {
  readonly tracerProvider: TracerProvider
  /** Awaited before a data worker that has drained is ended. Left out: the last spans may be lost. */
  readonly flush?: (() => Promise<unknown>) | undefined
}

export type TracingOptions = {
  readonly tracerProvider: TracerProvider
  readonly version: string
  /** Whether spans name login IDs. */
  readonly loginId: boolean
  readonly clock: Clock
}

/**
 * Imports the operator's module into this thread. It exports its provider, or registers it with the API; exported, the SDK may have
 * another version of the API than this program, which sees only what was registered with its own or a later one. Throws
 * `config_invalid` when the module cannot be imported, or gives no provider.
 */
export async function importTracingModule(file: string): Promise<TracingModule> {
  let loaded: Partial<TracingModule>
  try {
    loaded = await import(pathToFileURL(file).href)
  } catch (cause) {
    throw refused(file, cause instanceof Error ? cause.message : String(cause), cause)
  }
  const tracerProvider = loaded.tracerProvider ?? registeredProvider()
  if (typeof tracerProvider?.getTracer !== 'function')
    throw refused(
      file,
      'it neither exports a tracerProvider nor registers one with @opentelemetry/api 1.10 or a later 1.x',
    )
  return { tracerProvider, flush: loaded.flush }
}

function refused(file: string, why: string, cause?: unknown): GatewayError {
  const message = `Cannot use tracing.module as a module that begins tracing: current value is ${JSON.stringify(file)} (${why})`
  return new GatewayError('config_invalid', message, { cause, path: 'tracing.module' })
}

/** Where nobody has registered a provider, the API has one that does nothing. */
function registeredProvider(): TracerProvider | undefined {
  const provider = trace.getTracerProvider()
  if (!(provider instanceof ProxyTracerProvider)) return provider
  return provider.getDelegate() === new ProxyTracerProvider().getDelegate() ? undefined : provider
}

/** Spans of one thread. */
export function createTracing({ tracerProvider, version, loginId, clock }: TracingOptions): Tracing {
  const tracer = tracerProvider.getTracer('sekisho', version)
  const times = new SpanTimes(clock)
  return { connection: (of) => new TracedConnection({ tracer, times, loginId }, of) }
}

type Parts = { readonly tracer: Tracer; readonly times: SpanTimes; readonly loginId: boolean }

/** A wall clock that was stepped by more than this moves the times of spans too. Unit: milliseconds. */
const stepMs = 50

/** Wall time of moments of the monotonic clock, such that spans of one request fit into each other. Unit: milliseconds. */
class SpanTimes {
  readonly #clock: Clock
  #offsetMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  at(monotonicMs: number): number {
    const offsetMs = this.#clock.nowMs() - this.#clock.monotonicMs()
    if (Math.abs(offsetMs - this.#offsetMs) > stepMs) this.#offsetMs = offsetMs
    return monotonicMs + this.#offsetMs
  }

  now(): number {
    return this.at(this.#clock.monotonicMs())
  }
}

class TracedConnection implements ConnectionTrace {
  readonly #parts: Parts
  readonly #door: string
  readonly #startedAtMs: number
  #version = '1.1'
  #handshake: SpanContext | undefined
  #handshakeEnd = 0
  #lookUpStart = 0

  constructor(parts: Parts, { door, startedAtMs }: { door: string; startedAtMs: number }) {
    this.#parts = parts
    this.#door = door
    this.#startedAtMs = startedAtMs
  }

  handshakeEnded(result: HandshakeResult, socket: HandshakeFacts): void {
    const { tracer, times } = this.#parts
    const completed = result === 'completed'
    if (socket.alpnProtocol === 'h2') this.#version = '2'
    const span = tracer.startSpan(
      'tls.handshake',
      {
        root: true,
        startTime: times.at(this.#startedAtMs),
        attributes: {
          'sekisho.door': this.#door,
          'tls.established': completed,
          ...(completed ? describeTls(socket) : { 'error.type': result }),
        },
      },
      ROOT_CONTEXT,
    )
    if (!completed) span.setStatus({ code: SpanStatusCode.ERROR })
    this.#handshakeEnd = times.now()
    span.end(this.#handshakeEnd)
    this.#handshake = span.spanContext()
  }

  lookUpBegan(): void {
    this.#lookUpStart = this.#parts.times.now()
  }

  judged(verdict: 'permitted' | DenialReason): void {
    const { tracer, times } = this.#parts
    const now = times.now()
    const asked = this.#lookUpStart > 0
    const attributes = {
      'sekisho.door': this.#door,
      'sekisho.verdict': verdict,
      'sekisho.directory.asked': asked,
      ...(asked && { 'sekisho.directory.duration': (now - this.#lookUpStart) / 1_000 }),
    }
    const parent = this.#handshake ? trace.setSpanContext(ROOT_CONTEXT, this.#handshake) : ROOT_CONTEXT
    tracer.startSpan('sekisho.verdict', { startTime: this.#handshakeEnd || now, attributes }, parent).end(now)
  }

  request(start: TracedStart): RequestTrace {
    const incoming = readTraceContext(start.fields)
    const parent = start.trusted && incoming !== undefined ? trace.setSpanContext(ROOT_CONTEXT, incoming) : undefined
    const linked = [this.#handshake, parent === undefined ? incoming : undefined]
    const links: Link[] = linked.flatMap((context) => (context && isSpanContextValid(context) ? [{ context }] : []))
    const attributes = { 'sekisho.door': this.#door, 'network.protocol.version': this.#version }
    return new TracedRequest(this.#parts, start, { parent, links, attributes })
  }
}

/** Names of the semantic conventions for TLS. */
function describeTls(socket: HandshakeFacts): Attributes {
  const { alpnProtocol } = socket
  return {
    'tls.protocol.name': 'tls',
    'tls.protocol.version': (socket.getProtocol() ?? '').replace(/^TLSv/, ''),
    'tls.resumed': socket.isSessionReused(),
    ...(alpnProtocol && { 'tls.next_protocol': alpnProtocol }),
  }
}

class TracedRequest implements RequestTrace {
  readonly traceId: string | undefined
  readonly contextFields: string[]
  readonly #parts: Parts
  readonly #method: string
  readonly #span: Span
  readonly #context: Context
  #upstream: Span | undefined
  #upstreamStart = 0
  #reused = false
  #attempts = 0
  #ended = false

  constructor(
    parts: Parts,
    start: TracedStart,
    from: { readonly parent: Context | undefined; readonly links: Link[]; readonly attributes: Attributes },
  ) {
    const { tracer, times, loginId } = parts
    this.#parts = parts
    // A request whose head could not be read has none.
    this.#method = start.method === '' ? '_OTHER' : start.method
    const attributes = {
      ...from.attributes,
      'http.request.method': this.#method,
      'http.route': start.route,
      'url.scheme': 'https',
      'sekisho.request_id': start.requestId,
      ...(loginId && start.loginId !== undefined && { 'user.id': start.loginId }),
    }
    const parent = from.parent ?? ROOT_CONTEXT
    const startTime = start.startedAtMs === 0 ? times.now() : times.at(start.startedAtMs)
    this.#span = tracer.startSpan(
      `${this.#method} ${start.route}`,
      { kind: SpanKind.SERVER, root: from.parent === undefined, links: from.links, startTime, attributes },
      parent,
    )
    const context = this.#span.spanContext()
    this.#context = trace.setSpan(parent, this.#span)
    this.traceId = isSpanContextValid(context) ? context.traceId : undefined
    this.contextFields = writeTraceContext(context)
  }

  upstreamBegan({ upstream, address, port, reused }: TracedAttempt): void {
    const { tracer, times } = this.#parts
    this.#reused = reused
    this.#upstreamStart = times.now()
    const attributes = {
      'http.request.method': this.#method,
      'server.address': address,
      ...(port !== undefined && { 'server.port': port }),
      'sekisho.upstream': upstream,
      'sekisho.upstream.reused': reused,
      ...(this.#attempts > 0 && { 'http.request.resend_count': this.#attempts }),
    }
    this.#attempts++
    this.#upstream = tracer.startSpan(
      `upstream ${upstream}`,
      { kind: SpanKind.CLIENT, startTime: this.#upstreamStart, attributes },
      this.#context,
    )
  }

  upstreamConnected(): void {
    if (this.#reused) return
    const seconds = (this.#parts.times.now() - this.#upstreamStart) / 1_000
    this.#upstream?.setAttribute('sekisho.upstream.connect.duration', seconds)
  }

  upstreamAnswered(status: number): void {
    this.#upstream?.setAttribute('http.response.status_code', status)
    this.#endUpstream(status >= 400 ? String(status) : undefined)
  }

  upstreamFailed(fault: string): void {
    this.#endUpstream(fault)
  }

  /** Of the conventions a client's span has failed from 400 on, a server's from 500. */
  #endUpstream(error: string | undefined): void {
    const span = this.#upstream
    this.#upstream = undefined
    if (span === undefined) return
    if (error !== undefined) fail(span, error)
    span.end(this.#parts.times.now())
  }

  ended({ status, outcome, failed, loginResult }: TracedEnd): void {
    if (this.#ended) return
    this.#ended = true
    // What no head came back from did not end well, whoever ended it.
    this.#endUpstream(outcome)
    const span = this.#span
    span.setAttribute('sekisho.outcome', outcome)
    if (status > 0) span.setAttribute('http.response.status_code', status)
    if (loginResult !== undefined) span.setAttribute('sekisho.login_result', loginResult)
    if (failed) fail(span, outcome === 'answered' ? String(status) : outcome)
    span.end(this.#parts.times.now())
  }
}

function fail(span: Span, error: string): void {
  span.setAttribute('error.type', error)
  span.setStatus({ code: SpanStatusCode.ERROR })
}
