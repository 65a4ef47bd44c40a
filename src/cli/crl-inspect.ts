import { type Command, InvalidArgumentError } from 'commander'
import { systemClock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import { checkCrl, crlFaultOf } from '../x509/crl/check-crl.ts'
import type { CrlEntry } from '../x509/crl/crl-entries.ts'
import { crlReasons } from '../x509/crl/crl-reasons.ts'
import { describeCrl } from '../x509/crl/describe-crl.ts'
import { pemOrDer } from '../x509/crl/pem-or-der.ts'
import { type CrlReading, readCrl } from '../x509/crl/read-crl.ts'
import { type IssuingCa, readIssuingCa } from '../x509/issuing-ca.ts'
import { exitCodes } from './command-context.ts'
import { type CrlVerdict, crlLines } from './crl-lines.ts'
import { openPulled, readSmallFile } from './pulled-file.ts'
import type { CommandTools } from './run-command.ts'
import { printable, textTable } from './text-table.ts'

type InspectOptions = { readonly issuer?: string; readonly entries: number }

/** As much as a gateway can be configured to take. */
const limits = { bytesMax: 1_073_741_824, entriesMax: 20_000_000 }
/** As a gateway has it unless it is configured (`crlFetch.clockSkewSeconds`). */
const clockSkewMs = 300_000

/** `crl inspect`: reads a file and speaks to nobody. */
export function addCrlInspectCommand(crl: Command, tools: CommandTools): void {
  crl
    .command('inspect')
    .argument('<file>', 'the list, DER or PEM')
    .description('what a list says, and whether a gateway would take it; exit code 1 if it would be refused')
    .option('--issuer <file>', 'certificate of the CA that should have made it (PEM): checks name and signature')
    .option('--entries <count>', 'how many entries are shown', readCount, 0)
    .action((file: string, options: InspectOptions) => inspect(file, options, tools))
}

function readCount(text: string): number {
  if (/^\d{1,7}$/.test(text) && Number(text) <= 1_000_000) return Number(text)
  throw new InvalidArgumentError('It must be a whole number from 0 to 1000000.')
}

function inspect(file: string, { issuer: issuerFile, entries: count }: InspectOptions, tools: CommandTools): void {
  const nowMs = systemClock.nowMs()
  const issuer = issuerFile === undefined ? undefined : readIssuer(issuerFile, nowMs)
  const reading = readFile(file, issuer)
  const description = describeCrl(reading)
  const verdict = judge(reading, { issuer, nowMs })
  const shown = [...reading.entries.iterate(0, count)].map(describeEntry)
  const facts = crlLines(description, { verdict, nowMs })
    .map(([name, value]) => `${name.padEnd(16)} ${printable(value)}`.trimEnd())
    .join('\n')
  const table = shown.length === 0 ? '' : `\n${entryTable(shown)}`
  tools.print({ file, ...description, verdict, firstEntries: shown }, `${facts}\n${table}\n${sentenceOf(verdict)}\n`)
  if (verdict.kind === 'refused') tools.setExitCode(exitCodes.failed)
}

function readFile(path: string, issuer: IssuingCa | undefined): CrlReading {
  using file = openPulled(path)
  return readCrl(pemOrDer(file.pull), { ...limits, publicKey: issuer?.publicKey })
}

function readIssuer(file: string, nowMs: number): IssuingCa {
  const certificatePem = readSmallFile(file)
  return readIssuingCa({ name: file, certificatePem, chainPems: [] }, nowMs)
}

/** Without an issuer nobody can say who made the list, but some lists no gateway takes from anybody. */
function judge(reading: CrlReading, { issuer, nowMs }: { issuer: IssuingCa | undefined; nowMs: number }): CrlVerdict {
  const time = { nowMs, clockSkewMs }
  if (issuer === undefined) {
    const reason = crlFaultOf(reading, time)
    return reason === undefined ? { kind: 'unknown', warnings: [] } : { kind: 'refused', reason, warnings: [] }
  }
  try {
    return checkCrl(reading, issuer, time)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return { kind: 'refused', reason: error.message, warnings: [] }
  }
}

function describeEntry({ serialHex, revokedAtMs, reasonCode, invalidityDateMs }: CrlEntry) {
  return {
    serial: serialHex,
    revokedAt: new Date(revokedAtMs).toISOString(),
    reason: crlReasons[reasonCode ?? 0] ?? String(reasonCode),
    ...(invalidityDateMs === undefined ? {} : { invalidSince: new Date(invalidityDateMs).toISOString() }),
  }
}

function entryTable(entries: readonly ReturnType<typeof describeEntry>[]): string {
  const rows = entries.map(({ serial, revokedAt, reason, invalidSince }) => [
    ...[serial, revokedAt, reason, invalidSince ?? '-'],
  ])
  return textTable(['SERIAL', 'REVOKED AT', 'REASON', 'INVALID SINCE'], rows)
}

function sentenceOf(verdict: CrlVerdict): string {
  switch (verdict.kind) {
    case 'good':
      return 'A gateway would take this list.'
    case 'expired':
      return 'A gateway would take this list, and alert: its nextUpdate is past.'
    case 'unknown':
      return 'Whose list this is was not checked: give --issuer FILE, the certificate of its CA.'
    case 'refused':
      return `A gateway would refuse this list: ${printable(verdict.reason)}`
  }
}
