import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../../src/base/clock.ts'
import { nextMessage, startClient } from '../client-process.ts'
import type { RunningSekisho } from '../gateways/sekisho.ts'
import type { LoginCount, LoginSettings } from '../login-client.ts'
import { findSeries, readMetricsPage } from '../metrics-page.ts'
import type { OwnProcess } from '../own-processes.ts'
import type { Bar, Row } from '../report.ts'
import { issuerName } from '../revocation-pki.ts'
import { percentile } from '../statistics.ts'
import { type PartResult, type RevocationGround, waitEntries } from './revocation-ground.ts'

const program = join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'sekisho.ts')
const gatewayCount = 2
const rates = { connectionsPerSecond: 20, requestsPerSecond: 200 }
const lookEveryMs = 500
const pushTimeoutMs = 400_000
const appliedTimeoutMs = 60_000
const linesAtOnce = 1_000
/** Logins go on for so long after the push. */
const tailMs = 1_000

const rows: readonly Row[] = [
  { quantity: 'seconds', title: 'from the start of the command to its end (s)', digits: 1, divisor: 1, ratio: false },
  { quantity: 'rate', title: 'entries a second', digits: 0, divisor: 1, ratio: false },
  {
    quantity: 'appliedSeconds',
    title: 'until the other gateway had applied all of them (s)',
    digits: 1,
    divisor: 1,
    ratio: false,
  },
  {
    quantity: 'workerDelay',
    title: 'event-loop delay of data workers, p99, the worst seen (ms)',
    digits: 1,
    divisor: 1,
    ratio: false,
  },
  {
    quantity: 'workerDelayMost',
    title: 'event-loop delay of data workers, longest (ms)',
    digits: 1,
    divisor: 1,
    ratio: false,
  },
  {
    quantity: 'controlDelay',
    title: 'event-loop delay of control threads, p99, the worst seen (ms)',
    digits: 1,
    divisor: 1,
    ratio: false,
  },
  { quantity: 'logins', title: 'new connections meanwhile, each with a request', digits: 0, divisor: 1, ratio: false },
  { quantity: 'loginP99', title: 'their p99 (ms)', digits: 1, divisor: 1, ratio: false },
  { quantity: 'requests', title: 'requests on kept connections meanwhile', digits: 0, divisor: 1, ratio: false },
  { quantity: 'requestP99', title: 'their p99 (ms)', digits: 1, divisor: 1, ratio: false },
  { quantity: 'failed', title: 'of both together, failed', digits: 0, divisor: 1, ratio: false },
]

/** A file of serial numbers pushed by the command line at one of two gateways, while users log in at both. */
export async function measureBulk(revocation: RevocationGround): Promise<PartResult> {
  const { ground, options, pki } = revocation
  const file = join(ground.folder, 'serials.txt')
  await pipeline(Readable.from(linesOf(revocation)), createWriteStream(file))
  const redis = await revocation.startRedis()
  const gateways: RunningSekisho[] = []
  for (let index = 0; index < gatewayCount; index++) {
    const { operatorIssuerFile } = pki
    gateways.push(await revocation.start(redis, { operatorIssuerFile, folder: revocation.folder(`bulk-${index}`) }))
  }
  const { rootFile, clientFile } = pki
  const settings: LoginSettings = { ...rates, ports: gateways.map(({ port }) => port), rootFile, clientFile }
  const logins = startClient('login-client.ts', { ...ground, cores: revocation.cores, settings })
  const count = async () => {
    logins.child.send('count')
    return (await nextMessage(logins, { what: 'count logins', timeoutMs: 20_000 })) as LoginCount
  }
  await nextMessage(logins, { what: 'log in', timeoutMs: 30_000 })
  await pause(options.settleMs)
  const before = await count()
  revocation.tell(`pushing ${options.entries} serial numbers by the command line`)
  const watch = watchDelays(gateways)
  const push = await runCommand(revocation, { file, gateway: gateways[0] as RunningSekisho })
  const appliedSeconds =
    push.seconds + (await waitEntries(gateways, { entries: options.entries, timeoutMs: appliedTimeoutMs }))
  const delays = await watch.end()
  // What began before the end must end well too.
  await pause(tailMs)
  const after = await count()
  await ground.processes.end(logins)
  await Promise.all(gateways.map((gateway) => gateway.end()))
  await redis.end()
  const figures = {
    seconds: push.seconds,
    rate: options.entries / push.seconds,
    appliedSeconds,
    ...delays,
    logins: after.connections - before.connections,
    requests: after.requests - before.requests,
    loginP99: percentile(after.connectionMs, 99),
    requestP99: percentile(after.requestMs, 99),
    failed: after.failed,
  }
  const section = {
    title: `Bulk push of ${options.entries} serial numbers`,
    measured: `one of ${gatewayCount} gateways, ${rates.connectionsPerSecond} new connections and ${rates.requestsPerSecond} requests a second at both`,
    base: 'sekisho',
    labels: { sekisho: 'Sekisho' },
    rows,
    rounds: [{ sekisho: figures }],
  }
  const notes = [`The command said: ${push.said}`, ...after.failures.map((why) => `failed login: ${why}`)]
  return { section, notes, bars: barsOf(figures) }
}

