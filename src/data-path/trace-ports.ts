import type { TLSSocket } from 'node:tls'
import type { DenialReason } from '../trust/denial.ts'
import type { FieldList } from './http1/field-list.ts'
import type { HandshakeResult, LoginResult } from './ports.ts'

/**
 * What the data path tells of its spans. Where tracing is off a door has no `Tracing`, so a connection has no trace and a request
 * neither: nothing is called and nothing is made. All times are of the monotonic clock. Unit: milliseconds.
 */
export type Tracing = {
  connection(of: { readonly door: string; readonly startedAtMs: number }): ConnectionTrace
}

/** One connection: spans of its handshake and of its verdict. */
export type ConnectionTrace = {
  handshakeEnded(result: HandshakeResult, socket: HandshakeFacts): void
  /** The directory is being asked whose the certificate is. */
  lookUpBegan(): void
  judged(verdict: 'permitted' | DenialReason): void
  request(start: TracedStart): RequestTrace
}

/** What a span says of a handshake. */
export type HandshakeFacts = Pick<TLSSocket, 'alpnProtocol' | 'getProtocol' | 'isSessionReused'>

/** The start of a request's span. */
export type TracedStart = {
  readonly requestId: string
  readonly method: string
  readonly route: string
  /** Written only where the configuration says so. */
  readonly loginId: string | undefined
  readonly startedAtMs: number
  /** Of the request: a trace context (W3C) may be among them. */
  readonly fields: FieldList
  /** Whether that context is gone on with. A stranger's is only linked: it chooses neither trace ids nor what is sampled. */
  readonly trusted: boolean
}

/** One request: its span and those of its attempts to reach the application. */
export type RequestTrace = {
  /** Undefined where the provider makes no ids. */
  readonly traceId: string | undefined
  /** `traceparent` and `tracestate` for the application. */
  readonly contextFields: FieldList
  upstreamBegan(attempt: TracedAttempt): void
  upstreamConnected(): void
  /** The head of the answer is here. */
  upstreamAnswered(status: number): void
  upstreamFailed(fault: string): void
  /** Only the first call counts: the span of a WebSocket ends with its handshake. */
  ended(end: TracedEnd): void
}

/** A request on its way to the application. */
export type TracedAttempt = {
  readonly upstream: string
  readonly address: string
  /** Undefined for a Unix socket. */
  readonly port: number | undefined
  /** Whether the connection carried requests before. */
  readonly reused: boolean
}

export type TracedEnd = {
  /** 0: the client went away before a status was sent. */
  readonly status: number
  readonly outcome: string
  /** Whether somebody has to look. */
  readonly failed: boolean
  readonly loginResult: LoginResult | undefined
}
