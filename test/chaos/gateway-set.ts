import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { eventually } from '../helpers/eventually.ts'
import { Relay } from '../helpers/partition.ts'
import type { SentinelSet } from '../helpers/redis-sentinel.ts'
import type { RedisServer } from '../helpers/redis-server.ts'
import { type SupervisedGateway, startSupervised } from '../helpers/supervised-gateway.ts'
import { subjectOf, type TestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { renamePorts } from './rename-ports.ts'

/** What the application answers to everybody who reaches it. */
export const appText = 'in'

/** One gateway as an operator runs it, with a network of its own to the store. */
export type ChaosGateway = {
  readonly number: number
  readonly supervised: SupervisedGateway
  /** By the position in the Sentinel set. */
  readonly servers: readonly Relay[]
  readonly sentinels: readonly Relay[]
  /** With role security. */
  readonly operator: TestCertificate
}

export type GatewaySet = {
  readonly gateways: readonly ChaosGateway[]
  /** Ends them and what stands before and behind them. */
  stop(): Promise<void>
}

export type GatewaySetOptions = {
  readonly count: number
  /** A folder for the logs and states of all. */
  readonly folder: string
  readonly issuingCa: TestCa
  readonly store: SentinelSet
  readonly maxStalenessSeconds: number
  readonly reconcileSeconds: number
}

const startMaxMs = 60_000

/** Starts the application and the gateways; resolves when all are ready. */
export async function startGatewaySet(options: GatewaySetOptions): Promise<GatewaySet> {
  const app = await startApp()
  const gateways: ChaosGateway[] = []
  let endIfOrphaned: (() => void) | undefined
  // Before the supervisors end, which is seen to when each is started: afterwards nobody finds a gateway process that is paused.
  const endPaused = () => {
    for (const { supervised } of gateways) for (const pid of supervised.gatewayPids()) endNow(pid)
  }
  process.once('exit', endPaused)
  const stop = async () => {
    process.removeListener('exit', endPaused)
    await Promise.all(gateways.map(({ supervised }) => endSupervised(supervised)))
    await Promise.all(
      gateways.flatMap(({ servers, sentinels }) => [...servers, ...sentinels].map((one) => one.close())),
    )
    endIfOrphaned?.()
    app.closeAllConnections()
    await new Promise((resolve) => app.close(resolve))
  }
  try {
    const address = app.address()
    const upstreamPort = typeof address === 'object' && address !== null ? address.port : 0
    for (let number = 0; number < options.count; number++) {
      gateways.push(await startOne(number, { ...options, upstreamPort }))
    }
    endIfOrphaned = watchOver(gateways.map(({ supervised }) => supervised.pid))
    await Promise.all(gateways.map(untilReady))
    return { gateways, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function untilReady({ number, supervised }: ChaosGateway): Promise<void> {
  let ended: unknown
  void supervised.ended.then((how) => {
    ended = how
  })
  const ready = async () => ended !== undefined || (await supervised.isReady())
  const why = () => `gateway ${number} is not ready: ${supervised.output().slice(-4_000)}`
  await eventually(ready, Boolean, startMaxMs).catch(() => Promise.reject(new Error(why())))
  if (ended !== undefined) throw new Error(why())
}

async function startOne(number: number, options: GatewaySetOptions & { upstreamPort: number }): Promise<ChaosGateway> {
  const { store, issuingCa, upstreamPort } = options
  const servers = await Promise.all(store.servers.map(({ port }) => Relay.start(port)))
  const sentinels: Relay[] = []
  const names = new Map(store.servers.map(({ port }, position) => [port, servers[position]?.port ?? 0]))
  const start = ({ port }: RedisServer) => Relay.start(port, { changeAnswers: () => renamePorts(names) })
  for (const sentinel of store.sentinels) {
    const relay = await start(sentinel)
    sentinels.push(relay)
    // Sentinels also say where the others are. The relays look into the same map, so the first ones know that too.
    names.set(sentinel.port, relay.port)
  }
  const folder = join(options.folder, `gateway-${number}`)
  mkdirSync(folder)
  const supervised = startSupervised({ upstreamPort, folder, issuingCa, config: configOf(options, sentinels) })
  const [country, organization, name] = subjectOf('chaos') as [never, never, never]
  const subject = [country, organization, { oid: '2.5.4.11', value: 'security' }, name]
  const operator = supervised.operatorsCa.issueClient({ commonName: 'chaos', subject })
  return { number, supervised, servers, sentinels, operator }
}

function configOf(options: GatewaySetOptions, sentinels: readonly Relay[]) {
  const { maxStalenessSeconds, reconcileSeconds, store } = options
  return {
    logLevel: 'info',
    workers: 2,
    directory: 'none',
    store: {
      redis: {
        mode: 'sentinel',
        sentinelName: store.name,
        nodes: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
        replicasWanted: store.servers.length - 1,
        replicasTimeoutMs: 200,
      },
    },
    revocation: { maxStalenessSeconds, reconcileSeconds },
    // All clients come from one address.
    limits: { handshakeFailuresPerAddressPerMinuteMax: 1_000_000, handshakesPerSecondMax: 1_000_000 },
  }
}

async function startApp(): Promise<Server> {
  const app = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': appText.length })
    response.end(appText)
  })
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
  return app
}

/** Also where its processes are stopped by SIGSTOP. */
async function endSupervised(supervised: SupervisedGateway): Promise<void> {
  const pids = supervised.gatewayPids()
  supervised.signal('SIGKILL')
  for (const pid of pids) endNow(pid)
  await supervised.ended
}

function endNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}

/**
 * Ends the supervisors and their gateway processes, paused ones too, when this process is gone without having done so: the shell's
 * standard input ends with it. Returns what ends the watch.
 */
function watchOver(pids: readonly number[]): () => void {
  const script = 'cat >/dev/null; for pid; do kill -KILL "$pid" $(cat "/proc/$pid/task/$pid/children"); done'
  const watch = spawn('/bin/sh', ['-c', script, 'sh', ...pids.map(String)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watch.unref()
  return () => void watch.kill('SIGKILL')
}
