import { GatewayError } from '../../base/errors.ts'
import type { Contract, LoginMethod, NewCertificate, User } from '../../control-path/directory-port.ts'
import type { DirectoryEntry } from '../../control-path/ports.ts'
import type { ChangeResult } from '../../control-path/store-port.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import type { Database } from './database.ts'
import { contractDetailsText, userDetailsText } from './directory-details.ts'
import { readContract, readUser } from './directory-rows.ts'
import { recordEvent, type WriteContext } from './event-rows.ts'

/** Adds a contract or changes its limit and optional fields; its login method changes by `setMethodRow` only. */
export function upsertContractRow(database: Database, contract: Contract, context: WriteContext): void {
  const { contractId, loginMethod, certificateLimit } = contract
  const before = database.one('SELECT certificate_limit, details FROM contracts WHERE contract_id = ?', contractId)
  const details = contractDetailsText(before, contract)
  if (before?.certificate_limit === certificateLimit && before.details === details) return
  database.run(
    `INSERT INTO contracts (contract_id, login_method, certificate_limit, details) VALUES (?, ?, ?, ?)
      ON CONFLICT (contract_id) DO UPDATE SET certificate_limit = excluded.certificate_limit, details = excluded.details`,
    contractId,
    loginMethod,
    certificateLimit,
    details,
  )
  const now = readContract(database, contractId)
  if (now === undefined) return
  const version = recordEntry(database, { type: 'contract', contract: now }, context)
  database.run('UPDATE contracts SET changed_version = ? WHERE contract_id = ?', version, contractId)
  // What refuses certificates must be told by itself: the entry is positive knowledge.
  if (before === undefined && loginMethod === 'password') {
    recordMethod(database, { contractId, method: loginMethod, context })
  }
}

/** Adds a user or changes contract, role and optional fields; throws `admin_not_found` for a contract that is not there. */
export function upsertUserRow(database: Database, user: Omit<User, 'state'>, context: WriteContext): void {
  const { loginId, contractId, role } = user
  if (readContract(database, contractId) === undefined) throw notFound('contract', contractId)
  const before = database.one('SELECT contract_id, role, details FROM users WHERE login_id = ?', loginId)
  const details = userDetailsText(before, user)
  if (before?.contract_id === contractId && before.role === role && before.details === details) return
  database.run(
    `INSERT INTO users (login_id, contract_id, role, state, details) VALUES (?, ?, ?, 'active', ?)
      ON CONFLICT (login_id) DO UPDATE SET contract_id = excluded.contract_id, role = excluded.role,
        details = excluded.details`,
    loginId,
    contractId,
    role,
    details,
  )
  const now = readUser(database, loginId)
  if (now === undefined) return
  const version = recordEntry(database, { type: 'user', user: now }, context)
  database.run('UPDATE users SET changed_version = ? WHERE login_id = ?', version, loginId)
  // Whoever moves brings their certificates along.
  if (before !== undefined && before.contract_id !== contractId) raiseRevision(database, loginId)
}

/** Records a certificate for its login ID, as used; one already recorded stays as it is. */
export function upsertCertificateRow(
  database: Database,
  certificate: NewCertificate,
  context: WriteContext,
): 'recorded' | 'known' | 'belongs_to_another' {
  const { key, loginId, publicKeyHash, ...rest } = certificate
  if (readUser(database, loginId) === undefined) throw notFound('login ID', loginId)
  const before = database.one('SELECT login_id FROM certificates WHERE certificate_key = ?', key)
  if (before !== undefined) return before.login_id === loginId ? 'known' : 'belongs_to_another'
  // A public key names one certificate, the first: by it, asking again for one finds it.
  const named = publicKeyHash !== undefined && !isKeyTaken(database, publicKeyHash)
  const recorded = { key, loginId, ...rest, ...(named ? { publicKeyHash } : {}) }
  recordCertificate(database, { certificate: recorded, used: true }, context)
  return 'recorded'
}

/** Writes a certificate that is not there yet, and the event of it; answers its version. Within a write transaction. */
export function recordCertificate(
  database: Database,
  { certificate, used }: { certificate: NewCertificate; used: boolean },
  context: WriteContext,
): number {
  const { key, loginId, notBeforeMs, notAfterMs, publicKeyHash } = certificate
  const version = recordEntry(database, { type: 'certificate', certificate, used, superseded: false }, context)
  database.run(
    `INSERT INTO certificates (certificate_key, login_id, not_before_ms, not_after_ms, recorded_version, used_version,
      public_key_hash) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    key,
    loginId,
    notBeforeMs,
    notAfterMs,
    version,
    used ? 0 : null,
    publicKeyHash ?? null,
  )
  raiseRevision(database, loginId)
  return version
}

/** Whether some certificate has this public key. */
export function isKeyTaken(database: Database, publicKeyHash: string): boolean {
  return database.one('SELECT 1 AS taken FROM certificates WHERE public_key_hash = ?', publicKeyHash) !== undefined
}

/** What the contract of this login ID holds has changed: whoever decided from it before must decide again. */
export function raiseRevision(database: Database, loginId: string): void {
  database.run(
    'UPDATE contracts SET revision = revision + 1 WHERE contract_id = (SELECT contract_id FROM users WHERE login_id = ?)',
    loginId,
  )
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

/** Writes what the directory has now into the log; answers its version. Within a write transaction. */
export function recordEntry(database: Database, entry: DirectoryEntry, context: WriteContext): number {
  return recordEvent(database, { kind: 'directory', loginId: loginIdOf(entry), entry }, context)
}

function loginIdOf(entry: DirectoryEntry): string | undefined {
  if (entry.type === 'contract') return undefined
  return entry.type === 'user' ? entry.user.loginId : entry.certificate.loginId
}

/** The fault of naming what the directory does not have. */
export function notFound(what: string, name: string): GatewayError {
  return new GatewayError('admin_not_found', `Cannot find the ${what} in the directory: current value is ${name}`)
}
