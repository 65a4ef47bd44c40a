// Length of each symbol's code in bits (RFC 7541 appendix B), 0 to 255 and then EOS. The code is canonical: codes of one length follow each
// other in the order of their symbols, and shorter ones come first, so the lengths say everything.
const lengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
]

/** The symbol that ends nothing: it may not occur in a string (RFC 7541 5.2). */
export const endOfString = 256
/** Longest code. Unit: bits. */
export const codeBitsMax = 30

/** The codes of one length: `count` symbols with codes from `first` on, which stand in `symbolsInOrder` from `place` on. */
export type CodeGroup = { readonly first: number; readonly count: number; readonly place: number }

/** Symbols in the order of their codes. */
export const symbolsInOrder: Uint16Array = Uint16Array.from(
  [...lengths.keys()].sort((a, b) => lengthOf(a) - lengthOf(b) || a - b),
)
/** By length in bits, 0 to `codeBitsMax`. */
export const codeGroups: readonly CodeGroup[] = groupCodes()
/** Length of each symbol's code in bits. */
export const codeLengths: Uint8Array = Uint8Array.from(lengths)
/** Code of each symbol, in its lowest bits. */
export const codes: Uint32Array = assignCodes()

function lengthOf(symbol: number): number {
  return lengths[symbol] as number
}

function groupCodes(): CodeGroup[] {
  const groups: CodeGroup[] = []
  let first = 0
  let place = 0
  for (let bits = 0; bits <= codeBitsMax; bits++) {
    const count = lengths.filter((length) => length === bits).length
    groups.push({ first, count, place })
    first = (first + count) * 2
    place += count
  }
  return groups
}

function assignCodes(): Uint32Array {
  const found = new Uint32Array(lengths.length)
  for (const { first, count, place } of codeGroups) {
    for (let index = 0; index < count; index++) found[symbolsInOrder[place + index] as number] = first + index
  }
  return found
}
