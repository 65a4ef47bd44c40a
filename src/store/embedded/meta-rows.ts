import type { MetaName, MetaValue } from '../../control-path/store-port.ts'
import type { Database } from './database.ts'

/** A value that the gateways share; undefined if it was never written. */
export function readMetaRow(database: Database, name: MetaName): MetaValue | undefined {
  const row = database.one('SELECT value, revision FROM meta WHERE name = ?', name)
  return row && { value: String(row.value), revision: Number(row.revision) }
}

/** Compare and set; see `TrustStore.writeMeta`. Within a write transaction. */
export function writeMetaRow(
  database: Database,
  name: MetaName,
  { value, expectedRevision }: { value: string; expectedRevision: number },
): boolean {
  const changed =
    expectedRevision === 0
      ? database.run(
          'INSERT INTO meta (name, value, revision) VALUES (?, ?, 1) ON CONFLICT (name) DO NOTHING',
          name,
          value,
        )
      : database.run(
          'UPDATE meta SET value = ?, revision = revision + 1 WHERE name = ? AND revision = ?',
          value,
          name,
          expectedRevision,
        )
  return changed > 0
}
