/**
 * Where in a table a key belongs, as two 32-bit numbers. Keys that are digests already give two of their own words; others go through
 * HalfSipHash-1-3 under a secret seed, so that nobody can choose serial numbers that all fall on one place.
 */
export class KeyHash {
  /** The two numbers of the key taken last. */
  first = 0
  second = 0
  readonly #words: number
  readonly #seed: readonly [number, number] | undefined

  /** `seed`: two random 32-bit numbers; undefined: the keys are digests. `words`: length of a key. */
  constructor(words: number, seed: readonly [number, number] | undefined) {
    this.#words = words
    this.#seed = seed
  }

  /** Takes the key that begins at `start`. */
  take(words: ArrayLike<number>, start = 0): void {
    if (this.#seed === undefined) {
      this.first = words[start + 1] as number
      this.second = words[start + 2] as number
      return
    }
    this.#mix(words, start, this.#seed)
  }

  #mix(words: ArrayLike<number>, start: number, [low, high]: readonly [number, number]): void {
    // The constants and the order of steps are those of HalfSipHash with 64 bits of output.
    let v0 = low
    let v1 = high ^ 0xee
    let v2 = low ^ 0x6c796765
    let v3 = high ^ 0x74656462
    const count = this.#words
    for (let round = 0; round < count + 7; round++) {
      // After the words their length in bytes, then two times three rounds that take nothing in.
      const word = round < count ? (words[start + round] as number) : round === count ? (count * 4) << 24 : 0
      if (round === count + 1) v2 ^= 0xee
      if (round === count + 4) {
        this.first = (v1 ^ v3) >>> 0
        v1 ^= 0xdd
      }
      v3 ^= word
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 ^= word
    }
    this.second = (v1 ^ v3) >>> 0
  }
}