function* linesOf({ serials }: RevocationGround): Iterable<string> {
  for (let start = 0; start < serials.count; start += linesAtOnce) {
    yield serials
      .slice(start, linesAtOnce)
      .map((serial) => `${serial}\n`)
      .join('')
  }
}

function barsOf(figures: { seconds: number; workerDelay: number; failed: number }): readonly Bar[] {
  return [
    { quantity: 'bulkSeconds', title: 'bulk push (s)', value: figures.seconds, most: 90, digits: 1 },
    {
      quantity: 'workerDelay',
      title: 'event-loop delay of data workers during it, p99 (ms)',
      value: figures.workerDelay,
      most: 20,
      digits: 1,
    },
    { quantity: 'failedLogins', title: 'failed logins during it', value: figures.failed, most: 0, digits: 0 },
  ]
}

/** `sekisho revoke --from FILE --apply` at that gateway; rejects unless it ends well. */
async function runCommand(
  { ground, pki, cores }: RevocationGround,
  job: { file: string; gateway: RunningSekisho },
): Promise<{ seconds: number; said: string }> {
  const access = [
    ...['--admin', `https://127.0.0.1:${job.gateway.adminPort}`, '--ca', pki.rootFile],
    ...['--cert', pki.operatorCertificateFile, '--key', pki.operatorKeyFile],
  ]
  const words = ['revoke', '--from', job.file, '--issuer', issuerName, '--reason', 'cACompromise', '--apply']
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', program, ...access, ...words]
  const startMs = systemClock.monotonicMs()
  const started = ground.processes.start(command, { cores, cwd: ground.folder })
  const code = await endOf(started)
  const seconds = (systemClock.monotonicMs() - startMs) / 1_000
  const said = started.output().trim()
  if (code === 0) return { seconds, said: said.split(/[\n\r]/).at(-1) ?? '' }
  throw new Error(`Cannot count a bulk push that ended with ${String(code)} after ${seconds.toFixed(1)} s:\n${said}`)
}

async function endOf({ child }: OwnProcess): Promise<unknown> {
  const timer = setTimeout(() => child.kill('SIGKILL'), pushTimeoutMs)
  const [code] = await once(child, 'close')
  clearTimeout(timer)
  return code
}

type Delays = { workerDelay: number; workerDelayMost: number; controlDelay: number }

/** The greatest delays that the gateways' metrics showed meanwhile. Unit: milliseconds. */
function watchDelays(gateways: readonly RunningSekisho[]): { end(): Promise<Delays> } {
  const most: Delays = { workerDelay: 0, workerDelayMost: 0, controlDelay: 0 }
  const raise = (name: keyof Delays, seconds: number) => {
    most[name] = Math.max(most[name], seconds * 1_000)
  }
  let looking = true
  const look = async () => {
    for (const { opsPort } of gateways) {
      for (const { labels, value } of findSeries(await readMetricsPage(opsPort), 'sekisho_event_loop_delay_seconds')) {
        const isControl = labels.thread === 'control'
        if (labels.statistic === 'p99') raise(isControl ? 'controlDelay' : 'workerDelay', value)
        else if (!isControl) raise('workerDelayMost', value)
      }
    }
  }
  const loop = (async () => {
    while (looking) {
      await look()
      await pause(lookEveryMs)
    }
    await look()
  })()
  loop.catch(() => undefined)
  return {
    end: async () => {
      looking = false
      await loop
      return most
    },
  }
}
