import { assert } from '../base/assert.ts'
import { crlEntryBytesMax, readWrittenEntry, writeCrlEntry, writeSerial } from '../x509/crl/build-crl.ts'
import { removeFromCrl } from '../x509/crl/crl-reasons.ts'
import type { CrlEntry } from './ports.ts'

/** What a delta list tells: `parts` are DER of entries, ready to be written. */
export type EntryChanges = {
  readonly parts: readonly Uint8Array[]
  readonly bytes: number
  /** Entries that were added, and serial numbers that were taken away. */
  readonly count: number
}

/** Entries lie in pieces of this size; what lies in one is never moved or changed while a list that is served points at it. */
const chunkBytes = 1 << 20
const chunksMax = 4_096
const slotsMin = 1_024
/** Mark of an entry that was taken away, in place of its version. */
const deadVersion = -1

type Chunk = {
  bytes: Uint8Array
  used: number
  /** Index of its first entry; those of the next chunk begin where its own end. */
  readonly first: number
  dead: number
}

/**
 * The entries of a CRL, kept as they are written: about 50 bytes of DER each, and 20 bytes to find it by its serial number.
 * The parts of the complete list are the memory itself, so a list of a million entries is never copied; entries that were
 * taken away are squeezed out when the parts are next asked for, chunk by chunk, into new memory.
 */
export class EntryList {
  #chunks: Chunk[] = [newChunk(0)]
  /** By index: chunk and offset in one number. */
  #places = new Uint32Array(slotsMin)
  /** By index: of the event behind it, or `deadVersion`. */
  #versions = new Float64Array(slotsMin)
  #length = 0
  #live = 0
  #bytes = 0
  /** Index + 1 of an entry, 0 for a free slot; dead entries keep theirs until the table is made anew. */
  #slots = new Uint32Array(slotsMin)
  #slotsUsed = 0
  readonly #removed = new Map<string, number>()
  readonly #wanted = new Uint8Array(crlEntryBytesMax)

  get count(): number {
    return this.#live
  }

