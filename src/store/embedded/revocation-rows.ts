import { GatewayError } from '../../base/errors.ts'
import type { Actor, Revocation, RevocationReason } from '../../control-path/ports.ts'
import type {
  KnownRevocation,
  PublishOutcome,
  RestoreResult,
  RevocationFilter,
  RevocationPage,
  RevocationRecord,
  RevocationRequest,
} from '../../control-path/store-port.ts'
import { type CertificateKey, parseCertificateKey } from '../../x509/certificate-key.ts'
import type { Database, Row } from './database.ts'
import { raiseRevision } from './directory-changes.ts'
import { raiseVersion, recordEvent, type WriteContext } from './event-rows.ts'

const columns = 'certificate_key, state, version, login_id, reason, comment, actor, at_ms'

/** The revocation of a certificate, or the tombstone of one that was taken back; undefined if neither was ever written. */
export function readRevocation(database: Database, key: CertificateKey): RevocationRecord | undefined {
  const row = database.one(`SELECT ${columns} FROM revocations WHERE certificate_key = ?`, key)
  if (row === undefined) return undefined
  const state = row.state === 'revoked' ? 'revoked' : 'restored'
  return { state, version: Number(row.version), revocation: revocationOf(row) }
}

/** Revokes one certificate; one that is revoked already stays as it was recorded. Within a write transaction. */
export function publishRow(
  database: Database,
  request: RevocationRequest,
  options: WriteContext & { actor: Actor },
): PublishOutcome {
  const { key } = request
  const before = readRevocation(database, key)
  if (before?.state === 'revoked') return { key, outcome: 'already_revoked', version: before.version }
  const version = writeRevocation(database, options, {
    key,
    loginId: request.loginId ?? recordedLoginId(database, key),
    reason: request.reason,
    comment: request.comment,
    actor: options.actor.name,
    revokedAtMs: options.clock.nowMs(),
  })
  return { key, outcome: 'revoked', version }
}

/** Restores by compare-and-set; see `TrustStore.publishAgain`. */
export function publishRowAgain(database: Database, lost: KnownRevocation, context: WriteContext): void {
  const before = readRevocation(database, lost.key)
  if (before?.state === 'revoked') return
  if (before !== undefined && before.version > lost.version) return
  writeRevocation(database, context, {
    key: lost.key,
    loginId: before?.revocation.loginId ?? recordedLoginId(database, lost.key),
    reason: 'unspecified',
    comment: 'written again by a gateway that knew it: the store had lost it',
    actor: 'sekisho',
    revokedAtMs: context.clock.nowMs(),
  })
}

/**
 * Takes a revocation back by a tombstone with a newer version, also newer than `aboveVersion`; throws `restore_refused`.
 * Within a write transaction.
 */
export function restoreRow(
  database: Database,
  key: CertificateKey,
  options: WriteContext & { actor: Actor; aboveVersion: number },
): RestoreResult {
  const before = readRevocation(database, key)
  if (before === undefined) return { outcome: 'not_revoked', version: 0 }
  if (before.state === 'restored') return { outcome: 'not_revoked', version: before.version }
  const obstacle = readRestoreObstacle(database, key)
  if (obstacle !== undefined) throw new GatewayError('restore_refused', `Cannot restore ${key}: ${obstacle}`)
  raiseVersion(database, options.aboveVersion)
  const atMs = options.clock.nowMs()
  const version = recordEvent(database, { kind: 'restored', key, actor: options.actor.name, atMs }, options)
  database.run(
    `UPDATE revocations SET state = 'restored', version = ?, actor = ?, at_ms = ? WHERE certificate_key = ?`,
    version,
    options.actor.name,
    atMs,
    key,
  )
  // A certificate that comes back takes a place among those of its contract again.
  const loginId = recordedLoginId(database, key)
  if (loginId !== undefined) raiseRevision(database, loginId)
  return { outcome: 'restored', version }
}

/**
 * A newer certificate is one that is valid from later, or from the same second and recorded later, or that was recorded after the
 * revocation. Whether it was used, or has been revoked in turn, does not matter: the older one must not come back to life behind it.
 */
export function readRestoreObstacle(database: Database, key: CertificateKey): string | undefined {
  const record = readRevocation(database, key)
  const loginId = record?.revocation.loginId ?? recordedLoginId(database, key)
  if (record === undefined || loginId === undefined) return undefined
  const newer = database.one(
    `SELECT other.certificate_key AS certificate_key FROM certificates AS other
      LEFT JOIN certificates AS own ON own.certificate_key = ?1
      WHERE other.login_id = ?2 AND other.certificate_key <> ?1
        AND ((other.not_before_ms, other.recorded_version) > (own.not_before_ms, own.recorded_version)
          OR other.recorded_version > ?3)
      ORDER BY other.not_before_ms DESC, other.recorded_version DESC LIMIT 1`,
    key,
    loginId,
    record.version,
  )
  if (newer === undefined) return undefined
  const { serial } = parseCertificateKey(String(newer.certificate_key) as CertificateKey)
  return `its login ID ${loginId} has a newer certificate, serial ${serial}`
}

/** Revocations in force, newest first, a page at a time. */
export function readRevocations(database: Database, filter: RevocationFilter): RevocationPage {
  const conditions = [`state = 'revoked'`, 'version < ?']
  const parameters: (string | number)[] = [filter.cursor ?? Number.MAX_SAFE_INTEGER]
  if (filter.issuerId !== undefined) {
    conditions.push('issuer_id = ?')
    parameters.push(filter.issuerId)
  }
  if (filter.loginId !== undefined) {
    conditions.push('login_id = ?')
    parameters.push(filter.loginId)
  }
  const rows = database.all(
    `SELECT ${columns} FROM revocations WHERE ${conditions.join(' AND ')} ORDER BY version DESC LIMIT ?`,
    ...parameters,
    filter.limit + 1,
  )
  const page = rows.slice(0, filter.limit)
  const more = rows.length > filter.limit
  const revocations = page.map((row) => ({ ...revocationOf(row), version: Number(row.version) }))
  return { revocations, nextCursor: more ? Number(page.at(-1)?.version) : undefined }
}

function writeRevocation(database: Database, context: WriteContext, revocation: Revocation): number {
  const { key, loginId, reason, comment, actor, revokedAtMs } = revocation
  const version = recordEvent(database, { kind: 'revoked', keys: [key], atMs: revokedAtMs }, context)
  database.run(
    `INSERT INTO revocations (certificate_key, issuer_id, state, version, login_id, reason, comment, actor, at_ms)
      VALUES (?, ?, 'revoked', ?, ?, ?, ?, ?, ?)
      ON CONFLICT (certificate_key) DO UPDATE SET state = 'revoked', version = excluded.version,
        login_id = excluded.login_id, reason = excluded.reason, comment = excluded.comment, actor = excluded.actor,
        at_ms = excluded.at_ms`,
    key,
    parseCertificateKey(key).issuerId,
    version,
    loginId ?? null,
    reason,
    comment,
    actor,
    revokedAtMs,
  )
  return version
}

function recordedLoginId(database: Database, key: CertificateKey): string | undefined {
  const row = database.one('SELECT login_id FROM certificates WHERE certificate_key = ?', key)
  return row === undefined ? undefined : String(row.login_id)
}

function revocationOf(row: Row): Revocation {
  return {
    key: String(row.certificate_key) as CertificateKey,
    loginId: row.login_id === null ? undefined : String(row.login_id),
    reason: String(row.reason) as RevocationReason,
    comment: String(row.comment),
    actor: String(row.actor),
    revokedAtMs: Number(row.at_ms),
  }
}
