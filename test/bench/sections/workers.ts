import { startSekisho } from '../gateways/sekisho.ts'
import { allCores } from '../machine.ts'
import type { BenchOptions } from '../options.ts'
import type { Section } from '../report.ts'
import { type Bench, type Contestant, measureRound, warmUp } from '../rounds.ts'
import { type Ground, rotate, siteOf } from '../session.ts'
import type { Round } from '../statistics.ts'

const labels = { twoWorkers: 'two workers', oneWorker: 'one worker' }

/** Sekisho with two data workers against Sekisho with one; both may use every core, the load shares those it has. */
export async function measureWorkers(ground: Ground, options: BenchOptions): Promise<Section> {
  const bench: Bench = { load: ground.load, upstream: ground.upstream, turnMs: options.turnMs }
  const gatewayCores = allCores(ground.cores)
  const contestants: Contestant[] = []
  for (const [name, workers] of [['twoWorkers', 2] as const, ['oneWorker', 1] as const]) {
    ground.tell(`workers: starting and warming Sekisho with ${labels[name]}`)
    const started = await startSekisho(siteOf(ground, { gatewayCores, workers }))
    contestants.push({ ...(await warmUp(started, bench)), name })
  }
  const rounds: Round[] = []
  for (let index = 0; index < options.rounds; index++) {
    ground.tell(`workers: round ${index + 1} of ${options.rounds}`)
    rounds.push(await measureRound(rotate(contestants, index), bench))
  }
  await Promise.all(contestants.map((contestant) => contestant.gateway.end()))
  const rows = [
    { quantity: 'request', title: 'CPU per keep-alive request (µs)', digits: 1, divisor: 1 },
    { quantity: 'p50', title: 'p50 of keep-alive requests (ms)', digits: 2, divisor: 1 },
    { quantity: 'p99', title: 'p99 of keep-alive requests (ms)', digits: 2, divisor: 1 },
    { quantity: 'connection', title: 'CPU per new connection + request (µs)', digits: 0, divisor: 1 },
  ]
  return { title: 'Two workers against one', base: 'twoWorkers', labels, rows, rounds }
}
