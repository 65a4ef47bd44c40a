import { codeLengths, codes } from './huffman-code.ts'

/** Length of latin1 `text` when Huffman-coded (RFC 7541 5.2). Unit: bytes. */
export function huffmanBytes(text: string): number {
  let bits = 0
  for (let index = 0; index < text.length; index++) bits += codeLengths[text.charCodeAt(index) & 0xff] as number
  return (bits + 7) >>> 3
}

/** Writes latin1 `text` Huffman-coded into `target`, which must have room, from `start` on. Returns the place after it. */
export function encodeHuffman(text: string, target: Uint8Array, start: number): number {
  let at = start
  // At most 7 bits wait; a code of up to 24 more fits into 32.
  let held = 0
  let bits = 0
  for (let index = 0; index < text.length; index++) {
    const symbol = text.charCodeAt(index) & 0xff
    const code = codes[symbol] as number
    let length = codeLengths[symbol] as number
    if (length > 24) {
      held = (held << (length - 16)) | (code >>> 16)
      bits += length - 16
      while (bits >= 8) {
        bits -= 8
        target[at++] = held >>> bits
      }
      length = 16
    }
    held = (held << length) | (code & ((1 << length) - 1))
    bits += length
    while (bits >= 8) {
      bits -= 8
      target[at++] = held >>> bits
    }
  }
  if (bits > 0) target[at++] = (held << (8 - bits)) | (0xff >>> bits)
  return at
}
