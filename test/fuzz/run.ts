/**
 * npm run fuzz -- --seconds 60 --seed 1 --only heads,bodies,http2,crl
 * Its time is shared by four parts: HTTP/1.1 heads and bodies, read by our parser and by Node's own; HTTP/2 frames, played
 * to the real gateway; and revocation lists, some of which OpenSSL reads too. Each part prints what it did; what it found is printed with the seed that repeats it.
 * Exit codes: 0 nothing found, 1 something found, 2 wrong command line.
 */
import { parseArgs } from 'node:util'
import { systemClock } from '../../src/base/clock.ts'
import { fuzzCrl } from './crl/fuzz-crl.ts'
import { fuzz, type StreamKind } from './differential.ts'
import { fuzzHttp2 } from './http2/fuzz-http2.ts'
import { startFuzzed } from './http2/fuzzed-gateway.ts'

const partNames = ['heads', 'bodies', 'http2', 'crl'] as const
/** Longest stretch a part has at a time, so that all of them are seen early in a long run. Unit: seconds. */
const stretchSeconds = 60
/** Node's reader ends its sockets in later turns of the event loop, and keeps them in memory until then. Unit: seconds. */
const sliceSeconds = 0.1

type Part = {
  /** Goes on for so long; returns what it found, as lines to print. */
  readonly run: (options: { seed: number; seconds: number }) => Promise<readonly string[]>
  /** What it did so far. */
  readonly summary: () => string
  readonly stop: () => Promise<readonly string[]>
}

function createDifferential(kind: StreamKind): Part {
  let cases = 0
  let accepted = 0
  return {
    run: async ({ seed, seconds }) => {
      const deadlineMs = systemClock.monotonicMs() + seconds * 1_000
      let firstCase = 0
      while (systemClock.monotonicMs() < deadlineMs) {
        const found = fuzz({ seed, seconds: sliceSeconds, kind, firstCase, clock: systemClock })
        firstCase += found.cases
        cases += found.cases
        accepted += found.acceptedMessages
        const { divergence } = found
        if (divergence !== undefined) {
          const { caseNumber, difference, stream } = divergence
          return [`case ${caseNumber} of seed ${seed}: ${difference}`, `smallest stream: ${JSON.stringify(stream)}`]
        }
        await new Promise((resolve) => setImmediate(resolve))
      }
      return []
    },
    summary: () => `${cases} connections, ${accepted} requests accepted by both`,
    stop: async () => [],
  }
}

async function createHttp2(): Promise<Part> {
  const gateway = await startFuzzed()
  const startMemory = process.memoryUsage.rss()
  const total = { sessions: 0, valid: 0, answers: 0, answered: 0, closed: 0, silent: 0 }
  return {
    run: async (options) => {
      const { sessions, valid, answers, ends, finding } = await fuzzHttp2(gateway, { ...options, clock: systemClock })
      total.sessions += sessions
      total.valid += valid
      total.answers += answers
      total.answered += ends.answered
      total.closed += ends.closed
      total.silent += ends.silent
      if (finding === undefined) return []
      return [`sessions ${finding.sessions.join()} of seed ${finding.seed}:`, ...finding.problems]
    },
    summary: () => {
      const mutated = `${total.closed} closed by the gateway, ${total.answered} answered to the end, ${total.silent} left`
      const { requests, abandoned } = gateway.upstream
      return (
        `${total.sessions} sessions: ${total.valid} valid and served; with mutations ${mutated}; ` +
        `${total.answers} requests answered with 200; the application had ${requests} whole requests, ${abandoned} given up; ` +
        `memory ${Math.round(startMemory / 1e6)} MB at first, ${Math.round(process.memoryUsage.rss() / 1e6)} MB now`
      )
    },
    stop: async () => {
      const leaks = await gateway.leaks()
      await gateway.stop()
      return leaks
    },
  }
}

function createCrl(): Part {
  const total = { cases: 0, wellMade: 0, changedRead: 0, compared: 0 }
  return {
    run: async ({ seed, seconds }) => {
      const deadlineMs = systemClock.monotonicMs() + seconds * 1_000
      let firstCase = 0
      while (systemClock.monotonicMs() < deadlineMs) {
        const found = fuzzCrl({ seed, seconds: sliceSeconds, firstCase, clock: systemClock })
        firstCase += found.cases
        for (const name of ['cases', 'wellMade', 'changedRead', 'compared'] as const) total[name] += found[name]
        const { finding } = found
        if (finding !== undefined) {
          return [`case ${finding.caseNumber} of seed ${seed}: ${finding.problem}`, `list (hex): ${finding.listHex}`]
        }
        // The gateway of another part lives in this process.
        await new Promise((resolve) => setImmediate(resolve))
      }
      return []
    },
    summary: () =>
      `${total.cases} lists, ${total.wellMade} of them well made, ${total.changedRead} changed and read nevertheless, ` +
      `${total.compared} read by OpenSSL too`,
    stop: async () => [],
  }
}

function readOptions(): { seed: number; seconds: number; only: readonly string[] } | undefined {
  const string = { type: 'string' } as const
  const { values } = parseArgs({ options: { seconds: string, seed: string, only: string } })
  const seed = values.seed === undefined ? Math.floor(systemClock.nowMs()) % 0x7fffffff : Number(values.seed)
  const seconds = Number(values.seconds ?? 60)
  const only = values.only?.split(',') ?? partNames
  const known = only.every((name) => partNames.some((part) => part === name))
  if (Number.isInteger(seed) && seconds > 0 && known) return { seed, seconds, only }
  console.error(
    `Cannot run as --seed must be a whole number, --seconds a positive one and --only some of ${partNames.join()}`,
  )
  return undefined
}

/** Runs the parts in turn, a stretch each, until the time is over or one has found something. */
async function main(): Promise<number> {
  const options = readOptions()
  if (options === undefined) return 2
  const parts = new Map<string, Part>()
  for (const kind of ['heads', 'bodies'] as const) {
    if (options.only.includes(kind)) parts.set(kind, createDifferential(kind))
  }
  if (options.only.includes('http2')) parts.set('http2', await createHttp2())
  if (options.only.includes('crl')) parts.set('crl', createCrl())
  const stretches = Math.ceil(options.seconds / (stretchSeconds * parts.size))
  const seconds = options.seconds / (stretches * parts.size)
  const found: string[] = []
  for (let stretch = 0; stretch < stretches && found.length === 0; stretch++) {
    for (const [name, part] of parts) {
      const lines = await part.run({ seed: options.seed + stretch, seconds })
      found.push(...lines.map((line) => `${name}: ${line}`))
    }
  }
  for (const [name, part] of parts) {
    found.push(...(await part.stop()).map((line) => `${name}: ${line}`))
    console.log(`${name}: seeds ${options.seed} to ${options.seed + stretches - 1}: ${part.summary()}`)
  }
  for (const line of found) console.error(line)
  return found.length === 0 ? 0 : 1
}

process.exitCode = await main()
