import { nextMessage, startClient } from '../client-process.ts'
import type { IndexLevel, IndexSettings } from '../index-client.ts'
import type { Bar, Row } from '../report.ts'
import type { PartResult, RevocationGround } from './revocation-ground.ts'

/** A million look-ups are enough to tell a mean in a tenth of a second. */
const lookups = 1_000_000
const timeoutMs = 300_000
/** The index is also looked at with so many times the entries, but no more than this. */
const largest = { times: 10, entries: 10_000_000 }

const rows: readonly Row[] = [
  { quantity: 'miss', title: 'look-up of a certificate that is not revoked (ns)', digits: 0, divisor: 1, ratio: false },
  { quantity: 'hit', title: 'look-up of a revoked one (ns)', digits: 0, divisor: 1, ratio: false },
  { quantity: 'bytes', title: 'memory an entry, by its own count (bytes)', digits: 1, divisor: 1, ratio: false },
  { quantity: 'bytesMost', title: 'the most on the way there (bytes)', digits: 1, divisor: 1, ratio: false },
  { quantity: 'grown', title: 'growth of the process, by the kernel (MB)', digits: 1, divisor: 1e6, ratio: false },
  { quantity: 'add', title: 'adding one, mean (ns)', digits: 0, divisor: 1, ratio: false },
  { quantity: 'addMost', title: 'adding one, longest (ms)', digits: 2, divisor: 1, ratio: false },
  { quantity: 'addMostAlone', title: 'the same without garbage collection (ms)', digits: 2, divisor: 1, ratio: false },
]

/** The index by itself: memory, look-ups, and what growing costs. */
export async function measureMemory(revocation: RevocationGround): Promise<PartResult> {
  const { entries } = revocation.options
  const { ground } = revocation
  const highest = Math.min(entries * largest.times, Math.max(entries, largest.entries))
  const levels = [...new Set([0, entries, highest])]
  revocation.tell(`filling the index with ${levels.at(-1)} entries`)
  const settings: IndexSettings = { levels, lookups }
  const client = startClient('index-client.ts', { ...ground, cores: ground.cores.gateway, settings })
  const found = (await nextMessage(client, { what: 'fill the index', timeoutMs })) as readonly IndexLevel[]
  await ground.processes.end(client)
  const figures = found.map((level) => ({
    miss: level.missNs,
    ...(level.entries === 0
      ? {}
      : {
          hit: level.hitNs,
          bytes: level.bytesPerEntry,
          bytesMost: level.bytesPerEntryMost,
          grown: level.grownBytes,
          add: level.addMeanNs,
          addMost: level.addMostMs,
          addMostAlone: level.addMostAloneMs,
        }),
  }))
  const names = levels.map((level) => `at${level}`)
  const section = {
    title: 'Index in memory',
    measured: 'one process, one thread',
    base: names[0] as string,
    labels: Object.fromEntries(levels.map((level, place) => [names[place], `${level} entries`])),
    rows,
    rounds: [Object.fromEntries(figures.map((figure, place) => [names[place], figure]))],
  }
  return { section, bars: barsOf(found.find((level) => level.entries === entries)) }
}

function barsOf(level: IndexLevel | undefined): readonly Bar[] {
  if (level === undefined) return []
  return [
    { quantity: 'indexBytes', title: 'index memory an entry (bytes)', value: level.bytesPerEntry, most: 24, digits: 1 },
    {
      quantity: 'indexBytesMost',
      title: 'index memory an entry while growing (bytes)',
      value: level.bytesPerEntryMost,
      most: 40,
      digits: 1,
    },
    { quantity: 'addMost', title: 'longest single add (ms)', value: level.addMostMs, most: 5, digits: 2 },
  ]
}
