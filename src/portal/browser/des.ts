/**
 * Triple DES in CBC mode (FIPS 46-3, SP 800-67), encryption only: WebCrypto has none, and Windows before 2019 reads no other kind of
 * .p12 file. Tables are those of the standard; bits are numbered from 1 at the left.
 */

const sBoxes = [
  'e4d12fb83a6c5907 0f74e2d1a6cb9538 41e8d62bfc973a50 fc8249175b3ea06d',
  'f18e6b34972dc05a 3d47f28ec01a69b5 0e7ba4d158c6932f d8a13f42b67c05e9',
  'a09e63f51dc7b428 d709346a285ecbf1 d6498f30b12c5ae7 1ad069874fe3b52c',
  '7de3069a1285bc4f d8b56f03472c1ae9 a690cb7df13e5284 3f06a1d8945bc72e',
  '2c417ab6853fd0e9 eb2c47d150fa3986 421bad78f9c5630e b8c71e2d6f09a453',
  'c1af92680d34e75b af427c9561de0b38 9ef528c3704a1db6 432c95fabe17608d',
  '4b2ef08d3c975a61 d0b7491ae35c2f86 14bdc37eaf680592 6bd814a7950fe23c',
  'd2846fb1a93e50c7 1fd8a374c56b0e92 7b419ce206adf358 21e74a8dfc90356b',
].map((rows) => rows.split(' ').map((row) => [...row].map((digit) => Number.parseInt(digit, 16))))

const list = (text: string) => text.split(' ').map(Number)

const initialPermutation = Array.from({ length: 64 }, (_, at) => {
  const column = [58, 60, 62, 64, 57, 59, 61, 63][at >> 3] as number
  return column - 8 * (at & 7)
})
const finalPermutation = initialPermutation.map((_, at) => initialPermutation.indexOf(at + 1) + 1)
const expansion = Array.from({ length: 48 }, (_, at) => ((Math.floor(at / 6) * 4 + (at % 6) + 31) % 32) + 1)
const rounding = list('16 7 20 21 29 12 28 17 1 15 23 26 5 18 31 10 2 8 24 14 32 27 3 9 19 13 30 6 22 11 4 25')
const keyChoice = list(
  '57 49 41 33 25 17 9 1 58 50 42 34 26 18 10 2 59 51 43 35 27 19 11 3 60 52 44 36 63 55 47 39 31 23 15 7 62 54 46 38 30 22 14 6 61 53 45 37 29 21 13 5 28 20 12 4',
)
const roundKeyChoice = list(
  '14 17 11 24 1 5 3 28 15 6 21 10 23 19 12 4 26 8 16 7 27 20 13 2 41 52 31 37 47 55 30 40 51 45 33 48 44 49 39 56 34 53 46 42 50 36 29 32',
)
const shifts = list('1 1 2 2 2 2 2 2 1 2 2 2 2 2 2 1')

type Bits = readonly number[]

/** Encrypts with padding (RFC 8018 6.1.1). The key has 24 bytes, the initialisation vector 8. */
export function encryptTripleDes(key: Uint8Array, iv: Uint8Array, plain: Uint8Array): Uint8Array<ArrayBuffer> {
  const schedules = [0, 8, 16].map((at) => roundKeys(key.subarray(at, at + 8)))
  const padding = 8 - (plain.length % 8)
  const result = new Uint8Array(plain.length + padding).fill(padding)
  result.set(plain)
  let before: Bits = bitsOf(iv)
  for (let at = 0; at < result.length; at += 8) {
    let block: Bits = exclusiveOr(bitsOf(result.subarray(at, at + 8)), before)
    for (const [step, keys] of schedules.entries()) block = runBlock(block, step === 1 ? keys.toReversed() : keys)
    result.set(bytesOf(block), at)
    before = block
  }
  return result
}

/** One block of DES; with its round keys turned round it decrypts. */
function runBlock(block: Bits, keys: readonly Bits[]): Bits {
  const mixed = permute(block, initialPermutation)
  let left = mixed.slice(0, 32)
  let right = mixed.slice(32)
  for (const key of keys) {
    const next = exclusiveOr(left, substitute(exclusiveOr(permute(right, expansion), key)))
    left = right
    right = next
  }
  return permute([...right, ...left], finalPermutation)
}

function substitute(input: Bits): number[] {
  const output: number[] = []
  for (const [box, rows] of sBoxes.entries()) {
    const [b0 = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0, b5 = 0] = input.slice(box * 6, box * 6 + 6)
    const value = rows[b0 * 2 + b5]?.[b1 * 8 + b2 * 4 + b3 * 2 + b4] ?? 0
    output.push((value >> 3) & 1, (value >> 2) & 1, (value >> 1) & 1, value & 1)
  }
  return permute(output, rounding)
}

function roundKeys(key: Uint8Array): Bits[] {
  let half = permute(bitsOf(key), keyChoice)
  return shifts.map((shift) => {
    const turn = (from: number) => [...half.slice(from + shift, from + 28), ...half.slice(from, from + shift)]
    half = [...turn(0), ...turn(28)]
    return permute(half, roundKeyChoice)
  })
}

function permute(from: Bits, table: Bits): number[] {
  return table.map((place) => from[place - 1] as number)
}

function exclusiveOr(one: Bits, other: Bits): number[] {
  return one.map((bit, at) => bit ^ (other[at] as number))
}

function bitsOf(bytes: Uint8Array): number[] {
  return Array.from(bytes).flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((place) => (byte >> place) & 1))
}

function bytesOf(from: Bits): Uint8Array {
  return Uint8Array.from({ length: from.length / 8 }, (_, at) =>
    from.slice(at * 8, at * 8 + 8).reduce((byte, bit) => byte * 2 + bit, 0),
  )
}
