import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import { startCpuCount } from './cpu.ts'
import type { RunningGateway } from './gateways/gateway.ts'
import { type Load, type LoadJob, type LoadResult, loadConnections } from './load.ts'
import type { Round } from './statistics.ts'
import type { Upstream } from './upstream.ts'

/** The kind of request a contestant is sent over kept connections. */
export type RequestKind = Pick<LoadJob, 'connections' | 'path' | 'bodyFile' | 'plain'>

/** A gateway that is warm, with the rates that decide how many requests fill a turn. */
export type Contestant = {
  /** How it is called in the round. */
  readonly name: string
  readonly gateway: RunningGateway
  readonly requestsPerSecond: number
  readonly connectionsPerSecond: number
  /** Protocol, cipher suite and key exchange as the load generator saw them. */
  readonly tls: string
}

export type Bench = { readonly load: Load; readonly upstream: Upstream; readonly turnMs: number }

/** CPU per request in microseconds; latencies in milliseconds. */
export type RequestFigures = { readonly request: number; readonly p50: number; readonly p99: number }

const sampleTimeoutMs = 120_000
const runsMax = 8
/** Of a run's requests, those that must lie between two looks at CPU time: fewer, or none, and their quotient says nothing. */
const leastShare = 0.25

/** Fewest requests of a keep-alive run: each connection serves a good number after its handshake. */
function requestsMin(kind: RequestKind): number {
  return 20 * (kind.connections ?? loadConnections)
}

/**
 * Load that is not counted, of two turns' requests and one turn's connections, in each case after a short run that
 * tells the rate: code gets compiled, pools get filled.
 */
export async function warmUp(gateway: RunningGateway, bench: Bench): Promise<Contestant> {
  const { port } = gateway
  const first = await bench.load({ port, requests: loadConnections, keepAlive: false })
  const requests = fill(first.requestsPerSecond, { turnMs: bench.turnMs, min: loadConnections })
  const connections = await bench.load({ port, requests, keepAlive: false })
  const kept = await warmRequests(port, { bench, kind: {} })
  return {
    name: gateway.name,
    gateway,
    requestsPerSecond: kept.requestsPerSecond,
    connectionsPerSecond: connections.requestsPerSecond,
    tls: kept.tls,
  }
}

/** The part of it with kept connections: a short run, then two turns' requests. */
export async function warmRequests(port: number, job: { bench: Bench; kind: RequestKind }): Promise<LoadResult> {
  const { bench, kind } = job
  const min = requestsMin(kind)
  const { requestsPerSecond } = await bench.load({ ...kind, port, requests: min, keepAlive: true })
  const requests = fill(requestsPerSecond, { turnMs: bench.turnMs * 2, min })
  return await bench.load({ ...kind, port, requests, keepAlive: true })
}

/** Measures every gateway in turn, one quantity after the other, so that the figures of one ratio lie close in time. */
export async function measureRound(contestants: readonly Contestant[], bench: Bench): Promise<Round> {
  const round: Round = {}
  for (const contestant of contestants) round[contestant.name] = await measureRequests(contestant, { bench, kind: {} })
  for (const contestant of contestants) {
    const connection = await measureConnections(contestant, { bench })
    round[contestant.name] = { ...round[contestant.name], connection }
  }
  return round
}

/**
 * CPU per keep-alive request and its latency, from a run that was long enough to be looked at twice: one that was over too
 * early, because the warm-up ran at a slower moment, is made again at the rate it had, with twice the requests. Throws after
 * eight runs.
 */
