import { fieldName } from './field-name.ts'
import type { HpackField } from './hpack-field.ts'
import { entryOverheadBytes, staticTable } from './static-table.ts'

const staticFields: readonly HpackField[] = staticTable.map(([name, value]) => ({
  name: fieldName(name),
  value,
  sound: true,
}))

/** The tables a decoder looks indices up in (RFC 7541 2.3): the static one, and a dynamic one bounded in bytes. */
export class HpackTable {
  readonly #bytesMaxAllowed: number
  #bytesMax: number
  #bytes = 0
  // A ring: the newest field stands before `#next`. Made when the first field comes, so that it costs idle connections nothing.
  #ring: (HpackField | undefined)[] = []
  #mask = 0
  #next = 0
  #count = 0

  constructor(bytesMax: number) {
    this.#bytesMaxAllowed = bytesMax
    this.#bytesMax = bytesMax
  }

  /** The field at an index of the common address space; undefined where none is. */
  at(index: number): HpackField | undefined {
    if (index <= staticFields.length) return staticFields[index - 1]
    const age = index - staticFields.length
    return age <= this.#count ? this.#ring[(this.#next - age) & this.#mask] : undefined
  }

  /** Puts a field first; the oldest make room, all of them for one that is larger than the table (RFC 7541 4.4). */
  add(field: HpackField): void {
    const bytes = sizeOf(field)
    this.#shrink(this.#bytesMax - bytes)
    if (bytes > this.#bytesMax) return
    if (this.#ring.length === 0) this.#makeRing()
    this.#ring[this.#next] = field
    this.#next = (this.#next + 1) & this.#mask
    this.#count++
    this.#bytes += bytes
  }

  /** A size update (RFC 7541 6.3). False: it is more than we allowed. */
  resize(bytesMax: number): boolean {
    if (bytesMax > this.#bytesMaxAllowed) return false
    this.#bytesMax = bytesMax
    this.#shrink(bytesMax)
    return true
  }

  #shrink(bytesMax: number): void {
    while (this.#count > 0 && this.#bytes > bytesMax) {
      const oldest = (this.#next - this.#count) & this.#mask
      this.#bytes -= sizeOf(this.#ring[oldest] as HpackField)
      this.#ring[oldest] = undefined
      this.#count--
    }
  }

  #makeRing(): void {
    const fieldsMax = Math.max(1, Math.floor(this.#bytesMaxAllowed / entryOverheadBytes))
    const places = 2 ** Math.ceil(Math.log2(fieldsMax))
    this.#ring = new Array(places).fill(undefined)
    this.#mask = places - 1
  }
}

/** What a field counts in tables and lists (RFC 7541 4.1, RFC 9113 6.5.2). Unit: bytes. */
export function sizeOf(field: HpackField): number {
  return field.name.text.length + field.value.length + entryOverheadBytes
}
