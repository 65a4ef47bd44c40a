import type { NewCertificate, RecordedCertificate } from '../../control-path/directory-port.ts'
import type { ContractHoldings, Expiring, UseResult } from '../../control-path/issuance-port.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import type { Database, Row } from './database.ts'
import { isKeyTaken, notFound, recordCertificate, recordEntry, supersedeRow } from './directory-changes.ts'
import {
  certificateOf,
  contractColumns,
  contractOf,
  recordedColumns,
  recordedOf,
  userColumns,
  userOf,
} from './directory-rows.ts'
import type { WriteContext } from './event-rows.ts'

/** Users and certificates of a contract and its revision, all of one and the same state; see `IssuanceStore.contractHoldings`. */
export function readHoldings(
  database: Database,
  contractId: string,
  unexpiredAtMs: number,
): ContractHoldings | undefined {
  return database.read(() => {
    const contract = database.one(
      `SELECT ${contractColumns}, revision FROM contracts WHERE contract_id = ?`,
      contractId,
    )
    if (contract === undefined) return undefined
    const users = database.all(`SELECT ${userColumns} FROM users WHERE contract_id = ? ORDER BY login_id`, contractId)
    const rows = database.all(
      `SELECT ${recordedColumns} FROM users JOIN certificates USING (login_id)
        LEFT JOIN revocations USING (certificate_key)
        WHERE contract_id = ? AND not_after_ms >= ? ORDER BY recorded_version`,
      contractId,
      unexpiredAtMs,
    )
    const certificates = Map.groupBy(rows.map(recordedOf), ({ loginId }) => loginId)
    return {
      contract: contractOf(contract),
      revision: Number(contract.revision),
      users: users.map(userOf).map((user) => ({ user, certificates: certificates.get(user.loginId) ?? [] })),
    }
  })
}

/** What `IssuanceStore.reserveCertificate` takes. */
export type Reservation = NewCertificate & { readonly publicKeyHash: string }
export type ReservationGuard = {
  readonly contractId: string
  readonly revision: number
  readonly replaces: readonly CertificateKey[]
}

/** Compare and set; see `IssuanceStore.reserveCertificate`. Within a write transaction. */
export function reserveRow(
  database: Database,
  certificate: Reservation,
  guard: ReservationGuard & WriteContext,
): 'reserved' | 'moved' | 'key_reused' {
  const { key, loginId, notBeforeMs, notAfterMs, publicKeyHash } = certificate
  const stands = database.one(
    `SELECT 1 AS stands FROM users JOIN contracts USING (contract_id)
      WHERE login_id = ? AND contract_id = ? AND revision = ?`,
    loginId,
    guard.contractId,
    guard.revision,
  )
  if (stands === undefined || hasRow(database, key)) return 'moved'
  if (!guard.replaces.every((replaced) => isUnused(database, replaced, loginId))) return 'moved'
  if (isKeyTaken(database, publicKeyHash)) return 'key_reused'
  const recorded = { key, loginId, notBeforeMs, notAfterMs, publicKeyHash }
  recordCertificate(database, { certificate: recorded, used: false }, guard)
  for (const replaced of guard.replaces) supersedeRow(database, replaced, guard)
  return 'reserved'
}

/** The first use; see `IssuanceStore.useCertificate`. Within a write transaction. */
export function useRow(database: Database, key: CertificateKey, context: WriteContext): UseResult {
  const row = database.one('SELECT * FROM certificates WHERE certificate_key = ?', key)
  if (row === undefined) throw notFound('certificate', key)
  // What was replaced or followed by a newer one in use does not come back by a use that was on its way.
  if (row.superseded_version !== null)
    return { changed: false, superseded: [], version: Number(row.superseded_version) }
  if (row.used_version !== null) {
    return { changed: false, superseded: [], version: Math.max(Number(row.used_version), Number(row.recorded_version)) }
  }
  const certificate = certificateOf(row)
  let version = recordEntry(database, { type: 'certificate', certificate, used: true, superseded: false }, context)
  database.run('UPDATE certificates SET used_version = ? WHERE certificate_key = ?', version, key)
  // The plus keeps SQLite from going through all that are not superseded, by the index of those that are.
  const older = database.all(
    `SELECT certificate_key FROM certificates
      WHERE login_id = ? AND recorded_version < ? AND +superseded_version IS NULL ORDER BY recorded_version`,
    certificate.loginId,
    Number(row.recorded_version),
  )
  const superseded = older.map((other) => String(other.certificate_key) as CertificateKey)
  for (const other of superseded) version = supersedeRow(database, other, context).version
  return { changed: true, superseded, version }
}

/** The certificate that has this public key, if there is one. */
export function readOfPublicKey(database: Database, publicKeyHash: string): RecordedCertificate | undefined {
  const row = database.one(
    `SELECT ${recordedColumns} FROM certificates LEFT JOIN revocations USING (certificate_key) WHERE public_key_hash = ?`,
    publicKeyHash,
  )
  return row && recordedOf(row)
}

/** Where the reading of a span has come to: the notAfter and the key of the last certificate looked at. */
export type ExpiringCursor = { readonly notAfterMs: number; readonly key: string }

/**
 * Certificates in the order in which they end, after the cursor and up to a time (milliseconds since the epoch). Looks at `limit` of them at
 * most, however many are revoked or superseded and left out; `next` undefined: that was all.
 */
export function readExpiring(
  database: Database,
  { notAfterMs, key }: ExpiringCursor,
  { toMs, limit }: { toMs: number; limit: number },
): { readonly found: readonly Expiring[]; readonly next: ExpiringCursor | undefined } {
  const rows = database.all(expiringSql, notAfterMs, key, toMs, limit)
  const last = rows.at(-1)
  const more = rows.length === limit && last !== undefined
  return {
    found: rows.filter(isAlive).map((row) => ({ user: userOf(row), certificate: recordedOf(row) })),
    next: more ? { notAfterMs: Number(last.not_after_ms), key: String(last.certificate_key) } : undefined,
  }
}

const expiringSql = `
SELECT ${recordedColumns}, ${userColumns}
  FROM (SELECT * FROM certificates WHERE (not_after_ms, certificate_key) > (?, ?) AND not_after_ms <= ?
    ORDER BY not_after_ms, certificate_key LIMIT ?) AS certificates
  JOIN users USING (login_id) LEFT JOIN revocations USING (certificate_key)
  ORDER BY not_after_ms, certificate_key`

function isAlive(row: Row): boolean {
  return row.revoked === 0 && row.superseded_version === null
}

function hasRow(database: Database, key: CertificateKey): boolean {
  return database.one('SELECT 1 AS known FROM certificates WHERE certificate_key = ?', key) !== undefined
}

/** A certificate of that login ID that was never used; superseded or not. */
function isUnused(database: Database, key: CertificateKey, loginId: string): boolean {
  const row = database.one('SELECT login_id, used_version FROM certificates WHERE certificate_key = ?', key)
  return row?.login_id === loginId && row.used_version === null
}
