import { nextMessage, startClient } from '../client-process.ts'
import type { LoadJob } from '../load.ts'
import type { OcspOptions } from '../ocsp-options.ts'
import type { OcspCalls, OcspPlaces } from '../ocsp-server.ts'
import { freePort } from '../own-processes.ts'
import {
  type Bar,
  buildSectionJson,
  formatBars,
  formatSection,
  isMet,
  type Row,
  type Section,
  type SectionJson,
} from '../report.ts'
import type { Ground } from '../session.ts'
import { type Round, spread } from '../statistics.ts'

/** What the section says in the last line of `--json`. */
export type OcspJson = {
  readonly certificates: number
  readonly answers: SectionJson
  readonly bars: Readonly<Record<string, { readonly value: number; readonly most: number; readonly met: boolean }>>
}

const timeoutMs = 180_000
const warmRequests = 2_000
const path = '/ocsp'

/** Over HTTP; `signed` and `kept` are what the answer is. */
const ways = { kept: 'POST', keptGet: 'GET', signed: 'POST with a nonce' } as const
type Way = keyof typeof ways

const rows: readonly Row[] = [
  row('kept', 'answers from the cache, POST (a second)'),
  row('keptGet', 'answers from the cache, GET (a second)'),
  row('signed', 'answers signed with a nonce, POST (a second)'),
  row('keptP99', 'p99 of POST from the cache, 64 connections (ms)', 2),
  row('signedP99', 'p99 of POST with a nonce, 64 connections (ms)', 2),
  row('callCached', 'without HTTP: one answer from the cache (µs)', 1),
  row('callNonce', 'without HTTP: one answer signed with a nonce (µs)', 1),
  row('callFirst', 'without HTTP: one answer signed for the first time (µs)', 1),
  row('keptBytes', 'memory for each answer that is kept (bytes)'),
]

function row(quantity: string, title: string, digits = 0): Row {
  return { quantity, title, digits, divisor: 1, ratio: false }
}

/** Answers a second of the OCSP responder on one CPU, over kept connections, and what an answer costs without HTTP. */
export async function runOcsp(ground: Ground, options: OcspOptions): Promise<OcspJson> {
  const { certificates, rounds: count } = options
  const port = await freePort()
  const settings = { folder: ground.folder, port, certificates }
  const server = startClient('ocsp-server.ts', { ...ground, cores: ground.cores.gateway, settings })
  ground.tell(`starting a responder for ${certificates} certificates`)
  const places = (await nextMessage(server, { what: 'start the responder', timeoutMs })) as OcspPlaces
  const jobs: Readonly<Record<Way, Omit<LoadJob, 'requests'>>> = {
    kept: { port, plain: true, keepAlive: true, path, bodyFile: places.plainFile },
    keptGet: { port, plain: true, keepAlive: true, path: places.getPath },
    // ECDSA signatures have 70 to 72 octets.
    signed: { port, plain: true, keepAlive: true, path, bodyFile: places.nonceFile, lengthsDiffer: true },
  }
  const rates: Record<Way, number> = { kept: 0, keptGet: 0, signed: 0 }
  for (const way of Object.keys(ways) as Way[]) {
    for (let turn = 0; turn < 2; turn++) {
      rates[way] = (await ground.load({ ...jobs[way], requests: warmRequests })).requestsPerSecond
    }
  }
  const rounds: Round[] = []
  for (let index = 0; index < count; index++) {
    ground.tell(`ocsp: round ${index + 1} of ${count}`)
    const figures: Record<string, number> = {}
    for (const way of Object.keys(ways) as Way[]) {
      const requests = Math.max(200, Math.round((rates[way] * options.turnMs) / 1_000))
      const { requestsPerSecond, p99Ms } = await ground.load({ ...jobs[way], requests })
      figures[way] = requestsPerSecond
      figures[`${way}P99`] = p99Ms
    }
    rounds.push({ sekisho: figures })
  }
  server.child.send('call')
  const calls = (await nextMessage(server, { what: 'call the responder', timeoutMs })) as OcspCalls
  const { first: callFirst, cached: callCached, nonce: callNonce, keptBytes } = calls
  const [measured] = rounds
  if (measured !== undefined) {
    measured.sekisho = { ...measured.sekisho, callFirst, callCached, callNonce, keptBytes }
  }
  await ground.processes.end(server)
  return report({ title: `OCSP answers on one CPU, ${certificates} certificates`, rounds }, certificates)
}

function report({ title, rounds }: Pick<Section, 'title' | 'rounds'>, certificates: number): OcspJson {
  const section: Section = { title, base: 'sekisho', labels: { sekisho: 'Sekisho' }, rows, rounds }
  console.log(`\n${formatSection(section)}`)
  const slowest = Math.min(...(['kept', 'keptGet'] as const).map((way) => median(rounds, way)))
  const bars: readonly Bar[] = [
    // 2,000 answers a second on one CPU.
    { quantity: 'kept', title: 'one answer from the cache over HTTP (µs)', value: 1e6 / slowest, most: 500, digits: 0 },
  ]
  console.log(`\n${formatBars('Bars', bars)}`)
  return {
    certificates,
    answers: buildSectionJson(section),
    bars: Object.fromEntries(bars.map((bar) => [bar.quantity, { value: bar.value, most: bar.most, met: isMet(bar) }])),
  }
}

function median(rounds: readonly Round[], quantity: string): number {
  return spread(rounds.flatMap((round) => round.sekisho?.[quantity] ?? [])).median
}
