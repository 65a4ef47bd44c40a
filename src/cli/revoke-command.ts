import { type Command, InvalidArgumentError, Option } from 'commander'
import type { RevocationAnswer } from '../admin/revocation-routes.ts'
import type { RangeAnswer } from '../admin/rule-routes.ts'
import { revocationReasons } from '../control-path/ports.ts'
import { checkSelection, dryRunHint, type Selection, selectionOptions, usage } from './certificate-selection.ts'
import { describeConfirmation, type WaitOptions, waitFields } from './describe-confirmation.ts'
import { type EntryFormat, entryFormats } from './entry-format.ts'
import { revokeFromFile } from './revoke-from-file.ts'
import type { CommandTools } from './run-command.ts'
import { counted, printable, textTable } from './text-table.ts'

type RevokeOptions = Selection &
  WaitOptions & {
    readonly reason: string
    readonly from?: string
    readonly format?: EntryFormat
    readonly skipInvalid?: boolean
    readonly restart?: boolean
    readonly skipLines?: number
    readonly notBeforeFrom?: string
    readonly notBeforeTo?: string
  }

const waitSecondsMax = 120

const explanation = `
A file may be a list of serial numbers (one a line, # comments; --issuer names their CA), CSV with a header line (serial and issuer,
or loginId; reason, comment), NDJSON as the admin API takes it, or certificates in PEM. While it is being pushed,
FILE.sekisho-progress says how far it is; the same command goes on from there.

Examples:
  sekisho revoke --from lost.csv                                 says what would happen
  sekisho revoke --from lost.csv --apply --wait                  does it, and waits for every gateway
  sekisho revoke --from serials.txt --issuer demo-issuing-ca --reason keyCompromise --apply
  openssl x509 -in user.pem | sekisho revoke --from - --apply
  sekisho revoke --issuer demo-issuing-ca --not-before-from 2027-03-01T00:00:00+09:00 \\
      --not-before-to 2027-03-01T12:00:00+09:00 --reason cACompromise --apply

Exit codes: 0 done (wrong lines may have been left out with --skip-invalid), 1 refused, failed or not confirmed by every gateway,
2 wrong usage.
`

/** `revoke`, in its three ways: certificates and login IDs, a file of them, and what a CA issued in a span of time. */
export function addRevokeCommand(program: Command, tools: CommandTools): void {
  selectionOptions(program.command('revoke'))
    .description('refuse certificates from now on, everywhere, and cut their connections')
    .addOption(
      new Option('--reason <reason>', 'RFC 5280 reason').choices([...revocationReasons]).default('unspecified'),
    )
    .option('--from <file>', 'a file of certificates, serial numbers or login IDs; - for standard input')
    .addOption(
      new Option('--format <format>', 'of the file (default: guessed by how it begins)').choices([...entryFormats]),
    )
    .option('--skip-invalid', 'leave out wrong lines of the file; without this the first one ends the work')
    .option('--restart', 'begin at the beginning of the file, whatever was done before')
    .option('--skip-lines <count>', 'leave out entries that begin in so many lines of the file', readCount)
    .option('--not-before-from <time>', 'what the --issuer issued from this time on (ISO 8601 with offset)')
    .option('--not-before-to <time>', 'and up to this one')
    .option('--wait', 'return when every gateway has confirmed; names those that have not')
    .option('--wait-seconds <count>', `for at most so long, 1 to ${waitSecondsMax} (default: 30)`, readWaitSeconds)
    .addHelpText('after', explanation)
    .action((options: RevokeOptions) => revoke(options, tools))
}

function readCount(text: string): number {
  const count = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (count <= 1_000_000_000) return count
  throw new InvalidArgumentError('It must be a whole number from 0 to 1000000000.')
}

