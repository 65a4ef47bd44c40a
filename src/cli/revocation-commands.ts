import { type Command, Option } from 'commander'
import { revocationReasons } from '../control-path/ports.ts'
import type { RestoreOutcome } from '../lifecycle/restore.ts'
import type { RevokeResult } from '../lifecycle/revoke.ts'
import { CommandError, exitCodes } from './command-context.ts'
import type { RevocationList } from './list-commands.ts'
import type { CommandTools } from './run-command.ts'
import { counted, textTable } from './text-table.ts'

type Selection = {
  readonly loginId?: string[]
  readonly serial?: string[]
  readonly issuer?: string
  readonly comment?: string
  readonly apply?: boolean
}

const dryRunHint = 'Nothing was changed: add --apply to do it.\n'

/** `revoke` and `restore`. */
export function addRevocationCommands(program: Command, tools: CommandTools): void {
  selectionOptions(program.command('revoke'))
    .description('refuse certificates from now on, everywhere, and cut their connections')
    .addOption(
      new Option('--reason <reason>', 'RFC 5280 reason').choices([...revocationReasons]).default('unspecified'),
    )
    .action((options: Selection & { reason: string }) => runRevoke(options, tools))
  selectionOptions(program.command('restore'))
    .description('take a revocation back: a correction, refused once the login ID has a newer certificate')
    .option('--reason <text>', 'why, for the audit log', '')
    .action((options: Selection & { reason: string }) => runRestore(options, tools))
}

function selectionOptions(command: Command): Command {
  return command
    .option('--login-id <id>', 'every unexpired certificate of this login ID; may be repeated', collect)
    .option('--serial <hex>', 'one certificate, in any common spelling of hex; may be repeated', collect)
    .option('--issuer <name>', 'issuing CA of the serial numbers: its name or id (sekisho issuers)')
    .option('--comment <text>', 'kept with the change', '')
    .option('--apply', 'do it; without this, only show what would happen')
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

function checkSelection({ loginId = [], serial = [], issuer }: Selection): { loginIds: string[]; serials: string[] } {
  if (loginId.length + serial.length === 0)
    throw usage('Name at least one --login-id ID, or --serial HEX with --issuer NAME.')
  if (serial.length > 0 && issuer === undefined) {
    throw usage(
      '--serial needs --issuer NAME: a serial number alone names no certificate (sekisho issuers lists them).',
    )
  }
  if (serial.length === 0 && issuer !== undefined) throw usage('--issuer goes with --serial HEX.')
  return { loginIds: loginId, serials: serial }
}

function usage(message: string): CommandError {
  return new CommandError(message, { exitCode: exitCodes.usage })
}

async function runRevoke(options: Selection & { reason: string }, tools: CommandTools): Promise<void> {
  const { loginIds, serials } = checkSelection(options)
  const { issuer = '', reason, comment = '' } = options
  const certificates = serials.map((serial) => ({ issuer, serial }))
  const json = { certificates, loginIds, reason, comment, dryRun: options.apply !== true }
  const result = await tools.client().call<RevokeResult>({ method: 'POST', path: '/v1/revocations', json })
  tools.print(result, describeRevocation(result))
}

function describeRevocation(result: RevokeResult): string {
  const rows = result.certificates.map(({ issuer, serial, loginId, outcome }) => [
    issuer,
    serial,
    loginId ?? '-',
    outcome.replaceAll('_', ' '),
  ])
  const table = rows.length === 0 ? '' : textTable(['ISSUER', 'SERIAL', 'LOGIN ID', 'OUTCOME'], rows)
  const notes = result.notes.map((note) => `${note}\n`).join('')
  const revoked = counted(result.revoked, 'certificate')
  const already = `${result.alreadyRevoked} already revoked`
  if (result.dryRun) return `${table}${notes}Would revoke ${revoked}; ${already}.\n${dryRunHint}`
  const cut = `${counted(result.connectionsCut, 'connection')} cut`
  return `${table}${notes}Revoked ${revoked}; ${already}; ${cut}.\n`
}

type Restoration = { issuer: string; serial: string; loginId: string; outcome: string; applied: boolean }

async function runRestore(options: Selection & { reason: string }, tools: CommandTools): Promise<void> {
  const { loginIds, serials } = checkSelection(options)
  const client = tools.client()
  const targets = serials.map((serial) => ({ issuer: options.issuer ?? '', serial, loginId: '-' }))
  for (const loginId of loginIds) {
    const query = new URLSearchParams({ loginId, limit: '1000' })
    const list = await client.call<RevocationList>({ method: 'GET', path: `/v1/revocations?${query}` })
    if (list.revocations.length === 0)
      throw new CommandError(`Cannot restore ${loginId}: no certificate of it is revoked.`)
    targets.push(...list.revocations.map(({ issuer, serial }) => ({ issuer, serial, loginId })))
  }
  const dryRun = options.apply !== true
  const query = new URLSearchParams({ dryRun: String(dryRun), reason: options.reason, comment: options.comment ?? '' })
  const restorations: Restoration[] = []
  for (const { issuer, serial, loginId } of targets) {
    const path = `/v1/revocations/${encodeURIComponent(issuer)}/${encodeURIComponent(serial)}?${query}`
    try {
      const done = await client.call<RestoreOutcome>({ method: 'DELETE', path })
      const outcome = done.outcome.replaceAll('_', ' ')
      restorations.push({
        issuer: done.issuer,
        serial: done.serial,
        loginId: done.loginId ?? loginId,
        outcome,
        applied: true,
      })
    } catch (error) {
      // One of several that is refused (an older certificate of the login ID) does not keep the others revoked.
      if (!(error instanceof CommandError) || error.problem === undefined || targets.length === 1) throw error
      restorations.push({ issuer, serial, loginId, outcome: error.message, applied: false })
    }
  }
  reportRestorations(restorations, dryRun, tools)
}

function reportRestorations(restorations: readonly Restoration[], dryRun: boolean, tools: CommandTools): void {
  const restored = restorations.filter(({ applied }) => applied).length
  const rows = restorations.map(({ issuer, serial, loginId, outcome }) => [issuer, serial, loginId, outcome])
  const table = textTable(['ISSUER', 'SERIAL', 'LOGIN ID', 'OUTCOME'], rows)
  const refused = restorations.length - restored
  const sum = `${counted(restored, 'certificate')}; ${refused} refused.\n`
  tools.print(
    { dryRun, restored, refused, certificates: restorations },
    dryRun ? `${table}Would restore ${sum}${dryRunHint}` : `${table}Restored ${sum}`,
  )
  if (restored === 0) tools.setExitCode(exitCodes.failed)
}
