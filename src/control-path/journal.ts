import { dirname } from 'node:path'
import { makeFolder, syncFolder } from './archive-files.ts'
import { JournalFile } from './journal-file.ts'
import { encodeRecord, journalSchema } from './journal-record.ts'
import type { ControlLog } from './ports.ts'

/** What of the folder this process knows: a snapshot (0: none) and so many bytes of each journal from that number on. */
export type Basis = { base: number; readonly parts: Map<number, number> }

export type TrustJournalOptions = {
  readonly folder: string
  readonly bootId: string
  readonly log: ControlLog
  /** Called once an outage. */
  readonly failed: (detail: string) => void
}

/** Data goes on disk at most this long after it was written. Unit: milliseconds. */
const syncEveryMs = 100
/** What may wait in memory while nothing can be written; beyond it is given up, until the next snapshot. Unit: bytes. */
const backlogBytesMax = 8 * 1_048_576

/**
 * The journal of one process: a row of files, of which the last is written. What cannot be written waits, so that a full disk that
 * gets room again has lost nothing; so does what comes before this process may write.
 */
export class TrustJournal {
  readonly #options: TrustJournalOptions
  readonly #backlog: Buffer[] = []
  #backlogBytes = 0
  #basis: Basis = { base: 0, parts: new Map() }
  #highestVersion = 0
  #begun = false
  #file: JournalFile | undefined
  #hasEvents = false
  /** Something was given up that is in no file. */
  #gap = false
  /** What does not work now, and why. */
  readonly #outages = new Map<'write' | 'sync', string>()
  #troubles = 0
  #syncTimer: NodeJS.Timeout | undefined
  readonly #closing = new Set<Promise<void>>()

  constructor(options: TrustJournalOptions) {
    this.#options = options
  }

  get begun(): boolean {
    return this.#begun
  }

  /** Rises whenever something could not be written: a snapshot that was begun later makes things whole. */
  get troubles(): number {
    return this.#troubles
  }

  /** False once something had to be given up before this process may write: what comes after it is in the next snapshot only. */
  get isTaking(): boolean {
    return this.#begun || !this.#gap
  }

  /** Whether all there is to write has been written. */
  get isWhole(): boolean {
    return this.#backlog.length === 0 && !this.#gap
  }

  get lastFault(): string | undefined {
    return this.#outages.values().next().value
  }

