import { assert } from '../base/assert.ts'
import { GatewayError } from '../base/errors.ts'
import { emptyWord, removedWord } from './fingerprint.ts'
import { absent, PagedTable, type TableKey } from './paged-table.ts'
import {
  generationAt,
  keyWordsAt,
  listsAt,
  listWord,
  pageCountBits,
  pageCountMax,
  pageEntriesMax,
  pageSlots,
  placeIn,
  rowsAt,
  seedAt,
  seededAt,
  shardCount,
  shardHeadersAt,
  sizeAt,
  slotWordsAt,
} from './paged-table-layout.ts'

export type PagedTableOptions = {
  /** Words of an entry, keys and values together. */
  readonly slotWords: number
  /** Words of a key, which come first. */
  readonly keyWords: number
  /** How many entries it may hold; beyond, adding throws GatewayError `revocation_index_full`. */
  readonly entriesMax: number
  /** Two random 32-bit numbers to spread the keys by; undefined: the keys are digests, and spread by themselves. */
  readonly seed?: readonly [number, number] | undefined
}

/** A shard that moves gets this much room to grow. More costs memory, less moves entries more often. */
const growth = 1.08
/** With removals a shard gives pages back below this part of what they hold. */
const shrinkBelow = 0.25
/** The buffer grows in steps. Address space only: the system gives memory when a page is first written. */
const growthBytes = 1_048_576

/**
 * The table's only writer; one thread. A change moves at most the entries of one shard, a two-thousandth of all. Removed
 * entries keep their slots until their shard moves the next time, which it does when they and the others fill it.
 */
export class PagedTableWriter extends PagedTable {
  readonly entriesMax: number
  /** Of each shard: slots in use, removed ones included; and entries. */
  readonly #used = new Uint32Array(shardCount)
  readonly #live = new Uint32Array(shardCount)
  readonly #free: number[] = []
  /** Pages ever taken, and the longest list there ever was: how much memory was touched. */
  #pagesTaken = 0
  #rowsTaken = 0
  #moved = 0

  constructor(options: PagedTableOptions) {
    super(createMemory(options))
    this.entriesMax = options.entriesMax
  }

