import { chmodSync, existsSync, statSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { GatewayError } from '../../base/errors.ts'
import type { Schema } from './schema.ts'

/** Result codes of SQLite that pass by themselves: busy and locked, with their extended forms (sqlite.org/rescode.html). */
const passingCodes: ReadonlySet<number> = new Set([5, 6])

/** Result codes for a file that will not become better: malformed, and no database at all. */
const damageCodes: ReadonlySet<number> = new Set([11, 26])

/** A row as node:sqlite gives it; each query knows the types of its own columns. */
export type Row = Readonly<Record<string, string | number | null | Uint8Array>>

export type DatabaseOptions = {
  readonly schema: Schema
  /** The file must be there; otherwise it is made. Default false. */
  readonly mustExist?: boolean
  /** Time SQLite itself may wait for another process's lock, with this thread standing still. Unit: milliseconds. Default 50. */
  readonly lockWaitMs?: number
  /** Whether what was written survives the loss of power, not only kill -9. Default true. */
  readonly durable?: boolean
}

/** One open database file: prepared statements by their text, and transactions. Every call blocks the thread. */
export class Database {
  readonly file: string
  readonly #database: DatabaseSync
  readonly #inode: number
  readonly #schema: Schema
  readonly #synchronous: 'FULL' | 'NORMAL'
  readonly #statements = new Map<string, StatementSync>()

  /**
   * Makes the file and its tables if they are missing, and brings the tables of older programs up to the schema.
   * Throws `store_schema_newer`, `store_unavailable`; SQLite's own errors pass through.
   */
  constructor(file: string, options: DatabaseOptions) {
    const { schema, mustExist = false, lockWaitMs = 50, durable = true } = options
    if (mustExist && !existsSync(file)) {
      throw new GatewayError('store_unavailable', `Cannot use ${file} as the store: the file has been removed`)
    }
    this.file = file
    this.#schema = schema
    this.#synchronous = durable ? 'FULL' : 'NORMAL'
    this.#database = new DatabaseSync(file, { timeout: lockWaitMs, enableForeignKeyConstraints: true })
    try {
      // The file holds keys that gateways share (sealing keys).
      chmodSync(file, 0o600)
      this.#inode = statSync(file).ino
      this.#database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${this.#synchronous}`)
      this.write(() => this.#prepareSchema())
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  /** Whether the path still names the file that is open here; false once it was removed or replaced. */
  isCurrent(): boolean {
    return statSync(this.file, { throwIfNoEntry: false })?.ino === this.#inode
  }

  one(sql: string, ...parameters: SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...parameters) as Row | undefined
  }

  all(sql: string, ...parameters: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...parameters) as Row[]
  }

  /** Returns the number of rows changed. */
  run(sql: string, ...parameters: SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...parameters).changes)
  }

  /** Several reads of one and the same state. */
  read<T>(work: () => T): T {
    return this.#transaction('BEGIN', work)
  }

  /** All or nothing, alone: the write lock is taken first, so that what `work` reads stays true until its end. */
  write<T>(work: () => T): T {
    return this.#transaction('BEGIN IMMEDIATE', work)
  }

  /** As `write`, but what it writes may be lost with the power: nothing waits for the disk. */
  writeFleeting<T>(work: () => T): T {
    this.#database.exec('PRAGMA synchronous = NORMAL')
    try {
      return this.write(work)
    } finally {
      this.#database.exec(`PRAGMA synchronous = ${this.#synchronous}`)
    }
  }

  /** Throws `store_schema_newer` once a newer program has changed the tables: this one would misread them. */
  checkSchema(): void {
    if (this.#schemaVersion() > this.#schema.version) throw this.#unknownSchema()
  }

  close(): void {
    this.#database.close()
  }

  #transaction<T>(begin: string, work: () => T): T {
    this.#database.exec(begin)
    try {
      const result = work()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  #prepareSchema(): void {
    const { version, steps } = this.#schema
    const fresh = this.one(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'store'`) === undefined
    const found = fresh ? 0 : this.#schemaVersion()
    if (found === version) return
    if (!fresh && !(found >= 1 && found < version)) throw this.#unknownSchema()
    for (const step of steps.slice(found)) this.#database.exec(step)
    this.run(`INSERT OR REPLACE INTO store (name, value) VALUES ('schema_version', ?)`, String(version))
  }

  #schemaVersion(): number {
    return Number(this.one(`SELECT value FROM store WHERE name = 'schema_version'`)?.value)
  }

  #unknownSchema(): GatewayError {
    return new GatewayError(
      'store_schema_newer',
      `Cannot open ${this.file} as a store of schema version ${this.#schema.version}: current value is ${this.#schemaVersion()}`,
    )
  }
}

/** Whether the same call may succeed in a moment because another process holds a lock now. */
export function isPassing(error: unknown): boolean {
  return passingCodes.has(resultCode(error))
}

/** Whether the file is damaged or not one of ours, so that no call will ever succeed. */
export function isDamage(error: unknown): boolean {
  if (error instanceof GatewayError) return error.code === 'store_schema_newer'
  return damageCodes.has(resultCode(error))
}

/** SQLite's primary result code; 0 where it is no error of SQLite. */
function resultCode(error: unknown): number {
  const code = (error as { errcode?: unknown } | null)?.errcode
  return typeof code === 'number' ? code & 0xff : 0
}
