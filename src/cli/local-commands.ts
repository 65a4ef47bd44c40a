import { join } from 'node:path'
import type { Command } from 'commander'
import { systemClock } from '../base/clock.ts'
import { loadConfig } from '../config/load-config.ts'
import { summariseConfig } from '../config/summarise-config.ts'
import { verifyAuditFile } from '../observe/verify-audit.ts'
import { CommandError, exitCodes } from './command-context.ts'
import { findDemo } from './demo-place.ts'
import type { CommandTools } from './run-command.ts'
import { counted, printable } from './text-table.ts'

/** `config check` and `audit verify`: they read files and speak to nobody. */
export function addLocalCommands(program: Command, tools: CommandTools): void {
  program
    .command('config')
    .description('the configuration file')
    .command('check')
    .argument('<file>', 'configuration file (YAML)')
    .description('read a configuration as the gateway would, and say what is wrong with it')
    .action((file: string) => checkConfig(file, tools))
  program
    .command('audit')
    .description('the audit log')
    .command('verify')
    .argument('[file]', "audit log (default: the demo's)")
    .description('prove that no record was changed, removed, inserted or reordered')
    .action((file: string | undefined) => verifyAudit(file, tools))
}

function checkConfig(file: string, tools: CommandTools): void {
  const { config, warnings } = loadConfig(file, { env: tools.context.env, clock: systemClock })
  const shown = warnings.map((warning) => `Warning: ${printable(warning)}\n`).join('')
  const summary = summariseConfig(config)
  const lines = summary.map((line) => `${printable(line)}\n`).join('')
  tools.print(
    { file, valid: true, summary, warnings },
    `${lines}${shown}${file} can be used; ${counted(warnings.length, 'warning')}.\n`,
  )
}

async function verifyAudit(file: string | undefined, tools: CommandTools): Promise<void> {
  const path = file ?? join(findDemo(tools.context).stateFolder, 'audit.log')
  const result = await readAudit(path)
  const findings = result.findings.map((finding) => `${printable(finding)}\n`).join('')
  const last = result.last === undefined ? '' : `Last record ${result.last.seq}, hash ${result.last.hash}\n`
  const verdict = result.ok ? 'The log is whole' : 'The log was tampered with, or is damaged'
  tools.print({ file: path, ...result }, `${findings}${last}${verdict}: ${counted(result.records, 'record')} proven.\n`)
  if (!result.ok) tools.setExitCode(exitCodes.failed)
}

async function readAudit(path: string) {
  try {
    return await verifyAuditFile(path)
  } catch (cause) {
    throw new CommandError(`Cannot read the audit log ${path}: ${(cause as Error).message}`, { cause })
  }
}
