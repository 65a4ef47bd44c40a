import { encodeHuffman, huffmanBytes } from './huffman-encode.ts'

/** The bits before an integer in its first byte, and the mask of those it may use (RFC 7541 5.1). */
export type IntegerPrefix = { readonly flags: number; readonly mask: number }

const plainPrefix: IntegerPrefix = { flags: 0x00, mask: 0x7f }
const codedPrefix: IntegerPrefix = { flags: 0x80, mask: 0x7f }
const integerBytesMax = 6

/** Bytes of a field block in the making (RFC 7541 5). One is enough for a thread. */
export class HpackOutput {
  #bytes: Buffer
  #length = 0

  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafe(bytes)
  }

  /** Starts anew. */
  begin(): void {
    this.#length = 0
  }

  /** What was written since `begin`: a view, valid until the next `begin`. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  integer(value: number, prefix: IntegerPrefix): void {
    this.#reserve(integerBytesMax)
    const bytes = this.#bytes
    if (value < prefix.mask) {
      bytes[this.#length++] = prefix.flags | value
      return
    }
    bytes[this.#length++] = prefix.flags | prefix.mask
    let rest = value - prefix.mask
    while (rest >= 0x80) {
      bytes[this.#length++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    bytes[this.#length++] = rest
  }

  /** A string literal of latin1 `text` as it is: several times faster than coded, for what is sent once. */
  plainString(text: string): void {
    this.integer(text.length, plainPrefix)
    this.#reserve(text.length)
    this.#length += this.#bytes.write(text, this.#length, 'latin1')
  }

  /** A string literal of latin1 `text`, Huffman-coded where that is shorter. */
  shortString(text: string): void {
    const bytes = huffmanBytes(text)
    if (bytes >= text.length) {
      this.plainString(text)
      return
    }
    this.integer(bytes, codedPrefix)
    this.#reserve(bytes)
    this.#length = encodeHuffman(text, this.#bytes, this.#length)
  }

  /** Bytes that were encoded before. */
  copy(encoded: Uint8Array): void {
    this.#reserve(encoded.length)
    this.#bytes.set(encoded, this.#length)
    this.#length += encoded.length
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(needed * 2)
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}
