import type { Command } from 'commander'
import type { CommandTools } from './run-command.ts'

/** `inspect` */
export function addInspectCommand(program: Command, tools: CommandTools): void {
  program
    .command('inspect')
    .argument('<file>', 'certificate, PEM or DER; of several in one file the first')
    .description(
      'what the certificate doors would answer to a certificate, step by step, without a connection; exit code 0 only if one would permit it. ' +
        'Where no gateway can be asked, the configuration is: then revocation and directory are not known',
    )
    .option('--config <file>', 'configuration to go by where no gateway can be asked (default: as for doctor)')
    .action((file: string, options: { config?: string }) => inspect(file, options, tools))
}

async function inspect(file: string, { config }: { config?: string }, tools: CommandTools): Promise<void> {
  // Read when it is wanted, as the doctor.
  const { runInspect } = await import('./inspect/run-inspect.ts')
  const { answer, text, exitCode } = await runInspect({
    file,
    config,
    context: tools.context,
    open: () => tools.client(),
  })
  tools.print(answer, text)
  tools.setExitCode(exitCode)
}
