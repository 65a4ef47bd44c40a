/**
 * npm run chaos -- --seconds 300 --seed 1 --gateways 3 --only flushed,partition --quiet --plan
 * Breaks a real Sentinel set-up and the gateways on it at random, while users log in and an operator revokes; heals everything, and
 * judges. The seed fixes the faults and their times; --plan only prints them. Exit codes: 0 both counters are 0 and everything has healed, 1 not so, 2 wrong
 * command line.
 */
import { parseArgs } from 'node:util'
import { systemClock } from '../../src/base/clock.ts'
import { isClean, planLines, problemLines, summaryLines, verdictLine } from './report.ts'
import { type ChaosOptions, planRun, removeLogs, runChaos } from './run-chaos.ts'
import { type FaultKind, faultKinds } from './schedule.ts'

const secondsMax = 86_400
const gatewaysMax = 8

function readOptions():
  | (Required<Omit<ChaosOptions, 'say' | 'totalSecondsMax'>> & { quiet: boolean; plan: boolean })
  | undefined {
  const string = { type: 'string' } as const
  const boolean = { type: 'boolean' } as const
  const { values } = parseArgs({
    options: { seconds: string, seed: string, gateways: string, only: string, quiet: boolean, plan: boolean },
  })
  const seed = values.seed === undefined ? Math.floor(systemClock.nowMs()) % 0x7fffffff : Number(values.seed)
  const seconds = Number(values.seconds ?? 300)
  const gateways = Number(values.gateways ?? 3)
  const kinds = (values.only?.split(',') ?? faultKinds) as readonly FaultKind[]
  const counts = seconds >= 1 && seconds <= secondsMax && gateways >= 1 && gateways <= gatewaysMax
  const whole = Number.isInteger(seed) && Number.isInteger(gateways)
  if (counts && whole && kinds.every((kind) => faultKinds.includes(kind)))
    return { seed, seconds, gateways, kinds, quiet: values.quiet === true, plan: values.plan === true }
  console.error(
    `Cannot run as --seed must be a whole number, --seconds 1 to ${secondsMax}, --gateways 1 to ${gatewaysMax}, ` +
      `and --only some of ${faultKinds.join()}`,
  )
  return undefined
}

/** Ctrl+C ends everything that was started: each has its way of ending with this process. */
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

async function main(): Promise<number> {
  const options = readOptions()
  if (options === undefined) return 2
  const { quiet, plan, ...rest } = options
  if (plan) {
    for (const line of planLines(planRun(rest))) console.log(line)
    return 0
  }
  console.log(`seed ${rest.seed}: ${rest.seconds} s of faults, ${rest.gateways} gateways`)
  const report = await runChaos({ ...rest, ...(quiet ? {} : { say: (line: string) => console.log(line) }) })
  const clean = isClean(report)
  if (!quiet || !clean) for (const line of summaryLines(report)) console.log(line)
  for (const line of problemLines(report)) console.error(line)
  if (clean) removeLogs(report)
  else console.error(`logs: ${report.folder}`)
  console.log(verdictLine(report))
  return clean ? 0 : 1
}

process.exitCode = await main()
