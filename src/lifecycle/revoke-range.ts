import { GatewayError } from '../base/errors.ts'
import { findIssuer } from './issuer-names.ts'
import { type Actor, type LifecyclePorts, type RevocationReason, ruleIdOf } from './ports.ts'
import { describeIssuerBounds, publishRule } from './publish-rule.ts'

export type RangeRequest = {
  /** Configured name or issuerId. */
  readonly issuer: string
  /** Bounds of `notBefore`, both included; parts of a second do not count. Unit: milliseconds since the epoch. */
  readonly notBeforeFromMs: number
  readonly notBeforeToMs: number
  readonly reason: RevocationReason
  readonly comment: string
  /** Says what would happen and changes nothing. */
  readonly dryRun: boolean
}

export type RangeResult = {
  readonly dryRun: boolean
  readonly ruleId: string
  readonly issuer: string
  readonly issuerId: string
  /** ISO 8601. */
  readonly notBeforeFrom: string
  readonly notBeforeTo: string
  readonly outcome: 'published' | 'unchanged' | 'would_be_published'
  /** Certificates of the issuer that have a connection now; only with `dryRun`. Which of them the rule covers shows when it is judged. */
  readonly connectedCertificates?: number
  /** With `dryRun` always 0. */
  readonly connectionsCut: number
  /** The store's version of the rule; 0 with `dryRun`. */
  readonly version: number
}

/**
 * How far the range may reach into the future: enough for a CA whose clock is ahead. Beyond, the rule would lie in wait for
 * certificates that are made to replace the bad ones; a CA that goes on issuing bad ones is taken out of the configuration.
 */
const aheadMaxMs = 86_400_000

/**
 * Refuses what a CA issued in a span of time, for an incident there. Repeating it changes nothing.
 * Throws `admin_request_invalid` for an unknown issuer, a range that ends before it begins, begins before 1970 or reaches over a day
 * into the future; `store_unavailable`.
 */
export async function revokeRange(request: RangeRequest, actor: Actor, ports: LifecyclePorts): Promise<RangeResult> {
  const { issuerId } = findIssuer(request.issuer, { issuers: ports.issuers, path: 'issuer' })
  const rule = { by: 'issuer', issuerId, ...checkRange(request, ports.nowMs()) } as const
  const subject = describeIssuerBounds(rule, ports)
  if (request.dryRun) {
    const keys = await ports.workers.connectedKeys()
    const connectedCertificates = keys.filter((key) => key.startsWith(`${issuerId}:`)).length
    const [ruleId, outcome] = [ruleIdOf(rule), 'would_be_published'] as const
    return { dryRun: true, ruleId, ...subject, outcome, connectedCertificates, connectionsCut: 0, version: 0 }
  }
  const { reason, comment } = request
  const { changed, ...published } = await publishRule({ rule, reason, comment }, actor, ports)
  return { dryRun: false, ...subject, outcome: changed ? 'published' : 'unchanged', ...published }
}

function checkRange({ notBeforeFromMs, notBeforeToMs }: RangeRequest, nowMs: number) {
  const notBeforeMinMs = wholeSecond(notBeforeFromMs)
  const notBeforeMaxMs = wholeSecond(notBeforeToMs)
  if (notBeforeMinMs < 0) throw invalid('notBeforeFrom', 'a time since 1970', notBeforeMinMs)
  if (notBeforeMaxMs < notBeforeMinMs) {
    const from = new Date(notBeforeMinMs).toISOString()
    throw invalid('notBeforeTo', `a time not before notBeforeFrom (${from})`, notBeforeMaxMs)
  }
  if (notBeforeMaxMs > nowMs + aheadMaxMs) {
    throw invalid('notBeforeTo', 'a time at most a day from now', notBeforeMaxMs)
  }
  return { notBeforeMinMs, notBeforeMaxMs }
}

/** `notBefore` names whole seconds (RFC 5280 4.1.2.5): the lower bound goes down, so that none slips through. */
function wholeSecond(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000
}

function invalid(path: string, what: string, ms: number): GatewayError {
  const shown = new Date(ms).toISOString()
  return new GatewayError('admin_request_invalid', `Cannot use ${path} as ${what}: current value is ${shown}`, { path })
}
