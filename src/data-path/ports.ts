import type { FaultCode } from '../base/errors.ts'
import type { CutReason, Denial, DenialReason } from '../trust/denial.ts'
import type { TargetState } from './upstream-target.ts'

/** What the data path needs from the rest of the program, given to it by the worker's assembly. */

export type HandshakeResult = 'completed' | 'failed' | 'timeout' | 'refused_limit'

/** What ALPN agreed on (RFC 7301); a client without ALPN speaks `http/1.1`. */
export type ConnectionProtocol = 'http/1.1' | 'h2'

/** What the application says became of a login; `unknown`: nothing that can be counted. */
export type LoginResult = 'accepted' | 'refused' | 'locked' | 'unknown'

/** Counters of one worker. Every call is a few memory writes: no allocation, no I/O. */
export type DataPathMetrics = {
  connectionOpened(door: string): void
  connectionClosed(door: string): void
  /** A handshake ended. `seconds` counts from TCP accept. */
  handshakeEnded(door: string, result: HandshakeResult, seconds: number): void
  sessionResumed(door: string): void
  /** One verdict of `admit()` or of a later judgement. */
  verdict(door: string, verdict: 'permitted' | DenialReason): void
  /** A refusal, counted by whose certificate it was; undefined: none, or one that no configured CA issued. */
  denied(reason: DenialReason, issuer: string | undefined): void
  /** The application said what became of a login. */
  appLogin(door: string, result: LoginResult): void
  /** A request ended with this status (0: the client went away before a status was sent). */
  requestEnded(route: string, status: number, seconds: number): void
  /** Time from sending the request upstream to the head of the response. */
  upstreamAnswered(upstream: string, seconds: number): void
  upstreamFailed(upstream: string, fault: FaultCode): void
  /** Connections to the application, in use and idle, as they are now. */
  upstreamConnections(upstream: string, inUse: number, idle: number): void
  /** Requests that wait for a connection to this upstream, as they are now. */
  upstreamQueued(upstream: string, waiting: number): void
  /** A target's state in this worker: at the start of its group, and whenever it changes. */
  upstreamTarget(upstream: string, target: string, state: TargetState): void
  /** A target was ejected because it failed too often. */
  upstreamEjected(upstream: string, target: string): void
  bytesReceived(door: string, bytes: number): void
  bytesSent(door: string, bytes: number): void
  /** A live connection was cut because of this reason. */
  connectionCut(door: string, reason: CutReason): void
  /** A permitted connection speaks this protocol; once per connection, after its handshake. */
  connectionProtocol(door: string, protocol: ConnectionProtocol): void
  http2StreamOpened(door: string): void
  http2StreamClosed(door: string): void
  /** A client reset a stream. */
  http2StreamReset(door: string): void
  /** A WebSocket was upgraded (RFC 6455, RFC 8441); it ends with `upgradeClosed`. */
  upgradeOpened(route: string): void
  upgradeClosed(route: string): void
  /** A fault of any origin ended a request or connection. */
  fault(code: FaultCode): void
}

/** One line of the access log. Times in milliseconds; no query string unless configured; no secret ever. */
export type AccessRecord = {
  readonly requestId: string
  readonly door: string
  readonly clientAddress: string
  readonly method: string
  readonly host: string
  readonly target: string
  readonly status: number
  readonly bytesSent: number
  readonly durationMs: number
  readonly upstreamMs: number | undefined
  readonly loginId: string | undefined
  readonly certificateSerial: string | undefined
  /** Label of the route: the upstream's name where one was tried, `own` for the gateway's own answers, else `refused`. */
  readonly route: string
  readonly outcome: string
  /** The application's claim; undefined: it made none. */
  readonly loginResult: LoginResult | undefined
  /** Undefined where tracing is off. */
  readonly traceId: string | undefined
}

export type AccessLog = { write(record: AccessRecord): void }

/** A whole small answer made by the gateway itself. */
export type Page = { readonly status: number; readonly contentType: string; readonly body: string }

export type DenialPageInput = {
  readonly denial: Denial
  readonly requestId: string
  /** Links to the same door under another authority, for "choose another certificate" (R13). */
  readonly alternateAuthorities: readonly string[]
  /** host:port under which the client came. */
  readonly authority: string
  readonly acceptLanguage: string | undefined
  readonly accept: string | undefined
}

export type FaultPageInput = {
  readonly code: FaultCode
  readonly requestId: string
  /** Where to log in with a certificate, as host:port, for faults whose page says so. */
  readonly certificateAuthorities?: readonly string[]
  readonly acceptLanguage: string | undefined
  readonly accept: string | undefined
}

export type Pages = {
  denial(input: DenialPageInput): Page
  fault(input: FaultPageInput): Page
}

/** A refused connection or request, for the audit log (R25). */
export type RefusalRecord = {
  readonly requestId: string
  readonly door: string
  readonly clientAddress: string
  readonly reason: DenialReason | FaultCode
  readonly detail: string
  readonly certificateSerial: string | undefined
  readonly loginId: string | undefined
}

/** An upload or other unsafe request whose connection was cut before its answer: nobody knows whether it took effect. */
export type UnknownOutcome = {
  readonly requestId: string
  readonly door: string
  readonly loginId: string | undefined
  readonly method: string
  readonly path: string
  readonly cause: string
}

/** What the data path tells the control thread for the audit log. */
export type AuditSink = {
  refused(record: RefusalRecord): void
  outcomeUnknown(record: UnknownOutcome): void
}
