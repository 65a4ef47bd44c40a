import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import { startCpuCount } from './cpu.ts'
import type { RunningGateway } from './gateways/gateway.ts'
import { type Load, loadConnections } from './load.ts'
import type { Round } from './statistics.ts'
import type { Upstream } from './upstream.ts'

/** A gateway that is warm, with the rates that decide how many requests fill a turn. */
export type Contestant = {
  readonly gateway: RunningGateway
  readonly requestsPerSecond: number
  readonly connectionsPerSecond: number
  /** Protocol, cipher suite and key exchange as the load generator saw them. */
  readonly tls: string
}

export type Bench = { readonly load: Load; readonly upstream: Upstream; readonly turnMs: number }

/** Fewest requests of a keep-alive run: each connection serves a good number after its handshake. */
const requestsMin = 20 * loadConnections
const sampleTimeoutMs = 120_000

/**
 * Load that is not counted, of two turns' requests and one turn's connections, in each case after a short run that
 * tells the rate: code gets compiled, pools get filled.
 */
export async function warmUp(gateway: RunningGateway, bench: Bench): Promise<Contestant> {
  const { port } = gateway
  const run = async (keepAlive: boolean, first: number) => {
    const { requestsPerSecond } = await bench.load({ port, requests: first, keepAlive })
    const turnMs = bench.turnMs * (keepAlive ? 2 : 1)
    return await bench.load({ port, requests: fill(requestsPerSecond, { turnMs, min: first }), keepAlive })
  }
  const connections = await run(false, loadConnections)
  const requests = await run(true, requestsMin)
  return {
    gateway,
    requestsPerSecond: requests.requestsPerSecond,
    connectionsPerSecond: connections.requestsPerSecond,
    tls: requests.tls,
  }
}

/** Measures every gateway in turn, one quantity after the other, so that the figures of one ratio lie close in time. */
export async function measureRound(contestants: readonly Contestant[], bench: Bench): Promise<Round> {
  const round: Round = {}
  for (const contestant of contestants) round[contestant.gateway.name] = await measureRequests(contestant, bench)
  for (const contestant of contestants) {
    const connection = await measureConnections(contestant, bench)
    round[contestant.gateway.name] = { ...round[contestant.gateway.name], connection }
  }
  return round
}

/**
 * CPU per keep-alive request and its latency. CPU is counted from 30 % to 95 % of the run by the upstream's count of
 * requests, so that the handshakes at the start of the run are outside.
 */
async function measureRequests(contestant: Contestant, bench: Bench) {
  const requests = fill(contestant.requestsPerSecond, { turnMs: bench.turnMs, min: requestsMin })
  const before = await bench.upstream.count()
  const readCpu = startCpuCount(contestant.gateway.pid)
  let over = false
  const run = bench.load({ port: contestant.gateway.port, requests, keepAlive: true }).finally(() => {
    over = true
  })
  run.catch(() => undefined)
  const expectedMs = (requests / contestant.requestsPerSecond) * 1_000
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
    throw new Error(`Cannot find ${contestant.gateway.name}'s requests at the upstream: it counted fewer`)
  }
  const from = await sampleAt(0.3, expectedMs * 0.3)
  const to = await sampleAt(0.95, expectedMs * 0.5)
  const result = await run
  await assertForwarded(contestant, { bench, from: before.requests, requests })
  const request = (to.cpuNs - from.cpuNs) / (to.counted - from.counted) / 1_000
  return { request, p50: result.p50Ms, p99: result.p99Ms }
}

/** CPU per new connection with one request, from before the first until after the last is closed. Unit: microseconds. */
async function measureConnections(contestant: Contestant, bench: Bench): Promise<number> {
  const requests = fill(contestant.connectionsPerSecond, { turnMs: bench.turnMs, min: loadConnections })
  const before = await bench.upstream.count()
  const readCpu = startCpuCount(contestant.gateway.pid)
  await bench.load({ port: contestant.gateway.port, requests, keepAlive: false })
  await pause(30)
  const cpuNs = readCpu()
  await assertForwarded(contestant, { bench, from: before.requests, requests })
  return cpuNs / requests / 1_000
}

/** Every counted request went through to the one upstream, and no other did. */
async function assertForwarded(contestant: Contestant, run: { bench: Bench; from: number; requests: number }) {
  const { requests } = await run.bench.upstream.count()
  if (requests - run.from === run.requests) return
  const seen = requests - run.from
  throw new Error(
    `Cannot count ${contestant.gateway.name}: ${run.requests} requests were sent and the upstream saw ${seen}`,
  )
}

function fill(perSecond: number, options: { turnMs: number; min: number }): number {
  return Math.max(options.min, Math.round((perSecond * options.turnMs) / 1_000))
}
