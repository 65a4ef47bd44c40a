import { GatewayError } from '../../base/errors.ts'
import type { Actor, RevocationReason, RevocationRule } from '../../control-path/ports.ts'
import {
  type ChangeResult,
  type KnownRule,
  type RuleRecord,
  type RuleRequest,
  ruleIdOf,
} from '../../control-path/store-port.ts'
import type { Database, Row } from './database.ts'
import { raiseVersion, recordEvent, type WriteContext } from './event-rows.ts'

const columns = `rule_id, state, version, login_id, issuer_id, not_before_min_ms, not_before_max_ms, reason, comment,
  actor, at_ms`

/** Rules in force, newest first. */
export function readRules(database: Database): RuleRecord[] {
  const rows = database.all(`SELECT ${columns} FROM rules WHERE state = 'in_force' ORDER BY version DESC`)
  return rows.map((row) => ({
    ruleId: String(row.rule_id),
    rule: ruleOf(row),
    reason: String(row.reason) as RevocationReason,
    comment: String(row.comment),
    version: Number(row.version),
    actor: String(row.actor),
    publishedAtMs: Number(row.at_ms),
  }))
}

/** Puts a rule in force, or raises its bound; one that says nothing new changes nothing. Within a write transaction. */
export function publishRuleRow(
  database: Database,
  request: RuleRequest,
  options: WriteContext & { actor: Actor },
): ChangeResult {
  const { reason, comment } = request
  const rule = boundedBy(request.rule, options.clock.nowMs())
  const before = readRow(database, ruleIdOf(rule))
  if (before?.state === 'in_force' && !goesFurther(rule, before))
    return { changed: false, version: Number(before.version) }
  const version = writeRule(database, { rule, reason, comment, actor: options.actor.name }, options)
  return { changed: true, version }
}

/** Restores by compare-and-set; see `TrustStore.publishAgain`. Within a write transaction. */
export function publishRuleRowAgain(database: Database, lost: KnownRule, context: WriteContext): void {
  const before = readRow(database, lost.ruleId)
  if (before?.state === 'in_force' && !goesFurther(lost.rule, before)) return
  if (before?.state === 'withdrawn' && Number(before.version) > lost.version) return
  const comment = 'written again by a gateway that knew it: the store had lost it'
  writeRule(database, { rule: lost.rule, reason: 'unspecified', comment, actor: 'sekisho' }, context)
}

/**
 * Takes a rule back by a tombstone with a newer version, also newer than `aboveVersion`; throws `admin_not_found`.
 * Within a write transaction.
 */
export function withdrawRuleRow(
  database: Database,
  ruleId: string,
  options: WriteContext & { actor: Actor; aboveVersion: number },
): ChangeResult {
  const before = readRow(database, ruleId)
  if (before === undefined) {
    throw new GatewayError('admin_not_found', `Cannot withdraw the rule as there is none: current value is ${ruleId}`)
  }
  if (before.state === 'withdrawn') return { changed: false, version: Number(before.version) }
  raiseVersion(database, options.aboveVersion)
  const atMs = options.clock.nowMs()
  const version = recordEvent(database, { kind: 'rule_withdrawn', ruleId, atMs }, options)
  database.run(
    `UPDATE rules SET state = 'withdrawn', version = ?, actor = ?, at_ms = ? WHERE rule_id = ?`,
    version,
    options.actor.name,
    atMs,
    ruleId,
  )
  return { changed: true, version }
}

/** From the columns of a rule. */
export function ruleOf(row: Row): RevocationRule {
  const notBeforeMaxMs = Number(row.not_before_max_ms)
  if (row.login_id !== null) return { by: 'loginId', loginId: String(row.login_id), notBeforeMaxMs }
  return {
    by: 'issuer',
    issuerId: String(row.issuer_id),
    notBeforeMinMs: Number(row.not_before_min_ms),
    notBeforeMaxMs,
  }
}

function readRow(database: Database, ruleId: string): Row | undefined {
  return database.one(`SELECT ${columns} FROM rules WHERE rule_id = ?`, ruleId)
}

/** Rules on issuers are named by their bounds, so only one on a login ID ever goes further than one of its name. */
function goesFurther(rule: RevocationRule, before: Row): boolean {
  return rule.notBeforeMaxMs > Number(before.not_before_max_ms)
}

function boundedBy(rule: RuleRequest['rule'], nowMs: number): RevocationRule {
  if (rule.by === 'issuer') return rule
  return { by: 'loginId', loginId: rule.loginId, notBeforeMaxMs: rule.notBeforeMaxMs ?? nowMs }
}

function writeRule(
  database: Database,
  record: Pick<RuleRecord, 'rule' | 'reason' | 'comment' | 'actor'>,
  context: WriteContext,
): number {
  const { rule, reason, comment, actor } = record
  const ruleId = ruleIdOf(rule)
  const atMs = context.clock.nowMs()
  const version = recordEvent(database, { kind: 'rule', ruleId, rule, atMs }, context)
  database.run(
    `INSERT OR REPLACE INTO rules (${columns}) VALUES (?, 'in_force', ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ruleId,
    version,
    rule.by === 'loginId' ? rule.loginId : null,
    rule.by === 'issuer' ? rule.issuerId : null,
    rule.by === 'issuer' ? rule.notBeforeMinMs : null,
    rule.notBeforeMaxMs,
    reason,
    comment,
    actor,
    atMs,
  )
  return version
}
