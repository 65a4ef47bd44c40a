import { randomBytes } from 'node:crypto'
import type { Revocation, RevocationReason, TrustEvent } from '../../control-path/ports.ts'
import type { LogPage, LogPosition } from '../../control-path/store-port.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import type { Database, Row } from './database.ts'

type WithoutVersion<Event> = Event extends TrustEvent ? Omit<Event, 'version'> : never
export type NewEvent = WithoutVersion<TrustEvent>

/** Before the first event. */
export const logStart: LogPosition = { version: 0, token: '' }

/** Takes the next version. To be called within a write transaction. The body is filled in by `writeEvent`. */
export function takeVersion(database: Database): number {
  const token = randomBytes(8).toString('hex')
  database.run(`INSERT INTO events (token, body) VALUES (?, '')`, token)
  return Number(database.one('SELECT last_insert_rowid() AS version')?.version)
}

/** Gives the version taken its event and forgets events beyond `eventsMax`. */
export function writeEvent(database: Database, version: number, options: { event: NewEvent; eventsMax: number }): void {
  database.run('UPDATE events SET body = ? WHERE version = ?', JSON.stringify(options.event), version)
  const trimmed = version - options.eventsMax
  if (trimmed <= 0 || database.run('DELETE FROM events WHERE version <= ?', trimmed) === 0) return
  database.run(`UPDATE counts SET value = ? WHERE name = 'trimmed_through'`, trimmed)
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
export function readEvents(database: Database, position: LogPosition, limit: number): LogPage {
  return database.read(() => {
    const last = readPosition(database)
    const state = { lastVersion: last.version, revokedCount: readCount(database, 'revoked') }
    if (!continues(database, position)) return { continuous: false, events: [], end: position, ...state }
    const rows = database.all(
      'SELECT version, token, body FROM events WHERE version > ? ORDER BY version LIMIT ?',
      position.version,
      limit,
    )
    const final = rows.at(-1)
    const end = final === undefined ? position : { version: Number(final.version), token: String(final.token) }
    return { continuous: true, events: rows.map(eventOf), end, ...state }
  })
}

/** The events of each table merge by version; every table has an index on it, so a page costs what it holds. */
const stateSql = `
SELECT version, state AS kind, certificate_key AS subject, certificate_key, login_id, reason, comment, actor, at_ms
  FROM revocations WHERE version > ?1
UNION ALL
SELECT superseded_version, 'superseded', certificate_key, NULL, NULL, NULL, NULL, NULL, NULL
  FROM certificates WHERE superseded_version > ?1
UNION ALL
SELECT state_version, state, login_id, NULL, NULL, NULL, NULL, NULL, NULL FROM users WHERE state_version > ?1
UNION ALL
SELECT method_version, login_method, contract_id, NULL, NULL, NULL, NULL, NULL, NULL
  FROM contracts WHERE method_version > ?1
ORDER BY 1 LIMIT ?2`

/** What the log amounts to, as events in the order of their versions, after one version, at most `limit`. */
export function readState(database: Database, after: number, limit: number): TrustEvent[] {
  return database.all(stateSql, after, limit).map((row) => {
    const version = Number(row.version)
    const subject = String(row.subject)
    switch (row.kind) {
      case 'revoked':
        return { version, kind: 'revoked', revocation: revocationOf(row) }
      case 'restored':
        return {
          version,
          kind: 'restored',
          key: subject as CertificateKey,
          actor: String(row.actor),
          atMs: Number(row.at_ms),
        }
      case 'superseded':
        return { version, kind: 'superseded', key: subject as CertificateKey }
      case 'active':
      case 'suspended':
        return { version, kind: 'suspended', loginId: subject, suspended: row.kind === 'suspended' }
      default:
        return {
          version,
          kind: 'login_method',
          contractId: subject,
          method: row.kind === 'password' ? 'password' : 'certificate',
        }
    }
  })
}

function readCount(database: Database, name: 'revoked' | 'trimmed_through'): number {
  return Number(database.one('SELECT value FROM counts WHERE name = ?', name)?.value ?? 0)
}

function continues(database: Database, position: LogPosition): boolean {
  if (position.version === 0) return readCount(database, 'trimmed_through') === 0
  return database.one('SELECT token FROM events WHERE version = ?', position.version)?.token === position.token
}

function eventOf(row: Row): TrustEvent {
  return { version: Number(row.version), ...(JSON.parse(String(row.body)) as NewEvent) }
}

/** From the columns of `revocations`. */
export function revocationOf(row: Row): Revocation {
  return {
    key: String(row.certificate_key) as CertificateKey,
    loginId: row.login_id === null ? undefined : String(row.login_id),
    reason: String(row.reason) as RevocationReason,
    comment: String(row.comment),
    actor: String(row.actor),
    revokedAtMs: Number(row.at_ms),
  }
}
