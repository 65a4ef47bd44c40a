import { renameSync, rmSync } from 'node:fs'
import { GatewayError } from '../../base/errors.ts'
import type { DirectoryRecord } from '../../control-path/directory-port.ts'
import type { DirectoryReplica, KnownCertificate } from '../../control-path/directory-replica.ts'
import type { TrustEvent } from '../../control-path/ports.ts'
import type { LogPosition } from '../../control-path/store-port.ts'
import type { DirectoryAnswer } from '../../trust/directory-answer.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import { Database, isDamage } from './database.ts'
import * as rows from './replica-rows.ts'
import { replicaSchema } from './replica-schema.ts'

export type DirectoryReplicaOptions = {
  /**
   * `directory_unusable`: the file was damaged and has been put aside as `*.unusable`; `directory_failed`, told once until
   * something has succeeded again: it could not be read or written now.
   */
  readonly fault?: (what: 'directory_unusable' | 'directory_failed', detail: string) => void
  /** How long a call stands still while another process holds the file. Unit: milliseconds. Default 1 000. */
  readonly lockWaitMs?: number
}

const chunkRecordsMax = 500

/**
 * The copy of the directory in one SQLite file, which two processes may share while one takes over from the other. What was
 * written survives kill -9; power loss may take the last changes away, but then the position with them.
 *
 * Three states: whole (`position()` is where it stands), behind (never loaded, loaded by an older program, or a change was not
 * written: `position()` is undefined, the position in the file stays where the file was whole), and in a round, which leads from
 * either to whole. A damaged file is put aside and begun anew, behind.
 */
export class DirectoryReplicaFile implements DirectoryReplica {
  readonly #file: string
  readonly #fault: NonNullable<DirectoryReplicaOptions['fault']>
  readonly #lockWaitMs: number
  #database: Database | undefined
  #position: LogPosition | undefined
  /** The file was whole once, be it long ago. */
  #loaded = false
  /** 0: no round. */
  #round = 0
  /** A change was not written since the round began, or at all. */
  #spoiled = false
  #failing = false
  #closed = false

  /** Opens the file, makes it if it is missing. Never throws: what is wrong is told as a fault, and tried again later. */
  constructor(file: string, options: DirectoryReplicaOptions = {}) {
    this.#file = file
    this.#fault = options.fault ?? (() => {})
    this.#lockWaitMs = options.lockWaitMs ?? 1_000
    this.#attempt((database) => {
      this.#position = rows.readReplicaPosition(database)
      this.#loaded = rows.wasLoaded(database)
    })
  }

  position(): LogPosition | undefined {
    return this.#position
  }

  apply(events: readonly TrustEvent[], position: LogPosition): void {
    const moves = this.#position !== undefined && this.#round === 0
    const done = this.#change((database) => {
      for (const event of events) rows.writeChange(database, event, this.#round)
      if (moves) rows.writeReplicaPosition(database, position)
    })
    if (done && moves) this.#position = position
  }

  beginRound(): void {
    this.#round = 0
    this.#spoiled = false
    this.#change((database) => {
      this.#round = rows.takeRound(database)
    })
  }

  take(records: readonly DirectoryRecord[]): void {
    this.#change((database) => {
      for (const record of records) rows.writeRecord(database, record, this.#round)
    })
  }

  missing(): Iterable<readonly DirectoryRecord[]> {
    return this.#unshown(this.#round)
  }

  endRound(position: LogPosition): void {
    const counts = this.#round > 0 && !this.#spoiled
    this.#round = 0
    if (!counts || !this.#change((database) => rows.writeReplicaPosition(database, position))) return
    this.#position = position
    this.#loaded = true
  }

  lookUp(loginId: string, key: CertificateKey): DirectoryAnswer {
    const answer = this.#attempt((database) => rows.readReplicaAnswer(database, loginId, key))
    // What never was whole does not know who is not there.
    if (answer !== undefined && this.#loaded) return answer
    const why = answer === undefined ? 'it cannot be read now' : 'it was never loaded whole'
    throw new GatewayError('store_unavailable', `Cannot look up a login ID in ${this.#file}: ${why}`)
  }

  certificatesOf(loginId: string): readonly KnownCertificate[] {
    return this.#attempt((database) => rows.readKnownCertificates(database, loginId)) ?? []
  }

  close(): void {
    this.#closed = true
    this.#database?.close()
    this.#database = undefined
  }

  *#unshown(round: number): Generator<readonly DirectoryRecord[], void, void> {
    // Another process that has begun a round since leaves marks of its own; it finds what there is to find.
    const counts = () => round > 0 && this.#round === round && !this.#spoiled && this.#lastRound() === round
    const chunks = this.#database && rows.readUnshown(this.#database, round, chunkRecordsMax)
    while (chunks !== undefined && counts()) {
      const next = this.#attempt(() => chunks.next())
      if (next === undefined || next.done === true) return
      yield next.value
    }
  }

  #lastRound(): number | undefined {
    return this.#attempt((database) => rows.readRound(database))
  }

  /** All or nothing; false: nothing, and the copy is behind until a round has ended well. */
  #change(work: (database: Database) => void): boolean {
    const done = this.#attempt((database) => database.write(() => work(database)) ?? true) !== undefined
    if (!done) {
      this.#position = undefined
      this.#spoiled = true
    }
    return done
  }

  #attempt<T>(work: (database: Database) => T): T | undefined {
    if (this.#closed) return undefined
    try {
      this.#database ??= this.#open()
      const result = work(this.#database)
      this.#failing = false
      return result
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      if (isDamage(error)) this.#putAside(detail)
      else if (!this.#failing) this.#fault('directory_failed', detail)
      this.#failing = true
      return undefined
    }
  }

  #open(): Database {
    return new Database(this.#file, {
      schema: replicaSchema,
      durable: false,
      lockWaitMs: this.#lockWaitMs,
    })
  }

  #putAside(detail: string): void {
    this.#position = undefined
    this.#loaded = false
    this.#round = 0
    this.#spoiled = true
    const database = this.#database
    this.#database = undefined
    try {
      // Another process that shares the file may have begun it anew already.
      const replaced = database?.isCurrent() === false
      database?.close()
      if (!replaced) {
        for (const suffix of ['-wal', '-shm']) rmSync(this.#file + suffix, { force: true })
        renameSync(this.#file, `${this.#file}.unusable`)
      }
      this.#fault('directory_unusable', detail)
    } catch (error) {
      this.#fault('directory_failed', `${detail}; ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}
