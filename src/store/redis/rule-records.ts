import { GatewayError } from '../../base/errors.ts'
import type { Actor, RevocationReason, RevocationRule } from '../../control-path/ports.ts'
import {
  type ChangeResult,
  type KnownRule,
  type RuleRecord,
  type RuleRequest,
  ruleIdOf,
} from '../../control-path/store-port.ts'
import type { RedisClient } from './redis-client.ts'
import { redisKeys } from './redis-keys.ts'
import { jsonOf, scriptCall } from './redis-script.ts'
import { fieldsOf, listOf, parsed } from './replies.ts'
import { lostByStore } from './revocation-history.ts'
import { ruleScript, withdrawScript } from './rule-scripts.ts'

type StoredRule = {
  readonly state: 'in_force' | 'withdrawn'
  readonly version: number
  readonly atMs: number
  readonly rule: RevocationRule
  readonly reason: RevocationReason
  readonly comment: string
  readonly actor: string
}

/** Rules in force, newest first. */
export async function readRules(client: RedisClient): Promise<RuleRecord[]> {
  const values = fieldsOf(await client.call(['HGETALL', redisKeys.rules]))
  return [...values]
    .flatMap(([ruleId, value]): RuleRecord[] => {
      const stored = parsed<StoredRule>(value)
      if (stored?.state !== 'in_force') return []
      const { rule, reason, comment, version, actor, atMs } = stored
      return [{ ruleId, rule, reason, comment, version, actor, publishedAtMs: atMs }]
    })
    .toSorted((left, right) => right.version - left.version)
}

/** Puts a rule in force, or raises its bound; see `TrustStore.publishRule`. */
export async function publishRule(
  client: RedisClient,
  request: RuleRequest,
  { actor, logEventsMax }: { actor: Actor; logEventsMax: number },
): Promise<ChangeResult> {
  const { rule, reason, comment } = request
  const wanted = wantedRule(rule, { reason, comment, actor: actor.name })
  const { keys, input } = scriptCall({ rules: [wanted] }, { logEventsMax })
  const [answer] = listOf(await client.run(ruleScript, keys, input)).map(Number)
  return { changed: (answer ?? 0) % 2 === 1, version: Math.floor((answer ?? 0) / 2) }
}

/** Puts rules in force that the store has lost; see `TrustStore.publishAgain`. */
export async function publishRulesAgain(
  client: RedisClient,
  rules: readonly KnownRule[],
  { above, logEventsMax }: { above: number; logEventsMax: number },
): Promise<void> {
  const wanted = rules.map(({ rule, version }) => ({
    ...wantedRule(rule, { ...lostByStore, actor: 'sekisho' }),
    lostVersion: version,
  }))
  const { keys, input } = scriptCall({ rules: wanted, above }, { logEventsMax })
  await client.run(ruleScript, keys, input)
}

/** Takes a rule back; see `TrustStore.withdrawRule`. */
export async function withdrawRule(
  client: RedisClient,
  ruleId: string,
  { actor, above, logEventsMax }: { actor: Actor; above: number; logEventsMax: number },
): Promise<ChangeResult> {
  const about = jsonOf({ actor: actor.name }).slice(1, -1)
  const { keys, input } = scriptCall({ ruleId, idJson: jsonOf(ruleId), above, about }, { logEventsMax })
  const [outcome, version] = listOf(await client.run(withdrawScript, keys, input)).map(Number)
  if (outcome === 2) {
    throw new GatewayError('admin_not_found', `Cannot withdraw the rule as there is none: current value is ${ruleId}`)
  }
  return { changed: outcome === 1, version: version ?? 0 }
}

function wantedRule(rule: RuleRequest['rule'], about: { reason: RevocationReason; comment: string; actor: string }) {
  const { notBeforeMaxMs, ...head } = rule
  const ruleId = ruleIdOf(rule)
  // It becomes JSON as it is: anything else would make an event that no gateway can read.
  if (notBeforeMaxMs !== undefined && !Number.isSafeInteger(notBeforeMaxMs)) {
    const message = `Cannot use the upper bound of rule ${ruleId} as it is no whole number: current value is ${notBeforeMaxMs}`
    throw new GatewayError('admin_request_invalid', message)
  }
  return {
    ruleId,
    idJson: jsonOf(ruleId),
    // Left open, and closed by the script with the upper bound.
    head: jsonOf(head).slice(0, -1),
    bound: notBeforeMaxMs === undefined ? false : String(notBeforeMaxMs),
    about: jsonOf(about).slice(1, -1),
  }
}
