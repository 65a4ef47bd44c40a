import type { DirectoryEntry, Revocation, TrustEvent } from '../../control-path/ports.ts'
import type { Database, Row } from './database.ts'
import { certificateOf, readUser } from './directory-rows.ts'
import type { NewEvent } from './event-rows.ts'

/** Bodies as programs of schema version 1 wrote them, and still do while they end beside a newer one. */
type FirstBody =
  | { readonly kind: 'revoked'; readonly revocation: Revocation }
  | { readonly kind: 'directory'; readonly loginId: string; readonly entry?: undefined }

/** The event of a row of `events`; undefined where an old one was about somebody who is not there. */
export function readEvent(database: Database, row: Row): TrustEvent | undefined {
  const version = Number(row.version)
  const body = JSON.parse(String(row.body)) as NewEvent | FirstBody
  if (body.kind === 'revoked' && 'revocation' in body) {
    const { key, revokedAtMs } = body.revocation
    return { version, kind: 'revoked', keys: [key], atMs: revokedAtMs }
  }
  if (body.kind === 'directory' && body.entry === undefined) {
    const entry = readEntry(database, body.loginId, version)
    return entry && { version, kind: 'directory', loginId: body.loginId, entry }
  }
  // JSON leaves out what is undefined.
  if (body.kind === 'directory') return { version, ...body, loginId: body.loginId }
  return { version, ...body }
}

/** What an event without an entry was about: the certificate that was recorded by it, or else the user, as they are now. */
function readEntry(database: Database, loginId: string, version: number): DirectoryEntry | undefined {
  const row = database.one(
    `SELECT certificate_key, login_id, not_before_ms, not_after_ms, public_key_hash, used_version, superseded_version
      FROM certificates WHERE login_id = ? AND recorded_version = ?`,
    loginId,
    version,
  )
  if (row !== undefined) {
    const [used, superseded] = [row.used_version !== null, row.superseded_version !== null]
    return { type: 'certificate', certificate: certificateOf(row), used, superseded }
  }
  const user = readUser(database, loginId)
  return user && { type: 'user', user }
}
