import { join, resolve } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { startGateway } from './assemble.ts'
import { systemClock } from './base/clock.ts'
import { GatewayError } from './base/errors.ts'
import type { GatewayConfig } from './config/gateway-config.ts'
import { loadConfig } from './config/load-config.ts'
import { startDemo } from './demo/start-demo.ts'
import { createLog } from './observe/log.ts'

/** What runs until a signal ends it. */
type Running = { drain(): Promise<void>; stop(): Promise<void> }

const root = resolve(import.meta.dirname, '..')
const usage = `Usage: node src/main.ts serve --config FILE   run a gateway
       node src/main.ts demo                  run the demo bank (npm start)
`

/**
 * V8 learns from the busy start of many connections that objects made for requests live long, and never unlearns it: from then on
 * they are made in the old generation, keep short-lived ones alive, and every scavenge takes 5 ms where it took 0.5.
 */
const v8Flags = ['--no-allocation-site-pretenuring']

/**
 * OpenSSL takes the number of session tickets from its configuration file only, which Node reads once, at its start: so the process
 * becomes itself again with the right one. It keeps its process id.
 */
function useNodeFlags(config: GatewayConfig): void {
  if (process.execArgv.some((argument) => argument.startsWith('--openssl-config'))) return
  const resumes = config.doors.certificate.some((door) => door.resumption.enabled)
  const file = join(root, 'config', resumes ? 'openssl-resumption.cnf' : 'openssl.cnf')
  const argv = [process.execPath, `--openssl-config=${file}`, ...v8Flags, ...process.execArgv, ...process.argv.slice(1)]
  const env = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined)
  process.execve?.(process.execPath, argv, Object.fromEntries(env))
}

async function serve(file: string): Promise<Running> {
  const { config, warnings } = loadConfig(file, { env: process.env, clock: systemClock })
  useNodeFlags(config)
  const log = createLog({ level: config.logLevel })
  for (const warning of warnings) log.warn(warning)
  const gateway = await startGateway({ config, log, version: packageJson.version })
  for (const { door, host, port } of gateway.addresses) log.info('door open', { door, host, port })
  return gateway
}

function demo(): Promise<Running> {
  return startDemo({
    root,
    env: process.env,
    version: packageJson.version,
    prepare: useNodeFlags,
    print: (text) => process.stdout.write(text),
  })
}

/** The first signal drains, the second one stops at once. */
function endOnSignal(running: Running): void {
  let draining = false
  const end = (signal: NodeJS.Signals) => {
    const ended = draining ? running.stop() : running.drain()
    draining = true
    ended.then(
      () => process.exit(0),
      (error) => fail(new Error(`Cannot end cleanly after ${signal}`, { cause: error })),
    )
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
}

function fail(error: unknown): never {
  const known = error instanceof GatewayError ? `${error.message}\n` : undefined
  process.stderr.write(known ?? `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
}

const [command, option, file] = process.argv.slice(2)
try {
  if (command === 'serve' && option === '--config' && file !== undefined) endOnSignal(await serve(file))
  else if (command === 'demo' && option === undefined) endOnSignal(await demo())
  else {
    process.stderr.write(usage)
    process.exitCode = 2
  }
} catch (error) {
  fail(error)
}
