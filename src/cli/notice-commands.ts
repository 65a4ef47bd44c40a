import { type Command, Option } from 'commander'
import type { bouncedAnswer, foreseeAnswer, noticeList, reviveAnswer } from '../admin/answer-schemas.ts'
import { dryRunHint, usage } from './certificate-selection.ts'
import { limitOption, moreHint, pageThrough } from './page-through.ts'
import type { CommandTools } from './run-command.ts'
import { counted, printable, textTable } from './text-table.ts'

type NoticePage = (typeof noticeList)['_output']

/** `notices --dry-run --date DATE` and `notices list|revive|bounced` */
export function addNoticeCommands(program: Command, tools: CommandTools): void {
  const notices = program
    .command('notices')
    .description('mails about expiry: --dry-run --date DATE says what would go out; list, revive, bounced')
    .option('--dry-run', 'say what would go out, and send nothing')
    .option('--date <date>', 'on which day, YYYY-MM-DD')
    .action((options: { dryRun?: boolean; date?: string }) => foresee(options, tools))
  limitOption(notices.command('list').description('mails of a state, newest first'))
    .addOption(new Option('--state <state>', 'which').choices(['waiting', 'sent', 'dead']).default('dead'))
    .action((options: { state: string; limit: number }) => listNotices(options, tools))
  notices
    .command('revive')
    .argument('<id>', 'the mail (sekisho notices list)')
    .description('have a mail that was given up sent again')
    .option('--apply', 'do it; without this, only show what would happen')
    .action((id: string, { apply }: { apply?: boolean }) => revive(id, apply === true, tools))
  limitOption(notices.command('bounced').description('users whose address refuses mails')).action(
    ({ limit }: { limit: number }) => listBounced(limit, tools),
  )
}

async function foresee({ dryRun, date }: { dryRun?: boolean; date?: string }, tools: CommandTools): Promise<void> {
  if (dryRun !== true || date === undefined) {
    throw usage('notices takes --dry-run and --date YYYY-MM-DD together, or list, revive or bounced.')
  }
  const path = `/v1/notices/foresee?${new URLSearchParams({ date })}`
  const answer = await tools.client().call<(typeof foreseeAnswer)['_output']>({ method: 'GET', path })
  const rows = answer.notices.map(({ loginId, contractId, email, expires, step, daysLeft, alreadySent }) => [
    loginId,
    contractId,
    email === '' ? 'none: nothing goes out' : email,
    expires,
    String(step),
    String(daysLeft),
    alreadySent ? 'written before' : email === '' ? '-' : 'would go out',
  ])
  const table = textTable(['LOGIN ID', 'CONTRACT', 'ADDRESS', 'EXPIRES', 'STEP', 'DAYS LEFT', 'OUTCOME'], rows)
  const shown = answer.notices.length < answer.total ? ` (${answer.notices.length} shown)` : ''
  const sum = `${counted(answer.total, 'notice')} due on ${printable(date)}${shown}.\n`
  tools.print(answer, rows.length === 0 ? sum : `${table}${sum}`)
}

async function listNotices({ state, limit }: { state: string; limit: number }, tools: CommandTools): Promise<void> {
  const { entries, more } = await pageThrough<NoticePage, NoticePage['notices'][number]>(tools.client(), {
    path: '/v1/notices',
    query: { state },
    limit,
    entriesOf: ({ notices }) => notices,
  })
  const rows = entries.map(({ changed, kind, loginId, to, attempts, error, id }) => [
    ...[changed, kind, loginId, to, String(attempts), error === '' ? '-' : error, id],
  ])
  const table = textTable(['AT', 'KIND', 'LOGIN ID', 'TO', 'ATTEMPTS', 'LAST ERROR', 'ID'], rows)
  tools.print({ notices: entries, more }, rows.length === 0 ? `No mail is ${state}.\n` : `${table}${moreHint(more)}`)
}

async function revive(id: string, apply: boolean, tools: CommandTools): Promise<void> {
  if (!apply) {
    tools.print({ dryRun: true, id }, `Would have the mail ${printable(id)} sent again.\n${dryRunHint}`)
    return
  }
  const path = `/v1/notices/${encodeURIComponent(id)}/revive`
  const answer = await tools.client('branch').call<(typeof reviveAnswer)['_output']>({ method: 'POST', path })
  tools.print(answer, `The mail ${printable(id)} is due now.\n`)
}

async function listBounced(limit: number, tools: CommandTools): Promise<void> {
  const path = `/v1/notices/bounced?limit=${Math.min(limit, 1_000)}`
  const answer = await tools.client().call<(typeof bouncedAnswer)['_output']>({ method: 'GET', path })
  const rows = answer.addresses.map(({ loginId, contractId, address, since, error }) => [
    ...[loginId, contractId, address, since, error],
  ])
  const table = textTable(['LOGIN ID', 'CONTRACT', 'ADDRESS', 'SINCE', 'ERROR'], rows)
  tools.print(answer, rows.length === 0 ? 'No address refuses mails.\n' : table)
}
