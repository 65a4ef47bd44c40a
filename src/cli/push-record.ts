import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { BulkTotals } from '../lifecycle/revoke-bulk.ts'
import type { EntryFile } from './entry-file.ts'

/** What a push has done so far, as the door has told it; lines are those of the file. */
export type PushTotals = BulkTotals

/** What makes two pushes the same one, so that lines may be left out. */
export type PushIdentity = {
  readonly size: number
  readonly beginHash: string
  readonly format: string
  readonly issuer: string
  readonly adminUrl: string
}

/** Before anything is done. */
export const nothingPushed: PushTotals = {
  line: 0,
  revoked: 0,
  alreadyRevoked: 0,
  rules: 0,
  connectionsCut: 0,
  rejectedCount: 0,
}

const layout = 1

/**
 * The note beside a file that is being pushed (`FILE.sekisho-progress`). It holds what the door has told to be done, at most, so
 * whoever goes on from there leaves nothing out; what is sent twice changes nothing.
 */
export class PushRecord {
  readonly path: string
  readonly #identity: PushIdentity

  constructor(file: string, identity: PushIdentity) {
    this.path = `${file}.sekisho-progress`
    this.#identity = identity
  }

  /** `other`: there is a note, of another file, door or issuer, or one that cannot be read. */
  read(): PushTotals | 'none' | 'other' {
    let text: string
    try {
      text = readFileSync(this.path, 'utf8')
    } catch {
      return 'none'
    }
    try {
      const note = JSON.parse(text) as { layout?: unknown; identity?: PushIdentity; totals?: PushTotals }
      const { identity, totals } = note
      if (note.layout !== layout || identity === undefined || totals === undefined) return 'other'
      const same = Object.entries(this.#identity).every(
        ([name, value]) => identity[name as keyof PushIdentity] === value,
      )
      const whole = Object.keys(nothingPushed).every((name) => isCount(totals[name as keyof PushTotals]))
      return same && whole ? totals : 'other'
    } catch {
      return 'other'
    }
  }

  /** Replaces the note whole. Throws what the file system says. */
  write(totals: PushTotals): void {
    const beside = `${this.path}.new`
    writeFileSync(beside, `${JSON.stringify({ layout, identity: this.#identity, totals }, null, 2)}\n`)
    renameSync(beside, this.path)
  }

  remove(): void {
    rmSync(this.path, { force: true })
  }
}

/** Undefined for what cannot be read again. */
export function identifyPush(
  { size, beginHash }: EntryFile,
  settings: Omit<PushIdentity, 'size' | 'beginHash'>,
): PushIdentity | undefined {
  return size === undefined || beginHash === undefined ? undefined : { size, beginHash, ...settings }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
