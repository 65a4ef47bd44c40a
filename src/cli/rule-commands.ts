import { type Command, InvalidArgumentError } from 'commander'
import type { RuleList } from '../admin/rule-routes.ts'
import type { WithdrawOutcome } from '../lifecycle/withdraw-rule.ts'
import { dryRunHint } from './certificate-selection.ts'
import type { CommandTools } from './run-command.ts'
import { printable, textTable } from './text-table.ts'

type Filter = { readonly issuer?: string; readonly loginId?: string; readonly limit: number }
type Withdrawal = { readonly reason: string; readonly comment: string; readonly apply?: boolean }

const pageMax = 1_000
const limitDefault = 100

/** `rules` and `rules withdraw`. */
export function addRuleCommands(program: Command, tools: CommandTools): void {
  const rules = program
    .command('rules')
    .description('revocation rules in force, newest first: what a login ID had, or a CA issued, until or in some time')
    .option('--login-id <id>', 'only that of this login ID')
    .option('--issuer <name>', 'only those of this issuing CA')
    .option('--limit <count>', 'how many at most', readLimit, limitDefault)
    .action((options: Filter) => listRules(options, tools))
  rules
    .command('withdraw')
    .argument('<id>', 'the rule (sekisho rules)')
    .description('take a rule back: a correction; certificates that are revoked by themselves stay revoked')
    .requiredOption('--reason <text>', 'why, for the audit log')
    .option('--comment <text>', 'kept with the change', '')
    .option('--apply', 'do it; without this, only show what would happen')
    .action((ruleId: string, options: Withdrawal) => withdrawRule(ruleId, options, tools))
}

function readLimit(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= 1_000_000) return count
  throw new InvalidArgumentError('It must be a whole number from 1 to 1000000.')
}

async function listRules({ issuer, loginId, limit }: Filter, tools: CommandTools): Promise<void> {
  const client = tools.client()
  const rules: RuleList['rules'][number][] = []
  let cursor: number | undefined
  let total = 0
  do {
    const query = new URLSearchParams({ limit: String(Math.min(pageMax, limit - rules.length)) })
    if (issuer !== undefined) query.set('issuer', issuer)
    if (loginId !== undefined) query.set('loginId', loginId)
    if (cursor !== undefined) query.set('cursor', String(cursor))
    const page = await client.call<RuleList>({ method: 'GET', path: `/v1/revocation-rules?${query}` })
    rules.push(...page.rules)
    total = page.total
    cursor = page.nextCursor
  } while (cursor !== undefined && rules.length < limit)
  const rows = rules.map((rule) => [
    rule.ruleId,
    rule.by === 'issuer' ? `issued by ${rule.issuer} from ${rule.notBeforeFrom}` : `of ${rule.loginId}`,
    rule.notBeforeTo ?? '-',
    rule.reason,
    rule.actor,
    rule.publishedAt,
    rule.comment,
  ])
  const table = textTable(['RULE', 'CERTIFICATES', 'UP TO', 'REASON', 'BY', 'AT', 'COMMENT'], rows)
  const more = cursor === undefined ? '' : `There are ${total}: raise --limit.\n`
  tools.print({ rules, total }, rows.length === 0 ? 'No rule is in force.\n' : `${table}${more}`)
}

async function withdrawRule(ruleId: string, options: Withdrawal, tools: CommandTools): Promise<void> {
  const { reason, comment, apply } = options
  const query = new URLSearchParams({ dryRun: String(apply !== true), reason, comment })
  const path = `/v1/revocation-rules/${encodeURIComponent(ruleId)}?${query}`
  const done = await tools.client().call<WithdrawOutcome>({ method: 'DELETE', path })
  const subject =
    done.by === 'issuer'
      ? `what ${done.issuer} issued from ${done.notBeforeFrom} to ${done.notBeforeTo}`
      : `what ${done.loginId} had until ${done.notBeforeTo ?? 'some time'}`
  const stays = `Certificates that are revoked by themselves stay revoked.\n`
  const text = done.dryRun
    ? `Would no longer refuse ${printable(subject)}.\n${stays}${dryRunHint}`
    : `No longer refused by this rule: ${printable(subject)}.\n${stays}`
  tools.print(done, text)
}
