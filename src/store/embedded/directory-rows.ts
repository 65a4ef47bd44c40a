import type { Contract, NewCertificate, RecordedCertificate, User } from '../../control-path/store-port.ts'
import type { DirectoryAnswer, UserRole } from '../../trust/directory-answer.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import type { Database, Row } from './database.ts'

/** The contract of this id, if there is one. */
export function readContract(database: Database, contractId: string): Contract | undefined {
  const row = database.one('SELECT login_method, certificate_limit FROM contracts WHERE contract_id = ?', contractId)
  if (row === undefined) return undefined
  return {
    contractId,
    loginMethod: row.login_method === 'password' ? 'password' : 'certificate',
    certificateLimit: Number(row.certificate_limit),
  }
}

/** The user of this login ID, if there is one. */
export function readUser(database: Database, loginId: string): User | undefined {
  const row = database.one('SELECT contract_id, role, state FROM users WHERE login_id = ?', loginId)
  if (row === undefined) return undefined
  const state = row.state === 'suspended' ? 'suspended' : 'active'
  return { loginId, contractId: String(row.contract_id), role: roleOf(row), state }
}

/** Login IDs that begin with the prefix, in order, at most `limit`. */
export function readLoginIds(database: Database, prefix: string, limit: number): string[] {
  // No text sorts above U+10FFFF, so the range holds exactly what begins with the prefix.
  const rows = database.all(
    'SELECT login_id FROM users WHERE login_id >= ? AND login_id < ? ORDER BY login_id LIMIT ?',
    prefix,
    `${prefix}\u{10ffff}`,
    limit,
  )
  return rows.map((row) => String(row.login_id))
}

/** Certificates recorded for a login ID that have not expired at that time (milliseconds since the epoch). */
export function readCertificates(database: Database, loginId: string, unexpiredAtMs: number): RecordedCertificate[] {
  const rows = database.all(
    `SELECT certificates.certificate_key AS certificate_key, certificates.login_id AS login_id, not_before_ms,
        not_after_ms, superseded_version, coalesce(revocations.state = 'revoked', 0) AS revoked
      FROM certificates LEFT JOIN revocations USING (certificate_key)
      WHERE certificates.login_id = ? AND not_after_ms >= ? ORDER BY not_before_ms, certificate_key`,
    loginId,
    unexpiredAtMs,
  )
  return rows.map((row) => ({
    ...certificateOf(row),
    state: row.superseded_version === null ? 'current' : 'superseded',
    revoked: row.revoked === 1,
  }))
}

/** What the directory says of a login ID and a certificate. */
export function readAnswer(database: Database, loginId: string, key: CertificateKey): DirectoryAnswer {
  const user = database.one('SELECT contract_id, role FROM users WHERE login_id = ?', loginId)
  if (user === undefined) return { user: undefined, certificateRegistered: false }
  const owner = database.one('SELECT login_id FROM certificates WHERE certificate_key = ?', key)
  return {
    user: { contractId: String(user.contract_id), role: roleOf(user) },
    certificateRegistered: owner?.login_id === loginId,
  }
}

/** From the columns of a certificate. */
export function certificateOf(row: Row): NewCertificate {
  return {
    key: String(row.certificate_key) as CertificateKey,
    loginId: String(row.login_id),
    notBeforeMs: Number(row.not_before_ms),
    notAfterMs: Number(row.not_after_ms),
  }
}

/** From the column `role` of a user. */
export function roleOf(row: Row): UserRole {
  return row.role === 'master' ? 'master' : 'general'
}
