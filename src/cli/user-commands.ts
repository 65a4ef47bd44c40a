import { type Command, Option } from 'commander'
import type {
  certificateList,
  contractUserList,
  historyAnswer,
  suspensionAnswer,
  unlockAnswer,
  userAnswer,
  userDetail,
  userList,
} from '../admin/answer-schemas.ts'
import { describeCertificates } from './certificate-commands.ts'
import { dryRunHint, usage } from './certificate-selection.ts'
import { type ChangeAnswer, describeChange } from './describe-change.ts'
import { addFileCommands } from './directory-file-commands.ts'
import { limitOption, moreHint, pageThrough } from './page-through.ts'
import type { CommandTools } from './run-command.ts'
import { counted, printable, textTable } from './text-table.ts'
import { describeUsers } from './user-table.ts'

type User = (typeof userAnswer)['_output']
type ListOptions = { readonly contract?: string; readonly prefix?: string; readonly limit: number }
type SetOptions = { readonly contract?: string; readonly apply?: boolean } & Readonly<Record<string, unknown>>
type ActOptions = { readonly reason: string; readonly apply?: boolean }

/** `users list|show|set|suspend|reinstate|unlock|history|import|export` */
export function addUserCommands(program: Command, tools: CommandTools): void {
  const users = program
    .command('users')
    .description('users: list, show, set, suspend, reinstate, unlock, history, import, export')
  limitOption(users.command('list').description('users of a contract with what they hold, or by login ID'))
    .option('--contract <id>', 'only those of this contract, with their certificates')
    .option('--prefix <text>', 'only login IDs that begin so')
    .action((options: ListOptions) => listUsers(options, tools))
  users
    .command('show')
    .argument('<login-id>')
    .description('a user and every certificate of theirs')
    .action((loginId: string) => showUser(loginId, tools))
  users
    .command('set')
    .argument('<login-id>')
    .description('add a user or change one; what is left out stays')
    .option('--contract <id>', 'of a new user')
    .addOption(new Option('--role <role>', 'of a new user').choices(['master', 'general']))
    .option('--name <text>', 'of the person; empty: none')
    .option('--email <address>', 'for notices; empty: none')
    .addOption(new Option('--language <language>', 'of mails; empty: both').choices(['ja', 'en', '']))
    .option('--apply', 'do it; without this, only show what would happen')
    .action((loginId: string, options: SetOptions) => setUser(loginId, options, tools))
  for (const suspended of [true, false]) {
    users
      .command(suspended ? 'suspend' : 'reinstate')
      .argument('<login-id>')
      .description(suspended ? 'keep a user out until they are reinstated' : 'let a suspended user in again')
      .requiredOption('--reason <text>', 'why, for the audit log')
      .option('--apply', 'do it; without this, only show what would happen')
      .action((loginId: string, options: ActOptions) => suspend(loginId, { ...options, suspended }, tools))
  }
  users
    .command('unlock')
    .argument('<login-id>')
    .description('end the locks after wrong passwords')
    .option('--apply', 'do it; without this, only show what would happen')
    .action((loginId: string, options: { apply?: boolean }) => unlock(loginId, options, tools))
  limitOption(
    users.command('history').argument('<login-id>').description('what happened to a user, newest first'),
  ).action((loginId: string, { limit }: { limit: number }) => showHistory(loginId, limit, tools))
  addFileCommands(users, 'users', tools)
}

function pathOf(loginId: string): string {
  return `/v1/users/${encodeURIComponent(loginId)}`
}

async function listUsers({ contract, prefix, limit }: ListOptions, tools: CommandTools): Promise<void> {
  if (contract !== undefined) {
    if (prefix !== undefined) throw usage('Give --contract or --prefix, not both.')
    const path = `/v1/contracts/${encodeURIComponent(contract)}/users`
    const list = await tools.client().call<(typeof contractUserList)['_output']>({ method: 'GET', path })
    tools.print(list, describeUsers(list.users))
    return
  }
  const { entries, more } = await pageThrough<(typeof userList)['_output'], User>(tools.client(), {
    path: '/v1/users',
    query: { prefix },
    limit,
    entriesOf: ({ users }) => users,
  })
  const rows = entries.map(({ loginId, contractId, role, state, email = '-', name = '' }) => [
    ...[loginId, contractId, role, state, email, name],
  ])
  const table = textTable(['LOGIN ID', 'CONTRACT', 'ROLE', 'STATE', 'E-MAIL', 'NAME'], rows)
  tools.print({ users: entries, more }, rows.length === 0 ? 'No user is there.\n' : `${table}${moreHint(more)}`)
}

