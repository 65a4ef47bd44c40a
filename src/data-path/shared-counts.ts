import { assert } from '../base/assert.ts'
import { clearUpgrades, createSharedUpgrades, type SharedUpgrades } from './upgrade-counts.ts'

/**
 * What all data workers of one gateway count together. Each worker has a slot of its own everywhere and writes nowhere else, so
 * what a crashed worker still held is known and can be taken back.
 */
export type SharedCounts = {
  /** As many as there are workers. */
  readonly slots: number
  /** By name of the door; see `DoorCounts`. */
  readonly doors: Readonly<Record<string, SharedArrayBuffer>>
  readonly upgrades: SharedUpgrades
}

/**
 * Layout of a door: one line for all, whose first eight bytes are the time up to which handshakes are spent, then a line for each
 * slot with its connections and strangers. A line is 64 bytes, so that workers do not write to each other's cache lines.
 */
const lineBytes = 64
const lineWords = lineBytes / 4
const connectionsAt = 0
const strangersAt = 1

/** Shared memory for the workers of a new gateway; nothing is counted yet. Made once, in the control thread. */
export function createSharedCounts(workers: number, doors: readonly string[]): SharedCounts {
  const door = () => new SharedArrayBuffer(lineBytes * (workers + 1))
  return {
    slots: workers,
    doors: Object.fromEntries(doors.map((name) => [name, door()])),
    upgrades: createSharedUpgrades(workers),
  }
}

/**
 * Forgets what the former worker of a slot counted. For the control thread, after that worker has ended and before the next one
 * starts.
 */
export function clearSlot(counts: SharedCounts, slot: number): void {
  for (const door of Object.values(counts.doors)) {
    const words = new Int32Array(door)
    Atomics.store(words, lineOf(slot) + connectionsAt, 0)
    Atomics.store(words, lineOf(slot) + strangersAt, 0)
  }
  clearUpgrades(counts.upgrades, slot)
}

function lineOf(slot: number): number {
  return (slot + 1) * lineWords
}

/** The counts of one door as the worker of one slot sees and changes them. A sum costs one memory read a worker. */
export class DoorCounts {
  /** Workers that share the door. */
  readonly slots: number
  readonly #words: Int32Array
  readonly #spentUntil: BigInt64Array
  readonly #line: number

  constructor(counts: SharedCounts, options: { door: string; slot: number }) {
    const shared = counts.doors[options.door]
    assert(shared !== undefined, `door ${options.door} has shared counts`)
    assert(options.slot < counts.slots, `there is a slot ${options.slot}`)
    this.slots = counts.slots
    this.#words = new Int32Array(shared)
    this.#spentUntil = new BigInt64Array(shared, 0, 1)
    this.#line = lineOf(options.slot)
  }

  /** Adds to this worker's connections, or takes away. */
  addConnections(change: 1 | -1): void {
    Atomics.add(this.#words, this.#line + connectionsAt, change)
  }

  /** Adds to this worker's strangers, or takes away. */
  addStrangers(change: 1 | -1): void {
    Atomics.add(this.#words, this.#line + strangersAt, change)
  }

  /** Connections of the door, in all workers. */
  get connections(): number {
    return this.#sum(connectionsAt)
  }

  /** Those of them that are not permitted yet. */
  get strangers(): number {
    return this.#sum(strangersAt)
  }

  #sum(at: number): number {
    let sum = 0
    for (let word = lineWords + at; word < this.#words.length; word += lineWords) sum += Atomics.load(this.#words, word)
    return sum
  }

  /**
   * Takes one handshake out of a bucket that holds those of one second and fills evenly; false when fewer than `keep` would have
   * been in it. The bucket is kept as the time up to which its handshakes are spent: one word, changed by whoever is first.
   */
  takeHandshake(options: {
    /** On the monotonic clock, which is the same in all threads. */
    nowMs: number
    /** What the bucket holds, and what flows into it in a second. */
    perSecondMax: number
    /** Handshakes that must be in it, this one included. At least 1. */
    keep: number
  }): boolean {
    const now = BigInt(Math.round(options.nowMs * 1e6))
    const each = Math.round(1e9 / options.perSecondMax)
    for (;;) {
      const seen = Atomics.load(this.#spentUntil, 0)
      const spentUntil = seen > now ? seen : now
      const left = each * options.perSecondMax - Number(spentUntil - now)
      if (left < each * options.keep) return false
      if (Atomics.compareExchange(this.#spentUntil, 0, seen, spentUntil + BigInt(each)) === seen) return true
    }
  }
}
