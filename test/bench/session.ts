import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import type { GatewayName, Site } from './gateways/gateway.ts'
import { gatewayStarters } from './gateways/start.ts'
import { type Load, prepareLoad } from './load.ts'
import type { Cores } from './machine.ts'
import { measureIdleMemory } from './memory.ts'
import type { BenchOptions } from './options.ts'
import type { OwnProcesses } from './own-processes.ts'
import type { Pki } from './pki.ts'
import type { Check } from './report.ts'
import { checkNoResumption } from './resumption-check.ts'
import { type Bench, type Contestant, measureRound, warmUp } from './rounds.ts'
import type { Round } from './statistics.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/** Everything one run shares: certificates, upstream, load generator. */
export type Ground = {
  readonly folder: string
  readonly cores: Cores
  readonly processes: OwnProcesses
  readonly pki: Pki
  readonly upstream: Upstream
  readonly load: Load
  /** Told what is going on, one line at a time. */
  readonly tell: (line: string) => void
}

export type RoundsOptions = Pick<
  BenchOptions,
  'rounds' | 'memoryRounds' | 'memoryBudgetMs' | 'turnMs' | 'idleConnections' | 'gateways'
> & {
  readonly accessLog: boolean
  /** When the run began, on the monotonic clock; `memoryBudgetMs` counts from here. Unit: milliseconds. */
  readonly startedMs: number
}

/** A contestant with what was seen of it before the rounds. */
type Entrant = Contestant & { readonly resumption: string }

/** Makes certificates, starts the upstream, prepares ab; all in `folder`. */
export async function prepareGround<Made extends Pki>(
  start: Pick<Ground, 'folder' | 'cores' | 'processes' | 'tell'>,
  makePki: (folder: string) => Promise<Made>,
): Promise<Ground & { readonly pki: Made }> {
  const pkiFolder = join(start.folder, 'pki')
  await mkdir(pkiFolder, { recursive: true })
  const pki = await makePki(pkiFolder)
  const shared = { folder: start.folder, cores: start.cores.load, processes: start.processes }
  return { ...start, pki, upstream: await startUpstream(shared), load: await prepareLoad({ ...shared, pki }) }
}

/** What a gateway is started with: one worker on the gateway's core, HTTP/1.1, no access log; or as `changes` say. */
export function siteOf(ground: Ground, changes: Partial<Site> = {}): Site {
  return {
    ...ground,
    upstreamPort: ground.upstream.port,
    gatewayCores: ground.cores.gateway,
    accessLog: false,
    http2: false,
    workers: 1,
    connectionsMax: 4_096,
    buffering: true,
    ...changes,
  }
}

/** Starts, checks and warms the gateways, runs the rounds, ends the gateways. */
export async function runRounds(
  ground: Ground,
  options: RoundsOptions,
): Promise<{ rounds: Round[]; checks: readonly Check[] }> {
  const { accessLog, turnMs } = options
  const site = siteOf(ground, { accessLog })
  const { load, requestsOf } = countRequests(ground.load)
  const bench: Bench = { load, upstream: ground.upstream, turnMs }
  const entrants: Entrant[] = []
  for (const name of options.gateways) {
    ground.tell(`starting and warming ${name}`)
    const gateway = await gatewayStarters[name](site)
    const resumption = await checkNoResumption(gateway, ground.pki)
    entrants.push({ ...(await warmUp(gateway, bench)), resumption })
  }
  const rounds: Round[] = []
  let memoryMs = 0
  for (let index = 0; index < options.rounds; index++) {
    ground.tell(`round ${index + 1} of ${options.rounds}`)
    const beganMs = systemClock.monotonicMs()
    const round = await measureRound(rotate(entrants, index), bench)
    rounds.push(round)
    const measuredMs = systemClock.monotonicMs()
    const restMs = (measuredMs - beganMs) * (options.rounds - index - 1)
    const inTime = index === 0 || measuredMs - options.startedMs + memoryMs + restMs <= options.memoryBudgetMs
    if (index >= options.memoryRounds || !inTime) continue
    await addIdleMemory(round, { ...options, ground, site, gateways: rotate(options.gateways, index) })
    memoryMs = systemClock.monotonicMs() - measuredMs
  }
  const checks = await Promise.all(entrants.map((entrant) => readCheck(entrant, requestsOf(entrant.gateway.port))))
  await Promise.all(entrants.map(({ gateway }) => gateway.end()))
  return { rounds, checks }
}

/** The same load, and how many requests it has sent to a port so far. */
function countRequests(load: Load): { load: Load; requestsOf: (port: number) => number } {
  const sent = new Map<number, number>()
  const requestsOf = (port: number) => sent.get(port) ?? 0
  const counted: Load = async (job) => {
    const result = await load(job)
    sent.set(job.port, requestsOf(job.port) + result.requests)
    return result
  }
  return { load: counted, requestsOf }
}

/** Memory needs processes that have never held many connections: one fresh start a gateway. */
async function addIdleMemory(
  round: Round,
  run: { ground: Ground; site: Site; gateways: readonly GatewayName[]; idleConnections: number },
): Promise<void> {
  const job = { ...run.ground, cores: run.ground.cores.load, connections: run.idleConnections }
  for (const name of run.gateways) {
    const gateway = await gatewayStarters[name](run.site)
    const { growthBytes } = await measureIdleMemory(gateway, job)
    round[name] = { ...round[name], idleMemory: growthBytes / run.idleConnections }
    await gateway.end()
  }
}

async function readCheck(entrant: Entrant, requests: number): Promise<Check> {
  const { gateway, tls, resumption } = entrant
  const sessionsResumed = await gateway.sessionsResumed()
  if (sessionsResumed === undefined || sessionsResumed === 0) {
    return { name: gateway.name, requests, tls, resumption, sessionsResumed }
  }
  const seen = `it resumed ${sessionsResumed} sessions`
  throw new Error(`Cannot count ${gateway.name}'s connections as full handshakes: ${seen}`)
}

/** The same list beginning at another place, so that no contestant is always the first of a round. */
export function rotate<T>(list: readonly T[], by: number): T[] {
  const start = by % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}
