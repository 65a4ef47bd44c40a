/** What a gateway knows of one certificate, as a record of the ledger. */
export type LedgerRecord = {
  readonly state: number
  /** Of the revocation or the tombstone: 0 to 2⁴⁸-1. */
  readonly version: number
  readonly isSuperseded: boolean
  /** In which round it was marked last; 0: in none. */
  readonly mark: number
}

/** States as they stand in a record. */
export const recordStates = { none: 0, revoked: 1, restored: 2 } as const

/** Nothing is known. */
export const emptyRecord: LedgerRecord = { state: recordStates.none, version: 0, isSuperseded: false, mark: 0 }

/** Marks have 13 bits. */
export const markMax = 0x1fff
const markShift = 3
const versionShift = 16
const versionMax = 2 ** 48 - 1

/**
 * A record's two words: the lower 32 bits of the version; and from the lowest bit upwards state (2 bits), superseded (1), mark (13),
 * upper bits of the version (16).
 */
export const recordValues = 2

/** Reads the record whose words begin at `start`. */
export function readRecord(words: Uint32Array, start: number): LedgerRecord {
  const low = words[start] as number
  const high = words[start + 1] as number
  return {
    state: high & 3,
    version: (high >>> versionShift) * 0x1_0000_0000 + low,
    isSuperseded: (high & 4) !== 0,
    mark: markOf(high),
  }
}

/** Writes a record's words. A version beyond 48 bits counts as the highest. */
export function writeRecord({ state, version, isSuperseded, mark }: LedgerRecord, words: Uint32Array): void {
  const bounded = Math.min(versionMax, version)
  const upper = Math.floor(bounded / 0x1_0000_0000)
  words[0] = bounded % 0x1_0000_0000
  words[1] = (upper << versionShift) | (mark << markShift) | (isSuperseded ? 4 : 0) | state
}

/** The mark in a record's second word. */
export function markOf(high: number): number {
  return (high >>> markShift) & markMax
}

/** A record's second word without a mark. */
export function withoutMark(high: number): number {
  return high & ~(markMax << markShift)
}
