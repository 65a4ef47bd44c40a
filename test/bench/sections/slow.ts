import { nextMessage, startClient } from '../client-process.ts'
import type { RunningGateway } from '../gateways/gateway.ts'
import { gatewayStarters } from '../gateways/start.ts'
import type { BenchOptions } from '../options.ts'
import { gatewayLabels, type Row, type Section } from '../report.ts'
import { type Bench, fill, warmRequests } from '../rounds.ts'
import { type Ground, rotate, siteOf } from '../session.ts'
import type { Round } from '../statistics.ts'

const connections = 16

const rows: readonly Row[] = [
  { quantity: 'p99Without', title: 'p99 without slow clients (ms)', digits: 2, divisor: 1, ratio: false },
  { quantity: 'p99With', title: 'p99 beside slow clients (ms)', digits: 2, divisor: 1, ratio: false },
  { quantity: 'added', title: 'difference in the same round (ms)', digits: 2, divisor: 1, ratio: false },
  { quantity: 'open', title: 'slow clients connected at the end', digits: 0, divisor: 1, ratio: false },
  {
    quantity: 'reopened',
    title: 'slow connections that the gateway ended meanwhile',
    digits: 0,
    divisor: 1,
    ratio: false,
  },
]

/**
 * p99 of clients as they should be, without and with slow ones beside them. http-proxy takes no part: its 256 upstream
 * connections would all be held by slow clients.
 */
export async function measureSlow(ground: Ground, options: BenchOptions): Promise<Section> {
  const bench: Bench = { load: ground.load, upstream: ground.upstream, turnMs: options.turnMs }
  const slowClients = options.slowClients
  const site = siteOf(ground, { buffering: false, connectionsMax: 4_096 + 3 * slowClients })
  const entrants = []
  for (const name of options.gateways.filter((name) => name !== 'httpProxy')) {
    ground.tell(`slow: starting and warming ${name}`)
    const gateway = await gatewayStarters[name](site)
    const { requestsPerSecond } = await warmRequests(gateway.port, { bench, kind: { connections } })
    const requests = fill(requestsPerSecond, { turnMs: bench.turnMs, min: 1_000 })
    entrants.push({ name, gateway, requests })
  }
  const rounds: Round[] = []
  for (let index = 0; index < options.rounds; index++) {
    const round: Round = {}
    for (const { name, gateway, requests } of rotate(entrants, index)) {
      ground.tell(`slow: round ${index + 1} of ${options.rounds}, ${slowClients} slow clients of ${name}`)
      const readP99 = async () => {
        const { p99Ms } = await bench.load({ port: gateway.port, requests, keepAlive: true, connections })
        return p99Ms
      }
      const p99Without = await readP99()
      const { figure: p99With, ...slow } = await besideSlow(gateway, { ground, slowClients, measure: readP99 })
      round[name] = { p99Without, p99With, added: p99With - p99Without, ...slow }
    }
    rounds.push(round)
  }
  await Promise.all(entrants.map(({ gateway }) => gateway.end()))
  return { title: `Beside ${slowClients} slow clients`, base: 'sekisho', labels: gatewayLabels, rows, rounds }
}

type SlowCount = { readonly open: number; readonly reopened: number }

/** A measurement while the slow clients are there. Throws when at the end fewer than half of them are. */
async function besideSlow(
  gateway: RunningGateway,
  job: { ground: Ground; slowClients: number; measure: () => Promise<number> },
): Promise<SlowCount & { figure: number }> {
  const { ground, slowClients } = job
  const { rootFile, clientFile } = ground.pki
  const settings = { port: gateway.port, connections: slowClients, rootFile, clientFile }
  const client = startClient('slow-client.ts', { ...ground, cores: ground.cores.load, settings })
  try {
    const wait = { what: `hold ${slowClients} slow clients`, timeoutMs: 60_000 + slowClients * 20 }
    await nextMessage(client, wait)
    const figure = await job.measure()
    client.child.send('count')
    const count = (await nextMessage(client, wait)) as SlowCount
    if (count.open * 2 >= slowClients) return { figure, ...count }
    throw new Error(`Cannot ${wait.what} of ${gateway.name}: ${count.open} are open\n${client.output()}`)
  } finally {
    await ground.processes.end(client)
  }
}
