import type { Command } from 'commander'
import type { ReloadAnswer } from '../admin/routes.ts'
import type { CommandTools } from './run-command.ts'
import { counted, printable } from './text-table.ts'

/** `reload`: a refusal is written as the door tells it, and ends with exit code 1. */
export function addReloadCommand(program: Command, tools: CommandTools): void {
  program
    .command('reload')
    .description('load the configuration file again and put it in force; if it cannot be used, the old one stays')
    .action(() => reload(tools))
}

async function reload(tools: CommandTools): Promise<void> {
  const answer = await tools.client().call<ReloadAnswer>({ method: 'POST', path: '/v1/reload' })
  const warnings = answer.warnings.map((warning) => `Warning: ${warning}`)
  tools.print(answer, [...warnings, ...describeAnswer(answer)].map((line) => `${printable(line)}\n`).join(''))
}

function describeAnswer(answer: ReloadAnswer): string[] {
  if (answer.result === 'unchanged') return ['Nothing has changed.']
  const { changed, issuersRemoved, connectionsCut } = answer
  return [
    ...changed,
    ...issuersRemoved.map((name) => `The issuer ${name} is trusted no more.`),
    `Reloaded: ${counted(changed.length, 'change')}; ${counted(connectionsCut, 'connection')} cut.`,
  ]
}
