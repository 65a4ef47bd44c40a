import type { OutgoingName } from './outgoing-name.ts'
import { entryOverheadBytes, staticTable } from './static-table.ts'

/** A field in the dynamic table of the client's decoder. */
type SentField = { readonly value: string; readonly number: number; readonly bytes: number }

/** What is remembered of a name: its fields in the table, newest last, and the value sent last as a number. */
type SentName = { fields: SentField[]; lastValue: number }

const valuesPerNameMax = 4
// A client hears of few names; whoever hears of many starts anew.
const namesMax = 256
// A larger field would push out most of the others.
const tableShareMax = 0.5
const endLength = 10

/** The client's dynamic table as the encoder has filled it (RFC 7541 2.3.2). */
export class SentFields {
  #bytesMax: number
  #bytes = 0
  /** How many fields were ever added, and how many of them, the oldest, are gone. */
  #added = 0
  #gone = 0
  #queue: SentField[] = []
  #queueStart = 0
  readonly #byName = new Map<OutgoingName, SentName>()

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Index of a field with this name and value, or 0. */
  indexOf(name: OutgoingName, value: string): number {
    const fields = this.#byName.get(name)?.fields
    if (fields === undefined) return 0
    for (let at = fields.length - 1; at >= 0; at--) {
      const field = fields[at] as SentField
      if (field.number <= this.#gone) return 0
      if (field.value === value) return this.#index(field)
    }
    return 0
  }

  /** Index of a field with this name, whatever its value, or 0. */
  indexOfName(name: OutgoingName): number {
    const newest = this.#byName.get(name)?.fields.at(-1)
    return newest === undefined || newest.number <= this.#gone ? 0 : this.#index(newest)
  }

  /** Whether `value` is, as far as a small number tells, the one that came with this name the last time. Remembers it. */
  repeats(name: OutgoingName, value: string): boolean {
    const sent = this.#sentName(name)
    const number = fingerprint(value)
    const same = sent.lastValue === number
    sent.lastValue = number
    return same
  }

  /** Whether a field of this size is worth a place. */
  hasRoom(name: OutgoingName, value: string): boolean {
    return name.length + value.length + entryOverheadBytes <= this.#bytesMax * tableShareMax
  }

  /** The client adds a field, so we do. The value is copied: it may be a slice that keeps a whole head in memory. */
  add(name: OutgoingName, value: string): void {
    const bytes = name.length + value.length + entryOverheadBytes
    this.#shrink(this.#bytesMax - bytes)
    const field = { value: Buffer.from(value, 'latin1').toString('latin1'), number: ++this.#added, bytes }
    this.#bytes += bytes
    this.#queue.push(field)
    const sent = this.#sentName(name)
    if (sent.fields.length >= valuesPerNameMax) sent.fields.shift()
    sent.fields.push(field)
  }

  resize(bytesMax: number): void {
    this.#bytesMax = bytesMax
    this.#shrink(bytesMax)
  }

  #index(field: SentField): number {
    return staticTable.length + 1 + this.#added - field.number
  }

  #sentName(name: OutgoingName): SentName {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    if (this.#byName.size >= namesMax) this.#byName.clear()
    const sent: SentName = { fields: [], lastValue: -1 }
    this.#byName.set(name, sent)
    return sent
  }

  #shrink(bytesMax: number): void {
    while (this.#bytes > bytesMax && this.#queueStart < this.#queue.length) {
      const oldest = this.#queue[this.#queueStart++] as SentField
      this.#bytes -= oldest.bytes
      this.#gone = oldest.number
    }
    // Half of the queue is gone: the rest moves up, so that each field moves about once.
    if (this.#queueStart > this.#queue.length / 2) {
      this.#queue = this.#queue.slice(this.#queueStart)
      this.#queueStart = 0
    }
  }
}

/** A number that two values of one field rarely share: of their length, first and middle characters, and their ends, where most differ. */
function fingerprint(value: string): number {
  const { length } = value
  if (length === 0) return 0
  let mixed = length | (value.charCodeAt(0) << 16) | (value.charCodeAt(length >> 1) << 24)
  for (let at = Math.max(0, length - endLength); at < length; at++) mixed = Math.imul(mixed, 31) + value.charCodeAt(at)
  return mixed >>> 0
}
