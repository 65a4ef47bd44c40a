import { gatewayStarters } from '../gateways/start.ts'
import { checkHttp2 } from '../http2-check.ts'
import { type Http2Injector, startHttp2Injector } from '../http2-injector.ts'
import type { BenchOptions } from '../options.ts'
import { gatewayLabels, type Section } from '../report.ts'
import { type Bench, measureRequests, warmRequests } from '../rounds.ts'
import { type Ground, rotate, siteOf } from '../session.ts'
import type { Round } from '../statistics.ts'

const kind = { plain: true }

/** CPU per proxied HTTP/2 request, with HAProxy as the client. http-proxy takes no part: it has no HTTP/2. */
export async function measureHttp2(ground: Ground, options: BenchOptions): Promise<Section> {
  const bench: Bench = { load: ground.load, upstream: ground.upstream, turnMs: options.turnMs }
  const names = options.gateways.filter((name) => name !== 'httpProxy')
  const site = siteOf(ground, { http2: true })
  const entrants = []
  for (const name of names) {
    ground.tell(`HTTP/2: starting and warming ${name}`)
    const gateway = await gatewayStarters[name](site)
    await checkHttp2(gateway, ground.pki)
    const injector = await startHttp2Injector(gateway, { ...ground, cores: ground.cores.load })
    const { requestsPerSecond } = await warmRequests(injector.port, { bench, kind })
    // The load is sent to the injector, and the CPU is that of the gateway behind it.
    entrants.push({ name, gateway, injector, behind: { ...gateway, port: injector.port }, requestsPerSecond })
  }
  const rounds: Round[] = []
  for (let index = 0; index < options.rounds; index++) {
    ground.tell(`HTTP/2: round ${index + 1} of ${options.rounds}`)
    const round: Round = {}
    for (const { name, injector, behind, requestsPerSecond } of rotate(entrants, index)) {
      round[name] = await overHttp2(injector, bench, (counted) =>
        measureRequests({ gateway: behind, requestsPerSecond }, { bench: counted, kind }),
      )
    }
    rounds.push(round)
  }
  for (const { gateway, injector } of entrants) await Promise.all([gateway.end(), injector.end()])
  const rows = [
    { quantity: 'request', title: 'CPU per HTTP/2 request (µs)', digits: 1, divisor: 1 },
    { quantity: 'p50', title: 'p50 with the injector (ms)', digits: 2, divisor: 1 },
    { quantity: 'p99', title: 'p99 with the injector (ms)', digits: 2, divisor: 1 },
    {
      quantity: 'connections',
      title: 'HTTP/2 connections the injector had opened',
      digits: 0,
      divisor: 1,
      ratio: false,
    },
  ]
  return { title: 'HTTP/2 to the gateway', base: 'sekisho', labels: gatewayLabels, rows, rounds }
}

/** A measurement during which the injector must have received an HTTP/2 answer for each request that was sent. */
async function overHttp2<T>(injector: Http2Injector, bench: Bench, measure: (counted: Bench) => Promise<T>) {
  let sent = 0
  const load: Bench['load'] = async (job) => {
    const result = await bench.load(job)
    sent += result.requests
    return result
  }
  const before = await injector.count()
  const figures = await measure({ ...bench, load })
  const { answers, connections } = await injector.count()
  if (answers - before.answers === sent) return { ...figures, connections }
  const seen = answers - before.answers
  throw new Error(`Cannot count requests as HTTP/2: ${sent} were sent and ${seen} were answered over it`)
}
