import type { RuleRecord } from '../lifecycle/ports.ts'
import { describeBounds, type RuleBounds } from '../lifecycle/publish-rule.ts'
import { type RangeResult, revokeRange } from '../lifecycle/revoke-range.ts'
import { type WithdrawOutcome, withdrawRule } from '../lifecycle/withdraw-rule.ts'
import { type AdminCall, type AdminServices, actorOf, findIssuerId } from './admin-call.ts'
import { readJson, readQuery } from './request-body.ts'
import { emptyQuery, ruleBody, ruleQuery, withdrawQuery } from './request-schemas.ts'
import { type Confirmed, waitForGateways } from './wait-for-gateways.ts'

/** Answer of `GET /v1/revocation-rules`: newest first, `total` counts what the filter lets through. */
export type RuleList = {
  readonly rules: readonly (RuleBounds & {
    readonly ruleId: string
    readonly reason: string
    readonly comment: string
    readonly actor: string
    readonly publishedAt: string
    readonly version: number
  })[]
  readonly total: number
  readonly nextCursor?: number
}

/** Answer of `POST /v1/revocation-rules`. */
export type RangeAnswer = RangeResult & Confirmed

/** `GET /v1/revocation-rules` */
export async function listRules(call: AdminCall, { lifecycle }: AdminServices): Promise<RuleList> {
  const { issuer, loginId, cursor, limit } = readQuery(call.query, ruleQuery)
  const issuerId = issuer === undefined ? undefined : findIssuerId(issuer, lifecycle)
  const wanted = ({ rule }: RuleRecord) =>
    (issuerId === undefined || (rule.by === 'issuer' && rule.issuerId === issuerId)) &&
    (loginId === undefined || (rule.by === 'loginId' && rule.loginId === loginId))
  const found = (await lifecycle.store.rules()).filter(wanted)
  const rest = cursor === undefined ? found : found.filter(({ version }) => version < cursor)
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  return {
    rules: page.map(({ rule, publishedAtMs, ...record }) => ({
      ...record,
      ...describeBounds(rule, lifecycle),
      publishedAt: new Date(publishedAtMs).toISOString(),
    })),
    total: found.length,
    ...(rest.length > limit && last !== undefined ? { nextCursor: last.version } : {}),
  }
}

/** `POST /v1/revocation-rules` */
export async function postRule(call: AdminCall, { lifecycle }: AdminServices): Promise<RangeAnswer> {
  readQuery(call.query, emptyQuery)
  const body = await readJson(call.request, ruleBody)
  const { notBeforeFrom, notBeforeTo, wait, waitSeconds, ...rest } = body
  const request = { ...rest, notBeforeFromMs: notBeforeFrom, notBeforeToMs: notBeforeTo }
  const result = await revokeRange(request, actorOf(call), lifecycle)
  return {
    ...result,
    ...(await waitForGateways(result.version, { wait: wait && !body.dryRun, waitSeconds }, lifecycle)),
  }
}

/** `DELETE /v1/revocation-rules/{ruleId}` */
export async function deleteRule(call: AdminCall, { lifecycle }: AdminServices): Promise<WithdrawOutcome> {
  const { dryRun, ...why } = readQuery(call.query, withdrawQuery)
  const [ruleId = ''] = call.parameters
  return await withdrawRule({ ruleId, dryRun: dryRun === 'true', ...why }, actorOf(call), lifecycle)
}
