/**
 * `npm run bench`: Sekisho, HAProxy, nginx and http-proxy side by side; README.md says what is measured and how.
 * Exit codes: 0 done, 1 a gateway or a run failed, 2 wrong command line or missing packages.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { createLifePki } from './life-pki.ts'
import { addServerFolders, chooseCores, describeMachine, findInstallCommands, moveToLoadCores } from './machine.ts'
import { OptionsError } from './number-option.ts'
import { type BenchOptions, type ExtraName, parseOptions } from './options.ts'
import { OwnProcesses } from './own-processes.ts'
import { createPki } from './pki.ts'
import { buildJson, buildSectionJson, formatChecks, formatSection, mainSection, type Section } from './report.ts'
import { createRevocationPki } from './revocation-pki.ts'
import { measureBulk } from './sections/bulk.ts'
import { runCrl } from './sections/crl.ts'
import { measureHttp2 } from './sections/http2.ts'
import { measureIdle } from './sections/idle.ts'
import { runLife } from './sections/life.ts'
import { runOcsp } from './sections/ocsp.ts'
import { runPublication } from './sections/publication.ts'
import { runRevocation } from './sections/revocation.ts'
import { measureSlow } from './sections/slow.ts'
import { measureWorkers } from './sections/workers.ts'
import { type Ground, prepareGround, runRounds } from './session.ts'

const extras: Readonly<Record<ExtraName, (ground: Ground, options: BenchOptions) => Promise<Section>>> = {
  http2: measureHttp2,
  workers: measureWorkers,
  bulk: measureBulk,
  idle: measureIdle,
  slow: measureSlow,
}

async function main(): Promise<number> {
  const startedMs = systemClock.monotonicMs()
  const options = parseOptions(process.argv.slice(2))
  addServerFolders()
  const needed = { redis: options.revocation !== undefined || options.life !== undefined }
  const missing = findInstallCommands((process.env.PATH ?? '').split(delimiter), needed)
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
  const start = { folder, processes, cores, tell: (line: string) => console.error(line) }
  if (options.revocation !== undefined) {
    const revocation = await runRevocation(await prepareGround(start, createRevocationPki), options.revocation)
    if (options.json) console.log(JSON.stringify({ revocation }))
    return
  }
  if (options.life !== undefined) {
    const life = await runLife(await prepareGround(start, createLifePki), options.life)
    if (options.json) console.log(JSON.stringify({ life }))
    return
  }
  if (options.crl !== undefined) {
    const crl = await runCrl(start, options.crl)
    if (options.json) console.log(JSON.stringify({ crl }))
    return
  }
  if (options.publication !== undefined) {
    const publication = await runPublication(start, options.publication)
    if (options.json) console.log(JSON.stringify({ publication }))
    return
  }
  if (options.ocsp !== undefined) {
    const ocsp = await runOcsp(await prepareGround(start, createPki), options.ocsp)
    if (options.json) console.log(JSON.stringify({ ocsp }))
    return
  }
  const ground = await prepareGround(start, createPki)
  const report: Record<string, unknown> =
    options.extras.length === 0 ? await runMain(ground, { ...options, startedMs }) : {}
  for (const name of options.extras) {
    const section = await extras[name](ground, options)
    console.log(`\n${formatSection(section)}`)
    report[name] = buildSectionJson(section)
  }
  if (options.json) console.log(JSON.stringify(report))
}

/** HTTP/1.1 requests, connections and idle memory; with access logs once more where that is asked for. */
async function runMain(ground: Ground, options: BenchOptions & { startedMs: number }) {
  const { rounds, checks } = await runRounds(ground, { ...options, accessLog: false })
  console.log(`\n${formatSection(mainSection('Access logs off', rounds))}\n\n${formatChecks(checks)}`)
  const logging = options.accessLogs ? options.gateways.filter((name) => name === 'sekisho' || name === 'nginx') : []
  const logged =
    logging.length === 0
      ? undefined
      : await runRounds(ground, { ...options, gateways: logging, memoryRounds: 0, accessLog: true })
  if (logged !== undefined) console.log(`\n${formatSection(mainSection('Access logs to a file', logged.rounds))}`)
  return { ...buildJson(rounds, logged?.rounds ?? []) }
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = error instanceof OptionsError ? 2 : 1
}
