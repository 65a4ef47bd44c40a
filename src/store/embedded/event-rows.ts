import { randomBytes } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { TrustEvent } from '../../control-path/ports.ts'
import type { LogPage, LogPosition } from '../../control-path/store-port.ts'
import type { Database } from './database.ts'
import { readEvent } from './event-body.ts'

type WithoutVersion<Event> = Event extends TrustEvent ? Omit<Event, 'version'> : never
export type NewEvent = WithoutVersion<TrustEvent>

/** What the writing functions share. */
export type WriteContext = { readonly clock: Clock; readonly eventsMax: number }

/** Before the first event. */
export const logStart: LogPosition = { version: 0, token: '' }

/**
 * Writes an event at the end of the log, gives it the next version, and forgets events beyond `eventsMax`. To be called
 * within a write transaction.
 */
export function recordEvent(database: Database, event: NewEvent, { eventsMax }: WriteContext): number {
  const token = randomBytes(8).toString('hex')
  database.run('INSERT INTO events (token, body) VALUES (?, ?)', token, JSON.stringify(event))
  const version = Number(database.one('SELECT last_insert_rowid() AS version')?.version)
  const trimmed = version - eventsMax
  if (trimmed > 0 && database.run('DELETE FROM events WHERE version <= ?', trimmed) > 0) {
    database.run(`UPDATE counts SET value = ? WHERE name = 'trimmed_through'`, trimmed)
  }
  return version
}

/** Lets the next version be above `version`; never lowers it. */
export function raiseVersion(database: Database, version: number): void {
  if (database.run(`UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'events'`, version) > 0) return
  database.run(`INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)`, version)
}

/** Where the log ends now. */
export function readPosition(database: Database): LogPosition {
  const row = database.one('SELECT version, token FROM events ORDER BY version DESC LIMIT 1')
  return row === undefined ? logStart : { version: Number(row.version), token: String(row.token) }
}

/** Events after a position, oldest first, at most `limit`; and whether the log goes on from there. */
export function readEvents(
  database: Database,
  position: LogPosition,
  { limit, clock }: { limit: number; clock: Clock },
): LogPage {
  return database.read(() => {
    const state = {
      lastVersion: readPosition(database).version,
      revokedCount: readCount(database, 'revoked'),
      // Rows that come or go behind our back change the count of triggers; there is no second one to compare it with.
      unrecordedCount: 0,
      nowMs: clock.nowMs(),
    }
    if (!continues(database, position)) return { continuous: false, events: [], end: position, ...state }
    const rows = database.all(
      'SELECT version, token, body FROM events WHERE version > ? ORDER BY version LIMIT ?',
      position.version,
      limit,
    )
    const final = rows.at(-1)
    const end = final === undefined ? position : { version: Number(final.version), token: String(final.token) }
    return { continuous: true, events: rows.flatMap((row) => readEvent(database, row) ?? []), end, ...state }
  })
}

function readCount(database: Database, name: 'revoked' | 'trimmed_through'): number {
  return Number(database.one('SELECT value FROM counts WHERE name = ?', name)?.value ?? 0)
}

function continues(database: Database, position: LogPosition): boolean {
  if (position.version === 0) return readCount(database, 'trimmed_through') === 0
  return database.one('SELECT token FROM events WHERE version = ?', position.version)?.token === position.token
}
