import { historyEntriesMax } from '../../control-path/shared-notes-port.ts'
import type { Database } from './database.ts'

/** More than any change adds, so that expired ones go away in the end; few enough not to be felt. */
const forgottenAtOnce = 100

type Time = { readonly lifeMs: number; readonly nowMs: number }

/** Keeps a value, instead of what had its name. Within a write transaction. */
export function keepNoteRow(database: Database, note: { name: string; value: string }, { lifeMs, nowMs }: Time): void {
  forgetExpired(database, nowMs)
  database.run(
    'INSERT OR REPLACE INTO notes (name, value, count, expires_ms) VALUES (?, ?, 0, ?)',
    note.name,
    note.value,
    nowMs + lifeMs,
  )
}

/** The value of that name, if there is one that has not ended. */
export function readNoteRow(database: Database, name: string, nowMs: number): string | undefined {
  const value = database.one('SELECT value FROM notes WHERE name = ? AND expires_ms > ?', name, nowMs)?.value
  return typeof value === 'string' ? value : undefined
}

/** Forgets the value or count of that name. Within a write transaction. */
export function forgetNoteRow(database: Database, name: string): void {
  database.run('DELETE FROM notes WHERE name = ?', name)
}

/** Adds one to a count; its end stays where the first step has put it. Within a write transaction. */
export function countNoteRow(database: Database, name: string, { lifeMs, nowMs }: Time): number {
  forgetExpired(database, nowMs)
  database.run('DELETE FROM notes WHERE name = ? AND expires_ms <= ?', name, nowMs)
  database.run(
    `INSERT INTO notes (name, value, count, expires_ms) VALUES (?, NULL, 1, ?)
      ON CONFLICT (name) DO UPDATE SET count = count + 1`,
    name,
    nowMs + lifeMs,
  )
  return readCountRow(database, name, nowMs).count
}

/** The count of that name now and how long it still lives (milliseconds). */
export function readCountRow(database: Database, name: string, nowMs: number): { count: number; lifeMs: number } {
  const row = database.one('SELECT count, expires_ms FROM notes WHERE name = ? AND expires_ms > ?', name, nowMs)
  return row === undefined
    ? { count: 0, lifeMs: 0 }
    : { count: Number(row.count), lifeMs: Number(row.expires_ms) - nowMs }
}

/** Adds to the history of a subject, and forgets its oldest entry beyond `historyEntriesMax`. Within a write transaction. */
export function addHistoryRow(database: Database, subject: string, entry: string): void {
  const last = database.one('SELECT max(number) AS number FROM history WHERE subject = ?', subject)
  const number = Number(last?.number ?? 0) + 1
  database.run('INSERT INTO history (subject, number, entry) VALUES (?, ?, ?)', subject, number, entry)
  database.run('DELETE FROM history WHERE subject = ? AND number <= ?', subject, number - historyEntriesMax)
}

/** The history of a subject, newest first, at most `limit`. */
export function readHistory(database: Database, subject: string, limit: number): string[] {
  const rows = database.all('SELECT entry FROM history WHERE subject = ? ORDER BY number DESC LIMIT ?', subject, limit)
  return rows.map((row) => String(row.entry))
}

function forgetExpired(database: Database, nowMs: number): void {
  database.run(
    'DELETE FROM notes WHERE name IN (SELECT name FROM notes WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?)',
    nowMs,
    forgottenAtOnce,
  )
}
