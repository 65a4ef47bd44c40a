import type { Fingerprint } from '../../src/trust/fingerprint.ts'

/** A number of 32 bits that looks random, always the same for the same place in the same stream. */
export function scrambled(stream: number, place: number): number {
  let word = Math.imul(stream ^ 0x9e37_79b9, 0x85eb_ca6b) ^ place
  for (const factor of [0x7feb_352d, 0x846c_a68b]) {
    word ^= word >>> 16
    word = Math.imul(word, factor)
  }
  return (word ^ (word >>> 15)) >>> 0
}

/** A key of four words, different for each number. Without hashing, so that tests may have millions. */
export function keyAt(number: number): Fingerprint {
  return [(number % 0x7fff_0000) + 1, scrambled(1, number), scrambled(2, number), scrambled(3, number)]
}

/** A key of that shard, looked for from that place of it (0 to below 1). */
export function keyIn(shard: number, place: number, number: number): Fingerprint {
  return [number + 1, shard, Math.floor(place * 2 ** 32), scrambled(3, number)]
}
