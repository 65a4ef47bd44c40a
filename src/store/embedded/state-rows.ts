import type { TrustEvent } from '../../control-path/ports.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import type { Database, Row } from './database.ts'
import { ruleOf } from './rule-rows.ts'

/** The events of each table merge by version; every table has an index on it, so a page costs what it holds. */
const stateSql = `
SELECT version, state AS kind, certificate_key AS subject, actor, at_ms, NULL AS login_id, NULL AS issuer_id,
    NULL AS not_before_min_ms, NULL AS not_before_max_ms
  FROM revocations WHERE version > ?1 AND version <= ?2
UNION ALL
SELECT version, state, rule_id, actor, at_ms, login_id, issuer_id, not_before_min_ms, not_before_max_ms
  FROM rules WHERE version > ?1 AND version <= ?2
UNION ALL
SELECT superseded_version, 'superseded', certificate_key, NULL, NULL, NULL, NULL, NULL, NULL
  FROM certificates WHERE superseded_version > ?1 AND superseded_version <= ?2
UNION ALL
SELECT state_version, state, login_id, NULL, NULL, NULL, NULL, NULL, NULL
  FROM users WHERE state_version > ?1 AND state_version <= ?2
UNION ALL
SELECT method_version, login_method, contract_id, NULL, NULL, NULL, NULL, NULL, NULL
  FROM contracts WHERE method_version > ?1 AND method_version <= ?2
ORDER BY 1 LIMIT ?3`

/** The highest version that anything may have now, also in rows that somebody wrote past the log. */
export function readHighestVersion(database: Database): number {
  const row = database.one(
    `SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0),
        coalesce((SELECT max(version) FROM revocations), 0)) AS version`,
  )
  return Number(row?.version ?? 0)
}

/** What the log amounts to, as events in the order of their versions: above `after`, up to `through`, at most `limit`. */
export function readState(
  database: Database,
  { after, through, limit }: { after: number; through: number; limit: number },
): TrustEvent[] {
  return database.all(stateSql, after, through, limit).map(stateEventOf)
}

function stateEventOf(row: Row): TrustEvent {
  const version = Number(row.version)
  const subject = String(row.subject)
  const key = subject as CertificateKey
  const atMs = Number(row.at_ms)
  switch (row.kind) {
    case 'revoked':
      return { version, kind: 'revoked', keys: [key], atMs }
    case 'restored':
      return { version, kind: 'restored', key, actor: String(row.actor), atMs }
    case 'in_force':
      return { version, kind: 'rule', ruleId: subject, rule: ruleOf(row), atMs }
    case 'withdrawn':
      return { version, kind: 'rule_withdrawn', ruleId: subject, atMs }
    case 'superseded':
      return { version, kind: 'superseded', key }
    case 'active':
    case 'suspended':
      return { version, kind: 'suspended', loginId: subject, suspended: row.kind === 'suspended' }
    default:
      return {
        version,
        kind: 'login_method',
        contractId: subject,
        method: row.kind === 'password' ? 'password' : 'certificate',
      }
  }
}