  /** Memory in use, lists included. Unit: bytes. */
  get bytes(): number {
    return 4 * (listsAt + this.#rowsTaken * 2 * shardCount + this.#pagesTaken * pageSlots * this.slotWords)
  }

  /** Entries moved since the table was made: what its growing has cost. */
  get moved(): number {
    return this.#moved
  }

  /** How many slots a look-up of the key looks at. */
  slotsPassed(key: TableKey): number {
    this.find(key)
    return this.passed
  }

  /**
   * Adds an entry; false: the key is there already, and keeps its values. Throws GatewayError `revocation_index_full`, and has
   * changed nothing then.
   */
  add(key: TableKey, values: ArrayLike<number> = []): boolean {
    if (this.find(key) !== absent) return false
    this.#insert(key, values)
    return true
  }

  /** Adds an entry or replaces its values, first to last; see `read`. Throws as `add` does. */
  set(key: TableKey, values: ArrayLike<number>): void {
    const slot = this.find(key)
    if (slot === absent) {
      this.#insert(key, values)
      return
    }
    for (let at = 0; at < values.length; at++)
      Atomics.store(this.words, slot + this.keyWords + at, values[at] as number)
    this.#changed(0)
  }

  /** Removes an entry; false: there is none. */
  remove(key: TableKey): boolean {
    const slot = this.find(key)
    if (slot === absent) return false
    const { shard } = this
    Atomics.store(this.words, slot, removedWord)
    const live = (this.#live[shard] as number) - 1
    this.#live[shard] = live
    this.#changed(-1)
    const pages = this.header & pageCountMax
    if (pages > 1 && live < pages * pageEntriesMax * shrinkBelow) this.#move(shard, pagesFor(live))
    return true
  }

  /** Makes room for so many entries in all, so that adding them moves little. Takes as long as moving all there are. */
  reserve(entries: number): void {
    const pages = Math.ceil(Math.min(entries, this.entriesMax) / shardCount / pageEntriesMax)
    for (let shard = 0; shard < shardCount; shard++) if (this.#pagesOf(shard) < pages) this.#move(shard, pages)
  }

  /** Removes all entries. */
  clear(): void {
    for (let shard = 0; shard < shardCount; shard++) {
      this.#live[shard] = 0
      this.#publish(shard, [])
    }
    this.#changed(-this.size)
  }

  /** Entries are handed out and taken in parts; an entry stays in its part as long as it is in the table. */
  get parts(): number {
    return shardCount
  }

  /** How many entries the part has. */
  entriesIn(part: number): number {
    return this.#live[part] as number
  }

  /** Changes one value of all entries of a part. */
  changeValues(part: number, value: number, change: (word: number) => number): void {
    const { words } = this
    const valueAt = this.keyWords + value
    for (const slot of this.#entriesOf(part)) {
      const former = words[slot + valueAt] as number
      const word = change(former)
      if (word !== former) Atomics.store(words, slot + valueAt, word)
    }
  }

  /** The entries of a part, slot after slot, as they are now. */
  readPart(part: number): Uint32Array {
    const { words, slotWords } = this
    const copy = new Uint32Array((this.#live[part] as number) * slotWords)
    let filled = 0
    for (const slot of this.#entriesOf(part)) {
      for (let at = 0; at < slotWords; at++) copy[filled++] = words[slot + at] as number
    }
    return copy
  }

  /** Adds the entries of a part; those that are there keep their values. Throws where it is no part, and as `add` does. */
  takePart(slots: Uint32Array): void {
    const { slotWords, keyWords } = this
    if (slots.length % slotWords !== 0) {
      throw new Error(`Cannot take a part as its slots have ${slotWords} words: current value is ${slots.length} words`)
    }
    const key = new Uint32Array(keyWords)
    const values = new Uint32Array(slotWords - keyWords)
    for (let start = 0; start < slots.length; start += slotWords) {
      for (let at = 0; at < keyWords; at++) key[at] = slots[start + at] as number
      for (let at = keyWords; at < slotWords; at++) values[at - keyWords] = slots[start + at] as number
      this.add(key, values)
    }
  }

  /** Tells the threads that something beside the table has changed. */
  touch(): void {
    this.#changed(0)
  }

  /** Adds an entry that was just looked for in vain. */
  #insert(key: TableKey, values: ArrayLike<number>): void {
    assert(key[0] !== emptyWord && key[0] !== removedWord, 'a key begins with a reserved word')
    const { shard } = this
    const isFull = this.size >= this.entriesMax
    const needsRoom = (this.#used[shard] as number) + 1 > this.#pagesOf(shard) * pageEntriesMax
    if (isFull || (needsRoom && !this.#move(shard, pagesFor((this.#live[shard] as number) + 1)))) {
      throw new GatewayError(
        'revocation_index_full',
        `Cannot take another entry as the table is full: current value is ${this.size}`,
      )
    }
    // The look for the key ended at the slot it belongs in, unless the shard has moved since.
    if (needsRoom) this.find(key)
    const slot = this.lastSlot
    const { words, keyWords } = this
    for (let at = 0; at < values.length; at++) Atomics.store(words, slot + keyWords + at, values[at] as number)
    for (let at = keyWords - 1; at >= 0; at--) Atomics.store(words, slot + at, key[at] as number)
    this.#used[shard] = (this.#used[shard] as number) + 1
    this.#live[shard] = (this.#live[shard] as number) + 1
    this.#changed(1)
  }

  /** Moves a shard's entries to so many fresh pages; false: there are no more, and nothing has changed. */
  #move(shard: number, count: number): boolean {
    const pages = this.#takePages(count)
    if (pages === undefined) return false
    this.#fill(pages, shard)
    this.#used[shard] = this.#live[shard] as number
    this.#publish(shard, pages)
    return true
  }

  /** Copies a shard's entries to pages that no list in force names. */
  #fill(pages: readonly number[], shard: number): void {
    const { words, slotWords, hash } = this
    const starts = pages.map((page) => this.#startOf(page))
    const slots = pages.length * pageSlots
    for (const slot of this.#entriesOf(shard)) {
      hash.take(words, slot)
      let position = placeIn(slots, hash.second)
      let target = slotIn(starts, position, slotWords)
      while (words[target] !== emptyWord) {
        position = position + 1 === slots ? 0 : position + 1
        target = slotIn(starts, position, slotWords)
      }
      for (let at = slotWords - 1; at >= 0; at--) Atomics.store(words, target + at, words[slot + at] as number)
    }
    this.#moved += this.#live[shard] as number
  }

  /** Puts a shard on these pages: fills the list not in force, then makes it so, then the pages left are free. */
  #publish(shard: number, pages: readonly number[]): void {
    const { words } = this
    const left = this.#pagesIn(shard)
    const sequence = ((words[shardHeadersAt + shard] as number) >>> pageCountBits) + 1
    const header = ((sequence << pageCountBits) | pages.length) >>> 0
    for (const [row, page] of pages.entries()) Atomics.store(words, listWord(header, shard, row * pageSlots), page)
    Atomics.store(words, shardHeadersAt + shard, header)
    this.#free.push(...left)
    this.#rowsTaken = Math.max(this.#rowsTaken, pages.length)
  }

  /** Pages with empty slots only; undefined: there are not so many. */
  #takePages(count: number): number[] | undefined {
    const rowsMax = this.words[rowsAt] as number
    const fresh = Math.max(0, count - this.#free.length)
    if (count > rowsMax || this.#pagesTaken + fresh > rowsMax * shardCount) return undefined
    const pages = this.#free.splice(Math.max(0, this.#free.length - count))
    for (const page of pages) this.#empty(page)
    for (let at = 0; at < fresh; at++) pages.push(this.#pagesTaken++)
    this.#lengthen()
    return pages
  }

  /** Readers that come late to a page must find no old entry's beginning in it; the other words are written with the new ones. */
  #empty(page: number): void {
    const start = this.#startOf(page)
    for (let slot = start; slot < start + pageSlots * this.slotWords; slot += this.slotWords) {
      Atomics.store(this.words, slot, emptyWord)
    }
  }

  #lengthen(): void {
    const needed = this.#startOf(this.#pagesTaken) * 4
    if (needed <= this.shared.byteLength) return
    const steps = Math.ceil((needed - this.shared.byteLength) / growthBytes)
    const { maxByteLength } = this.shared as SharedArrayBuffer & { maxByteLength: number }
    const bytes = Math.min(maxByteLength, this.shared.byteLength + steps * growthBytes)
    ;(this.shared as SharedArrayBuffer & { grow(bytes: number): void }).grow(bytes)
    this.words = new Uint32Array(this.shared, 0, bytes / 4)
  }

  /** Word offsets of a shard's entries. */
  *#entriesOf(shard: number): Iterable<number> {
    const { words, slotWords } = this
    for (const page of this.#pagesIn(shard)) {
      const start = this.#startOf(page)
      for (let slot = start; slot < start + pageSlots * slotWords; slot += slotWords) {
        if (words[slot] !== emptyWord && words[slot] !== removedWord) yield slot
      }
    }
  }

  #startOf(page: number): number {
    return this.pagesAt + page * pageSlots * this.slotWords
  }

  #pagesOf(shard: number): number {
    return (this.words[shardHeadersAt + shard] as number) & pageCountMax
  }

  #pagesIn(shard: number): number[] {
    const header = this.words[shardHeadersAt + shard] as number
    return Array.from(
      { length: header & pageCountMax },
      (_, row) => this.words[listWord(header, shard, row * pageSlots)] as number,
    )
  }

