import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import type { Command } from 'commander'
import { programFile } from '../base/module-url.ts'
import type { CommandTools } from './run-command.ts'

/** What a running gateway obeys. */
const gatewaySignals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const

/** `serve` and `demo`: the gateway itself, which has an entry of its own (`main.ts`). */
export function addGatewayCommands(program: Command, tools: CommandTools): void {
  program
    .command('serve')
    .description('run a gateway in the foreground')
    .requiredOption('--config <file>', 'configuration file (YAML)')
    .action((options: { config: string }) => runGateway(['serve', '--config', options.config], tools))
  program
    .command('demo')
    .description('run the demo bank in the foreground, as npm start does')
    .action(() => runGateway(['demo'], tools))
}

/**
 * Becomes the gateway where the platform allows it, so that signals and exit code need no forwarding; else runs it as a child
 * that gets the signals and gives the exit code.
 */
async function runGateway(args: readonly string[], { context, setExitCode }: CommandTools): Promise<void> {
  const argv = ['--disable-warning=ExperimentalWarning', programFile(context.root, 'main'), ...args]
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    process.execve(process.execPath, [process.execPath, ...argv], definedOnly(context.env))
  }
  const child = spawn(process.execPath, argv, { stdio: 'inherit' })
  const forward = (signal: NodeJS.Signals) => void child.kill(signal)
  for (const signal of gatewaySignals) process.on(signal, forward)
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  for (const signal of gatewaySignals) process.off(signal, forward)
  setExitCode(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
}

function definedOnly(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
