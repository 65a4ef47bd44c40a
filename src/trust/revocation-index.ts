import { assert } from '../base/assert.ts'
import { emptyWord, type Fingerprint, removedWord } from './fingerprint.ts'

/**
 * The negative entries (revoked, superseded, suspended, password mode) as a set of 16-byte fingerprints in memory that
 * all threads share. One writer, the control thread; any number of lock-free readers.
 *
 * Layout: four header words (generation, segments, entries, reserved), then segments of doubling size, each an open-addressed
 * table filled to three quarters at most. Growing appends a segment and moves nothing, so it costs no pause and no
 * reader ever sees a half-moved table. An entry becomes visible by the atomic store of its first word, written last.
 */

const headerWords = 4
const slotWords = 4
const generationAt = 0
const segmentsAt = 1
const entriesAt = 2
const firstSegmentSlots = 4_096
const fillMax = 0.75
/** Room for about 30 million entries. Address space only: memory is taken as segments are added. */
const bytesMax = 1_073_741_824

export type SharedIndex = SharedArrayBuffer

function segmentSlots(segment: number): number {
  return firstSegmentSlots * 2 ** segment
}

function segmentStart(segment: number): number {
  return headerWords + slotWords * firstSegmentSlots * (2 ** segment - 1)
}

/** A thread's view on the index. */
export class RevocationIndex {
  readonly shared: SharedIndex
  protected words: Uint32Array

  constructor(shared: SharedIndex) {
    this.shared = shared
    this.words = new Uint32Array(shared)
  }

  /** Rises with every change; equal generations mean that nothing changed in between. */
  get generation(): number {
    return Atomics.load(this.words, generationAt)
  }

  /** Entries in use, of all kinds. */
  get size(): number {
    return Atomics.load(this.words, entriesAt)
  }

  has(fingerprint: Fingerprint): boolean {
    return this.slotOf(fingerprint) !== undefined
  }

  /** Word offset of the fingerprint's slot; the newest and largest segment is looked at first. */
  protected slotOf(fingerprint: Fingerprint): number | undefined {
    for (let segment = Atomics.load(this.words, segmentsAt) - 1; segment >= 0; segment--) {
      const slot = this.probe(segment, fingerprint)
      if (Atomics.load(this.words, slot) === fingerprint[0]) return slot
    }
    return undefined
  }

  /** The slot of the segment that holds the fingerprint or, if none does, the empty slot that ends its probe sequence. */
  protected probe(segment: number, fingerprint: Fingerprint): number {
    const mask = segmentSlots(segment) - 1
    const start = segmentStart(segment)
    for (let position = fingerprint[1] & mask; ; position = (position + 1) & mask) {
      const slot = start + position * slotWords
      const first = Atomics.load(this.words, slot)
      if (first === emptyWord) return slot
      if (
        first === fingerprint[0] &&
        this.words[slot + 1] === fingerprint[1] &&
        this.words[slot + 2] === fingerprint[2] &&
        this.words[slot + 3] === fingerprint[3]
      ) {
        return slot
      }
    }
  }
}

/** The only writer. Made once, in the control thread. */
export class RevocationIndexWriter extends RevocationIndex {
  #usedInLastSegment = 0

  constructor() {
    super(new SharedArrayBuffer(segmentStart(1) * 4, { maxByteLength: bytesMax }))
    Atomics.store(this.words, segmentsAt, 1)
  }

  /** Adds an entry. Returns false if it was there already. */
  add(fingerprint: Fingerprint): boolean {
    assert(fingerprint[0] !== emptyWord && fingerprint[0] !== removedWord, 'a fingerprint begins with a reserved word')
    if (this.has(fingerprint)) return false
    let segment = Atomics.load(this.words, segmentsAt) - 1
    if (this.#usedInLastSegment >= segmentSlots(segment) * fillMax) {
      segment++
      this.#grow(segment)
    }
    const slot = this.probe(segment, fingerprint)
    this.words[slot + 1] = fingerprint[1]
    this.words[slot + 2] = fingerprint[2]
    this.words[slot + 3] = fingerprint[3]
    Atomics.store(this.words, slot, fingerprint[0])
    this.#usedInLastSegment++
    this.#changed(1)
    return true
  }

  /** Removes an entry (an audited restore, a user no longer suspended). Returns false if it was not there. */
  remove(fingerprint: Fingerprint): boolean {
    const slot = this.slotOf(fingerprint)
    if (slot === undefined) return false
    Atomics.store(this.words, slot, removedWord)
    this.#changed(-1)
    return true
  }

  #grow(segment: number): void {
    ;(this.shared as SharedArrayBuffer & { grow(bytes: number): void }).grow(segmentStart(segment + 1) * 4)
    Atomics.store(this.words, segmentsAt, segment + 1)
    this.#usedInLastSegment = 0
  }

  #changed(entries: number): void {
    Atomics.add(this.words, entriesAt, entries)
    Atomics.add(this.words, generationAt, 1)
  }
}
