import type { DirectoryRecord } from '../../control-path/directory-port.ts'
import type { Database, Row } from './database.ts'
import { certificateOf, contractColumns, contractOf, userColumns, userOf } from './directory-rows.ts'

type DirectoryTable = { readonly sql: string; readonly recordOf: (row: Row) => DirectoryRecord }

/** In rows of older programs the version of the last change may not be known: 1 then, older than anything. */
const tables: readonly DirectoryTable[] = [
  {
    sql: `SELECT contract_id AS subject, ${contractColumns}, max(changed_version, coalesce(method_version, 0), 1) AS version
      FROM contracts WHERE contract_id > ? ORDER BY contract_id LIMIT ?`,
    recordOf: (row) => ({ version: Number(row.version), type: 'contract', contract: contractOf(row) }),
  },
  {
    sql: `SELECT login_id AS subject, ${userColumns}, max(changed_version, coalesce(state_version, 0), 1) AS version
      FROM users WHERE login_id > ? ORDER BY login_id LIMIT ?`,
    recordOf: (row) => ({ version: Number(row.version), type: 'user', user: userOf(row) }),
  },
  {
    sql: `SELECT certificate_key AS subject, certificate_key, login_id, not_before_ms, not_after_ms, public_key_hash,
        used_version, superseded_version,
        max(recorded_version, coalesce(used_version, 0), coalesce(superseded_version, 0)) AS version
      FROM certificates WHERE certificate_key > ? ORDER BY certificate_key LIMIT ?`,
    recordOf: (row) => ({
      version: Number(row.version),
      type: 'certificate',
      certificate: certificateOf(row),
      used: row.used_version !== null,
      superseded: row.superseded_version !== null,
    }),
  },
]

/** Where the reading of the directory has come to. */
export type DirectoryCursor = { readonly table: number; readonly after: string }

/** At most `limit` records after the cursor (undefined: from the beginning), and the next cursor (undefined: that was all). */
export function readDirectoryPage(
  database: Database,
  { table, after }: DirectoryCursor = { table: 0, after: '' },
  limit: number,
): { readonly records: readonly DirectoryRecord[]; readonly next: DirectoryCursor | undefined } {
  const source = tables[table]
  if (source === undefined) return { records: [], next: undefined }
  const rows = database.all(source.sql, after, limit)
  const last = rows.at(-1)
  const more = rows.length === limit && last !== undefined
  const next = more ? { table, after: String(last.subject) } : { table: table + 1, after: '' }
  return { records: rows.map(source.recordOf), next: next.table < tables.length ? next : undefined }
}
