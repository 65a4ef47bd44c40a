import { GatewayError } from '../base/errors.ts'
import type { Actor, LifecyclePorts } from './ports.ts'
import { describeBounds, type RuleBounds } from './publish-rule.ts'

export type WithdrawRequest = {
  readonly ruleId: string
  /** Why, in the operator's own words; for the audit log. */
  readonly reason: string
  readonly comment: string
  readonly dryRun: boolean
}

export type WithdrawOutcome = RuleBounds & {
  readonly ruleId: string
  readonly dryRun: boolean
  readonly outcome: 'withdrawn' | 'would_be_withdrawn'
  /** The store's version of the withdrawal; 0 with `dryRun`. */
  readonly version: number
}

/**
 * Takes a rule back: a correction by the security role. Certificates that are revoked by themselves stay revoked.
 * Throws `admin_not_found` if it is not in force, `admin_request_invalid` without a reason, `store_unavailable`.
 */
export async function withdrawRule(
  request: WithdrawRequest,
  actor: Actor,
  ports: LifecyclePorts,
): Promise<WithdrawOutcome> {
  const { ruleId, dryRun, comment } = request
  const reason = request.reason.trim()
  if (reason === '' && !dryRun) {
    const message = 'Cannot withdraw a rule without a reason, which goes to the audit log: current value is ""'
    throw new GatewayError('admin_request_invalid', message, { path: 'reason' })
  }
  const found = (await ports.store.rules()).find((rule) => rule.ruleId === ruleId)
  if (found === undefined) {
    const shown = JSON.stringify(ruleId.slice(0, 300))
    throw new GatewayError('admin_not_found', `Cannot find the rule among those in force: current value is ${shown}`)
  }
  const bounds = describeBounds(found.rule, ports)
  if (dryRun) return { ...bounds, ruleId, dryRun, outcome: 'would_be_withdrawn', version: 0 }
  const record = (outcome: string): void =>
    ports.audit({
      event: 'rule_withdrawn',
      actor: { kind: 'operator', name: actor.name },
      target: { kind: 'rule', name: ruleId },
      reason,
      requestId: actor.requestId,
      detail: { ...bounds, outcome, revocationReason: found.reason, comment, role: actor.role },
    })
  try {
    const { version } = await ports.publisher.withdrawRule(ruleId, actor)
    record('withdrawn')
    return { ...bounds, ruleId, dryRun, outcome: 'withdrawn', version }
  } catch (error) {
    // The store may have taken it by then, and what it took is applied later.
    if (!(error instanceof GatewayError && error.code === 'admin_not_found')) record('unconfirmed')
    throw error
  }
}
