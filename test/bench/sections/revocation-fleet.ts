import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nextMessage, startClient } from '../client-process.ts'
import type { RunningSekisho } from '../gateways/sekisho.ts'
import type { Push, PushReport, PushSettings } from '../push-client.ts'
import { waitQuiet } from '../quiet-process.ts'
import type { Bar, Row } from '../report.ts'
import { makeClient } from '../revocation-pki.ts'
import { percentile } from '../statistics.ts'
import { type PartResult, type RevocationGround, readEntries } from './revocation-ground.ts'

/** Gateways that load at the same time while the fleet starts. */
const startingAtOnce = 2

const slowestShown = 3
const quietTimeoutMs = 120_000

const quantities = ['cut', 'refused', 'firstRefusal', 'answered'] as const
type Quantity = (typeof quantities)[number]

const labels: Readonly<Record<Quantity, string>> = {
  cut: 'push → cut',
  refused: 'push → refused',
  firstRefusal: 'push → first refusal seen',
  answered: 'push → answer of the admin API',
}

const rows: readonly Row[] = [
  { quantity: 'p50', title: 'p50 (ms)', digits: 1, divisor: 1, ratio: false },
  { quantity: 'p99', title: 'p99 (ms)', digits: 1, divisor: 1, ratio: false },
  { quantity: 'max', title: 'max (ms)', digits: 1, divisor: 1, ratio: false },
]

/** How long a pushed certificate goes on, over a fleet of gateways with live connections on one Redis. */
export async function measureFleet(revocation: RevocationGround): Promise<PartResult> {
  const { options } = revocation
  const redis = await revocation.fullRedis()
  const gateways = await startFleet(revocation, options.fleet)
  const before = Number(await redis.ask('SCARD', `{sekisho}:revoked:${revocation.pki.issuerId}`))
  const report = await runPushes(revocation, gateways)
  const after = Number(await redis.ask('SCARD', `{sekisho}:revoked:${revocation.pki.issuerId}`))
  const entries = await Promise.all(gateways.map(readEntries))
  const behind = entries.filter((count) => count !== after).length
  await Promise.all(gateways.map((gateway) => gateway.end()))
  const unexpected = report.lostCount + Math.max(0, options.connections - report.usedAtEnd)
  const figures = Object.fromEntries(quantities.map((quantity) => [quantity, figuresOf(report.pushes, quantity)]))
  const section = {
    title: `Fleet of ${options.fleet} gateways, ${before} revocations, ${options.connections} live connections`,
    measured: `${report.pushes.length} pushes of one certificate`,
    base: 'cut',
    labels,
    rows,
    rounds: [figures],
  }
  const notes = [
    `${report.attempts} requests and connections were tried with certificates while they were revoked; ` +
      `${report.openAtEnd} of ${options.connections} connections were open at the end and ${report.usedAtEnd} answered once more; ` +
      `${report.lostCount} ended that should not have; ${behind} of ${options.fleet} gateways did not know every revocation.`,
    slowestOf(report.pushes),
    ...report.lost.map((why) => `lost: ${why}`),
  ]
  return { section, notes, bars: [...barsOf(figures), ...countBars({ unexpected, behind })] }
}

async function startFleet(revocation: RevocationGround, size: number): Promise<readonly RunningSekisho[]> {
  const { operatorIssuerFile } = revocation.pki
  const redis = await revocation.fullRedis()
  const gateways: RunningSekisho[] = []
  for (let first = 0; first < size; first += startingAtOnce) {
    revocation.tell(`starting gateway ${first + 1} of ${size}`)
    const some = Array.from({ length: Math.min(startingAtOnce, size - first) }, (_, index) =>
      revocation.start(redis, { operatorIssuerFile, folder: revocation.folder(`fleet-${first + index}`) }),
    )
    gateways.push(...(await Promise.all(some)))
  }
  // What follows a start (comparing, the first snapshot) is over before anything is timed; what recurs is not avoided.
  const rest = gateways.map(({ pid }, index) =>
    waitQuiet(pid, { what: `gateway ${index + 1}`, timeoutMs: quietTimeoutMs }),
  )
  await Promise.all(rest)
  return gateways
}

