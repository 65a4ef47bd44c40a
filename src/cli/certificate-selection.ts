import type { Command } from 'commander'
import { CommandError, exitCodes } from './command-context.ts'

/** Options that name certificates. */
export type Selection = {
  readonly loginId?: string[]
  readonly serial?: string[]
  readonly issuer?: string
  readonly comment?: string
  readonly apply?: boolean
}

/** What a dry run ends with. */
export const dryRunHint = 'Nothing was changed: add --apply to do it.\n'

/** Adds them to a command. */
export function selectionOptions(command: Command): Command {
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

/** Throws CommandError unless certificates are named in one of the ways. */
export function checkSelection(selection: Selection): { loginIds: string[]; serials: string[] } {
  const { loginId = [], serial = [], issuer } = selection
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

/** The error of options that do not go together. */
export function usage(message: string): CommandError {
  return new CommandError(message, { exitCode: exitCodes.usage })
}
