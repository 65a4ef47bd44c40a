import type { FieldList } from '../http1/field-list.ts'
import { HpackOutput, type IntegerPrefix } from './hpack-output.ts'
import { indexing, type OutgoingName, outgoingName } from './outgoing-name.ts'
import { SentFields } from './sent-fields.ts'

const tableBytesMax = 4_096
const output = new HpackOutput(16_384)
const statusName = outgoingName(':status')

// RFC 7541 6.
const indexed: IntegerPrefix = { flags: 0x80, mask: 0x7f }
const literalIndexed: IntegerPrefix = { flags: 0x40, mask: 0x3f }
const sizeUpdate: IntegerPrefix = { flags: 0x20, mask: 0x1f }
const literalNeverIndexed: IntegerPrefix = { flags: 0x10, mask: 0x0f }
const literalPlain: IntegerPrefix = { flags: 0x00, mask: 0x0f }

/** Encodes the field blocks of one connection (RFC 7541), in the order they are sent. */
export class HpackEncoder {
  readonly #sent = new SentFields(tableBytesMax)
  #bytesMax = tableBytesMax
  // The smallest size since the last block, if it changed; a block begins with it (RFC 7541 4.2).
  #smallestBytesMax: number | undefined

  /** The client's SETTINGS_HEADER_TABLE_SIZE came. Up to 4096 bytes of it are used, and as much is assumed before. */
  resize(tableBytes: number): void {
    const bytesMax = Math.min(tableBytes, tableBytesMax)
    if (bytesMax === this.#bytesMax) return
    this.#bytesMax = bytesMax
    this.#smallestBytesMax = Math.min(this.#smallestBytesMax ?? bytesMax, bytesMax)
    this.#sent.resize(bytesMax)
  }

  /**
   * A field block: `:status` first if there is one (trailers have none), then the fields, names in any case. The result is a view,
   * valid until the next call of any encoder in this thread. Every block must be sent: the client's table changes with it.
   */
  encode(status: number | undefined, fields: FieldList): Buffer {
    output.begin()
    if (this.#smallestBytesMax !== undefined) this.#writeSizeUpdates(this.#smallestBytesMax)
    if (status !== undefined) this.#writeField(statusName, String(status))
    for (let at = 0; at < fields.length; at += 2) {
      this.#writeField(outgoingName(fields[at] as string), fields[at + 1] as string)
    }
    return output.view()
  }

  #writeSizeUpdates(smallest: number): void {
    this.#smallestBytesMax = undefined
    if (smallest < this.#bytesMax) output.integer(smallest, sizeUpdate)
    output.integer(this.#bytesMax, sizeUpdate)
  }

  #writeField(name: OutgoingName, value: string): void {
    const { staticValues } = name
    for (let at = 0; at < staticValues.length; at++) {
      const pair = staticValues[at] as readonly [string, number]
      if (pair[0] === value) {
        output.integer(pair[1], indexed)
        return
      }
    }
    if (name.indexing === indexing.never) {
      this.#writeLiteral(name, value, literalNeverIndexed)
      return
    }
    const known = this.#sent.indexOf(name, value)
    if (known !== 0) {
      output.integer(known, indexed)
      return
    }
    if (this.#isWorthAPlace(name, value)) {
      this.#writeLiteral(name, value, literalIndexed)
      this.#sent.add(name, value)
    } else {
      this.#writeLiteral(name, value, literalPlain)
    }
  }

  #isWorthAPlace(name: OutgoingName, value: string): boolean {
    if (!this.#sent.hasRoom(name, value)) return false
    if (name.indexing === indexing.atOnce || this.#sent.repeats(name, value)) return true
    return name.staticIndex === 0 && this.#sent.indexOfName(name) === 0
  }

  #writeLiteral(name: OutgoingName, value: string, prefix: IntegerPrefix): void {
    const index = name.staticIndex === 0 ? this.#sent.indexOfName(name) : name.staticIndex
    output.integer(index, prefix)
    if (index === 0) output.copy(name.literal)
    if (prefix === literalIndexed) output.shortString(value)
    else output.plainString(value)
  }
}
