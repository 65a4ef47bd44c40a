import { type Command, InvalidArgumentError, Option } from 'commander'
import type { contractAnswer, contractList, contractUserList } from '../admin/answer-schemas.ts'
import { dryRunHint } from './certificate-selection.ts'
import { type ChangeAnswer, describeChange, type SwitchAnswer } from './describe-change.ts'
import { addFileCommands } from './directory-file-commands.ts'
import { limitOption, moreHint, pageThrough } from './page-through.ts'
import type { CommandTools } from './run-command.ts'
import { counted, printable, textTable } from './text-table.ts'
import { describeUsers } from './user-table.ts'

type Contract = (typeof contractAnswer)['_output']

/** `contracts list|show|set|switch|import|export` */
export function addContractCommands(program: Command, tools: CommandTools): void {
  const contracts = program.command('contracts').description('contracts: list, show, set, switch, import, export')
  limitOption(contracts.command('list').description('contracts in the order of their ids'))
    .option('--prefix <text>', 'only those that begin so')
    .action((options: { prefix?: string; limit: number }) => listContracts(options, tools))
  contracts
    .command('show')
    .argument('<contract-id>')
    .description('a contract, its users, and until when their certificates are valid')
    .action((contractId: string) => showContract(contractId, tools))
  contracts
    .command('set')
    .argument('<contract-id>')
    .description('add a contract or change it; what is left out stays')
    .addOption(new Option('--login-method <method>', 'of a new contract').choices(['certificate', 'password']))
    .option('--certificate-limit <count>', 'how many login IDs may hold a certificate (default: 100)', Number)
    .option('--name <text>', 'of the company; empty: none')
    .option('--notice-days <days>', 'days before expiry such as "40 30 10 1"; empty: as configured', readDays)
    .option('--apply', 'do it; without this, only show what would happen')
    .action((contractId: string, options: SetOptions) => setContract(contractId, options, tools))
  contracts
    .command('switch')
    .argument('<contract-id>')
    .description('switch the login method, by an application form; on record with who, when and which form')
    .addOption(
      new Option('--method <method>', 'the new one').choices(['certificate', 'password']).makeOptionMandatory(),
    )
    .requiredOption('--form <number>', 'number of the paper form')
    .requiredOption('--reason <text>', 'why, for the audit log')
    .option('--apply', 'do it; without this, only show what would happen')
    .action((contractId: string, options: SwitchOptions) => switchContract(contractId, options, tools))
  addFileCommands(contracts, 'contracts', tools)
}

type SetOptions = {
  readonly loginMethod?: string
  readonly certificateLimit?: number
  readonly name?: string
  readonly noticeDays?: number[]
  readonly apply?: boolean
}
type SwitchOptions = {
  readonly method: string
  readonly form: string
  readonly reason: string
  readonly apply?: boolean
}

function readDays(text: string): number[] {
  const days = text.split(/[\s,;]+/).filter((part) => part !== '')
  if (days.every((part) => /^\d{1,3}$/.test(part))) return days.map(Number)
  throw new InvalidArgumentError('It must be a list of days such as "40 30 10 1".')
}

async function listContracts(
  { prefix, limit }: { prefix?: string; limit: number },
  tools: CommandTools,
): Promise<void> {
  const { entries, more } = await pageThrough<(typeof contractList)['_output'], Contract>(tools.client(), {
    path: '/v1/contracts',
    query: { prefix },
    limit,
    entriesOf: ({ contracts }) => contracts,
  })
  const rows = entries.map(({ contractId, loginMethod, certificateLimit, noticeDays = [], name = '' }) => [
    contractId,
    loginMethod,
    String(certificateLimit),
    noticeDays.length === 0 ? '-' : noticeDays.join(' '),
    name,
  ])
  const table = textTable(['CONTRACT', 'LOGIN METHOD', 'LIMIT', 'NOTICE DAYS', 'NAME'], rows)
  tools.print({ contracts: entries, more }, rows.length === 0 ? 'No contract is there.\n' : `${table}${moreHint(more)}`)
}

async function showContract(contractId: string, tools: CommandTools): Promise<void> {
  const client = tools.client()
  const path = `/v1/contracts/${encodeURIComponent(contractId)}`
  const contract = await client.call<Contract>({ method: 'GET', path })
  const { users } = await client.call<(typeof contractUserList)['_output']>({ method: 'GET', path: `${path}/users` })
  const holders = users.filter(({ certificate }) => certificate?.state === 'current' || certificate?.state === 'issued')
  const lines = [
    `Contract      ${contract.contractId}${contract.name === undefined ? '' : ` (${contract.name})`}`,
    `Login method  ${contract.loginMethod}`,
    `Certificates  ${holders.length} of ${contract.certificateLimit}`,
    `Notice days   ${contract.noticeDays?.join(' ') ?? 'as configured'}`,
  ].map((line) => `${printable(line)}\n`)
  tools.print({ ...contract, users }, `${lines.join('')}\n${describeUsers(users)}`)
}

async function setContract(contractId: string, { apply, ...fields }: SetOptions, tools: CommandTools): Promise<void> {
  const path = `/v1/contracts/${encodeURIComponent(contractId)}`
  const json = { ...fields, dryRun: apply !== true }
  const answer = await tools.client('branch').call<ChangeAnswer>({ method: 'PUT', path, json })
  tools.print(answer, describeChange('contract', answer))
}

async function switchContract(
  contractId: string,
  { apply, ...fields }: SwitchOptions,
  tools: CommandTools,
): Promise<void> {
  const path = `/v1/contracts/${encodeURIComponent(contractId)}/login-method`
  const json = { ...fields, dryRun: apply !== true }
  const answer = await tools.client('branch').call<SwitchAnswer>({ method: 'PUT', path, json })
  tools.print(answer, describeSwitch(answer))
}

function describeSwitch(answer: SwitchAnswer): string {
  const { contractId, previousMethod, method, users, certificateHolders, connectionsCut, outcome, dryRun } = answer
  const name = printable(contractId)
  const hint = dryRun ? dryRunHint : ''
  if (outcome === 'unchanged') return `The contract ${name} logs in by ${method} already.\n${hint}`
  const people = `${counted(users, 'user')}, ${counted(certificateHolders, 'of them holds', 'of them hold')} a certificate`
  if (dryRun) return `Would switch the contract ${name} from ${previousMethod} to ${method}: ${people}.\n${hint}`
  const cut = `${counted(connectionsCut, 'connection')} cut`
  return `Switched the contract ${name} from ${previousMethod} to ${method}: ${people}; ${cut}.\n`
}
