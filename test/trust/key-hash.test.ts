// Goal: keys that others choose spread evenly, and differently in each process. Method: HalfSipHash-1-3 written a second time, step by step as
// its authors describe it, with big integers; counts over many keys that differ little.
import t from 'tap'
import { KeyHash } from '../../src/trust/key-hash.ts'
import { scrambled } from './key-streams.ts'

const mask = 0xffff_ffffn
const rotate = (word: bigint, bits: bigint) => ((word << bits) | (word >> (32n - bits))) & mask

/** Both halves of the 64-bit result for a message of whole words. */
function halfSipHash(key: readonly [number, number], message: readonly number[]): number[] {
  const [k0, k1] = key.map(BigInt) as [bigint, bigint]
  let [v0, v1, v2, v3] = [k0, k1 ^ 0xeen, 0x6c796765n ^ k0, 0x74656462n ^ k1]
  const round = () => {
    v0 = (v0 + v1) & mask
    v1 = rotate(v1, 5n) ^ v0
    v0 = rotate(v0, 16n)
    v2 = (v2 + v3) & mask
    v3 = rotate(v3, 8n) ^ v2
    v0 = (v0 + v3) & mask
    v3 = rotate(v3, 7n) ^ v0
    v2 = (v2 + v1) & mask
    v1 = rotate(v1, 13n) ^ v2
    v2 = rotate(v2, 16n)
  }
  const length = (message.length * 4) % 256
  for (const word of [...message.map(BigInt), BigInt(length) << 24n]) {
    v3 ^= word
    round()
    v0 ^= word
  }
  v2 ^= 0xeen
  for (let at = 0; at < 3; at++) round()
  const first = v1 ^ v3
  v1 ^= 0xddn
  for (let at = 0; at < 3; at++) round()
  return [Number(first), Number(v1 ^ v3)]
}

t.test('with a seed it is HalfSipHash-1-3, from wherever the key stands', async (t) => {
  for (let number = 0; number < 500; number++) {
    const seed = [scrambled(20, number), scrambled(21, number)] as const
    const words = 1 + (number % 7)
    const key = Array.from({ length: words }, (_, at) => scrambled(22 + at, number))
    const hash = new KeyHash(words, seed)
    hash.take(Uint32Array.from([9, 9, 9, ...key, 9]), 3)
    t.strictSame([hash.first, hash.second], halfSipHash(seed, key))
  }
})

t.test('without a seed it is two words of the key', async (t) => {
  const hash = new KeyHash(4, undefined)
  hash.take([1, 2, 3, 4])
  t.strictSame([hash.first, hash.second], [2, 3])
})

t.test('keys that count up spread evenly, and another seed spreads them in another way', async (t) => {
  const places: number[][] = []
  for (const seed of [
    [1, 2],
    [1, 3],
  ] as const) {
    const hash = new KeyHash(6, seed)
    const counts = new Array(1_024).fill(0)
    const seen: number[] = []
    for (let serial = 0; serial < 102_400; serial++) {
      hash.take([20, 0, 0, 0, 0, serial])
      counts[hash.first & 1_023]++
      seen.push(hash.second)
    }
    t.ok(
      Math.max(...counts) < 160 && Math.min(...counts) > 50,
      `${Math.min(...counts)} to ${Math.max(...counts)} a shard`,
    )
    places.push(seen)
  }
  const [one = [], other = []] = places
  t.ok(one.filter((place, at) => place === other[at]).length < 5)
})
