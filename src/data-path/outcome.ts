import type { ClientConnection } from './client-connection.ts'
import type { Exchange } from './exchange.ts'
import type { FieldList } from './http1/field-list.ts'
import type { AccessRecord } from './ports.ts'
import { traceRequest } from './traced-exchange.ts'

/** How a request ended, as counted and logged. */
export type Outcome = {
  readonly requestId: string
  readonly method: string
  readonly host: string
  readonly target: string
  /** 0: the client went away, or was cut, before a status was sent. */
  readonly status: number
  readonly bodyBytes: number
  readonly startedAtMs: number
  readonly upstreamMs: number | undefined
  /** Label of the route: the upstream's name where one was tried, `own` for the gateway's own answers, else `refused`. */
  readonly route: string
  /** `answered`, `own`, a denial reason, a fault code, or why the connection ended. */
  readonly outcome: string
  /** Of the request, for the trace context in them. */
  readonly fields: FieldList
}

type Logged = Omit<Outcome, 'fields'> & Pick<AccessRecord, 'loginResult' | 'traceId'>

/** The one place where a request is counted and logged, each exactly once. */
export function recordOutcome(connection: ClientConnection, outcome: Outcome): void {
  const durationMs = msSince(connection, outcome.startedAtMs)
  connection.door.metrics.requestEnded(outcome.route, outcome.status, durationMs / 1_000)
  const trace = connection.trace && traceRequest(connection, outcome)
  trace?.ended({ ...outcome, failed: outcome.status >= 500, loginResult: undefined })
  log(connection, { ...outcome, loginResult: undefined, traceId: trace?.traceId }, durationMs)
}

function msSince({ door }: ClientConnection, startedAtMs: number): number {
  return startedAtMs === 0 ? 0 : door.clock.monotonicMs() - startedAtMs
}

function log(connection: ClientConnection, outcome: Logged, durationMs: number): void {
  const { door, subject, verdict } = connection
  // A refused certificate may say anything: what it says is logged with its refusal only, not with what an open route answered.
  const identified = verdict?.kind !== 'denial' || outcome.outcome === verdict.reason
  door.accessLog?.write({
    requestId: outcome.requestId,
    door: door.name,
    clientAddress: connection.clientAddress,
    method: outcome.method,
    host: outcome.host,
    target: outcome.target,
    status: outcome.status,
    bytesSent: outcome.bodyBytes,
    durationMs,
    upstreamMs: outcome.upstreamMs,
    loginId: identified ? subject.loginId : undefined,
    certificateSerial: identified ? connection.presentedSerial : undefined,
    route: outcome.route,
    outcome: outcome.outcome,
    loginResult: outcome.loginResult,
    traceId: outcome.traceId,
  })
}

/** What became of an exchange towards the client; status and body as the application gave them, unless a page of ours took their place. */
export type ExchangeOutcome = Pick<Outcome, 'startedAtMs' | 'outcome'> & Partial<Pick<Outcome, 'status' | 'bodyBytes'>>

/**
 * Counts and logs a request that was given to an exchange. If it may have changed something and the application did not
 * say whether it did, that is audited: someone has to look (R25).
 */
export function recordExchange(connection: ClientConnection, exchange: Exchange, ended: ExchangeOutcome): void {
  const { door } = connection
  const { request, requestId } = exchange
  if (request.webSocket) endWebSocket(connection, exchange)
  const outcome = exchange.fault ?? ended.outcome
  const status = ended.status ?? exchange.status
  const { route } = exchange.context
  const durationMs = msSince(connection, ended.startedAtMs)
  // A WebSocket may last for hours; what its user waited for was the application's answer.
  const waitedMs = exchange.switched ? (exchange.upstreamMs ?? durationMs) : durationMs
  door.metrics.requestEnded(route, status, waitedMs / 1_000)
  const { loginResult } = exchange
  if (loginResult !== undefined) door.metrics.appLogin(door.name, loginResult)
  const failed = status >= 500 || (exchange.fault !== undefined && status < 400)
  request.trace?.ended({ status, outcome, failed, loginResult })
  if (door.accessLog !== undefined) {
    const { method, host, target } = request
    const bodyBytes = ended.bodyBytes ?? exchange.bodyBytes
    const { upstreamMs } = exchange
    const said = { loginResult, traceId: request.trace?.traceId }
    const { startedAtMs } = ended
    log(
      connection,
      { ...said, requestId, method, host, target, status, bodyBytes, startedAtMs, upstreamMs, route, outcome },
      durationMs,
    )
  }
  if (exchange.status !== 0 || !exchange.sent || safeMethods.has(request.method)) return
  door.audit.outcomeUnknown({
    requestId,
    door: door.name,
    loginId: connection.verdict?.kind === 'permit' ? connection.subject.loginId : undefined,
    method: request.method,
    path: withoutQuery(request.target),
    cause: outcome,
  })
}

/** Takes back what `openRequest` counted, and what was counted when the protocol was switched. */
function endWebSocket({ door, userKey }: ClientConnection, exchange: Exchange): void {
  door.upgrades.leave(userKey)
  if (exchange.switched) door.metrics.upgradeClosed(exchange.context.route)
}

/** Methods that change nothing (RFC 9110 9.2.1). */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

function withoutQuery(target: string): string {
  const query = target.indexOf('?')
  return query < 0 ? target : target.slice(0, query)
}
