import type { Clock } from '../base/clock.ts'
import { tidyFolder } from './archive-files.ts'
import { type ArchiveTarget, type Loaded, loadArchive } from './archive-load.ts'
import { ageOf, type Moment, momentNow } from './archive-moment.ts'
import { type ArchiveSource, SaveCancelled, saveSnapshot } from './archive-save.ts'
import { TrustJournal } from './journal.ts'
import { encodeEvents, encodeRecord } from './journal-record.ts'
import { type Current, JournalReplay } from './journal-replay.ts'
import type { ControlLog, TrustEvent } from './ports.ts'
import type { LogPosition } from './store-port.ts'

/** Where a gateway stands. */
export type ArchivePosition = {
  /** Up to where everything the store said has been applied. */
  readonly position: LogPosition
  /** Above every version that was ever applied here. */
  readonly highestVersion: number
}

export type LoadedArchive = ArchivePosition & {
  /** Time since the data was last known to be current. Unit: milliseconds; infinity: unknown. */
  readonly heardAgoMs: number
  /** Revocations in force. */
  readonly entries: number
}

/** What can go wrong with files: one that cannot be read (its data comes from elsewhere), or that cannot be written now. */
export type ArchiveFault = 'snapshot_unusable' | 'snapshot_failed' | 'journal_failed'

export type ArchiveOptions = {
  /** For the archive alone; it is made if it is missing. */
  readonly folder: string
  readonly clock: Clock
  /** Tells one start of the machine from another; empty: unknown. */
  readonly bootId: string
  readonly log: ControlLog
  readonly fault?: (what: ArchiveFault, detail: string) => void
}

export type ArchiveStatus = {
  /** Age of the newest snapshot. Unit: milliseconds; undefined: there is none; infinity: the clock was set back since. */
  readonly snapshotAgeMs: number | undefined
  /** Revocations in force in it. */
  readonly snapshotEntries: number
  readonly snapshotBytes: number
  /** What has to be read besides it at the next start. */
  readonly journalBytes: number
  readonly lastFault: string | undefined
}

const heardEveryMs = 2_000
/** Pause after a snapshot that could not be made; doubles up to the longest. Unit: milliseconds. */
const firstPauseMs = 2_000
const longestPauseMs = 60_000
const logStart: LogPosition = { version: 0, token: '' }

/**
 * What this gateway knows of trust, on its own disk: so that it starts without the store, and so that nothing that was ever applied is
 * forgotten, not even when gateway and store die at the same moment and the store comes back empty.
 *
 * Events go to a journal before they are applied. From time to time all memory goes to a snapshot, in the background; what was
 * appended since the copying began completes it. One process at a time owns the folder: others only read.
 *
 * A gateway that has loaded this stands at the position that `heard` named last, even if events beyond it were applied: these are in
 * memory again, and the store says them once more, which changes nothing. That its data is as old as that `heard` holds for the same
 * reason: nothing the store had said until then is missing, and what came later only makes it newer. What was appended alone proves
 * nothing of the kind, because a gateway may be in the middle of reading all the store has.
 */
export class TrustArchive {
  readonly #options: ArchiveOptions
  readonly #journal: TrustJournal
  #replay: JournalReplay
  #current: Current | undefined
  #heardAtMs = Number.NEGATIVE_INFINITY
  #highestVersion = 0
  readonly #damaged = new Set<string>()
  #snapshot: Loaded['snapshot']
  #saving: Promise<void> | undefined
  #isWanted = false
  /** So many troubles of the journal the last snapshot has made good. */
  #troublesMended = 0
  #failures = 0
  #saveAgainAtMs = 0
  #loadFault: string | undefined
  #saveFault: string | undefined
  #isClosed = false

  constructor(options: ArchiveOptions) {
    this.#options = options
    this.#journal = new TrustJournal({ ...options, failed: (detail) => this.#fault('journal_failed', detail) })
    this.#replay = this.#emptyReplay()
    this.#journal.buildOn(this.#replay.basis)
  }