  /** What the files hold that complete the last snapshot. Unit: bytes. */
  get bytes(): number {
    let bytes = this.#file?.bytes ?? 0
    for (const [number, size] of this.#basis.parts) if (number !== this.#file?.number) bytes += size
    return bytes
  }

  get basis(): Basis {
    return this.#basis
  }

  /** Snapshot `number` holds all that was in older journals. */
  rebase(number: number): void {
    this.#basis.base = number
    for (const part of this.#basis.parts.keys()) if (part < number) this.#basis.parts.delete(part)
  }

  /** What this process has loaded. */
  buildOn(basis: Basis): void {
    this.#basis = basis
  }

  /** Writes from now on, first what has waited. */
  begin(highestVersion: number): void {
    this.#begun = true
    this.#highestVersion = highestVersion
    this.#flush()
  }

  /** Never throws: what cannot be written now waits. */
  append(record: Buffer, highestVersion: number): void {
    this.#highestVersion = Math.max(this.#highestVersion, highestVersion)
    this.#backlog.push(record)
    this.#backlogBytes += record.length
    this.#flush()
  }

  /** Writes a record that says all before it is complete: only if that is so. Never throws. */
  note(record: Buffer): void {
    if (!this.#flush()) return
    try {
      this.#file?.append(record)
      this.#wrote()
    } catch (error) {
      this.#failed('write', error)
    }
  }

  /** Something was applied that could not even be put into a record. */
  giveUp(detail: string): void {
    this.#gap = true
    this.#failed('write', new Error(detail))
  }

  /**
   * The number of the file into which everything goes that is appended from now on: a new one, unless the last holds no events and
   * belongs to no snapshot yet. Throws if there can be no new file.
   */
  startFile(): number {
    this.#flush()
    const isNew = this.#file !== undefined && !this.#hasEvents && this.#file.number !== this.#basis.base
    if (!isNew || this.#gap) {
      try {
        this.#openNext()
      } catch (error) {
        this.#failed('write', error)
        throw error
      }
      this.#flush()
    }
    return (this.#file as unknown as JournalFile).number
  }

  /** Stops writing; what comes waits for another `begin`. */
  async stop(): Promise<void> {
    this.#begun = false
    clearTimeout(this.#syncTimer)
    this.#syncTimer = undefined
    this.#retire()
    await Promise.all(this.#closing)
  }

  #flush(): boolean {
    if (!this.#begun) {
      this.#limitBacklog()
      return false
    }
    try {
      if (this.#file === undefined || this.#gap) this.#openNext()
      for (let record = this.#backlog[0]; record !== undefined; record = this.#backlog[0]) {
        this.#file?.append(record)
        this.#backlog.shift()
        this.#backlogBytes -= record.length
        this.#hasEvents = true
        this.#wrote()
      }
    } catch (error) {
      this.#failed('write', error)
      this.#limitBacklog()
      return false
    }
    return true
  }

  #openNext(): void {
    const { folder, bootId } = this.#options
    const { base, parts } = this.#basis
    if (makeFolder(folder)) this.#watch(syncFolder(dirname(folder)))
    const known = new Map(parts)
    if (this.#file !== undefined) known.set(this.#file.number, this.#file.bytes)
    const opening = {
      schema: journalSchema,
      bootId,
      base,
      parts: [...known],
      gap: this.#gap,
      highestVersion: this.#highestVersion,
    }
    const above = Math.max(base, ...known.keys())
    const next = JournalFile.create({ folder, above }, encodeRecord({ kind: 'opening', opening }))
    this.#retire()
    this.#file = next
    this.#hasEvents = false
    this.#gap = false
    this.#wrote()
    this.#watch(syncFolder(folder))
  }

  #retire(): void {
    const file = this.#file
    if (file === undefined) return
    this.#file = undefined
    this.#basis.parts.set(file.number, file.bytes)
    this.#watch(file.close())
  }

  /** Lets something go on in the background; `stop` waits for it. */
  #watch(work: Promise<void>): void {
    const done = work.then(
      () => this.#worked('sync'),
      (error: unknown) => this.#failed('sync', error),
    )
    this.#closing.add(done)
    void done.then(() => this.#closing.delete(done))
  }

  #limitBacklog(): void {
    if (this.#backlogBytes <= backlogBytesMax) return
    this.#backlog.length = 0
    this.#backlogBytes = 0
    this.#gap = true
    this.#troubles++
  }

  #wrote(): void {
    this.#worked('write')
    this.#syncSoon()
  }

  #syncSoon(): void {
    if (this.#syncTimer !== undefined) return
    this.#syncTimer = setTimeout(() => this.#sync(), syncEveryMs)
    this.#syncTimer.unref()
  }

  #sync(): void {
    const file = this.#file
    const done = () => {
      this.#syncTimer = undefined
      if (this.#file?.isDirty === true && this.#begun) this.#syncSoon()
    }
    if (file === undefined) done()
    else this.#watch(file.sync().finally(done))
  }

  #failed(of: 'write' | 'sync', error: unknown): void {
    this.#troubles++
    const { folder, log, failed } = this.#options
    const isKnown = this.#outages.size > 0
    const detail = `Cannot write the trust journal in ${folder}: ${(error as Error).message}`
    this.#outages.set(of, detail)
    if (isKnown) return
    log.error('the trust journal cannot be written: a snapshot is made as soon as there is room', { error })
    failed(detail)
  }

  #worked(of: 'write' | 'sync'): void {
    if (!this.#outages.delete(of) || this.#outages.size > 0) return
    this.#options.log.info('the trust journal is written again')
  }
}
