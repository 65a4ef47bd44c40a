import type { ClientConnection } from './client-connection.ts'

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
  /** Label of the route: the upstream's name, `own` for the gateway's own answers, `refused` for denials and faults. */
  readonly route: string
  /** `answered`, `own`, a denial reason, a fault code, or why the connection ended. */
  readonly outcome: string
}

/** The one place where a request is counted and logged, each exactly once. */
export function recordOutcome(connection: ClientConnection, outcome: Outcome): void {
  const { door, subject } = connection
  const durationMs = outcome.startedAtMs === 0 ? 0 : door.clock.monotonicMs() - outcome.startedAtMs
  door.metrics.requestEnded(outcome.route, outcome.status, durationMs / 1_000)
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
    loginId: subject.loginId,
    certificateSerial: connection.presentedSerial,
    outcome: outcome.outcome,
  })
}