  /**
   * Fills the target with what is on disk; undefined: nothing is. Call before anything is applied. Files that cannot be used are
   * named by `fault`, and older ones taken in their place. Writes nothing: the folder may be another process's still.
   *
   * Rejects with what the target throws, as GatewayError `revocation_index_full` where memory may not hold what is known: starting with
   * less would let in who is revoked.
   */
  async load(target: ArchiveTarget): Promise<LoadedArchive | undefined> {
    const reported = new Set<string>()
    const unusable = (name: string, detail: string, isDamaged: boolean) => {
      if (isDamaged) this.#damaged.add(name)
      if (reported.has(name)) return
      reported.add(name)
      this.#unusable(`${name}: ${detail}`)
    }
    try {
      const { replay, snapshot, isWhole } = await loadArchive({ folder: this.#options.folder, unusable }, target)
      this.#replay = replay
      this.#snapshot = snapshot
      if (!isWhole) this.#isWanted = true
    } catch (error) {
      if (!isOfFiles(error)) throw error
      this.#unusable(error.message)
      return undefined
    }
    const { current, highestVersion, events, basis } = this.#replay
    this.#journal.buildOn(basis)
    this.#current = current
    this.#highestVersion = highestVersion
    if (this.#snapshot === undefined && events === 0 && current === undefined) return undefined
    const heardAgoMs = ageOf(current?.moment, this.#now())
    return { position: current?.position ?? logStart, highestVersion, heardAgoMs, entries: target.ledger.revoked }
  }

  /**
   * What another process has appended since this one loaded. To be taken between that one's `release` and `begin` here, in the same turn as
   * `begin`, so that what it applied last is not forgotten either.
   */
  *unread(): Generator<readonly TrustEvent[]> {
    if (this.#journal.begun) return
    try {
      const journals = this.#replay.journals()
      this.#warnOfGap(journals)
      for (const journal of journals) yield* this.#replay.read(journal)
    } catch (error) {
      if (!isOfFiles(error)) throw error
      this.#unusable(error.message)
    }
  }

  /**
   * This process owns the folder from now on. Before that nothing is written; what was appended since `load` waits in memory, as
   * far as that is bounded, and is written now.
   */
  begin({ highestVersion }: ArchivePosition): void {
    if (this.#journal.begun || this.#isClosed) return
    try {
      tidyFolder(this.#options.folder, this.#damaged)
      this.#damaged.clear()
    } catch (error) {
      this.#options.log.warn('old files of the trust archive cannot be put away', { error })
    }
    this.#highestVersion = Math.max(this.#highestVersion, highestVersion)
    this.#journal.begin(this.#highestVersion)
    this.#heardAtMs = Number.NEGATIVE_INFINITY
  }

  /**
   * Puts events in the journal: in the same turn before they are applied, whichever way they came. Survives the death of this process
   * from then on, and that of the machine 100 ms later. Never throws: what cannot be written waits, and is named by `fault`.
   */
  append(events: readonly TrustEvent[], { highestVersion }: ArchivePosition): void {
    this.#highestVersion = Math.max(this.#highestVersion, highestVersion)
    if (this.#isClosed || !this.#journal.isTaking) return
    try {
      for (const record of encodeEvents(events, this.#highestVersion))
        this.#journal.append(record, this.#highestVersion)
    } catch (error) {
      this.#journal.giveUp((error as Error).message)
    }
  }

  /**
   * All that the store had said when it was asked last is applied, up to the position. Writes a small record, at most every two
   * seconds.
   */
  heard({ position, highestVersion }: ArchivePosition): void {
    const moment = this.#now()
    this.#current = { position, moment }
    this.#highestVersion = Math.max(this.#highestVersion, highestVersion)
    if (!this.#journal.begun || moment.monotonicMs - this.#heardAtMs < heardEveryMs) return
    this.#heardAtMs = moment.monotonicMs
    const { monotonicMs, wallMs } = moment
    this.#journal.note(encodeRecord({ kind: 'heard', heard: { position, highestVersion, monotonicMs, wallMs } }))
  }

  /**
   * Whether a snapshot should be made soon, because something could not be written or read. False for a while after one that could
   * not be made.
   */
  get needsSave(): boolean {
    if (!this.#journal.begun || this.#saving !== undefined) return false
    const isNeeded = this.#isWanted || !this.#journal.isWhole || this.#journal.troubles !== this.#troublesMended
    return isNeeded && this.#options.clock.monotonicMs() >= this.#saveAgainAtMs
  }

  /**
   * Makes a snapshot in the background and removes what it replaces, but for the snapshot before and its journals, for the case that
   * this one gets damaged, and for journals of the last two minutes. Call it when all that was appended has been applied. Does nothing
   * before `begin`; while one is being made waits for that. Resolves also if none could be made: then `fault` was called, and what
   * is on disk stays.
   */
  save(source: ArchiveSource, at: () => ArchivePosition): Promise<void> {
    if (!this.#journal.begun) return Promise.resolve()
    this.#saving ??= this.#save(source, at).finally(() => {
      this.#saving = undefined
    })
    return this.#saving
  }

  /** Stops writing, so that another process may `begin`. A snapshot that is being made is given up. */
  async release(): Promise<void> {
    const stopped = this.#journal.stop()
    await this.#saving
    await stopped
  }

  status(): ArchiveStatus {
    const { saved, entries = 0, bytes = 0 } = this.#snapshot ?? {}
    return {
      snapshotAgeMs: saved === undefined ? undefined : ageOf(saved, this.#now()),
      snapshotEntries: entries,
      snapshotBytes: bytes,
      journalBytes: this.#journal.bytes,
      lastFault: this.#journal.lastFault ?? this.#saveFault ?? this.#loadFault,
    }
  }

  /** As `release`; nothing is taken any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.release()
  }

  async #save(source: ArchiveSource, at: () => ArchivePosition): Promise<void> {
    const { folder, log } = this.#options
    const journal = this.#journal
    try {
      // In the turn of the call: all that is appended from here on is in this journal or a later one.
      const number = journal.startFile()
      const { troubles } = journal
      this.#highestVersion = Math.max(this.#highestVersion, at().highestVersion)
      const known = { highestVersion: this.#highestVersion, current: this.#current ?? null, saved: this.#now() }
      const check = () => {
        if (!journal.begun) throw new SaveCancelled()
      }
      const { base } = journal.basis
      const saved = await saveSnapshot({ folder, number, keepFrom: base, known, source, check, log })
      this.#snapshot = { ...saved, saved: known.saved }
      journal.rebase(number)
      this.#troublesMended = troubles
      this.#saved()
    } catch (error) {
      if (error instanceof SaveCancelled) return
      this.#saveFailed(error)
    }
  }

  #saved(): void {
    this.#isWanted = false
    if (this.#failures > 0) this.#options.log.info('snapshots of the trust data are made again')
    this.#failures = 0
    this.#saveAgainAtMs = 0
    this.#saveFault = undefined
    this.#loadFault = undefined
  }

  #saveFailed(error: unknown): void {
    const { folder, log, clock } = this.#options
    this.#isWanted = true
    this.#saveFault = `Cannot save a snapshot in ${folder}: ${(error as Error).message}`
    if (this.#failures === 0)
      log.error('no snapshot of the trust data can be made: the last one and its journals stay', { error })
    this.#saveAgainAtMs = clock.monotonicMs() + Math.min(firstPauseMs * 2 ** this.#failures, longestPauseMs)
    this.#failures++
    this.#fault('snapshot_failed', this.#saveFault)
  }

  #unusable(detail: string): void {
    this.#isWanted = true
    this.#loadFault = detail
    this.#options.log.error('trust data on disk cannot be used', { detail })
    this.#fault('snapshot_unusable', detail)
  }

  #fault(what: ArchiveFault, detail: string): void {
    this.#options.fault?.(what, detail)
  }

  #now(): Moment {
    return momentNow(this.#options.clock, this.#options.bootId)
  }

  #warnOfGap(journals: readonly number[]): void {
    const last = Math.max(0, ...this.#replay.basis.parts.keys())
    if (last === 0 || journals.includes(last)) return
    this.#isWanted = true
    this.#options.log.warn('some of what another process wrote last is in its snapshots only', { journal: last })
  }

  #emptyReplay(): JournalReplay {
    const { folder } = this.#options
    return new JournalReplay({
      folder,
      base: 0,
      current: undefined,
      highestVersion: 0,
      damaged: (name, detail) => this.#unusable(`${name}: ${detail}`),
    })
  }
}

/** Whether an error is one of the file system. */
function isOfFiles(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}

export type { ArchiveSource, ArchiveTarget }
