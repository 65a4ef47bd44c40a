import type { Fingerprint } from '../../src/trust/fingerprint.ts'
import { keyIn, scrambled } from './key-streams.ts'

/** What writer and readers of paged-table-race.test.ts agree on. */

/** So few that pages go from one to the other all the time. */
export const shards = 3
/** Entries of each shard that are always there. All have one place, so that the last of them stand at the end of a long chain. */
export const anchors = 60
/** Entries of a shard that come and go, more than it holds without moving. */
export const passers = 400

/** Words that all threads share: whether the writer has ended, and from `looksAt` on how often each reader has looked. */
export const endedAt = 0
export const looksAt = 1

export function anchor(shard: number, number: number): Fingerprint {
  return keyIn(shard, 0.4, number)
}

export function passer(shard: number, number: number): Fingerprint {
  return keyIn(shard, scrambled(7, number) / 2 ** 32, 1_000 + number)
}

/** A key that is never there, looked for from where the anchors stand. */
export function stranger(shard: number, number: number): Fingerprint {
  return keyIn(shard, 0.4, 1_000_000 + number)
}
