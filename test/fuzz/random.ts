/** Pseudo-random numbers that a seed fixes, so that every finding can be repeated. */
export type Random = {
  /** A whole number from 0 to `below` - 1. */
  integer(below: number): number
  chance(probability: number): boolean
  pick<T>(choices: readonly T[]): T
}

/** `seed`: any 32-bit whole number. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  // Mulberry32: one addition and three mixing steps a number, a period of 2^32.
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const integer = (below: number): number => Math.floor(fraction() * below)
  return {
    integer,
    chance: (probability) => fraction() < probability,
    pick: <T>(choices: readonly T[]): T => choices[integer(choices.length)] as T,
  }
}
