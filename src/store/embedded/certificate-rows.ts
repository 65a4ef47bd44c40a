import type { SeenSpan, Sighting } from '../../control-path/issuance-port.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import type { Database } from './database.ts'
import { notFound } from './directory-changes.ts'

/** How long what is kept beside a certificate outlives it, for whoever asks what became of it. Unit: milliseconds. */
const keptAfterEndMs = 30 * 86_400_000
/** More than any change adds, so that what ended goes away in the end; few enough not to be felt. */
const forgottenAtOnce = 100

/** Keeps what was signed; the first one stays. Throws `admin_not_found`. Within a write transaction. */
export function keepSignedRow(database: Database, key: CertificateKey, der: Uint8Array): void {
  const certificate = database.one('SELECT not_after_ms FROM certificates WHERE certificate_key = ?', key)
  if (certificate === undefined) throw notFound('certificate', key)
  database.run(
    'INSERT INTO signed_certificates (certificate_key, not_after_ms, der) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    key,
    Number(certificate.not_after_ms),
    der,
  )
}

/** What was kept of a certificate, if anything. */
export function readSigned(database: Database, key: CertificateKey): Uint8Array | undefined {
  const der = database.one('SELECT der FROM signed_certificates WHERE certificate_key = ?', key)?.der
  return der instanceof Uint8Array ? der : undefined
}

/** Notes that certificates were seen; unknown ones are passed over. Within a write transaction. */
export function noteSightingRows(database: Database, sightings: readonly Sighting[]): void {
  for (const { key, atMs } of sightings) {
    database.run(
      `INSERT INTO sightings (certificate_key, not_after_ms, first_ms, last_ms)
        SELECT certificate_key, not_after_ms, ?2, ?2 FROM certificates WHERE certificate_key = ?1
        ON CONFLICT (certificate_key) DO UPDATE SET first_ms = min(first_ms, excluded.first_ms),
          last_ms = max(last_ms, excluded.last_ms)`,
      key,
      atMs,
    )
  }
}

/** When each was seen, in the order of the keys. */
export function readSightings(database: Database, keys: readonly CertificateKey[]): (SeenSpan | undefined)[] {
  return keys.map((key) => {
    const row = database.one('SELECT first_ms, last_ms FROM sightings WHERE certificate_key = ?', key)
    return row && { firstMs: Number(row.first_ms), lastMs: Number(row.last_ms) }
  })
}

/** Forgets some of what was kept of certificates that ended long ago. Within a write transaction. */
export function forgetEnded(database: Database, nowMs: number): void {
  for (const table of ['signed_certificates', 'sightings']) {
    database.run(
      `DELETE FROM ${table} WHERE certificate_key IN
        (SELECT certificate_key FROM ${table} WHERE not_after_ms < ? ORDER BY not_after_ms LIMIT ?)`,
      nowMs - keptAfterEndMs,
      forgottenAtOnce,
    )
  }
}
