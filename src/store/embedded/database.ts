import { chmodSync, existsSync, statSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { GatewayError } from '../../base/errors.ts'
import { schemaSql, schemaVersion } from './schema.ts'

/** Time SQLite itself may wait for another process's lock, with this thread standing still; the rest is waited out asynchronously. */
const lockWaitMs = 50

/** Result codes of SQLite that pass by themselves: busy and locked, with their extended forms (sqlite.org/rescode.html). */
const passingCodes: ReadonlySet<number> = new Set([5, 6])

/** A row as node:sqlite gives it; each query knows the types of its own columns. */
export type Row = Readonly<Record<string, string | number | null>>

/** One open database file: prepared statements by their text, and transactions. Every call blocks the thread. */
export class Database {
  readonly file: string
  readonly #database: DatabaseSync
  readonly #inode: number
  readonly #statements = new Map<string, StatementSync>()

  /**
   * Makes the file and its tables if they are missing, but with `mustExist` the file must be there.
   * Throws `store_schema_newer`, `store_unavailable`; SQLite's own errors pass through.
   */
  constructor(file: string, options: { mustExist?: boolean } = {}) {
    if (options.mustExist === true && !existsSync(file)) {
      throw new GatewayError('store_unavailable', `Cannot use ${file} as the store: the file has been removed`)
    }
    this.file = file
    this.#database = new DatabaseSync(file, { timeout: lockWaitMs, enableForeignKeyConstraints: true })
    try {
      // The file holds keys that gateways share (sealing keys).
      chmodSync(file, 0o600)
      this.#inode = statSync(file).ino
      this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
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
    const found = this.one(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'store'`)
    if (found === undefined) {
      this.#database.exec(schemaSql)
      this.run(`INSERT INTO store (name, value) VALUES ('schema_version', ?)`, String(schemaVersion))
      return
    }
    const version = Number(this.one(`SELECT value FROM store WHERE name = 'schema_version'`)?.value)
    if (version === schemaVersion) return
    throw new GatewayError(
      'store_schema_newer',
      `Cannot open ${this.file} as a store of schema version ${schemaVersion}: current value is ${version}`,
    )
  }
}

/** Whether the same call may succeed in a moment because another process holds a lock now. */
export function isPassing(error: unknown): boolean {
  const code = (error as { errcode?: unknown } | null)?.errcode
  return typeof code === 'number' && passingCodes.has(code & 0xff)
}
