import type { Command } from 'commander'
import type { RestoreOutcome } from '../lifecycle/restore.ts'
import { checkSelection, dryRunHint, type Selection, selectionOptions } from './certificate-selection.ts'
import { CommandError, exitCodes } from './command-context.ts'
import type { RevocationList } from './list-commands.ts'
import type { CommandTools } from './run-command.ts'
import { counted, textTable } from './text-table.ts'

/** `restore` */
export function addRestoreCommand(program: Command, tools: CommandTools): void {
  selectionOptions(program.command('restore'))
    .description('take a revocation back: a correction, refused once the login ID has a newer certificate')
    .option('--reason <text>', 'why, for the audit log', '')
    .action((options: Selection & { reason: string }) => runRestore(options, tools))
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
