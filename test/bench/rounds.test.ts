// Goal: CPU time per request is never a quotient over no requests: a run that was over before it could be looked at twice is
// made again, longer. Method: an application's counter and a load of the test's own, which say how far a run has got.
import t from 'tap'
import type { RunningGateway } from './gateways/gateway.ts'
import { type Bench, measureRequests } from './rounds.ts'

const gateway: RunningGateway = {
  name: 'nginx',
  port: 1,
  pid: process.pid,
  sessionsResumed: async () => undefined,
  end: async () => undefined,
}
const kind = { connections: 1 }

/** Runs of fewer than `slowFrom` requests are over at the first look; longer ones show 40 % of their requests then, and all at the next. */
function playBench(slowFrom: number): { bench: Bench; sent: number[] } {
  const sent: number[] = []
  let done = 0
  let looks: number[] = []
  const load: Bench['load'] = async ({ requests }) => {
    sent.push(requests)
    looks = requests < slowFrom ? [] : [done + requests * 0.4]
    done += requests
    return { requests, requestsPerSecond: 10_000, p50Ms: 1, p99Ms: 2, tls: '' }
  }
  const count = async () => ({ connections: 1, requests: looks.shift() ?? done })
  return { bench: { load, upstream: { port: 2, count }, turnMs: 1 }, sent }
}

t.test('a run that lasts is measured once', async (t) => {
  const { bench, sent } = playBench(20)
  const figures = await measureRequests({ gateway, requestsPerSecond: 10_000 }, { bench, kind })
  t.ok(figures.request > 0 && Number.isFinite(figures.request), `${figures.request} µs`)
  t.match(figures, { p50: 1, p99: 2 })
  t.strictSame(sent, [20], 'the fewest requests of a run with one connection')
})

t.test('a run that is over at the first look is made again with twice the requests', async (t) => {
  const { bench, sent } = playBench(80)
  const figures = await measureRequests({ gateway, requestsPerSecond: 10_000 }, { bench, kind })
  t.ok(figures.request > 0 && Number.isFinite(figures.request), `${figures.request} µs`)
  t.strictSame(sent, [20, 40, 80])
})

t.test('a load that is always over is an error, not a figure', async (t) => {
  const { bench, sent } = playBench(Number.POSITIVE_INFINITY)
  const measured = measureRequests({ gateway, requestsPerSecond: 10_000 }, { bench, kind })
  await t.rejects(measured, { message: 'Cannot measure nginx: even 2560 requests were over before the second look' })
  t.equal(sent.length, 8)
})