  #changed(entries: number): void {
    if (entries !== 0) Atomics.add(this.words, sizeAt, entries)
    Atomics.add(this.words, generationAt, 1)
  }
}

/** Bytes as words, in the machine's byte order. Throws where they are not whole words. */
export function wordsOf(bytes: Uint8Array): Uint32Array<ArrayBuffer> {
  if (bytes.byteLength % 4 !== 0) {
    throw new Error(`Cannot read bytes as words of 4: current value is ${bytes.byteLength} bytes`)
  }
  // A copy, because words lie at multiples of four.
  return new Uint32Array(new Uint8Array(bytes).buffer)
}

function slotIn(starts: readonly number[], position: number, slotWords: number): number {
  const place = position % pageSlots
  return (starts[(position - place) / pageSlots] as number) + place * slotWords
}

/** Pages for so many entries and some more. */
function pagesFor(entries: number): number {
  return Math.max(1, Math.ceil((entries / pageEntriesMax) * growth))
}

function createMemory({ slotWords, keyWords, entriesMax, seed }: PagedTableOptions): SharedArrayBuffer {
  const mean = entriesMax / shardCount
  // Shards do not fill evenly: none ever differs from the mean by more than eight times its root.
  const rows = pagesFor(mean + 8 * Math.sqrt(mean) + 8) + 1
  assert(rows <= pageCountMax, 'a table of so many entries is beyond its page counts')
  const pagesAt = listsAt + rows * 2 * shardCount
  const bytesMax = 4 * (pagesAt + rows * shardCount * pageSlots * slotWords)
  const shared = new SharedArrayBuffer(pagesAt * 4, { maxByteLength: bytesMax })
  const words = new Uint32Array(shared, 0, listsAt)
  words[slotWordsAt] = slotWords
  words[keyWordsAt] = keyWords
  words[rowsAt] = rows
  if (seed !== undefined) {
    words[seededAt] = 1
    words.set(seed, seedAt)
  }
  return shared
}
