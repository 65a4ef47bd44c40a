import { resolve } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { type GatewayOptions, startGateway } from './assemble.ts'
import { systemClock } from './base/clock.ts'
import { GatewayError } from './base/errors.ts'
import type { LoadedConfig } from './config/load-config.ts'
import { loadConfig } from './config/load-config.ts'
import { loadDemo } from './demo/start-demo.ts'
import { createLog } from './observe/log.ts'
import { besideArgument, startedForResumption } from './supervise/gateway-process.ts'
import { SupervisorLink } from './supervise/supervisor-link.ts'

// The gateway process: started by the supervisor (`main.ts`), which holds its sockets and tells it what to do.
//
//   run-gateway.ts serve FILE | demo, and `--beside` where another one is running

type Loaded = LoadedConfig & Pick<GatewayOptions, 'seed'> & { readonly load: () => LoadedConfig }

const root = resolve(import.meta.dirname, '..')
const [command, file] = process.argv.slice(2)
const beside = process.argv.includes(besideArgument)

// A terminal and a service manager send signals to every process: the supervisor gets them too, and says what is to be done.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => {})

function end(code: number, cause?: unknown): never {
  if (cause instanceof GatewayError) process.stderr.write(`${cause.message}\n`)
  else if (cause !== undefined) process.stderr.write(`${(cause instanceof Error && cause.stack) || String(cause)}\n`)
  process.exit(code)
}

async function load(): Promise<Loaded> {
  if (command === 'demo') return loadDemo({ root, env: process.env })
  const loadFile = () => loadConfig(file ?? '', { env: process.env, clock: systemClock })
  return { ...loadFile(), load: loadFile }
}

async function run(link: SupervisorLink): Promise<void> {
  const { config, warnings, files, seed, load: loadAgain } = await load()
  const resumption = config.doors.certificate.some((door) => door.resumption.enabled)
  if (resumption !== startedForResumption(process.execArgv)) {
    await link.wantFlags(resumption)
    return end(0)
  }
  // Where tracing is off its code is not even read.
  const { module } = config.tracing
  if (module !== undefined) await (await import('./observe/tracing.ts')).importTracingModule(module)
  const log = createLog({ level: config.logLevel })
  for (const warning of warnings) log.warn(warning)
  const gateway = await startGateway({
    config,
    source: { load: loadAgain, files },
    log,
    version: packageJson.version,
    sockets: link.sockets,
    ...(seed === undefined ? {} : { seed }),
    beside,
    beforeDoors: () => link.prepared(),
    sendAudit: (records, dropped) => link.sendAudit(records, dropped),
    askRetiring: (question) => link.askRetiring(question),
    env: process.env,
    holderPid: process.ppid,
  })
  for (const { door, host, port } of gateway.addresses) log.info('door open', { door, host, port })
  link.serve({ ...gateway, reload: () => gateway.reload({ kind: 'signal' }) })
}

if (process.send === undefined) end(2, 'Cannot run a gateway process by itself: start `sekisho serve`')
await run(new SupervisorLink(process, end)).catch((error: unknown) => end(1, error))
