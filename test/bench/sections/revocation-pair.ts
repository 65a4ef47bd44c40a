import type { RunningSekisho } from '../gateways/sekisho.ts'
import { loadRevocations } from '../load-revocations.ts'
import { readSettledMemory } from '../memory.ts'
import { processTree } from '../own-processes.ts'
import { waitQuiet } from '../quiet-process.ts'
import type { RedisProcess } from '../redis-process.ts'
import { type Bench, type Contestant, measureConnections, measureRequests, warmUp } from '../rounds.ts'
import { rotate } from '../session.ts'
import { spread } from '../statistics.ts'
import { loadTimeoutMs, type RevocationGround, TooLong, waitEntries } from './revocation-ground.ts'

const quietTimeoutMs = 120_000
const appliedTimeoutMs = 120_000
/** Turns' worth of load in the place of one before the rounds: differences of some per cent show only in code that is done. */
const warmTurns = 3

/** `none` never has a revocation; `full` has none at first and all of them later. */
const kinds = ['none', 'full'] as const
type Kind = (typeof kinds)[number]
type Both = Readonly<Record<Kind, number>>
type Pair = Readonly<Record<Kind, Contestant & { gateway: RunningSekisho }>>
/** CPU of both in one round. Unit: microseconds. */
type PairRound = { readonly connection: Both; readonly request: Both }

/** One round of Sekisho, by quantity as the report has them. */
export type PairFigures = Readonly<Record<string, number>>

/**
 * Two processes of one program differ by several per cent for as long as they live, which is more than what is looked for. So
 * both are measured without revocations first; then one of them gets them all, and both are measured again: the ratio after, divided by the
 * ratio before, is what the revocations did.
 */
export async function measurePair(
  revocation: RevocationGround,
  job: { bench: Bench; rounds: number; place: number },
): Promise<readonly PairFigures[]> {
  const { bench, rounds, place } = job
  const stores = { none: await revocation.emptyRedis(), full: await revocation.startRedis() }
  const pair = await startPair(revocation, { bench, stores, swapped: place % 2 === 1 })
  const run = async (what: string) => {
    const done: PairRound[] = []
    // Code goes on being compiled for a while: the first round is not counted.
    for (let index = 0; index <= rounds; index++) {
      const round = await measureRound(pair, { bench, index: index + place })
      revocation.tell(`cost: pair ${place + 1}, ${what}, round ${index} of ${rounds}: ${describe(round)}`)
      done.push(round)
    }
    return done.slice(1)
  }
  const before = await run('both without')
  await fillStore(revocation, { redis: stores.full, gateway: pair.full.gateway })
  const after = await run('one of them with revocations')
  const figures = figuresOf(before, after)
  const memory = { memoryNone: await memoryOf(pair.none), memoryFull: await memoryOf(pair.full) }
  await Promise.all(kinds.map((kind) => pair[kind].gateway.end()))
  await stores.full.end()
  return figures.map((figure, index) => (index === 0 ? { ...figure, ...memory } : figure))
}

/** Both on the gateway's CPU, warm, and with nothing left to do in the background. */
async function startPair(
  revocation: RevocationGround,
  job: { bench: Bench; stores: Readonly<Record<Kind, RedisProcess>>; swapped: boolean },
): Promise<Pair> {
  const found: Partial<Record<Kind, Contestant & { gateway: RunningSekisho }>> = {}
  for (const kind of job.swapped ? [...kinds].reverse() : kinds) {
    revocation.tell('cost: starting and warming Sekisho')
    const gateway = await revocation.start(job.stores[kind], {}, { gatewayCores: revocation.ground.cores.gateway })
    await waitQuiet(gateway.pid, { what: 'Sekisho', timeoutMs: quietTimeoutMs })
    const bench = { ...job.bench, turnMs: job.bench.turnMs * warmTurns }
    found[kind] = { ...(await warmUp(gateway, bench)), gateway }
  }
  return found as Pair
}

/** Puts all revocations into the store that the gateway follows, and waits until it has them and rests. */
async function fillStore(
  revocation: RevocationGround,
  job: { redis: RedisProcess; gateway: RunningSekisho },
): Promise<void> {
  const { pki, serials } = revocation
  const tell = (line: string) => revocation.tell(`cost: ${line}`)
  const { entries } = await loadRevocations(job.redis, {
    issuerId: pki.issuerId,
    serials,
    timeoutMs: loadTimeoutMs,
    tell,
  })
  if (entries < serials.count) throw new TooLong(`Cannot measure the cost of ${serials.count} revocations`)
  await waitEntries([job.gateway], { entries, timeoutMs: appliedTimeoutMs })
  await waitQuiet(job.gateway.pid, { what: 'Sekisho', timeoutMs: quietTimeoutMs })
}

/** Each quantity in the order one, other, other, one, beginning with either in turn: what drifts evenly falls out. */
async function measureRound(pair: Pair, job: { bench: Bench; index: number }): Promise<PairRound> {
  const { bench, index } = job
  const [first, second] = rotate(kinds, index) as [Kind, Kind]
  const measureBoth = async (measure: (contestant: Pair[Kind]) => Promise<number>): Promise<Both> => {
    const sums = { none: 0, full: 0 }
    for (const kind of [first, second, second, first]) sums[kind] += (await measure(pair[kind])) / 2
    return sums
  }
  return {
    connection: await measureBoth((contestant) => measureConnections(contestant, { bench })),
    request: await measureBoth(async (contestant) => {
      const { request } = await measureRequests(contestant, { bench, kind: {} })
      return request
    }),
  }
}

function describe({ connection, request }: PairRound): string {
  return (
    `connection ${connection.none.toFixed(0)} and ${connection.full.toFixed(0)} µs, ` +
    `request ${request.none.toFixed(1)} and ${request.full.toFixed(1)} µs`
  )
}

/** The rounds with revocations, corrected by the median of those without. Throws on empty lists. */
export function figuresOf(before: readonly PairRound[], after: readonly PairRound[]): readonly PairFigures[] {
  const ratioOf = ({ full, none }: Both) => full / none
  const unequal = {
    connection: spread(before.map(({ connection }) => ratioOf(connection))).median,
    request: spread(before.map(({ request }) => ratioOf(request))).median,
  }
  return after.map(({ connection, request }) => ({
    connectionNone: connection.none,
    connectionFull: connection.full,
    connectionUnequal: unequal.connection,
    connectionRatio: ratioOf(connection) / unequal.connection,
    requestNone: request.none,
    requestFull: request.full,
    requestUnequal: unequal.request,
    requestRatio: ratioOf(request) / unequal.request,
  }))
}

function memoryOf({ gateway }: Contestant): Promise<number> {
  return readSettledMemory(processTree(gateway.pid))
}