async function runPushes(revocation: RevocationGround, gateways: readonly RunningSekisho[]): Promise<PushReport> {
  const { ground, options, pki } = revocation
  const count = options.connections + options.pushes
  revocation.tell(`making ${count} client certificates`)
  const clientsFile = join(ground.folder, 'clients.json')
  const pairs = Array.from({ length: count }, (_, index) => makeClient(pki.issuing, `user-${index}`))
  await writeFile(clientsFile, JSON.stringify(pairs), { mode: 0o600 })
  const settings: PushSettings = {
    gateways: gateways.map(({ port, adminPort = 0 }) => ({ port, adminPort })),
    connections: options.connections,
    pushes: options.pushes,
    rootFile: pki.rootFile,
    clientsFile,
    operatorCertificateFile: pki.operatorCertificateFile,
    operatorKeyFile: pki.operatorKeyFile,
  }
  const client = startClient('push-client.ts', { ...ground, cores: revocation.cores, settings })
  try {
    const opening = { what: `hold ${options.connections} connections`, timeoutMs: 60_000 + options.connections * 100 }
    const held = await nextMessage(client, opening)
    if (held !== options.connections) throw new Error(`Cannot ${opening.what}: ${String(held)} are open`)
    revocation.tell(`pushing ${options.pushes} certificates, one at a time`)
    const pushing = { what: `push ${options.pushes} certificates`, timeoutMs: 60_000 + options.pushes * 2_000 }
    return (await nextMessage(client, pushing)) as PushReport
  } catch (cause) {
    const logs = gateways.map(({ port, output }) => `gateway at port ${port}:\n${output().slice(-1_000)}`)
    throw new Error(`${(cause as Error).message}\n${logs.join('\n')}`, { cause })
  } finally {
    await ground.processes.end(client)
  }
}

/** Where to look when the tail is long. */
function slowestOf(pushes: readonly Push[]): string {
  const worst = ({ cutMs, refusedMs }: Push) => Math.max(cutMs, refusedMs)
  const slowest = [...pushes.entries()].sort(([, a], [, b]) => worst(b) - worst(a)).slice(0, slowestShown)
  const shown = slowest.map(
    ([place, push]) =>
      `push ${place + 1} at gateway ${push.pushedAt + 1}, client at gateway ${push.connectedTo + 1}: ` +
      `cut ${push.cutMs.toFixed(1)}, refused ${push.refusedMs.toFixed(1)}, answered ${push.answeredMs.toFixed(1)} ms`,
  )
  return `The slowest: ${shown.join('; ')}.`
}

function figuresOf(pushes: readonly Push[], quantity: Quantity): { p50: number; p99: number; max: number } {
  const values = pushes.map((push) => push[`${quantity}Ms`])
  return { p50: percentile(values, 50), p99: percentile(values, 99), max: percentile(values, 100) }
}

function barsOf(figures: Readonly<Record<string, { p99: number; max: number }>>): readonly Bar[] {
  return (['cut', 'refused'] as const).flatMap((quantity) => {
    const { p99 = Number.NaN, max = Number.NaN } = figures[quantity] ?? {}
    return [
      { quantity: `${quantity}P99`, title: `${labels[quantity]}, p99 (ms)`, value: p99, most: 50, digits: 1 },
      { quantity: `${quantity}Max`, title: `${labels[quantity]}, max (ms)`, value: max, most: 500, digits: 1 },
    ]
  })
}

function countBars(counts: { unexpected: number; behind: number }): readonly Bar[] {
  const bar = (quantity: string, title: string, value: number) => ({ quantity, title, value, most: 0, digits: 0 })
  return [
    bar('otherConnectionsLost', 'connections of other certificates that ended or were denied', counts.unexpected),
    bar('gatewaysBehind', 'gateways that miss a revocation at the end', counts.behind),
  ]
}
