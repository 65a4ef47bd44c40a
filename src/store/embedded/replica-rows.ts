import type { DirectoryRecord } from '../../control-path/directory-port.ts'
import type { KnownCertificate } from '../../control-path/directory-replica.ts'
import type { TrustEvent } from '../../control-path/ports.ts'
import type { LogPosition } from '../../control-path/store-port.ts'
import type { DirectoryAnswer } from '../../trust/directory-answer.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import type { Database, Row } from './database.ts'
import { contractDetailsText, userDetailsText } from './directory-details.ts'
import { answerOf, certificateOf, contractColumns, contractOf, userColumns, userOf } from './directory-rows.ts'

const contractSql = `
INSERT INTO contracts (contract_id, certificate_limit, version, login_method, method_version, round, details)
  VALUES (?1, ?2, ?3, ?4, ?3, ?5, ?6)
  ON CONFLICT (contract_id) DO UPDATE SET
    certificate_limit = iif(excluded.version > version, excluded.certificate_limit, certificate_limit),
    details = iif(excluded.version >= version + (details IS NOT NULL), excluded.details, details),
    version = max(version, excluded.version),
    login_method = iif(excluded.method_version > method_version, excluded.login_method, login_method),
    method_version = max(method_version, excluded.method_version),
    round = iif(excluded.version >= max(version, method_version), max(round, excluded.round), round)`

const methodSql = `
INSERT INTO contracts (contract_id, certificate_limit, version, login_method, method_version, round)
  VALUES (?1, 0, 0, ?2, ?3, ?4)
  ON CONFLICT (contract_id) DO UPDATE SET login_method = excluded.login_method,
    method_version = excluded.method_version, round = max(round, excluded.round)
  WHERE excluded.method_version > method_version`

const userSql = `
INSERT INTO users (login_id, contract_id, role, version, state, state_version, round, details)
  VALUES (?1, ?2, ?3, ?4, ?5, ?4, ?6, ?7)
  ON CONFLICT (login_id) DO UPDATE SET
    contract_id = iif(excluded.version > version, excluded.contract_id, contract_id),
    role = iif(excluded.version > version, excluded.role, role),
    details = iif(excluded.version >= version + (details IS NOT NULL), excluded.details, details),
    version = max(version, excluded.version),
    state = iif(excluded.state_version > state_version, excluded.state, state),
    state_version = max(state_version, excluded.state_version),
    round = iif(excluded.version >= max(version, state_version), max(round, excluded.round), round)`

const stateSql = `
INSERT INTO users (login_id, contract_id, role, version, state, state_version, round)
  VALUES (?1, '', 'general', 0, ?2, ?3, ?4)
  ON CONFLICT (login_id) DO UPDATE SET state = excluded.state, state_version = excluded.state_version,
    round = max(round, excluded.round)
  WHERE excluded.state_version > state_version`

/** What is superseded stays so, and what was used was used. */
const certificateSql = `
INSERT INTO certificates (certificate_key, login_id, not_before_ms, not_after_ms, version, superseded,
    superseded_version, round, used, public_key_hash)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, iif(?6, ?5, 0), ?7, ?8, ?9)
  ON CONFLICT (certificate_key) DO UPDATE SET
    login_id = iif(excluded.version > version, excluded.login_id, login_id),
    not_before_ms = iif(excluded.version > version, excluded.not_before_ms, not_before_ms),
    not_after_ms = iif(excluded.version > version, excluded.not_after_ms, not_after_ms),
    public_key_hash = coalesce(public_key_hash, excluded.public_key_hash),
    used = max(coalesce(used, 0), excluded.used),
    version = max(version, excluded.version),
    superseded = max(superseded, excluded.superseded),
    superseded_version = max(superseded_version, excluded.superseded_version),
    round = iif(excluded.version >= max(version, superseded_version), max(round, excluded.round), round)`

const supersedeSql = `
INSERT INTO certificates (certificate_key, login_id, not_before_ms, not_after_ms, version, superseded,
    superseded_version, round)
  VALUES (?1, '', 0, 0, 0, 1, ?2, ?3)
  ON CONFLICT (certificate_key) DO UPDATE SET superseded = 1, superseded_version = excluded.superseded_version,
    round = max(round, excluded.round)
  WHERE excluded.superseded_version > superseded_version`

/** Keeps a record if it is newer, and marks it as shown in this round (0: there is none). Within a write transaction. */
export function writeRecord(database: Database, record: DirectoryRecord, round: number): void {
  const { version } = record
  switch (record.type) {
    case 'contract': {
      const { contractId, certificateLimit, loginMethod } = record.contract
      const details = contractDetailsText(undefined, record.contract) ?? '{}'
      database.run(contractSql, contractId, certificateLimit, version, loginMethod, round, details)
      break
    }
    case 'user': {
      const { loginId, contractId, role, state } = record.user
      const details = userDetailsText(undefined, record.user) ?? '{}'
      database.run(userSql, loginId, contractId, role, version, state, round, details)
      break
    }
    case 'certificate': {
      const { key, loginId, notBeforeMs, notAfterMs, publicKeyHash = null } = record.certificate
      const superseded = record.superseded ? 1 : 0
      const used = record.used === false ? 0 : 1
      database.run(
        certificateSql,
        key,
        loginId,
        notBeforeMs,
        notAfterMs,
        version,
        superseded,
        round,
        used,
        publicKeyHash,
      )
    }
  }
}

