/**
 * Fills the index of revocations in a process of its own and sends what that took, level by level, to its parent. Fingerprints
 * are random, as those of real certificates are.
 */
import { randomFillSync } from 'node:crypto'
import { PerformanceObserver } from 'node:perf_hooks'
import type { Fingerprint } from '../../src/trust/fingerprint.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'
import { readMemory } from './memory.ts'

export type IndexSettings = {
  /** Numbers of entries at which the index is looked at, rising; the first may be 0. */
  readonly levels: readonly number[]
  /** Look-ups timed at each level. */
  readonly lookups: number
}

/** The index at one level. */
export type IndexLevel = {
  readonly entries: number
  /** What it says it takes, divided by the entries. Unit: bytes. */
  readonly bytesPerEntry: number
  /** The most that was on the way to here, once it held a tenth of this level. Unit: bytes. */
  readonly bytesPerEntryMost: number
  /** What the kernel says this process has grown by since the index was empty. Unit: bytes. */
  readonly grownBytes: number
  /** The longest single add since the level before, with whatever else the process did meanwhile. Unit: milliseconds. */
  readonly addMostMs: number
  /** The same of those adds during which no garbage was collected: what growing alone costs. Unit: milliseconds. */
  readonly addMostAloneMs: number
  /** Unit: nanoseconds. */
  readonly addMeanNs: number
  /** One look-up of what is not there, as of every good certificate. Unit: nanoseconds. */
  readonly missNs: number
  /** One look-up of what is there. Unit: nanoseconds; 0 while the index is empty. */
  readonly hitNs: number
}

const chunkEntries = 16_384
const sampleMax = 65_536
const wordMax = 0xffff_fffe

const settings = JSON.parse(process.argv[2] ?? '{}') as IndexSettings
const index = new RevocationIndexWriter()
const words = new Uint32Array(chunkEntries * 4)
/** Some that are in the index, from all over it. */
const sample: Fingerprint[] = []
let at = chunkEntries
let addNs = 0
let addMostMs = 0
/** Adds that took long, by when they began and ended; and when garbage was collected. */
let slowAdds: { readonly fromMs: number; readonly toMs: number }[] = []
const collections: { readonly fromMs: number; readonly toMs: number }[] = []
const slowFromMs = 0.5
const observer = new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries())
    collections.push({ fromMs: startTime, toMs: startTime + duration })
})
observer.observe({ entryTypes: ['gc'] })

/** Its first word is none of the two that the index keeps for itself. */
function nextFingerprint(): Fingerprint {
  if (at === chunkEntries) {
    randomFillSync(words)
    at = 0
  }
  const place = 4 * at++
  const first = words[place] as number
  return [
    Math.min(wordMax, Math.max(1, first)),
    words[place + 1] as number,
    words[place + 2] as number,
    words[place + 3] as number,
  ]
}

/** Adds up to `entries`; returns the most bytes an entry that were seen from a tenth of it on. */
function fill(entries: number): number {
  const sampleEvery = Math.max(1, Math.floor(entries / sampleMax))
  const startNs = process.hrtime.bigint()
  let most = 0
  addMostMs = 0
  slowAdds = []
  let added = 0
  while (index.size < entries) {
    const fingerprint = nextFingerprint()
    const fromMs = performance.now()
    index.add(fingerprint)
    const toMs = performance.now()
    if (toMs - fromMs > addMostMs) addMostMs = toMs - fromMs
    if (toMs - fromMs > slowFromMs) slowAdds.push({ fromMs, toMs })
    if (added++ % sampleEvery === 0 && sample.length < 2 * sampleMax) sample.push(fingerprint)
    if (index.size * 10 >= entries) most = Math.max(most, index.bytes / index.size)
  }
  addNs = added === 0 ? 0 : Number(process.hrtime.bigint() - startNs) / added
  return most
}

/** The longest of the slow adds beside which no garbage was collected; what is not slow is not told apart. */
async function longestAlone(): Promise<number> {
  // The observer hears of collections in a later turn.
  await new Promise((resolve) => setTimeout(resolve, 50))
  const alone = slowAdds.filter(
    ({ fromMs, toMs }) => !collections.some((other) => other.fromMs < toMs && fromMs < other.toMs),
  )
  return alone.reduce((most, { fromMs, toMs }) => Math.max(most, toMs - fromMs), Math.min(addMostMs, slowFromMs))
}

/** Mean time of one look-up. Throws unless all of them say what is expected. Unit: nanoseconds. */
function timeLookups(fingerprints: readonly Fingerprint[], expected: boolean): number {
  if (fingerprints.length === 0) return 0
  const startNs = process.hrtime.bigint()
  let wrong = 0
  for (let done = 0; done < settings.lookups; done++) {
    if (index.has(fingerprints[done % fingerprints.length] as Fingerprint) !== expected) wrong++
  }
  const tookNs = Number(process.hrtime.bigint() - startNs)
  if (wrong > 0) throw new Error(`Cannot measure an index that answered wrongly ${wrong} times`)
  return tookNs / settings.lookups
}

function shuffle(list: Fingerprint[]): void {
  for (let place = list.length - 1; place > 0; place--) {
    const other = Math.floor(Math.random() * (place + 1))
    ;[list[place], list[other]] = [list[other] as Fingerprint, list[place] as Fingerprint]
  }
}

process.on('disconnect', () => process.exit(0))
const absent = Array.from({ length: sampleMax }, nextFingerprint)
// The code is compiled before anything is timed.
timeLookups(absent, false)
const emptyBytes = readMemory([process.pid])
const levels: IndexLevel[] = []
for (const entries of settings.levels) {
  const bytesPerEntryMost = fill(entries)
  const grownBytes = readMemory([process.pid]) - emptyBytes
  shuffle(sample)
  levels.push({
    entries,
    bytesPerEntry: entries === 0 ? 0 : index.bytes / entries,
    bytesPerEntryMost,
    grownBytes,
    addMostMs,
    addMostAloneMs: await longestAlone(),
    addMeanNs: addNs,
    missNs: timeLookups(absent, false),
    hitNs: timeLookups(sample, true),
  })
}
process.send?.(levels, () => process.exit(0))
