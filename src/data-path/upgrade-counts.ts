import { createHmac, randomBytes } from 'node:crypto'
import { assert } from '../base/assert.ts'

/** How many upgraded connections each user has, in the memory of all workers of one gateway. */
export type SharedUpgrades = {
  readonly slots: number
  /** One table of counters for each slot. Memory is taken only for the pages that are written to. */
  readonly counters: SharedArrayBuffer
  /** Makes it unknown outside which users share a counter. */
  readonly secret: Uint8Array
}

/** Counters of one slot. With 20,000 upgraded users one in 50 shares a counter with another, and so their limit. */
const countersPerSlot = 2 ** 20
const counterMax = 65_535

/** Shared memory in which nobody has an upgraded connection yet. */
export function createSharedUpgrades(workers: number): SharedUpgrades {
  return {
    slots: workers,
    counters: new SharedArrayBuffer(workers * countersPerSlot * 2),
    secret: randomBytes(32),
  }
}

/** Forgets what the former worker of a slot counted. */
export function clearUpgrades(shared: SharedUpgrades, slot: number): void {
  new Uint16Array(shared.counters, slot * countersPerSlot * 2, countersPerSlot).fill(0)
}

/**
 * Bounds the upgraded connections of each user over all workers, as the worker of one slot sees them. Users are found by a
 * hash; two that meet in one counter share the limit, which can refuse too early and never too late.
 */
export class UpgradeCounts {
  readonly #counters: Uint16Array
  readonly #own: number
  readonly #secret: Uint8Array

  constructor(shared: SharedUpgrades, slot: number) {
    assert(slot < shared.slots, `there is a slot ${slot}`)
    this.#counters = new Uint16Array(shared.counters)
    this.#own = slot * countersPerSlot
    this.#secret = shared.secret
  }

  /**
   * Counts one more of this user, unless there would be more than `max` in all workers. Who is told true calls `leave` with the same
   * user exactly once. `user` is any text that names one: the door and the login ID, or the client's address where there is none.
   */
  enter(user: string, max: number): boolean {
    const at = this.#counterOf(user)
    const own = this.#own + at
    if (Atomics.load(this.#counters, own) >= counterMax) return false
    // Counted before it is compared: of two workers that do so at once, at least one sees both.
    Atomics.add(this.#counters, own, 1)
    let sum = 0
    for (let word = at; word < this.#counters.length; word += countersPerSlot) sum += Atomics.load(this.#counters, word)
    if (sum <= max) return true
    Atomics.sub(this.#counters, own, 1)
    return false
  }

  leave(user: string): void {
    const own = this.#own + this.#counterOf(user)
    assert(Atomics.load(this.#counters, own) > 0, 'nobody leaves who has not entered')
    Atomics.sub(this.#counters, own, 1)
  }

  #counterOf(user: string): number {
    return createHmac('sha256', this.#secret).update(user).digest().readUInt32LE(0) % countersPerSlot
  }
}