/** Keeps what the event says of the directory, if it is newer; other events say nothing of it. Within a write transaction. */
export function writeChange(database: Database, event: TrustEvent, round: number): void {
  const { version } = event
  switch (event.kind) {
    case 'directory':
      writeRecord(database, { ...event.entry, version }, round)
      break
    case 'suspended':
      database.run(stateSql, event.loginId, event.suspended ? 'suspended' : 'active', version, round)
      break
    case 'login_method':
      database.run(methodSql, event.contractId, event.method, version, round)
      break
    case 'superseded':
      database.run(supersedeSql, event.key, version, round)
  }
}

type ReplicaTable = { readonly page: string; readonly rows: string; readonly recordOf: (row: Row) => DirectoryRecord }

function tableOf(table: string, key: string, columns: string, recordOf: ReplicaTable['recordOf']): ReplicaTable {
  return {
    page: `SELECT max(subject) AS last FROM (SELECT ${key} AS subject FROM ${table} WHERE ${key} > ? ORDER BY 1 LIMIT ?)`,
    rows: `SELECT ${columns} FROM ${table} WHERE ${key} > ? AND ${key} <= ? AND version > 0 AND round <> ?`,
    recordOf,
  }
}

/** In the order in which they can be written: users name their contract, certificates their user. */
const replicaTables: readonly ReplicaTable[] = [
  tableOf('contracts', 'contract_id', `${contractColumns}, max(version, method_version) AS changed`, (row) => ({
    version: Number(row.changed),
    type: 'contract',
    contract: contractOf(row),
  })),
  tableOf('users', 'login_id', `${userColumns}, max(version, state_version) AS changed`, (row) => ({
    version: Number(row.changed),
    type: 'user',
    user: userOf(row),
  })),
  tableOf(
    'certificates',
    'certificate_key',
    `certificate_key, login_id, not_before_ms, not_after_ms, public_key_hash, coalesce(used, 1) AS used, superseded,
      max(version, superseded_version) AS changed`,
    (row) => ({
      version: Number(row.changed),
      type: 'certificate',
      certificate: certificateOf(row),
      used: row.used === 1,
      superseded: row.superseded === 1,
    }),
  ),
]

/** Whole records that were not shown in this round, a table after the other, at most `limit` looked at for a chunk. */
export function* readUnshown(
  database: Database,
  round: number,
  limit: number,
): Generator<DirectoryRecord[], void, void> {
  for (const { page, rows, recordOf } of replicaTables) {
    let after = ''
    for (;;) {
      const last = database.one(page, after, limit)?.last
      if (typeof last !== 'string') break
      yield database.all(rows, after, last, round).map(recordOf)
      after = last
    }
  }
}

/** What the copy says of a login ID and a certificate; parts of records are none. */
export function readReplicaAnswer(database: Database, loginId: string, key: CertificateKey): DirectoryAnswer {
  const user = database.one('SELECT contract_id, role FROM users WHERE login_id = ? AND version > 0', loginId)
  if (user === undefined) return { user: undefined, certificateRegistered: false }
  const certificate = database.one(
    `SELECT login_id, used = 0 AND superseded = 0 AS unused, superseded FROM certificates
      WHERE certificate_key = ? AND version > 0`,
    key,
  )
  const own = certificate?.login_id === loginId ? certificate : undefined
  const successor = own?.superseded === 1 ? database.one(successorSql, loginId) : undefined
  return answerOf(user, own, successor)
}

/** Whether it was revoked since is not known here; its own page would say so. */
const successorSql = `
SELECT certificate_key, not_after_ms FROM certificates WHERE login_id = ? AND superseded = 0 AND version > 0
  ORDER BY coalesce(used, 1) DESC, not_before_ms DESC LIMIT 1`

/** Every certificate recorded for a login ID, whatever became of it, in the order of their beginning. */
export function readKnownCertificates(database: Database, loginId: string): KnownCertificate[] {
  const rows = database.all(
    `SELECT certificate_key, not_before_ms, coalesce(used, 1) AS used, superseded FROM certificates
      WHERE login_id = ? AND version > 0 ORDER BY not_before_ms, certificate_key`,
    loginId,
  )
  return rows.map((row) => ({
    key: String(row.certificate_key) as CertificateKey,
    notBeforeMs: Number(row.not_before_ms),
    state: row.superseded === 1 ? 'superseded' : row.used === 1 ? 'current' : 'issued',
  }))
}

/** Where the copy stands in the log; undefined: it never was whole. */
export function readReplicaPosition(database: Database): LogPosition | undefined {
  const row = database.one(`SELECT value FROM store WHERE name = 'position'`)
  return row === undefined ? undefined : (JSON.parse(String(row.value)) as LogPosition)
}

/** Whether the copy was whole once, be it long ago or by an older program that did not keep all of it. */
export function wasLoaded(database: Database): boolean {
  return database.one(`SELECT 1 AS loaded FROM store WHERE name IN ('position', 'earlier_position')`) !== undefined
}

/** Within a write transaction. */
export function writeReplicaPosition(database: Database, { version, token }: LogPosition): void {
  writeValue(database, 'position', JSON.stringify({ version, token }))
}

/** The number of a new round, above all before it, whichever process began them. Within a write transaction. */
export function takeRound(database: Database): number {
  const round = readRound(database) + 1
  writeValue(database, 'round', String(round))
  return round
}

/** The number of the last round that was begun; 0 before the first. */
export function readRound(database: Database): number {
  return Number(database.one(`SELECT value FROM store WHERE name = 'round'`)?.value ?? 0)
}

function writeValue(database: Database, name: 'position' | 'round', value: string): void {
  database.run('INSERT OR REPLACE INTO store (name, value) VALUES (?, ?)', name, value)
}
