import { close, fdatasync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { journalName, listFiles } from './archive-files.ts'

const syncData = promisify(fdatasync)
const closeFile = promisify(close)
const createAttemptsMax = 100

/** One journal that is being written: records go to its end, each whole or not at all. */
export class JournalFile {
  readonly number: number
  readonly #fd: number
  #bytes = 0
  #isDirty = false
  #syncing: Promise<void> = Promise.resolve()

  private constructor(number: number, fd: number) {
    this.number = number
    this.#fd = fd
  }

  /**
   * A new journal, numbered above all in the folder and above the given number, which begins with the record. Throws what the file
   * system throws; then there is no new file.
   */
  static create(place: { readonly folder: string; readonly above: number }, opening: Buffer): JournalFile {
    const { folder } = place
    const { number, fd } = openNext(place)
    const file = new JournalFile(number, fd)
    try {
      file.append(opening)
    } catch (error) {
      void file.close().catch(() => {})
      rmSync(join(folder, journalName(number)), { force: true })
      throw error
    }
    return file
  }

  /** Length of its whole records. Unit: bytes. */
  get bytes(): number {
    return this.#bytes
  }

  get isDirty(): boolean {
    return this.#isDirty
  }

  /**
   * Writes a record: once this has returned, a death of the process does not undo it. Throws what the file system throws; the file
   * ends with the record before then.
   */
  append(record: Buffer): void {
    let written = 0
    try {
      while (written < record.length) {
        written += writeSync(this.#fd, record, written, record.length - written, this.#bytes + written)
      }
    } catch (error) {
      this.#cutTail(written)
      throw error
    }
    this.#bytes += written
    this.#isDirty = true
  }

  /** Puts what was written on disk, for when the machine dies. */
  async sync(): Promise<void> {
    this.#isDirty = false
    this.#syncing = syncData(this.#fd)
    await this.#syncing
  }

  /** Syncs and closes; rejects if it cannot sync. */
  async close(): Promise<void> {
    await this.#syncing.catch(() => {})
    try {
      if (this.#isDirty) await this.sync()
    } finally {
      await closeFile(this.#fd)
    }
  }

  /** Should even this fail: the tail cannot be read as a record, and the next record is written over it. */
  #cutTail(written: number): void {
    if (written === 0) return
    try {
      ftruncateSync(this.#fd, this.#bytes)
    } catch {}
  }
}

function openNext(place: { folder: string; above: number }): { readonly number: number; readonly fd: number } {
  const { folder, above } = place
  for (let attempt = 1; ; attempt++) {
    const number = Math.max(above, listFiles(folder).at(-1)?.number ?? 0) + attempt
    try {
      return { number, fd: openSync(join(folder, journalName(number)), 'wx', 0o600) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt === createAttemptsMax) throw error
    }
  }
}
