import { type Command, InvalidArgumentError } from 'commander'
import { exitCodes } from './command-context.ts'
import type { CommandTools } from './run-command.ts'

const timeoutSecondsDefault = 5
const timeoutSecondsMax = 600

/** `doctor` */
export function addDoctorCommand(program: Command, tools: CommandTools): void {
  program
    .command('doctor')
    .description(
      'look at everything a gateway needs, and say how to mend what is wrong: configuration, keys, clocks, store, files, limits, ports, ' +
        'upstreams, lists, mail. Run it as the gateway’s user, or as root. Changes nothing, sends no mail, tries no PIN, shows no secret; exit code 1 if something is bad',
    )
    .option('--config <file>', 'configuration file (default: the demo of this clone, else /etc/sekisho/sekisho.yaml)')
    .option('--timeout <seconds>', 'longest time for each check', readSeconds, timeoutSecondsDefault)
    .action((options: { config?: string; timeout: number }) => examine(options, tools))
}

function readSeconds(text: string): number {
  const seconds = Number(text)
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= timeoutSecondsMax) return seconds
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${timeoutSecondsMax}.`)
}

async function examine(options: { config?: string; timeout: number }, tools: CommandTools): Promise<void> {
  // Read when it is wanted: it knows half of the program, and other commands should not wait for that.
  const { runDoctor } = await import('./doctor/run-doctor.ts')
  const { countOf, findingsText } = await import('./doctor/run-checks.ts')
  const found = await runDoctor({
    file: options.config,
    timeoutMs: options.timeout * 1_000,
    context: tools.context,
    open: () => tools.client(),
  })
  const counts = { ok: countOf(found, 'ok'), warn: countOf(found, 'warn'), bad: countOf(found, 'bad') }
  tools.print({ ...counts, groups: found }, findingsText(found))
  if (counts.bad > 0) tools.setExitCode(exitCodes.failed)
}