async function showUser(loginId: string, tools: CommandTools): Promise<void> {
  const client = tools.client()
  const user = await client.call<(typeof userDetail)['_output']>({ method: 'GET', path: pathOf(loginId) })
  const path = `${pathOf(loginId)}/certificates`
  const { certificates } = await client.call<(typeof certificateList)['_output']>({ method: 'GET', path })
  const { contractId, role, state, lockedUntil, name = '-', email = '-', language = '' } = user
  const lines = [
    `Login ID   ${user.loginId}`,
    `Contract   ${contractId}, ${role} user`,
    `State      ${state}${lockedUntil === undefined ? '' : `, locked until ${lockedUntil}`}`,
    `Name       ${name}`,
    `E-mail     ${email} (${language === '' ? 'both languages' : language})`,
  ].map((line) => `${printable(line)}\n`)
  tools.print({ ...user, certificates }, `${lines.join('')}\n${describeCertificates(certificates)}`)
}

async function setUser(loginId: string, options: SetOptions, tools: CommandTools): Promise<void> {
  const { apply, contract, ...fields } = options
  const json = { ...fields, ...(contract === undefined ? {} : { contractId: contract }), dryRun: apply !== true }
  const answer = await tools.client('branch').call<ChangeAnswer>({ method: 'PUT', path: pathOf(loginId), json })
  tools.print(answer, describeChange('user', answer))
}

async function suspend(
  loginId: string,
  { suspended, reason, apply }: ActOptions & { suspended: boolean },
  tools: CommandTools,
): Promise<void> {
  const client = tools.client('branch')
  const name = printable(loginId)
  const verb = suspended ? 'suspend' : 'reinstate'
  if (apply !== true) {
    const { state } = await client.call<User>({ method: 'GET', path: pathOf(loginId) })
    const isSo = state === (suspended ? 'suspended' : 'active')
    const text = isSo ? `The user ${name} is ${state} already.\n` : `Would ${verb} the user ${name}.\n${dryRunHint}`
    tools.print({ dryRun: true, loginId, changed: !isSo }, text)
    return
  }
  const path = `${pathOf(loginId)}/suspension`
  const json = { suspended, reason }
  const answer = await client.call<(typeof suspensionAnswer)['_output']>({ method: 'POST', path, json })
  const cut = `${counted(answer.connectionsCut, 'connection')} cut`
  const done = suspended ? `Suspended the user ${name}; ${cut}.\n` : `Reinstated the user ${name}.\n`
  tools.print(answer, answer.changed ? done : `The user ${name} was ${suspended ? 'suspended' : 'active'} already.\n`)
}

async function unlock(loginId: string, { apply }: { apply?: boolean }, tools: CommandTools): Promise<void> {
  const client = tools.client('branch')
  const name = printable(loginId)
  if (apply !== true) {
    const user = await client.call<(typeof userDetail)['_output']>({ method: 'GET', path: pathOf(loginId) })
    const isLocked = user.lockedUntil !== undefined
    const text = isLocked
      ? `Would unlock the user ${name}, locked until ${user.lockedUntil}.\n${dryRunHint}`
      : `The user ${name} is not locked; wrong passwords so far would be forgotten.\n${dryRunHint}`
    tools.print({ dryRun: true, loginId, wasLocked: isLocked }, text)
    return
  }
  const path = `${pathOf(loginId)}/unlock`
  const answer = await client.call<(typeof unlockAnswer)['_output']>({ method: 'POST', path })
  tools.print(answer, answer.wasLocked ? `Unlocked the user ${name}.\n` : `The user ${name} was not locked.\n`)
}

async function showHistory(loginId: string, limit: number, tools: CommandTools): Promise<void> {
  const path = `${pathOf(loginId)}/history?limit=${Math.min(limit, 1_000)}`
  const history = await tools.client().call<(typeof historyAnswer)['_output']>({ method: 'GET', path })
  const rows = history.entries.map(({ at, what, who, requestId, detail }) => [
    at,
    what.replaceAll('_', ' '),
    who === '' ? '-' : who,
    requestId,
    Object.entries(detail)
      .map(([name, value]) => `${name}: ${value}`)
      .join('; '),
  ])
  const table = textTable(['AT', 'WHAT', 'BY', 'REQUEST', 'DETAIL'], rows)
  tools.print(history, rows.length === 0 ? 'Nothing is on record.\n' : table)
}
