import { createReadStream } from 'node:fs'
import type { Command } from 'commander'
import type { crlImportAnswer, crlList } from '../admin/answer-schemas.ts'
import { systemClock } from '../base/clock.ts'
import { dryRunHint } from './certificate-selection.ts'
import { exitCodes } from './command-context.ts'
import { addCrlInspectCommand } from './crl-inspect.ts'
import { sizeOfFile } from './pulled-file.ts'
import { relativeTime } from './relative-time.ts'
import type { CommandTools } from './run-command.ts'
import { counted, printable, textTable } from './text-table.ts'

type CrlList = (typeof crlList)['_output']
type CrlState = CrlList['crls'][number]
type ImportAnswer = (typeof crlImportAnswer)['_output']

/** A list of a million entries is read, checked and given to the store; places that do not answer take their time. */
const answerWithinMs = 900_000
/** Of looks that brought what they should. */
const wellResults: ReadonlySet<CrlState['result']> = new Set(['applied', 'unchanged'])

/** `crl inspect|import|status|look` */
export function addCrlCommands(program: Command, tools: CommandTools): void {
  const crl = program.command('crl').description('CRLs of other CAs: inspect, import, status, look')
  addCrlInspectCommand(crl, tools)
  crl
    .command('import')
    .argument('<file>', 'the list, DER or PEM')
    .description('revoke what a list names, with the checks of one that is fetched; nothing is un-revoked by it')
    .requiredOption('--issuer <name>', 'the CA whose list it is: its name or id (sekisho issuers)')
    .option('--apply', 'do it; without this, only show what would happen')
    .action((file: string, options: { issuer: string; apply?: boolean }) => importList(file, options, tools))
  crl
    .command('status')
    .description('every list: its number, when the next one is due, and how the last look at it ended')
    .action(() => showStatus(tools))
  crl
    .command('look')
    .description('look at the lists now; exit code 1 if a look did not end well')
    .option('--issuer <name>', 'only at those of this CA')
    .action((options: { issuer?: string }) => lookNow(options, tools))
}

async function importList(file: string, options: { issuer: string; apply?: boolean }, tools: CommandTools) {
  const query = new URLSearchParams({ issuer: options.issuer, dryRun: String(options.apply !== true) })
  const size = sizeOfFile(file)
  const answer = await tools.client().upload<ImportAnswer>(`/v1/crls/import?${query}`, {
    ...{ content: createReadStream(file), size, contentType: 'application/pkix-crl', answerWithinMs },
  })
  tools.print(answer, describeImport(answer))
}

function describeImport(answer: ImportAnswer): string {
  const { issuer, number, isDelta, entries, thisUpdate, nextUpdate, revoked, alreadyRevoked, connectionsCut } = answer
  const kind = isDelta ? 'Delta CRL' : 'CRL'
  const until = nextUpdate === undefined ? 'without nextUpdate' : `next update ${nextUpdate}`
  const list = `${kind} ${number ?? 'without number'} of ${printable(issuer)}: ${counted(entries, 'entry', 'entries')}, of ${thisUpdate}, ${until}.\n`
  const warnings = answer.warnings.map((warning) => `Warning: ${printable(warning)}\n`).join('')
  const sum = `${counted(revoked, 'certificate')}; ${alreadyRevoked} already revoked`
  if (answer.dryRun) return `${list}${warnings}Would revoke ${sum}.\n${dryRunHint}`
  return `${list}${warnings}Revoked ${sum}; ${counted(connectionsCut, 'connection')} cut.\n`
}

async function showStatus(tools: CommandTools): Promise<void> {
  const list = await tools.client().call<CrlList>({ method: 'GET', path: '/v1/crls' })
  tools.print(list, describeLists(list))
}

async function lookNow({ issuer }: { issuer?: string }, tools: CommandTools): Promise<void> {
  const json = issuer === undefined ? {} : { issuer }
  const path = '/v1/crls/look'
  const list = await tools.client().call<CrlList>({ method: 'POST', path, json, timeoutMs: answerWithinMs })
  tools.print(list, describeLists(list))
  if (!list.crls.every(({ result }) => wellResults.has(result))) tools.setExitCode(exitCodes.failed)
}

function describeLists({ crls }: CrlList): string {
  if (crls.length === 0) return 'No CRL of another CA is configured.\n'
  const nowMs = systemClock.nowMs()
  const shown = (time: string | undefined) => (time === undefined ? '-' : relativeTime(Date.parse(time), nowMs))
  const rows = crls.map(({ issuer, list, number, entries, thisUpdate, nextUpdate, lookedAt, result, place }) => [
    ...[issuer, list, number ?? '-', String(entries ?? '-'), shown(thisUpdate), shown(nextUpdate), shown(lookedAt)],
    ...[result?.replaceAll('_', ' ') ?? '-', place ?? '-'],
  ])
  const headings = [
    'ISSUER',
    'LIST',
    'NUMBER',
    'ENTRIES',
    'THIS UPDATE',
    'NEXT UPDATE',
    'LAST GOOD LOOK',
    'RESULT',
    'FROM',
  ]
  const faults = crls.flatMap(({ issuer, list, fault }) => (fault === undefined ? [] : [`${issuer}/${list}: ${fault}`]))
  return `${textTable(headings, rows)}${faults.map((fault) => `${printable(fault)}\n`).join('')}`
}
