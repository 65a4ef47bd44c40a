import { parseArgs } from 'node:util'
import { systemClock } from '../../src/base/clock.ts'
import { fuzz } from './differential.ts'

// npm run fuzz -- --seconds 60 --seed 1
// Reads generated requests with our parser and with Node's; prints the seed and a minimal stream if they disagree.
const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } } })
const seed = values.seed === undefined ? Math.floor(systemClock.nowMs()) % 0x7fffffff : Number(values.seed)
const seconds = Number(values.seconds)
if (!Number.isInteger(seed) || !(seconds > 0)) {
  console.error('Cannot run as --seed must be a whole number and --seconds a positive one')
  process.exit(2)
}

const { cases, acceptedMessages, divergence } = fuzz({ seed, seconds, clock: systemClock })
console.log(
  `seed ${seed}: ${cases} connections, ${acceptedMessages} requests accepted by both, ${Math.round(cases / seconds)} a second`,
)
if (divergence !== undefined) {
  console.error(`Disagreement in case ${divergence.caseNumber} of seed ${divergence.seed}: ${divergence.difference}`)
  console.error(`Smallest stream: ${JSON.stringify(divergence.stream)}`)
  process.exitCode = 1
}
