/**
 * `npm run bench`: Sekisho, HAProxy, nginx and http-proxy side by side; README.md says what is measured and how.
 * Exit codes: 0 done, 1 a gateway or a run failed, 2 wrong command line or missing packages.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { addServerFolders, chooseCores, describeMachine, findInstallCommands, moveToLoadCores } from './machine.ts'
import { type BenchOptions, OptionsError, parseOptions } from './options.ts'
import { OwnProcesses } from './own-processes.ts'
import { buildJson, formatChecks, formatRounds } from './report.ts'
import { prepareGround, runRounds } from './session.ts'

async function main(): Promise<number> {
  const startedMs = systemClock.monotonicMs()
  const options = parseOptions(process.argv.slice(2))
  addServerFolders()
  const missing = findInstallCommands((process.env.PATH ?? '').split(delimiter))
  if (missing.length > 0) {
    for (const command of missing) console.error(command)
    return 2
  }
  const processes = new OwnProcesses()
  const folder = await mkdtemp(join(tmpdir(), 'sekisho-bench-'))
  process.once('exit', () => processes.endAllNow())
  const cleanUp = async () => {
    await processes.endAll()
    await rm(folder, { recursive: true, force: true })
  }
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => void cleanUp().finally(() => process.exit(code)))
  }
  try {
    await runBench(options, { folder, processes, startedMs })
    return 0
  } finally {
    await cleanUp()
  }
}

async function runBench(
  options: BenchOptions,
  own: { folder: string; processes: OwnProcesses; startedMs: number },
): Promise<void> {
  const cores = chooseCores()
  moveToLoadCores(cores)
  for (const line of await describeMachine(cores)) console.log(line)
  if (cores.gateway === cores.load) console.log('Only one CPU: load and gateway share it, so latency says little.')
  const { folder, processes, startedMs } = own
  const ground = await prepareGround({ folder, processes, cores, tell: (line) => console.error(line) })
  const { rounds, checks } = await runRounds(ground, { ...options, startedMs, accessLog: false })
  console.log(`\n${formatRounds('Access logs off', rounds)}\n\n${formatChecks(checks)}`)
  const logging = options.accessLogs ? options.gateways.filter((name) => name === 'sekisho' || name === 'nginx') : []
  const logged =
    logging.length === 0
      ? undefined
      : await runRounds(ground, { ...options, startedMs, gateways: logging, memoryRounds: 0, accessLog: true })
  if (logged !== undefined) console.log(`\n${formatRounds('Access logs to a file', logged.rounds)}`)
  if (options.json) console.log(JSON.stringify(buildJson(rounds, logged?.rounds ?? [])))
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = error instanceof OptionsError ? 2 : 1
}
