import { type Bar, gatewayLabels, type Row } from '../report.ts'
import type { Bench } from '../rounds.ts'
import { rotate } from '../session.ts'
import { type Round, spread } from '../statistics.ts'
import type { PartResult, RevocationGround } from './revocation-ground.ts'
import {
  type ListReader,
  listReaders,
  measureListHolding,
  measureReaders,
  type ReaderPair,
  startReaders,
  warmReaders,
  writeLists,
} from './revocation-lists.ts'
import { measurePair } from './revocation-pair.ts'

/** Rounds in which nginx and HAProxy take part too: their handshakes are slow, and their ratio is not a close one. */
const readerRounds = 3

function rowsOf(entries: number): readonly Row[] {
  const row = (quantity: string, title: string, form: { digits: number; divisor?: number }): Row => ({
    quantity,
    title,
    digits: form.digits,
    divisor: form.divisor ?? 1,
    ratio: false,
  })
  return [
    row('connectionNone', 'CPU per new connection + request, no revocations (µs)', { digits: 0 }),
    row('connectionFull', `the same with ${entries} (µs)`, { digits: 0 }),
    row('connectionUnequal', 'ratio of the same two before either had any', { digits: 3 }),
    row('connectionRatio', 'with ÷ without, corrected by that', { digits: 3 }),
    row('requestNone', 'CPU per keep-alive request, no revocations (µs)', { digits: 1 }),
    row('requestFull', `the same with ${entries} (µs)`, { digits: 1 }),
    row('requestUnequal', 'ratio of the same two before either had any', { digits: 3 }),
    row('requestRatio', 'with ÷ without, corrected by that', { digits: 3 }),
    row('memoryNone', 'memory of its processes, no revocations (MB)', { digits: 1, divisor: 1e6 }),
    row('memoryFull', `the same with ${entries} (MB)`, { digits: 1, divisor: 1e6 }),
    row('reload', 'reload of the list until a new worker runs (ms)', { digits: 0 }),
    row('reloadMemory', 'most memory during the reload (MB)', { digits: 1, divisor: 1e6 }),
  ]
}

/** What revocations cost whoever is not revoked: Sekisho with and without, beside nginx and HAProxy with lists of the same. */
export async function measureCost(revocation: RevocationGround): Promise<PartResult> {
  const { ground, options } = revocation
  const bench: Bench = { load: ground.load, upstream: ground.upstream, turnMs: options.turnMs }
  const rounds: Round[] = []
  const pairs = Math.min(options.pairs, options.rounds)
  for (let place = 0; place < pairs; place++) {
    const figures = await measurePair(revocation, { bench, rounds: Math.ceil(options.rounds / pairs), place })
    rounds.push(...figures.map((sekisho) => ({ sekisho })))
  }
  const listBytes = await addReaders(rounds, { revocation, bench })
  const section = {
    title: `Cost of ${options.entries} revocations`,
    base: 'sekisho',
    labels: { sekisho: gatewayLabels.sekisho, haproxy: gatewayLabels.haproxy, nginx: gatewayLabels.nginx },
    rows: rowsOf(options.entries),
    rounds,
  }
  const notes = [
    `nginx and HAProxy read a list of ${(listBytes / 1e6).toFixed(1)} MB (DER) in ${Math.min(readerRounds, rounds.length)} of the rounds. ` +
      'Sekisho has no list to reload: what a push takes there is measured with the fleet.',
  ]
  return { section, notes, bars: barsOf(rounds) }
}

/** Adds nginx and HAProxy to the first rounds; resolves with the bytes of their list. */
async function addReaders(rounds: Round[], job: { revocation: RevocationGround; bench: Bench }): Promise<number> {
  const { revocation, bench } = job
  const lists = await writeLists(revocation)
  const pairs = new Map<ListReader, { pair: ReaderPair; rates: { none: number; full: number } }>()
  for (const name of listReaders) {
    const pair = await startReaders(name, revocation, lists)
    pairs.set(name, { pair, rates: await warmReaders(pair, bench) })
  }
  for (const [index, round] of rounds.slice(0, readerRounds).entries()) {
    for (const [name, { pair, rates }] of rotate([...pairs], index)) {
      revocation.tell(`cost: ${name}, round ${index + 1}`)
      const { slowHandshakes } = revocation.options
      const { none, full } = await measureReaders(pair, { bench, rates, slowHandshakes })
      round[name] = { connectionNone: none, connectionFull: full, connectionRatio: full / none }
    }
  }
  for (const [name, { pair }] of pairs) {
    revocation.tell(`cost: memory and reload of ${name}`)
    const first = rounds[0] as Round
    first[name] = { ...first[name], ...(await measureListHolding(pair)) }
    await Promise.all([pair.none.end(), pair.full.end()])
  }
  return lists.bytes
}

function barsOf(rounds: readonly Round[]): readonly Bar[] {
  const median = (quantity: string) => spread(rounds.flatMap((round) => round.sekisho?.[quantity] ?? [])).median
  const bar = (quantity: string, title: string) => ({ quantity, title, value: median(quantity), most: 1.02, digits: 3 })
  return [
    bar('connectionRatio', 'CPU per new connection, with ÷ without revocations'),
    bar('requestRatio', 'CPU per keep-alive request, with ÷ without revocations'),
  ]
}
