import { fieldClass } from '../http1/field-class.ts'
import { type FieldName, fieldName } from './field-name.ts'
import type { HpackField, HpackList } from './hpack-field.ts'
import { HpackTable, sizeOf } from './hpack-table.ts'
import { connectionFault, type Http2Fault, http2Error } from './http2-fault.ts'
import { decodeHuffman } from './huffman-decode.ts'

/** What a field list may be: bytes as RFC 9113 6.5.2 counts them, and how many fields, where all Cookie crumbs are one. */
export type HpackLimits = { readonly headBytesMax: number; readonly headFieldsMax: number }

// No string or index of ours is near 2^28; more bytes than that takes are refused, leading zeros included (RFC 7541 5.1).
const integerShiftMax = 21
const sizeUpdatesMax = 2
const nothing = Buffer.alloc(0)

/** Decodes the field blocks of one connection, in the order received (RFC 7541). Strings of a list may be slices of its block's text, those of the table are not. */
export class HpackDecoder {
  readonly #table: HpackTable
  #block: Buffer = nothing
  /** The whole block as latin1, made when the first string needs it: slices of one text cost less than a string each. */
  #text = ''
  #at = 0
  #wrong = ''

  /** `tableBytesMax`: our SETTINGS_HEADER_TABLE_SIZE. */
  constructor(options: { readonly tableBytesMax: number }) {
    this.#table = new HpackTable(options.tableBytesMax)
  }

  /**
   * A fault is COMPRESSION_ERROR and ends the connection: the table is out of step. A list that is too large is decoded to its end
   * all the same, so the decoder is fit for the next block.
   */
  decode(block: Buffer, limits: HpackLimits): HpackList | Http2Fault {
    this.#block = block
    this.#at = 0
    const list = this.#readSizeUpdates() ? this.#readList(limits) : undefined
    this.#block = nothing
    this.#text = ''
    return list ?? connectionFault(http2Error.compressionError, this.#wrong)
  }

  #readList({ headBytesMax, headFieldsMax }: HpackLimits): HpackList | undefined {
    const end = this.#block.length
    const fields: HpackField[] = []
    let bytesLeft = headBytesMax
    let fieldsLeft = headFieldsMax
    let crumbled = false
    while (this.#at < end) {
      const field = this.#readField()
      if (field === undefined) return undefined
      bytesLeft -= sizeOf(field)
      if (field.name.found !== fieldClass.cookie || !crumbled) {
        crumbled ||= field.name.found === fieldClass.cookie
        fieldsLeft--
      }
      if (bytesLeft >= 0 && fieldsLeft >= 0) fields.push(field)
    }
    return { fields, tooLarge: bytesLeft < 0 || fieldsLeft < 0 }
  }

  /** RFC 7541 4.2: at most two, and only at the beginning. */
  #readSizeUpdates(): boolean {
    for (let updates = 0; this.#at < this.#block.length; updates++) {
      const first = this.#block[this.#at] as number
      if ((first & 0xe0) !== 0x20) return true
      if (updates === sizeUpdatesMax) return this.#fail('More than two table size updates')
      const bytesMax = this.#readInteger(0x1f)
      if (bytesMax < 0) return false
      if (!this.#table.resize(bytesMax)) return this.#fail('A table size update is larger than the setting')
    }
    return true
  }

  #readField(): HpackField | undefined {
    const first = this.#block[this.#at] as number
    if ((first & 0x80) !== 0) {
      const index = this.#readInteger(0x7f)
      if (index < 0) return undefined
      return this.#table.at(index) ?? this.#noIndex()
    }
    if ((first & 0x40) !== 0) {
      const field = this.#readLiteral(0x3f, true)
      if (field !== undefined) this.#table.add(field)
      return field
    }
    if ((first & 0x20) !== 0) {
      this.#fail('A table size update stands after a field')
      return undefined
    }
    // Without indexing and never indexed (RFC 7541 6.2.2, 6.2.3) are read alike.
    return this.#readLiteral(0x0f, false)
  }

  /** `kept`: the field outlives its block. */
  #readLiteral(prefixMask: number, kept: boolean): HpackField | undefined {
    const index = this.#readInteger(prefixMask)
    if (index < 0) return undefined
    const name = index === 0 ? this.#readName() : (this.#table.at(index) ?? this.#noIndex())?.name
    if (name === undefined) return undefined
    const value = this.#readString(kept)
    return value === undefined ? undefined : { name, value, sound: undefined }
  }

  #readName(): FieldName | undefined {
    const text = this.#readString(false)
    return text === undefined ? undefined : fieldName(text)
  }

  /** RFC 7541 5.2. */
  #readString(kept: boolean): string | undefined {
    const block = this.#block
    if (this.#at >= block.length) return this.#cutOff()
    const coded = ((block[this.#at] as number) & 0x80) !== 0
    const length = this.#readInteger(0x7f)
    if (length < 0) return undefined
    const start = this.#at
    const end = start + length
    if (end > block.length) return this.#cutOff()
    this.#at = end
    if (!coded) {
      if (kept) return block.toString('latin1', start, end)
      if (this.#text === '') this.#text = block.toString('latin1')
      return this.#text.slice(start, end)
    }
    const text = decodeHuffman(block, start, end)
    if (text === undefined) this.#fail('A Huffman-coded string holds EOS or wrong padding')
    return text
  }

  /** RFC 7541 5.1. Returns -1 for a fault. The byte at `#at` exists. */
  #readInteger(prefixMask: number): number {
    const block = this.#block
    let value = (block[this.#at++] as number) & prefixMask
    if (value < prefixMask) return value
    for (let shift = 0; shift <= integerShiftMax; shift += 7) {
      if (this.#at >= block.length) {
        this.#cutOff()
        return -1
      }
      const byte = block[this.#at++] as number
      value += (byte & 0x7f) << shift
      if ((byte & 0x80) === 0) return value
    }
    this.#fail('An integer is too large')
    return -1
  }

  #noIndex(): undefined {
    this.#fail('An index points to no entry')
  }

  #cutOff(): undefined {
    this.#fail('The field block ends within a field')
  }

  #fail(detail: string): false {
    this.#wrong = detail
    return false
  }
}
