import type { Command } from 'commander'
import { exitCodes } from './command-context.ts'
import type { CommandTools } from './run-command.ts'

type Options = { readonly config?: string; readonly audit?: string; readonly accessLog?: string }

/** `explain` */
export function addExplainCommand(program: Command, tools: CommandTools): void {
  program
    .command('explain')
    .argument('<request-id>', 'as it stands on the error page, for example k3x9q0aa-1f-2')
    .description(
      'what happened to a request, and why: from the access log, the audit log and the admin door; exit code 1 if nothing is known',
    )
    .option('--config <file>', 'configuration that says where the logs are (default: as for doctor)')
    .option('--audit <file>', 'audit log; rotated ones beside it (.1, .gz) are read too')
    .option('--access-log <file>', 'access log, in the same way; - reads standard input')
    .action((requestId: string, options: Options) => explain(requestId, options, tools))
}

async function explain(requestId: string, files: Options, tools: CommandTools): Promise<void> {
  // Read when it is wanted, as the doctor.
  const { runExplain } = await import('./explain/run-explain.ts')
  const { found, isKnown, text } = await runExplain({
    requestId,
    files,
    context: tools.context,
    open: () => tools.client(),
  })
  tools.print({ known: isKnown, ...found }, text)
  if (!isKnown) tools.setExitCode(exitCodes.failed)
}
