import { join } from 'node:path'
import { isMissing, journalName, listFiles } from './archive-files.ts'
import type { Moment } from './archive-moment.ts'
import type { Basis } from './journal.ts'
import { type JournalEnd, readJournal } from './journal-reader.ts'
import { type HeardRecord, type JournalOpening, type JournalRecord, journalSchema } from './journal-record.ts'
import type { TrustEvent } from './ports.ts'
import type { LogPosition } from './store-port.ts'

/** The last time at which all that the store had said was known here. */
export type Current = { readonly position: LogPosition; readonly moment: Moment }

export type JournalReplayOptions = {
  readonly folder: string
  /** The number of the snapshot that was loaded; 0: none. */
  readonly base: number
  readonly current: Current | undefined
  readonly highestVersion: number
  /** A journal that was changed on disk; the good records behind that place are not found. */
  readonly damaged: (name: string, detail: string) => void
}

/**
 * Reads journals in the order of their numbers, each from where it was read to before, and keeps account of what they prove.
 *
 * Their events are always taken: an event of the store stays true, and an older one changes nothing. But that everything up to a
 * position is known, as a `heard` record says, holds only if all that its process knew when it wrote it has been read here: the
 * snapshot it built on or a later one, its share of the journals before, and no gap. Else the store has to say again what follows
 * the last record that holds.
 */
export class JournalReplay {
  readonly basis: Basis
  readonly #options: JournalReplayOptions
  /** Openings of the journals read, and whether what they build on has been read. */
  readonly #opened = new Map<number, { readonly opening: JournalOpening; readonly isComplete: boolean }>()
  #current: Current | undefined
  #highestVersion: number
  #events = 0
  #isPatchy = false

  constructor(options: JournalReplayOptions) {
    this.#options = options
    this.basis = { base: options.base, parts: new Map() }
    this.#current = options.current
    this.#highestVersion = options.highestVersion
  }

  get current(): Current | undefined {
    return this.#current
  }

  get highestVersion(): number {
    return this.#highestVersion
  }

  /** Events read so far. */
  get events(): number {
    return this.#events
  }

  /** Whether something is missing or damaged, so that not all the journals say holds. */
  get isPatchy(): boolean {
    return this.#isPatchy
  }

  /** Journals in the folder that complete the snapshot, oldest first. */
  journals(): number[] {
    return listFiles(this.#options.folder)
      .filter(({ kind, number }) => kind === 'journal' && number >= this.basis.base)
      .map(({ number }) => number)
  }

  /** Reads what a journal holds beyond what was read before. Throws ENOENT where it has vanished. */
  *read(number: number): Generator<readonly TrustEvent[]> {
    const name = journalName(number)
    const records = readJournal(join(this.#options.folder, name), this.basis.parts.get(number) ?? 0)
    for (;;) {
      const next = this.#next(number, records)
      if (next === undefined) return
      const problem = this.#take(number, next)
      if (problem !== undefined) {
        this.#damaged(name, problem)
        return
      }
      if (next.kind === 'events') yield next.events
    }
  }

  #next(number: number, records: Generator<JournalRecord, JournalEnd>): JournalRecord | undefined {
    try {
      const next = records.next()
      if (next.done !== true) return next.value
      this.#end(number, next.value)
    } catch (error) {
      if (isMissing(error)) throw error
      this.#damaged(journalName(number), (error as Error).message)
    }
    return undefined
  }

  #take(number: number, record: JournalRecord): string | undefined {
    if (record.kind === 'opening') {
      const { opening } = record
      if (opening.schema !== journalSchema) return `Cannot read schema ${journalSchema}: it is ${opening.schema}`
      this.#highestVersion = Math.max(this.#highestVersion, opening.highestVersion)
      const isComplete = this.#isComplete(number, opening)
      if (!isComplete) this.#isPatchy = true
      this.#opened.set(number, { opening, isComplete })
    } else if (!this.#opened.has(number)) return 'it does not begin with its opening'
    if (record.kind === 'events') {
      this.#highestVersion = Math.max(this.#highestVersion, record.highestVersion)
      this.#events += record.events.length
    }
    if (record.kind === 'heard') this.#heard(number, record.heard)
    return undefined
  }

  #isComplete(number: number, opening: JournalOpening): boolean {
    const { base, parts } = this.basis
    if (number === base) return true
    if (opening.gap) return false
    if (opening.base > base && this.#opened.get(opening.base)?.isComplete !== true) return false
    return opening.parts.every(([part, bytes]) => part < base || (parts.get(part) ?? 0) >= bytes)
  }

  #heard(number: number, heard: HeardRecord): void {
    this.#highestVersion = Math.max(this.#highestVersion, heard.highestVersion)
    const { opening, isComplete } = this.#opened.get(number) ?? {}
    if (opening === undefined || isComplete !== true) return
    const { position, monotonicMs, wallMs } = heard
    this.#current = { position, moment: { bootId: opening.bootId, monotonicMs, wallMs } }
  }

  #end(number: number, { bytes, rest, detail }: JournalEnd): void {
    if (bytes > 0) this.basis.parts.set(number, bytes)
    if (rest === 'damaged') this.#damaged(journalName(number), detail)
  }

  #damaged(name: string, detail: string): void {
    this.#isPatchy = true
    this.#options.damaged(name, detail)
  }
}