export async function measureRequests(
  contestant: Pick<Contestant, 'gateway' | 'requestsPerSecond'>,
  job: { bench: Bench; kind: RequestKind },
): Promise<RequestFigures> {
  const { gateway } = contestant
  let { requestsPerSecond } = contestant
  let requests = fill(requestsPerSecond, { turnMs: job.bench.turnMs, min: requestsMin(job.kind) })
  for (let run = 0; run < runsMax; run++) {
    const { result, cpuNs, counted } = await measureRun(gateway, { ...job, requests, requestsPerSecond })
    if (counted >= requests * leastShare) {
      return { request: cpuNs / counted / 1_000, p50: result.p50Ms, p99: result.p99Ms }
    }
    requestsPerSecond = result.requestsPerSecond
    requests *= 2
  }
  throw new Error(`Cannot measure ${gateway.name}: even ${requests / 2} requests were over before the second look`)
}

/**
 * CPU is counted from 30 % to 95 % of the run by the upstream's count of requests, so that the handshakes at the start of the
 * run are outside. The looks are timed by the rate that is expected; `counted` are the requests between them.
 */
async function measureRun(
  gateway: RunningGateway,
  job: { bench: Bench; kind: RequestKind; requests: number; requestsPerSecond: number },
): Promise<{ result: LoadResult; cpuNs: number; counted: number }> {
  const { bench, kind, requests } = job
  const before = await bench.upstream.count()
  const readCpu = startCpuCount(gateway.pid)
  let over = false
  const run = bench.load({ ...kind, port: gateway.port, requests, keepAlive: true }).finally(() => {
    over = true
  })
  run.catch(() => undefined)
  const expectedMs = (requests / job.requestsPerSecond) * 1_000
  const sampleAt = async (share: number, waitMs: number) => {
    // Looking costs time on the load's CPU, which the latencies would show: so first sleep, then look now and then.
    await pause(waitMs)
    const deadlineMs = systemClock.monotonicMs() + sampleTimeoutMs
    while (systemClock.monotonicMs() < deadlineMs) {
      const last = over
      const { requests: counted } = await bench.upstream.count()
      if (counted - before.requests >= requests * share) return { counted, cpuNs: readCpu() }
      if (last) break
      await pause(20)
    }
    await run
    throw new Error(`Cannot find ${gateway.name}'s requests at the upstream: it counted fewer`)
  }
  const from = await sampleAt(0.3, expectedMs * 0.3)
  const to = await sampleAt(0.95, expectedMs * 0.5)
  const result = await run
  await assertForwarded(gateway, { bench, from: before.requests, requests })
  return { result, cpuNs: to.cpuNs - from.cpuNs, counted: to.counted - from.counted }
}

/**
 * CPU per new connection with one request, from before the first until after the last is closed. At least `atOnce` of them, so
 * many at a time (default 64). Unit: microseconds.
 */
export async function measureConnections(
  contestant: Pick<Contestant, 'gateway' | 'connectionsPerSecond'>,
  job: { bench: Bench; atOnce?: number },
): Promise<number> {
  const { bench, atOnce = loadConnections } = job
  const requests = fill(contestant.connectionsPerSecond, { turnMs: bench.turnMs, min: atOnce })
  const before = await bench.upstream.count()
  const readCpu = startCpuCount(contestant.gateway.pid)
  await bench.load({ port: contestant.gateway.port, requests, keepAlive: false, connections: atOnce })
  await pause(30)
  const cpuNs = readCpu()
  await assertForwarded(contestant.gateway, { bench, from: before.requests, requests })
  return cpuNs / requests / 1_000
}

/** Every counted request went through to the one upstream, and no other did. */
async function assertForwarded(gateway: RunningGateway, run: { bench: Bench; from: number; requests: number }) {
  const { requests } = await run.bench.upstream.count()
  if (requests - run.from === run.requests) return
  const seen = requests - run.from
  throw new Error(`Cannot count ${gateway.name}: ${run.requests} requests were sent and the upstream saw ${seen}`)
}

/** Requests that fill a turn at that rate, but not fewer than `min`. */
export function fill(perSecond: number, options: { turnMs: number; min: number }): number {
  return Math.max(options.min, Math.round((perSecond * options.turnMs) / 1_000))
}
