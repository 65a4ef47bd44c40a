import { readFileSync } from 'node:fs'
import { gatewayStarters } from '../gateways/start.ts'
import { measureIdleMemory } from '../memory.ts'
import type { BenchOptions } from '../options.ts'
import { gatewayLabels, type Row, type Section } from '../report.ts'
import { type Ground, rotate, siteOf } from '../session.ts'
import type { Round } from '../statistics.ts'

/** More rounds would only repeat it: the figure hardly moves, and each round starts every gateway afresh. */
const roundsMax = 3
const samplesMax = 100
/** Files a gateway or the client needs beside the idle connections. */
const otherFiles = 1_000

const rows: readonly Row[] = [
  { quantity: 'held', title: 'idle connections, all open at the end', digits: 0, divisor: 1, ratio: false },
  {
    quantity: 'used',
    title: 'of them used again at the end, all answered with 200',
    digits: 0,
    divisor: 1,
    ratio: false,
  },
  { quantity: 'perConnection', title: 'memory per idle connection (KB)', digits: 1, divisor: 1_000 },
  { quantity: 'memory', title: 'memory of the gateway with all of them (MB)', digits: 1, divisor: 1e6 },
]

/** Many idle TLS connections at the same time: what they cost, and that they live. Throws when one of them does not. */
export async function measureIdle(ground: Ground, options: BenchOptions): Promise<Section> {
  const held = options.idleHeld
  assertFiles(held + otherFiles)
  const used = Math.min(samplesMax, held)
  const site = siteOf(ground, { connectionsMax: held + otherFiles })
  const job = { ...ground, cores: ground.cores.load, connections: held }
  const rounds: Round[] = []
  const roundsOf = Math.min(roundsMax, options.rounds)
  for (let index = 0; index < roundsOf; index++) {
    const round: Round = {}
    for (const name of rotate(options.gateways, index)) {
      ground.tell(`idle: round ${index + 1} of ${roundsOf}, ${held} connections to ${name}`)
      const gateway = await gatewayStarters[name](site)
      const { beforeBytes, growthBytes } = await measureIdleMemory(gateway, job, used)
      await gateway.end()
      round[name] = { held, used, perConnection: growthBytes / held, memory: beforeBytes + growthBytes }
    }
    rounds.push(round)
  }
  return { title: `${held} idle connections`, base: 'sekisho', labels: gatewayLabels, rows, rounds }
}

/** Throws when a process started from here may not open that many files. Node itself goes to the hard limit. */
function assertFiles(wanted: number): void {
  const line = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
  const allowed = line === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line)
  if (allowed >= wanted) return
  throw new Error(`Cannot open ${wanted} files in one process: current value is ${allowed}; see \`ulimit -Hn\``)
}