function readWaitSeconds(text: string): number {
  const seconds = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN
  if (seconds >= 1 && seconds <= waitSecondsMax) return seconds
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${waitSecondsMax}.`)
}

async function revoke(options: RevokeOptions, tools: CommandTools): Promise<void> {
  const { from, notBeforeFrom, notBeforeTo } = options
  checkWays(options)
  if (from !== undefined) await revokeFromFile({ ...options, from }, tools)
  else if (notBeforeFrom !== undefined && notBeforeTo !== undefined) {
    await revokeRange({ ...options, notBeforeFrom, notBeforeTo }, tools)
  } else await revokeNamed(options, tools)
}

/** Throws CommandError for options that do not go together. */
function checkWays(options: RevokeOptions): void {
  const { from, loginId = [], serial = [], issuer, notBeforeFrom, notBeforeTo } = options
  const named = loginId.length + serial.length > 0
  const isRange = notBeforeFrom !== undefined || notBeforeTo !== undefined
  if ([named, isRange, from !== undefined].filter(Boolean).length > 1) {
    throw usage('Give one of: --login-id and --serial; --from FILE; --not-before-from and --not-before-to.')
  }
  if (isRange && (issuer === undefined || notBeforeFrom === undefined || notBeforeTo === undefined)) {
    throw usage('A span of time takes --issuer NAME, --not-before-from TIME and --not-before-to TIME together.')
  }
  const fileOnly = { '--format': options.format, '--skip-invalid': options.skipInvalid, '--restart': options.restart }
  const misplaced = Object.entries({ ...fileOnly, '--skip-lines': options.skipLines }).find(
    ([, value]) => value !== undefined,
  )
  if (from === undefined && misplaced !== undefined) throw usage(`${misplaced[0]} goes with --from FILE.`)
  if (options.waitSeconds !== undefined && options.wait !== true) throw usage('--wait-seconds goes with --wait.')
  if (options.wait === true && options.apply !== true) throw usage('--wait goes with --apply.')
}

async function revokeNamed(options: RevokeOptions, tools: CommandTools): Promise<void> {
  const { loginIds, serials } = checkSelection(options)
  const { issuer = '', reason, comment = '' } = options
  const { fields, timeoutMs } = waitFields(options)
  const certificates = serials.map((serial) => ({ issuer, serial }))
  const json = { certificates, loginIds, reason, comment, dryRun: options.apply !== true, ...fields }
  const path = '/v1/revocations'
  const answer = await tools.client().call<RevocationAnswer>({ method: 'POST', path, json, timeoutMs })
  tools.print(answer, `${describeRevocation(answer)}${describeConfirmation(answer, tools)}`)
}

function describeRevocation(result: RevocationAnswer): string {
  const rows = result.certificates.map(({ issuer, serial, loginId, outcome }) => [
    issuer,
    serial,
    loginId ?? '-',
    outcome.replaceAll('_', ' '),
  ])
  const table = rows.length === 0 ? '' : textTable(['ISSUER', 'SERIAL', 'LOGIN ID', 'OUTCOME'], rows)
  const notes = result.notes.map((note) => `${printable(note)}.\n`).join('')
  const revoked = counted(result.revoked, 'certificate')
  const already = `${result.alreadyRevoked} already revoked`
  if (result.dryRun) return `${table}${notes}Would revoke ${revoked}; ${already}.\n${dryRunHint}`
  const cut = `${counted(result.connectionsCut, 'connection')} cut`
  return `${table}${notes}Revoked ${revoked}; ${already}; ${cut}.\n`
}

async function revokeRange(
  options: RevokeOptions & { notBeforeFrom: string; notBeforeTo: string },
  tools: CommandTools,
): Promise<void> {
  const { issuer, notBeforeFrom, notBeforeTo, reason, comment = '' } = options
  const { fields, timeoutMs } = waitFields(options)
  const json = { issuer, notBeforeFrom, notBeforeTo, reason, comment, dryRun: options.apply !== true, ...fields }
  const path = '/v1/revocation-rules'
  const answer = await tools.client().call<RangeAnswer>({ method: 'POST', path, json, timeoutMs })
  tools.print(answer, `${describeRange(answer)}${describeConfirmation(answer, tools)}`)
}

function describeRange(answer: RangeAnswer): string {
  const { issuer, notBeforeFrom, notBeforeTo, ruleId, outcome } = answer
  const what = `what ${printable(issuer)} issued from ${notBeforeFrom} to ${notBeforeTo}`
  if (answer.dryRun) {
    const connected = counted(answer.connectedCertificates ?? 0, 'certificate')
    return `Would refuse ${what}. ${connected} of this issuer connected now; those in the span would be cut.\n${dryRunHint}`
  }
  if (outcome === 'unchanged') return `Refused already: ${what}.\nRule ${printable(ruleId)}\n`
  return `Refused from now on: ${what}; ${counted(answer.connectionsCut, 'connection')} cut.\nRule ${printable(ruleId)}\n`
}
