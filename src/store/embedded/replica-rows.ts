import type { TrustEvent } from '../../control-path/ports.ts'
import type { DirectoryRecord, LogPosition } from '../../control-path/store-port.ts'
import type { DirectoryAnswer } from '../../trust/directory-answer.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import type { Database, Row } from './database.ts'
import { certificateOf, roleOf } from './directory-rows.ts'
import type { Schema } from './schema.ts'

/**
 * Each row has the version of its last full record, and beside it the version of the one thing that also changes alone
 * (login method, state, superseded): that change may arrive before the record, then the row has version 0 until the record
 * is there too. `round`: the last round in which the store showed the row as new as it is here.
 */
const tables = `
CREATE TABLE store (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE contracts (
  contract_id TEXT PRIMARY KEY,
  certificate_limit INTEGER NOT NULL,
  version INTEGER NOT NULL,
  login_method TEXT NOT NULL,
  method_version INTEGER NOT NULL,
  round INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  login_id TEXT PRIMARY KEY,
  contract_id TEXT NOT NULL,
  role TEXT NOT NULL,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  state_version INTEGER NOT NULL,
  round INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE certificates (
  certificate_key TEXT PRIMARY KEY,
  login_id TEXT NOT NULL,
  not_before_ms INTEGER NOT NULL,
  not_after_ms INTEGER NOT NULL,
  version INTEGER NOT NULL,
  superseded INTEGER NOT NULL,
  superseded_version INTEGER NOT NULL,
  round INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`

/** Tables of the directory's copy. */
export const replicaSchema: Schema = { version: 1, steps: [tables] }

const contractSql = `
INSERT INTO contracts (contract_id, certificate_limit, version, login_method, method_version, round)
  VALUES (?1, ?2, ?3, ?4, ?3, ?5)
  ON CONFLICT (contract_id) DO UPDATE SET
    certificate_limit = iif(excluded.version > version, excluded.certificate_limit, certificate_limit),
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
INSERT INTO users (login_id, contract_id, role, version, state, state_version, round)
  VALUES (?1, ?2, ?3, ?4, ?5, ?4, ?6)
  ON CONFLICT (login_id) DO UPDATE SET
    contract_id = iif(excluded.version > version, excluded.contract_id, contract_id),
    role = iif(excluded.version > version, excluded.role, role),
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

/** What is superseded stays so. */
const certificateSql = `
INSERT INTO certificates (certificate_key, login_id, not_before_ms, not_after_ms, version, superseded,
    superseded_version, round)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, iif(?6, ?5, 0), ?7)
  ON CONFLICT (certificate_key) DO UPDATE SET
    login_id = iif(excluded.version > version, excluded.login_id, login_id),
    not_before_ms = iif(excluded.version > version, excluded.not_before_ms, not_before_ms),
    not_after_ms = iif(excluded.version > version, excluded.not_after_ms, not_after_ms),
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
      database.run(contractSql, contractId, certificateLimit, version, loginMethod, round)
      break
    }
    case 'user': {
      const { loginId, contractId, role, state } = record.user
      database.run(userSql, loginId, contractId, role, version, state, round)
      break
    }
    case 'certificate': {
      const { key, loginId, notBeforeMs, notAfterMs } = record.certificate
      const superseded = record.superseded ? 1 : 0
      database.run(certificateSql, key, loginId, notBeforeMs, notAfterMs, version, superseded, round)
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
    rows: `SELECT ${key}, ${columns} FROM ${table} WHERE ${key} > ? AND ${key} <= ? AND version > 0 AND round <> ?`,
    recordOf,
  }
}

/** In the order in which they can be written: users name their contract, certificates their user. */
const replicaTables: readonly ReplicaTable[] = [
  tableOf(
    'contracts',
    'contract_id',
    'certificate_limit, login_method, max(version, method_version) AS changed',
    (row) => ({
      version: Number(row.changed),
      type: 'contract',
      contract: {
        contractId: String(row.contract_id),
        loginMethod: row.login_method === 'password' ? 'password' : 'certificate',
        certificateLimit: Number(row.certificate_limit),
      },
    }),
  ),
  tableOf('users', 'login_id', 'contract_id, role, state, max(version, state_version) AS changed', (row) => ({
    version: Number(row.changed),
    type: 'user',
    user: {
      loginId: String(row.login_id),
      contractId: String(row.contract_id),
      role: roleOf(row),
      state: row.state === 'suspended' ? 'suspended' : 'active',
    },
  })),
  tableOf(
    'certificates',
    'certificate_key',
    'login_id, not_before_ms, not_after_ms, superseded, max(version, superseded_version) AS changed',
    (row) => ({
      version: Number(row.changed),
      type: 'certificate',
      certificate: certificateOf(row),
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
  const owner = database.one('SELECT login_id FROM certificates WHERE certificate_key = ? AND version > 0', key)
  return {
    user: { contractId: String(user.contract_id), role: roleOf(user) },
    certificateRegistered: owner?.login_id === loginId,
  }
}

/** Where the copy stands in the log; undefined: it never was whole. */
export function readReplicaPosition(database: Database): LogPosition | undefined {
  const row = database.one(`SELECT value FROM store WHERE name = 'position'`)
  return row === undefined ? undefined : (JSON.parse(String(row.value)) as LogPosition)
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
