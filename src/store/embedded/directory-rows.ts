import type { Contract, NewCertificate, RecordedCertificate, User } from '../../control-path/directory-port.ts'
import type { DirectoryAnswer, SuccessorCertificate, UserRole } from '../../trust/directory-answer.ts'
import { type CertificateKey, parseCertificateKey } from '../../x509/certificate-key.ts'
import type { Database, Row } from './database.ts'
import { contractDetailsOf, userDetailsOf } from './directory-details.ts'

/** What `contractOf` needs. */
export const contractColumns = 'contract_id, login_method, certificate_limit, details'
/** What `userOf` needs. */
export const userColumns = 'users.login_id AS login_id, contract_id, role, users.state AS state, details'

/** What `recordedOf` needs, from `certificates LEFT JOIN revocations USING (certificate_key)`. */
export const recordedColumns = `certificates.certificate_key AS certificate_key, certificates.login_id AS login_id,
  not_before_ms, not_after_ms, public_key_hash, recorded_version, used_version, superseded_version,
  coalesce(revocations.state = 'revoked', 0) AS revoked`

/** The contract of this id, if there is one. */
export function readContract(database: Database, contractId: string): Contract | undefined {
  const row = database.one(`SELECT ${contractColumns} FROM contracts WHERE contract_id = ?`, contractId)
  return row && contractOf(row)
}

/** The user of this login ID, if there is one. */
export function readUser(database: Database, loginId: string): User | undefined {
  const row = database.one(`SELECT ${userColumns} FROM users WHERE login_id = ?`, loginId)
  return row && userOf(row)
}

/** Which part of a list of ids. */
export type IdPage = { readonly limit: number; readonly after: string }

/** Login IDs that begin with the prefix and come after `after`, in order, at most `limit`. */
export function readLoginIds(database: Database, prefix: string, { limit, after }: IdPage): string[] {
  // No text sorts above U+10FFFF, so the range holds exactly what begins with the prefix.
  const rows = database.all(
    'SELECT login_id FROM users WHERE login_id >= ? AND login_id < ? AND login_id > ? ORDER BY login_id LIMIT ?',
    prefix,
    `${prefix}\u{10ffff}`,
    after,
    limit,
  )
  return rows.map((row) => String(row.login_id))
}

/** Contract ids that begin with the prefix and come after `after`, in order, at most `limit`. */
export function readContractIds(database: Database, prefix: string, { limit, after }: IdPage): string[] {
  const rows = database.all(
    'SELECT contract_id FROM contracts WHERE contract_id >= ? AND contract_id < ? AND contract_id > ? ORDER BY contract_id LIMIT ?',
    prefix,
    `${prefix}\u{10ffff}`,
    after,
    limit,
  )
  return rows.map((row) => String(row.contract_id))
}

/** What is recorded of one certificate. */
export function readRecordedCertificate(database: Database, key: CertificateKey): RecordedCertificate | undefined {
  const row = database.one(
    `SELECT ${recordedColumns} FROM certificates LEFT JOIN revocations USING (certificate_key) WHERE certificate_key = ?`,
    key,
  )
  return row && recordedOf(row)
}

/** Certificates recorded for a login ID that have not expired at that time (milliseconds since the epoch). */
export function readCertificates(database: Database, loginId: string, unexpiredAtMs: number): RecordedCertificate[] {
  const rows = database.all(
    `SELECT ${recordedColumns} FROM certificates LEFT JOIN revocations USING (certificate_key)
      WHERE certificates.login_id = ? AND not_after_ms >= ? ORDER BY not_before_ms, certificate_key`,
    loginId,
    unexpiredAtMs,
  )
  return rows.map(recordedOf)
}

/** What the directory says of a login ID and a certificate. */
export function readAnswer(database: Database, loginId: string, key: CertificateKey): DirectoryAnswer {
  const user = database.one('SELECT contract_id, role FROM users WHERE login_id = ?', loginId)
  if (user === undefined) return { user: undefined, certificateRegistered: false }
  const certificate = database.one(
    `SELECT login_id, used_version IS NULL AND superseded_version IS NULL AS unused, superseded_version IS NOT NULL AS superseded
      FROM certificates WHERE certificate_key = ?`,
    key,
  )
  const own = certificate?.login_id === loginId ? certificate : undefined
  const successor = own?.superseded === 1 ? database.one(successorSql, loginId) : undefined
  return answerOf(user, own, successor)
}

const successorSql = `
SELECT certificates.certificate_key, not_after_ms FROM certificates LEFT JOIN revocations USING (certificate_key)
  WHERE certificates.login_id = ? AND superseded_version IS NULL AND coalesce(revocations.state, '') <> 'revoked'
  ORDER BY used_version IS NULL, not_before_ms DESC LIMIT 1`

/** From the rows of a user, of a certificate of theirs, and of the one that has superseded it. */
export function answerOf(user: Row, certificate: Row | undefined, successor?: Row): DirectoryAnswer {
  return {
    user: { contractId: String(user.contract_id), role: roleOf(user) },
    certificateRegistered: certificate !== undefined,
    ...(certificate?.unused === 1 ? { certificateUnused: true } : {}),
    ...(successor === undefined ? {} : { successor: successorOf(successor) }),
  }
}

function successorOf(row: Row): SuccessorCertificate {
  const { serial } = parseCertificateKey(String(row.certificate_key) as CertificateKey)
  return { serial, notAfterMs: Number(row.not_after_ms) }
}

/** From the columns of a contract. */
export function contractOf(row: Row): Contract {
  return {
    contractId: String(row.contract_id),
    loginMethod: row.login_method === 'password' ? 'password' : 'certificate',
    certificateLimit: Number(row.certificate_limit),
    ...contractDetailsOf(row),
  }
}

/** From the columns of a user. */
export function userOf(row: Row): User {
  return {
    loginId: String(row.login_id),
    contractId: String(row.contract_id),
    role: roleOf(row),
    state: row.state === 'suspended' ? 'suspended' : 'active',
    ...userDetailsOf(row),
  }
}

/** From the columns of a certificate. */
export function certificateOf(row: Row): NewCertificate {
  return {
    key: String(row.certificate_key) as CertificateKey,
    loginId: String(row.login_id),
    notBeforeMs: Number(row.not_before_ms),
    notAfterMs: Number(row.not_after_ms),
    ...(typeof row.public_key_hash === 'string' ? { publicKeyHash: row.public_key_hash } : {}),
  }
}

/** From `recordedColumns`. */
export function recordedOf(row: Row): RecordedCertificate {
  return {
    ...certificateOf(row),
    state: stateOf(row),
    revoked: row.revoked === 1,
    recordedVersion: Number(row.recorded_version),
  }
}

function stateOf(row: Row): RecordedCertificate['state'] {
  if (row.superseded_version !== null) return 'superseded'
  return row.used_version === null ? 'issued' : 'current'
}

function roleOf(row: Row): UserRole {
  return row.role === 'master' ? 'master' : 'general'
}
