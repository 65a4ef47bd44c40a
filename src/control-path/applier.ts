import type { Clock } from '../base/clock.ts'
import { type FollowUp, finishFollowUps, takeEvent } from './apply.ts'
import type { ArchivePosition, TrustArchive } from './archive.ts'
import type { DirectoryReplica } from './directory-replica.ts'
import type { ControlLog, DataWorkers, TrustEvent } from './ports.ts'
import type { LogPage, LogPosition, TrustStore } from './store-port.ts'
import type { TrustMemory } from './trust-memory.ts'

/** Where a gateway keeps what it knows on its own disk, for a store that is elsewhere. */
export type LocalKeeping = {
  readonly archive: TrustArchive
  /** Undefined where the application knows its users itself. */
  readonly replica: DirectoryReplica | undefined
  /** How often a snapshot is made if something has changed. Unit: milliseconds. */
  readonly snapshotMs: number
  /** Where nothing is kept yet: the store this gateway had before. What that knew stays in force, and is given to the new one. */
  readonly former?: Pick<TrustStore, 'state'>
}

export type ApplierOptions = {
  readonly memory: TrustMemory
  readonly workers: DataWorkers
  /** Left out where the store is a file here. */
  readonly keeping?: LocalKeeping
  readonly clock: Clock
  readonly log: ControlLog
}

/** Cuts counted by version of the event behind them, from `watch()` to `end()`. */
export type CutWatch = { readonly cuts: ReadonlyMap<number, number>; end(): void }

/** What was found on disk. */
export type Recovered = {
  /** Time since the data was known to be current. Unit: milliseconds; infinity: never, or nobody can tell. */
  readonly heardAgoMs: number
  /** Whether the directory must be read whole before its answers count. */
  readonly directoryMissing: boolean
}

const logStart: LogPosition = { version: 0, token: '' }

/**
 * Puts events where they count, always in this order: on disk, in the memory that all workers share, in the directory; then the
 * workers are told (invariant 2). Whatever happens in between, nothing that was in force once is forgotten.
 */
export class Applier {
  readonly #options: ApplierOptions
  readonly #pending = new Set<FollowUp>()
  readonly #watches = new Set<Map<number, number>>()
  readonly #listeners = new Set<(events: readonly TrustEvent[]) => void>()
  #position = logStart
  /** Stays when the store falls back, so that a restore must be newer than everything ever applied. */
  #highestVersion = 0
  #ownsArchive = false
  #recovered = false
  #changedSinceSave = false
  #savedAtMs = 0
  #saving: Promise<void> | undefined

  constructor(options: ApplierOptions) {
    this.#options = options
  }

