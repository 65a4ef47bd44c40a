import { inParallel } from './in-parallel.ts'
import { nameIssuer } from './issuer-names.ts'
import {
  type Actor,
  type LifecyclePorts,
  type RevocationReason,
  type RevocationRule,
  type RuleRequest,
  ruleIdOf,
} from './ports.ts'

/** Rules that wait for the store and the workers at the same time. */
const parallelMax = 16

export type PublishedRule = {
  readonly ruleId: string
  /** False: a rule that says as much was in force already. */
  readonly changed: boolean
  readonly version: number
  readonly connectionsCut: number
}

/**
 * Puts a rule in force, and on record (R25): with the outcome `unconfirmed` when the publisher failed, because the store may have
 * taken it by then. Throws `store_unavailable`.
 */
export async function publishRule(request: RuleRequest, actor: Actor, ports: LifecyclePorts): Promise<PublishedRule> {
  const ruleId = ruleIdOf(request.rule)
  try {
    const published = await ports.publisher.publishRule(request, actor)
    record(published.changed ? 'published' : 'unchanged')
    return { ruleId, ...published }
  } catch (error) {
    record('unconfirmed')
    throw error
  }

  function record(outcome: string): void {
    ports.audit({
      event: 'rule_published',
      actor: { kind: actor.kind ?? 'operator', name: actor.name },
      target: { kind: 'rule', name: ruleId },
      reason: request.reason,
      requestId: actor.requestId,
      detail: { ...describeBounds(request.rule, ports), outcome, comment: request.comment, role: actor.role },
    })
  }
}

/**
 * Refuses everything these login IDs had until now, by the store's clock, so that certificates which nobody has seen are covered
 * too. Throws `store_unavailable`; some of the rules may be in force by then.
 */
export async function publishLoginRules(
  loginIds: readonly string[],
  actor: Actor,
  { ports, ...why }: { ports: LifecyclePorts; reason: RevocationReason; comment: string },
): Promise<{ version: number; connectionsCut: number }> {
  const published = await inParallel(
    loginIds,
    (loginId) => publishRule({ rule: { by: 'loginId', loginId, notBeforeMaxMs: undefined }, ...why }, actor, ports),
    { width: parallelMax },
  )
  return {
    version: published.reduce((highest, { version }) => Math.max(highest, version), 0),
    connectionsCut: published.reduce((sum, { connectionsCut }) => sum + connectionsCut, 0),
  }
}

/** What a rule covers, for people and records: times in ISO 8601. */
export type RuleBounds = ({ readonly by: 'issuer' } & IssuerBounds) | ({ readonly by: 'loginId' } & LoginBounds)

export type IssuerBounds = {
  readonly issuer: string
  readonly issuerId: string
  readonly notBeforeFrom: string
  readonly notBeforeTo: string
}

/** Without an upper bound only the store knows it. */
export type LoginBounds = { readonly loginId: string; readonly notBeforeTo?: string }

type Issuers = Pick<LifecyclePorts, 'issuers'>

/** See `RuleBounds`. */
export function describeBounds(rule: RuleRequest['rule'], ports: Issuers): RuleBounds {
  if (rule.by === 'issuer') return { by: 'issuer', ...describeIssuerBounds(rule, ports) }
  const { loginId, notBeforeMaxMs } = rule
  return { by: 'loginId', loginId, ...(notBeforeMaxMs === undefined ? {} : { notBeforeTo: isoOf(notBeforeMaxMs) }) }
}

/** See `IssuerBounds`. */
export function describeIssuerBounds(rule: Extract<RevocationRule, { by: 'issuer' }>, ports: Issuers): IssuerBounds {
  const { issuerId, notBeforeMinMs, notBeforeMaxMs } = rule
  return {
    issuer: nameIssuer(issuerId, ports.issuers),
    issuerId,
    notBeforeFrom: isoOf(notBeforeMinMs),
    notBeforeTo: isoOf(notBeforeMaxMs),
  }
}

function isoOf(ms: number): string {
  // A bound that somebody wrote into the store by hand must not hide the list.
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms)
}
