import { faults } from '../base/errors.ts'
import type { CrlLookResult, OcspCheckResult } from '../ca-sources/ports.ts'
import type { ConnectionProtocol, HandshakeResult, LoginResult } from '../data-path/ports.ts'
import type { OcspAnswerKind } from '../publication/ports.ts'
import { denialReasons } from '../trust/denial.ts'

/** Values of the label `result`. */
export const handshakeResults = [
  'completed',
  'failed',
  'timeout',
  'refused_limit',
] as const satisfies readonly HandshakeResult[]
/** Values of the label `verdict`. */
export const verdicts = ['permitted', ...denialReasons] as const
/** Value of the label `issuer` of a denial where no configured CA issued what was presented. */
export const noIssuer = 'none'
/** Values of the label `week`: expires within 7 days, within the 7 after those, and so on. */
export const expiryWeeks = Array.from({ length: 13 }, (_, week) => String(week))
/** Values of the label `result` of what the application says of logins. */
export const loginResults = ['accepted', 'refused', 'locked', 'unknown'] as const satisfies readonly LoginResult[]
/** `none`: the client went away before a status was sent. */
export const statusClasses = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'] as const
/** Values of the label `direction`, as the gateway sees it. */
export const directions = ['received', 'sent'] as const
/** Values of the label `state` of upstream connections. */
export const upstreamStates = ['in_use', 'idle'] as const
/** Values of the label `state` of upstream targets: in use, out after failures, out after health checks. */
export const targetStates = ['available', 'ejected', 'unhealthy'] as const
/** Values of the label `version`, by what ALPN agreed on. */
export const httpVersions = { 'http/1.1': 'http1', h2: 'http2' } as const satisfies Record<ConnectionProtocol, string>
/** Values of the label `result` of reloads. */
export const reloadResults = ['applied', 'unchanged', 'refused'] as const
/** Values of the label `state` of the follower of the store; in one of them it is. */
export const followerStates = ['connecting', 'replaying', 'live', 'stale', 'stopped'] as const
/** Values of the label `result` of comparisons with the store. */
export const reconcileResults = ['clean', 'differences', 'failed'] as const
/** Values of the label `kind` of what such a comparison finds. */
export const reconcileDifferences = ['missing_in_store', 'unknown_here', 'unreadable'] as const
/** Values of the label `result` of attempts to send a mail; `withdrawn`: it was no longer true. */
export const mailEnds = ['sent', 'failed', 'bounced', 'dead', 'withdrawn'] as const
/** Values of the label `state` of mails in the outbox. */
export const mailStates = ['waiting', 'dead'] as const
/** Values of the label `result` of looks whether the notices of the day are written. */
export const noticeRunResults = ['written', 'not_needed', 'failed'] as const
/** Values of the label `result` of looks at CRLs of other CAs. */
export const crlLookResults = [
  'applied',
  'unchanged',
  'expired',
  'rolled_back',
  'refused',
  'unreadable',
  'unreachable',
  'failed',
] as const satisfies readonly CrlLookResult[]
/** Values of the label `result` of questions to OCSP responders. */
export const ocspCheckResults = [
  'good',
  'revoked',
  'unknown',
  'refused',
  'unreachable',
] as const satisfies readonly OcspCheckResult[]
/** Values of the label `status` of answers of the OCSP responder here. */
export const ocspAnswerKinds = [
  'good',
  'revoked',
  'unknown',
  'malformed',
  'try_later',
  'unauthorized',
  'failed',
] as const satisfies readonly OcspAnswerKind[]
/** Values of the label `statistic`. */
export const delayStatistics = ['p99', 'max'] as const
/** Values of the label `code`. */
export const faultCodes = Object.keys(faults)

/** Upper bounds of the duration histograms. Unit: seconds. */
export const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const

/** Values of the label `fault`: faults of the upstream that end an exchange, and the pauses in a body it sends. */
export const upstreamFaultCodes = [
  ...Object.entries(faults).flatMap(([code, row]) => (row.origin === 'upstream' ? [code] : [])),
  'body_idle_timeout',
]

/** Index into `statusClasses`: 0 for anything that is not an HTTP status. */
export function statusClassIndex(status: number): number {
  const index = Math.trunc(status / 100)
  return index >= 1 && index <= 5 ? index : 0
}