  /** DER of all entries together. Unit: bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Adds an entry. One whose serial number is there keeps the earlier date with its reason (of the same second, that which has
   * one), and the later version. It is not added if it was removed by something newer. Returns whether the list is another one now.
   */
  add(entry: CrlEntry): boolean {
    const removedBy = this.#removed.get(entry.serial)
    if (removedBy !== undefined && removedBy > entry.version) return false
    this.#removed.delete(entry.serial)
    const found = this.#indexOf(entry.serial)
    if (found < 0) {
      this.#append(entry, entry.version)
      return true
    }
    const version = Math.max(entry.version, this.#versions[found] as number)
    const { revokedAtMs, reasonCode } = this.#read(found)
    const laterMs = Math.floor(entry.revokedAtMs / 1_000) * 1_000 - revokedAtMs
    if (laterMs > 0 || (laterMs === 0 && (reasonCode !== 0 || entry.reasonCode === 0))) {
      this.#versions[found] = version
      return false
    }
    this.#kill(found)
    this.#append(entry, version)
    return true
  }

  /** Takes an entry away, unless something newer, or as new, put it there. Returns whether it was there. */
  remove(serial: string, version: number): boolean {
    const found = this.#indexOf(serial)
    if (found >= 0) {
      if ((this.#versions[found] as number) >= version) return false
      this.#kill(found)
    }
    if ((this.#removed.get(serial) ?? 0) < version) this.#removed.set(serial, version)
    return found >= 0
  }

  /** `revokedAtMs` in whole seconds, as it is written. */
  find(serial: string): Omit<CrlEntry, 'serial'> | undefined {
    const found = this.#indexOf(serial)
    if (found < 0) return undefined
    const { revokedAtMs, reasonCode } = this.#read(found)
    return { revokedAtMs, reasonCode, version: this.#versions[found] as number }
  }

  /** DER of all entries, in the order of memory. The parts stay as they are, whatever happens afterwards. */
  parts(): readonly Uint8Array[] {
    for (const [position, chunk] of this.#chunks.entries()) if (chunk.dead > 0) this.#squeeze(position)
    return this.#chunks.flatMap(({ bytes, used }) => (used === 0 ? [] : [bytes.subarray(0, used)]))
  }

  /**
   * What has changed since a version, and is so still. Entries taken away carry `removeFromCRL` and the time given. What was removed
   * before that version is forgotten: it only rises.
   */
  changesSince(version: number, removedAtMs: number): EntryChanges {
    const added: number[] = []
    let addedBytes = 0
    for (let index = 0; index < this.#length; index++) {
      if ((this.#versions[index] as number) <= version) continue
      added.push(index)
      addedBytes += this.#lengthOf(index)
    }
    for (const [serial, removedBy] of this.#removed) if (removedBy <= version) this.#removed.delete(serial)
    const target = Buffer.allocUnsafeSlow(addedBytes + this.#removed.size * crlEntryBytesMax)
    let at = 0
    for (const index of added) {
      target.set(this.#view(index), at)
      at += this.#lengthOf(index)
    }
    for (const serial of this.#removed.keys()) {
      at = writeCrlEntry(target, at, { serial, revokedAtMs: removedAtMs, reasonCode: removeFromCrl })
    }
    const count = added.length + this.#removed.size
    return { parts: at === 0 ? [] : [target.subarray(0, at)], bytes: at, count }
  }

  /** Index of the entry with this serial number; -1: there is none. */
  #indexOf(serial: string): number {
    const wanted = this.#wanted
    const length = writeSerial(wanted, 0, serial)
    const mask = this.#slots.length - 1
    for (let slot = hashOf(wanted, 0, length) & mask; ; slot = (slot + 1) & mask) {
      const index = (this.#slots[slot] as number) - 1
      if (index < 0) return -1
      if (this.#versions[index] !== deadVersion && this.#isAt(index, length)) return index
    }
  }

  #isAt(index: number, length: number): boolean {
    const place = this.#places[index] as number
    const { bytes } = this.#chunks[place >>> 20] as Chunk
    const start = (place & (chunkBytes - 1)) + 2
    for (let at = 0; at < length; at++) if (bytes[start + at] !== this.#wanted[at]) return false
    return true
  }

  #append(entry: CrlEntry, version: number): void {
    this.#makeRoom()
    let chunk = this.#chunks.at(-1) as Chunk
    if (chunk.used + crlEntryBytesMax > chunk.bytes.length) {
      assert(this.#chunks.length < chunksMax, 'a list of entries is below 4 GiB')
      chunk = newChunk(this.#length)
      this.#chunks.push(chunk)
    }
    const index = this.#length++
    const start = chunk.used
    chunk.used = writeCrlEntry(chunk.bytes, start, entry)
    this.#places[index] = (this.#chunks.length - 1) * chunkBytes + start
    this.#versions[index] = version
    this.#live++
    this.#bytes += chunk.used - start
    this.#seat(index)
  }

  #makeRoom(): void {
    if (this.#length === this.#places.length) {
      if (this.#live < this.#length / 2) this.#renumber()
      else {
        this.#places = grown(this.#places, new Uint32Array(this.#places.length * 2))
        this.#versions = grown(this.#versions, new Float64Array(this.#versions.length * 2))
      }
    }
    if (this.#slotsUsed >= this.#slots.length * 0.7) this.#seatAll()
  }

  #seat(index: number): void {
    const place = this.#places[index] as number
    const { bytes } = this.#chunks[place >>> 20] as Chunk
    const start = (place & (chunkBytes - 1)) + 2
    const mask = this.#slots.length - 1
    let slot = hashOf(bytes, start, start + 2 + (bytes[start + 1] as number)) & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = index + 1
    this.#slotsUsed++
  }

  #seatAll(): void {
    let size = slotsMin
    while (size * 0.5 < this.#live) size *= 2
    this.#slots = new Uint32Array(size)
    this.#slotsUsed = 0
    for (let index = 0; index < this.#length; index++) if (this.#versions[index] !== deadVersion) this.#seat(index)
  }

  #kill(index: number): void {
    this.#versions[index] = deadVersion
    this.#live--
    this.#bytes -= this.#lengthOf(index)
    const chunk = this.#chunks[(this.#places[index] as number) >>> 20] as Chunk
    chunk.dead++
  }

  /** Moves what is left of a chunk into new memory: a list that is served may still point at the old. */
  #squeeze(position: number): void {
    const chunk = this.#chunks[position] as Chunk
    const isLast = position === this.#chunks.length - 1
    const end = isLast ? this.#length : (this.#chunks[position + 1] as Chunk).first
    const bytes = new Uint8Array(isLast ? chunkBytes : chunk.used)
    let at = 0
    for (let index = chunk.first; index < end; index++) {
      if (this.#versions[index] === deadVersion) continue
      const view = this.#view(index)
      bytes.set(view, at)
      this.#places[index] = position * chunkBytes + at
      at += view.length
    }
    // Dead entries keep their places, and are never looked at: their slots are passed over by version.
    Object.assign(chunk, { bytes: isLast ? bytes : bytes.slice(0, at), used: at, dead: 0 })
  }

  /** Gives up the places of dead entries, so that a list whose entries come and go does not grow. */
  #renumber(): void {
    const { places, versions, chunks, length } = this.#takeAll()
    for (let index = 0; index < length; index++) {
      const version = versions[index] as number
      if (version === deadVersion) continue
      const place = places[index] as number
      const { bytes } = chunks[place >>> 20] as Chunk
      const start = place & (chunkBytes - 1)
      this.#copyIn(bytes.subarray(start, start + 2 + (bytes[start + 1] as number)), version)
    }
    this.#seatAll()
  }

  #takeAll() {
    const taken = { places: this.#places, versions: this.#versions, chunks: this.#chunks, length: this.#length }
    this.#places = new Uint32Array(taken.places.length)
    this.#versions = new Float64Array(taken.versions.length)
    this.#chunks = [newChunk(0)]
    this.#length = 0
    this.#bytes = 0
    return taken
  }

  #copyIn(entry: Uint8Array, version: number): void {
    let chunk = this.#chunks.at(-1) as Chunk
    if (chunk.used + crlEntryBytesMax > chunk.bytes.length) {
      chunk = newChunk(this.#length)
      this.#chunks.push(chunk)
    }
    chunk.bytes.set(entry, chunk.used)
    this.#places[this.#length] = (this.#chunks.length - 1) * chunkBytes + chunk.used
    this.#versions[this.#length++] = version
    chunk.used += entry.length
    this.#bytes += entry.length
  }

  #read(index: number) {
    const place = this.#places[index] as number
    return readWrittenEntry((this.#chunks[place >>> 20] as Chunk).bytes, place & (chunkBytes - 1))
  }

  #lengthOf(index: number): number {
    const place = this.#places[index] as number
    return 2 + ((this.#chunks[place >>> 20] as Chunk).bytes[(place & (chunkBytes - 1)) + 1] as number)
  }

  #view(index: number): Uint8Array {
    const place = this.#places[index] as number
    const start = place & (chunkBytes - 1)
    return (this.#chunks[place >>> 20] as Chunk).bytes.subarray(start, start + this.#lengthOf(index))
  }
}

function newChunk(first: number): Chunk {
  return { bytes: new Uint8Array(chunkBytes), used: 0, first, dead: 0 }
}

function grown<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}

/** FNV-1a, stirred once more so that its low bits are good. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}
