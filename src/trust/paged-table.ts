import { emptyWord } from './fingerprint.ts'
import { KeyHash } from './key-hash.ts'
import {
  generationAt,
  keyWordsAt,
  listsAt,
  listWord,
  pageCountMax,
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

/** Not a slot. */
export const absent = -1

/** A key: as many 32-bit words as the table's keys have; the first is neither 0 nor 0xffffffff. */
export type TableKey = ArrayLike<number>

/** A thread's view on a table. Not to be shared between threads itself: each makes its own from the same memory. */
export class PagedTable {
  readonly shared: SharedArrayBuffer
  /** Of fixed length, which is much faster to read than one that grows with the buffer; renewed when pages lie beyond its end. */
  protected words: Uint32Array
  protected readonly slotWords: number
  protected readonly keyWords: number
  protected readonly pagesAt: number
  protected readonly hash: KeyHash
  /** Of the key looked for last: its shard, the header word of that, how many slots were looked at, and the last of them. */
  protected shard = 0
  protected header = 0
  protected passed = 0
  protected lastSlot = absent

  constructor(shared: SharedArrayBuffer) {
    this.shared = shared
    const words = viewOf(shared)
    this.words = words
    this.slotWords = words[slotWordsAt] as number
    this.keyWords = words[keyWordsAt] as number
    this.pagesAt = listsAt + (words[rowsAt] as number) * 2 * shardCount
    const seed = [words[seedAt] as number, words[seedAt + 1] as number] as const
    this.hash = new KeyHash(this.keyWords, words[seededAt] === 0 ? undefined : seed)
  }

  /** Rises with every change; equal generations mean that nothing changed in between. */
  get generation(): number {
    return Atomics.load(this.words, generationAt)
  }

  /** Entries in the table. */
  get size(): number {
    return Atomics.load(this.words, sizeAt)
  }

  has(key: TableKey): boolean {
    return this.find(key) !== absent
  }

  /**
   * Reads the values of an entry, as many as `values` is long; false: there is none. The last is read first: whoever sees a new
   * value sees those before it as they were written with it, or newer.
   */
  read(key: TableKey, values: Uint32Array): boolean {
    for (;;) {
      const slot = this.find(key)
      if (slot === absent) return false
      const { words, header, shard } = this
      const valuesAt = slot + this.keyWords
      for (let at = values.length - 1; at >= 0; at--) values[at] = Atomics.load(words, valuesAt + at)
      if (Atomics.load(words, shardHeadersAt + shard) === header) return true
    }
  }

  /** Word offset of the key's slot, or `absent`. */
  protected find(key: TableKey): number {
    this.hash.take(key)
    const shard = this.hash.first & (shardCount - 1)
    this.shard = shard
    this.passed = 0
    for (;;) {
      const header = Atomics.load(this.words, shardHeadersAt + shard)
      this.header = header
      const pages = header & pageCountMax
      if (pages === 0) return absent
      const slot = this.#probe(key, pages)
      // What was found was there while this look went on. What was not may have moved in the meantime.
      if (slot !== absent || Atomics.load(this.words, shardHeadersAt + shard) === header) return slot
    }
  }

  /** Looks from the key's place to the first empty slot, page by page. */
  #probe(key: TableKey, pages: number): number {
    const { slotWords, header, shard } = this
    const first = key[0] as number
    const slots = pages * pageSlots
    let position = placeIn(slots, this.hash.second)
    // Bounded, since a page that is being reused may show no empty slot.
    for (let left = slots; left > 0; ) {
      const place = position & (pageSlots - 1)
      const here = Math.min(left, pageSlots - place)
      let slot = this.pageStart(listWord(header, shard, position)) + place * slotWords
      const { words } = this
      for (const end = slot + here * slotWords; slot < end; slot += slotWords) {
        const word = Atomics.load(words, slot)
        if (word === emptyWord || (word === first && this.#matches(slot, key))) {
          this.lastSlot = slot
          this.passed += slots - left + 1
          return word === emptyWord ? absent : slot
        }
        left--
      }
      position = position + here === slots ? 0 : position + here
    }
    this.passed += slots
    return absent
  }

  #matches(slot: number, key: TableKey): boolean {
    for (let at = 1; at < this.keyWords; at++) if (Atomics.load(this.words, slot + at) !== key[at]) return false
    return true
  }

  /** Word offset of the page that a word of a list names. */
  protected pageStart(listWordAt: number): number {
    const pageWords = pageSlots * this.slotWords
    const start = this.pagesAt + Atomics.load(this.words, listWordAt) * pageWords
    // The writer made the buffer longer before it put the page into a list.
    if (start + pageWords > this.words.length) this.words = viewOf(this.shared)
    return start
  }
}

function viewOf(shared: SharedArrayBuffer): Uint32Array {
  return new Uint32Array(shared, 0, Math.floor(shared.byteLength / 4))
}
