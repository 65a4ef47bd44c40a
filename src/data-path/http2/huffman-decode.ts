import { codeBitsMax, codeGroups, codeLengths, codes, endOfString, symbolsInOrder } from './huffman-code.ts'

const keyBits = 10
const keyMask = (1 << keyBits) - 1
// For each 10 bits that begin with a code of at most 10: its length times 256, and the symbol. Otherwise 0.
const shortCodes = fillShortCodes()

// One for the thread: strings are made from it before the next one is decoded.
let scratch = Buffer.allocUnsafe(4_096)
const shortestCodeBits = 5

/**
 * Decodes `bytes` from `start` to `end` (RFC 7541 5.2). The string is latin1. Undefined: EOS occurs, or the padding is
 * longer than 7 bits or not the beginning of EOS.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | undefined {
  const lengthMax = Math.ceil(((end - start) * 8) / shortestCodeBits)
  if (lengthMax > scratch.length) scratch = Buffer.allocUnsafe(lengthMax * 2)
  const target = scratch
  let length = 0
  let at = start
  // The lowest `bits` bits of `held` were not used yet.
  let held = 0
  let bits = 0
  while (true) {
    while (bits <= 16 && at < end) {
      held = (held << 8) | (bytes[at++] as number)
      bits += 8
    }
    if (bits < 8 && (held & ((1 << bits) - 1)) === (1 << bits) - 1) break
    // Beyond the end the key is filled with ones: no code of at most 10 bits is made of ones only.
    const key = bits >= keyBits ? held >>> (bits - keyBits) : (held << (keyBits - bits)) | ((1 << (keyBits - bits)) - 1)
    const found = shortCodes[key & keyMask] as number
    if (found !== 0) {
      bits -= found >>> 8
      if (bits < 0) return undefined
      target[length++] = found & 0xff
      continue
    }
    const symbol = longCode(bytes, (at - start) * 8 - bits, { start, end })
    if (symbol === endOfString) return undefined
    target[length++] = symbol
    const position = (at - start) * 8 - bits + (codeLengths[symbol] as number)
    at = start + (position >>> 3)
    bits = 0
    if ((position & 7) !== 0) {
      held = bytes[at++] as number
      bits = 8 - (position & 7)
    }
  }
  return target.toString('latin1', 0, length)
}

/** The symbol whose code begins at bit `position`, found bit by bit; `endOfString` also when the bits end within it. */
function longCode(bytes: Uint8Array, position: number, range: { start: number; end: number }): number {
  let code = 0
  for (let length = 1; length <= codeBitsMax; length++) {
    const bit = position + length - 1
    const at = range.start + (bit >>> 3)
    if (at >= range.end) return endOfString
    code = (code << 1) | (((bytes[at] as number) >>> (7 - (bit & 7))) & 1)
    const group = codeGroups[length]
    if (group !== undefined && code - group.first < group.count)
      return symbolsInOrder[group.place + code - group.first] as number
  }
  return endOfString
}

function fillShortCodes(): Uint16Array {
  const filled = new Uint16Array(1 << keyBits)
  for (let symbol = 0; symbol < 256; symbol++) {
    const length = codeLengths[symbol] as number
    if (length > keyBits) continue
    const from = (codes[symbol] as number) << (keyBits - length)
    filled.fill((length << 8) | symbol, from, from + (1 << (keyBits - length)))
  }
  return filled
}