  /** Calls with all that is applied from now on, in order, once it is in force in memory; the answer calls it off. */
  onTaken(listener: (events: readonly TrustEvent[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Up to where the log has been applied. */
  get position(): LogPosition {
    return this.#position
  }

  get highestVersion(): number {
    return this.#highestVersion
  }

  get pending(): number {
    return this.#pending.size
  }

  /** Loads what this gateway knew when it ran last; undefined: nothing. */
  async recover(): Promise<Recovered | undefined> {
    const { keeping, memory } = this.#options
    const loaded = await keeping?.archive.load({
      get ledger() {
        return memory.ledger
      },
      index: memory.index,
      takeNames: (names) => memory.takeNames(names),
      replay: (events) => {
        for (const event of events) takeEvent(event, memory)
      },
      reset: () => memory.reset(),
    })
    this.#recovered = true
    const replica = keeping?.replica
    const directory = replica?.position()
    const directoryMissing = replica !== undefined && directory === undefined
    if (loaded !== undefined) {
      // The older of the two: applying an event twice does no harm.
      this.#position =
        directory !== undefined && directory.version < loaded.position.version ? directory : loaded.position
      this.#highestVersion = loaded.highestVersion
    }
    if (this.#ownsArchive) this.#begin()
    if (loaded !== undefined) return { heardAgoMs: loaded.heardAgoMs, directoryMissing }
    return (await this.#takeFormer()) ? { heardAgoMs: Number.POSITIVE_INFINITY, directoryMissing: true } : undefined
  }

  async #takeFormer(): Promise<boolean> {
    const former = this.#options.keeping?.former
    if (former === undefined) return false
    for await (const events of former.state()) this.#take(events)
    return this.#options.memory.ledger.revoked > 0
  }

  /** This process holds the state folder from now on, and writes there. */
  ownArchive(): void {
    if (this.#ownsArchive) return
    this.#ownsArchive = true
    if (this.#recovered) this.#begin()
  }

  /** Another process takes the folder over. */
  async releaseArchive(): Promise<void> {
    this.#ownsArchive = false
    await this.#saving
    await this.#options.keeping?.archive.release()
  }

  /** Takes a page of the log; the workers are told by `finish`. */
  takePage({ events, end }: Pick<LogPage, 'events' | 'end'>): void {
    for (const followUp of this.#take(events)) this.#pending.add(followUp)
    this.#position = end
    this.#highestVersion = Math.max(this.#highestVersion, end.version)
    if (events.length > 0) this.#options.keeping?.replica?.apply(events, end)
  }

  /** Takes events that are not of the log; returns what the workers must be told. */
  takeBeside(events: readonly TrustEvent[]): FollowUp[] {
    return this.#take(events)
  }

  /** The log goes on from here; what lies in between is read by a comparison with the whole store. */
  jumpTo(position: LogPosition): void {
    // What stands in the directory is of another log: it is compared whole before its position moves again.
    this.#options.keeping?.replica?.beginRound()
    this.#position = position
    this.#highestVersion = Math.max(this.#highestVersion, position.version)
  }

  /** Tells the workers all that they have not done yet. Rejects if one cannot; the rest is told by the next call. */
  async finish(): Promise<void> {
    await finishFollowUps(this.#pending, this.#options.workers, (version, connections) => {
      for (const cuts of this.#watches) cuts.set(version, (cuts.get(version) ?? 0) + connections)
    })
  }

  /** Tells the workers these; what cannot be told now is told by the next `finish`. */
  async finishBeside(followUps: readonly FollowUp[]): Promise<void> {
    const pending = new Set(followUps)
    try {
      await finishFollowUps(pending, this.#options.workers, () => {})
    } finally {
      for (const followUp of pending) this.#pending.add(followUp)
    }
  }

  watch(): CutWatch {
    const cuts = new Map<number, number>()
    this.#watches.add(cuts)
    return { cuts, end: () => this.#watches.delete(cuts) }
  }

  /**
   * Everything the store had to say is applied, and nothing before it is missing: noted on disk, and from time to time a snapshot
   * is made.
   */
  current(): void {
    const { keeping, clock } = this.#options
    if (keeping === undefined || !this.#ownsArchive) return
    keeping.archive.heard(this.#at())
    const isDue = this.#changedSinceSave && clock.monotonicMs() - this.#savedAtMs >= keeping.snapshotMs
    if ((isDue || keeping.archive.needsSave) && this.#saving === undefined) this.#save(keeping.archive)
  }

  async close(): Promise<void> {
    await this.#saving
    await this.#options.keeping?.archive.close()
  }

  #begin(): void {
    const { keeping, memory } = this.#options
    if (keeping === undefined) return
    for (const events of keeping.archive.unread()) {
      for (const event of events) {
        this.#highestVersion = Math.max(this.#highestVersion, event.version)
        const followUp = takeEvent(event, memory)
        if (followUp !== undefined) this.#pending.add(followUp)
      }
    }
    keeping.archive.begin(this.#at())
    this.#changedSinceSave = true
    this.#savedAtMs = Number.NEGATIVE_INFINITY
  }

  #save(archive: TrustArchive): void {
    const { memory, clock, log } = this.#options
    this.#changedSinceSave = false
    this.#savedAtMs = clock.monotonicMs()
    const source = { ledger: memory.ledger, index: memory.index, names: () => memory.names() }
    this.#saving = archive
      .save(source, () => this.#at())
      .catch((error: unknown) => {
        this.#changedSinceSave = true
        log.error('no snapshot could be made', { error })
      })
      .finally(() => {
        this.#saving = undefined
      })
  }

  #at(): ArchivePosition {
    return { position: this.#position, highestVersion: this.#highestVersion }
  }

  #take(events: readonly TrustEvent[]): FollowUp[] {
    if (events.length === 0) return []
    const { keeping, memory } = this.#options
    for (const { version } of events) this.#highestVersion = Math.max(this.#highestVersion, version)
    keeping?.archive.append(events, this.#at())
    this.#changedSinceSave = true
    const followUps: FollowUp[] = []
    for (const event of events) {
      const followUp = takeEvent(event, memory)
      if (followUp !== undefined) followUps.push(followUp)
    }
    for (const listener of this.#listeners) listener(events)
    return followUps
  }
}
