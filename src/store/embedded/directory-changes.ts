import { GatewayError } from '../../base/errors.ts'
import type { DirectoryEntry } from '../../control-path/ports.ts'
import type { ChangeResult, Contract, LoginMethod, NewCertificate, User } from '../../control-path/store-port.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import type { Database } from './database.ts'
import { readContract, readUser } from './directory-rows.ts'
import { recordEvent, type WriteContext } from './event-rows.ts'

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
  const changed = database.run(
    'UPDATE contracts SET certificate_limit = ?1 WHERE contract_id = ?2 AND certificate_limit <> ?1',
    certificateLimit,
    contractId,
  )
  const now = readContract(database, contractId)
  if (added + changed > 0 && now !== undefined) recordEntry(database, { type: 'contract', contract: now }, context)
  // What refuses certificates must be told by itself: the entry is positive knowledge.
  if (added > 0 && loginMethod === 'password') recordMethod(database, { contractId, method: loginMethod, context })
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
  const now = readUser(database, loginId)
  if (changed > 0 && now !== undefined) recordEntry(database, { type: 'user', user: now }, context)
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
  const recorded = { key, loginId, notBeforeMs, notAfterMs }
  const version = recordEntry(database, { type: 'certificate', certificate: recorded, superseded: false }, context)
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
  const version = recordEvent(database, { kind: 'suspended', loginId, suspended }, context)
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
  const version = recordEvent(database, { kind: 'superseded', key }, context)
  database.run('UPDATE certificates SET superseded_version = ? WHERE certificate_key = ?', version, key)
  return { changed: true, version }
}

function recordMethod(
  database: Database,
  change: { contractId: string; method: LoginMethod; context: WriteContext },
): number {
  const { contractId, method, context } = change
  const version = recordEvent(database, { kind: 'login_method', contractId, method }, context)
  database.run(
    'UPDATE contracts SET login_method = ?, method_version = ? WHERE contract_id = ?',
    method,
    version,
    contractId,
  )
  return version
}

function recordEntry(database: Database, entry: DirectoryEntry, context: WriteContext): number {
  return recordEvent(database, { kind: 'directory', loginId: loginIdOf(entry), entry }, context)
}

function loginIdOf(entry: DirectoryEntry): string | undefined {
  if (entry.type === 'contract') return undefined
  return entry.type === 'user' ? entry.user.loginId : entry.certificate.loginId
}

function notFound(what: string, name: string): GatewayError {
  return new GatewayError('admin_not_found', `Cannot find the ${what} in the directory: current value is ${name}`)
}
