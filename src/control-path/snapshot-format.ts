import { endianness } from 'node:os'
import type { Moment } from './archive-moment.ts'
import type { Current } from './journal-replay.ts'
import { ledgerLayout } from './ledger.ts'

/**
 * A snapshot file: magic, schema, length of the header, header (JSON), then blocks (kind, length, bytes), and at the very end the
 * SHA-256 of all before it. Numbers are little-endian.
 */
export const snapshotMagic = Buffer.from('SEKSNAP\n')

/** Version of this format; raised when an older program would misread it. */
export const snapshotSchema = 1

/** Magic, schema and length of the header. Unit: bytes. */
export const preambleBytes = 16

/** Unit: bytes. */
export const digestBytes = 32

/** Kind and length before each block. Unit: bytes. */
export const blockHeadBytes = 5

/** What a block holds: a piece of the names' JSON, or a part of ledger or index as these gave it. */
export const blockKinds = { names: 1, ledger: 2, index: 3 } as const
export type BlockKind = keyof typeof blockKinds

/** Layout of the index' slots: fingerprints of 16 bytes. */
const indexLayout = 1

/** Parts are memory as it lies there: a program, or a machine, that lays it out in another way cannot take them. */
export const memoryLayout = `ledger ${ledgerLayout}, index ${indexLayout}, ${endianness()}`

export type SnapshotHeader = {
  readonly layout: string
  readonly highestVersion: number
  /** The last time at which all that the store had said was known; null: never. */
  readonly current: Current | null
  readonly saved: Moment
  /** When the copying began: revocations in force, and entries of the index. */
  readonly revocations: number
  readonly entries: number
}
