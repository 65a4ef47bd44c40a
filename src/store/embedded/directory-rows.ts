import { GatewayError } from '../../base/errors.ts'
import type {
  ChangeResult,
  Contract,
  LoginMethod,
  NewCertificate,
  RecordedCertificate,
  User,
} from '../../control-path/store-port.ts'
import type { DirectoryAnswer, UserRole } from '../../trust/directory-answer.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import type { Database, Row } from './database.ts'
import { type NewEvent, takeVersion, writeEvent } from './event-rows.ts'
import type { WriteContext } from './revocation-rows.ts'

/** Adds a contract or changes its limit; its login method changes by `setMethodRow` only. */
export function upsertContractRow(database: Database, contract: Contract, context: WriteContext): void {
  const { contractId, loginMethod, certificateLimit } = contract
  const added = database.run(
    `INSERT INTO contracts (contract_id, login_method, certificate_limit) VALUES (?, ?, ?)
      ON CONFLICT (contract_id) DO NOTHING`,
    contractId,
    loginMethod,
    certificateLimit,
  )
  if (added === 0) {
    database.run('UPDATE contracts SET certificate_limit = ? WHERE contract_id = ?', certificateLimit, contractId)
  } else if (loginMethod === 'password') {
    recordMethod(database, { contractId, method: loginMethod, context })
  }
}

/** Adds a user or changes contract and role; throws `admin_not_found` for a contract that is not there. */
export function upsertUserRow(database: Database, user: Omit<User, 'state'>, context: WriteContext): void {
  const { loginId, contractId, role } = user
  if (readContract(database, contractId) === undefined) throw notFound('contract', contractId)
  const changed = database.run(
    `INSERT INTO users (login_id, contract_id, role, state) VALUES (?, ?, ?, 'active')
      ON CONFLICT (login_id) DO UPDATE SET contract_id = excluded.contract_id, role = excluded.role
      WHERE contract_id <> excluded.contract_id OR role <> excluded.role`,
    loginId,
    contractId,
    role,
  )
  if (changed > 0) record(database, { kind: 'directory', loginId }, context)
}

/** Records a certificate for its login ID; one already recorded stays as it is. */
export function upsertCertificateRow(
  database: Database,
  certificate: NewCertificate,
  context: WriteContext,
): 'recorded' | 'known' | 'belongs_to_another' {
  const { key, loginId, notBeforeMs, notAfterMs } = certificate
  if (readUser(database, loginId) === undefined) throw notFound('login ID', loginId)
  const before = database.one('SELECT login_id FROM certificates WHERE certificate_key = ?', key)
  if (before !== undefined) return before.login_id === loginId ? 'known' : 'belongs_to_another'
  const version = record(database, { kind: 'directory', loginId }, context)
  database.run(
    `INSERT INTO certificates (certificate_key, login_id, not_before_ms, not_after_ms, recorded_version)
      VALUES (?, ?, ?, ?, ?)`,
    key,
    loginId,
    notBeforeMs,
    notAfterMs,
    version,
  )
  return 'recorded'
}

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
    `SELECT certificates.certificate_key AS certificate_key, not_before_ms, not_after_ms, superseded_version,
        coalesce(revocations.state = 'revoked', 0) AS revoked
      FROM certificates LEFT JOIN revocations USING (certificate_key)
      WHERE certificates.login_id = ? AND not_after_ms >= ? ORDER BY not_before_ms, certificate_key`,
    loginId,
    unexpiredAtMs,
  )
  return rows.map((row) => ({
    key: String(row.certificate_key) as CertificateKey,
    loginId,
    notBeforeMs: Number(row.not_before_ms),
    notAfterMs: Number(row.not_after_ms),
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

/** Suspends or reinstates a user; throws `admin_not_found`. */
export function suspendRow(
  database: Database,
  change: { loginId: string; suspended: boolean },
  context: WriteContext,
): ChangeResult {
  const { loginId, suspended } = change
  const row = database.one('SELECT state, state_version FROM users WHERE login_id = ?', loginId)
  if (row === undefined) throw notFound('login ID', loginId)
  const state = suspended ? 'suspended' : 'active'
  if (row.state === state) return { changed: false, version: Number(row.state_version ?? 0) }
  const version = record(database, { kind: 'suspended', loginId, suspended }, context)
  database.run('UPDATE users SET state = ?, state_version = ? WHERE login_id = ?', state, version, loginId)
  return { changed: true, version }
}

/** Sets the login method of a contract (R21); throws `admin_not_found`. */
export function setMethodRow(
  database: Database,
  change: { contractId: string; method: LoginMethod },
  context: WriteContext,
): ChangeResult {
  const { contractId, method } = change
  const row = database.one('SELECT login_method, method_version FROM contracts WHERE contract_id = ?', contractId)
  if (row === undefined) throw notFound('contract', contractId)
  if (row.login_method === method) return { changed: false, version: Number(row.method_version ?? 0) }
  return { changed: true, version: recordMethod(database, { contractId, method, context }) }
}

/** Marks a certificate as superseded (R20), once; throws `admin_not_found`. */
export function supersedeRow(database: Database, key: CertificateKey, context: WriteContext): ChangeResult {
  const row = database.one('SELECT superseded_version FROM certificates WHERE certificate_key = ?', key)
  if (row === undefined) throw notFound('certificate', key)
  if (row.superseded_version !== null) return { changed: false, version: Number(row.superseded_version) }
  const version = record(database, { kind: 'superseded', key }, context)
  database.run('UPDATE certificates SET superseded_version = ? WHERE certificate_key = ?', version, key)
  return { changed: true, version }
}

function recordMethod(
  database: Database,
  change: { contractId: string; method: LoginMethod; context: WriteContext },
): number {
  const { contractId, method, context } = change
  const version = record(database, { kind: 'login_method', contractId, method }, context)
  database.run(
    'UPDATE contracts SET login_method = ?, method_version = ? WHERE contract_id = ?',
    method,
    version,
    contractId,
  )
  return version
}

function record(database: Database, event: NewEvent, context: WriteContext): number {
  const version = takeVersion(database)
  writeEvent(database, version, { event, eventsMax: context.eventsMax })
  return version
}

function roleOf(row: Row): UserRole {
  return row.role === 'master' ? 'master' : 'general'
}

function notFound(what: string, name: string): GatewayError {
  return new GatewayError('admin_not_found', `Cannot find the ${what} in the directory: current value is ${name}`)
}
