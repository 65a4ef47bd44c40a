import type { NewCertificate } from '../../control-path/directory-port.ts'
import type { SeenSpan, Sighting, UseResult } from '../../control-path/issuance-port.ts'
import type { DirectoryEntry } from '../../control-path/ports.ts'
import { type CertificateKey, parseCertificateKey } from '../../x509/certificate-key.ts'
import { type ChangeOptions, keysOfLogins, notFound, open } from './directory-changes.ts'
import { certificateOf, type StoredCertificate } from './directory-records.ts'
import { reserveScript, sightingScript, useScript } from './issuance-scripts.ts'
import type { RedisClient } from './redis-client.ts'
import { unavailable } from './redis-errors.ts'
import { directoryKeys, redisKeys, signedKey } from './redis-keys.ts'
import { jsonOf, scriptCall } from './redis-script.ts'
import { listOf, parsed, textOf } from './replies.ts'

/** How often a first use is tried while others change the record. */
const useAttemptsMax = 5

/** Sightings that one run of the script writes. */
const sightingsAtOnce = 1_000

/** Records a certificate that is about to be signed; see `IssuanceStore.reserveCertificate`. */
export async function reserveCertificate(
  client: RedisClient,
  { key, ...certificate }: NewCertificate & { readonly publicKeyHash: string },
  {
    contractId,
    revision,
    replaces,
    ...options
  }: ChangeOptions & { contractId: string; revision: number; replaces: readonly CertificateKey[] },
): Promise<'reserved' | 'moved' | 'key_reused'> {
  parseCertificateKey(key)
  const entry = { type: 'certificate', certificate: { key, ...certificate }, used: false, superseded: false } as const
  const what = {
    key,
    certificate,
    contractId,
    revision,
    replaces,
    idJson: jsonOf(certificate.loginId),
    entry: jsonOf(entry satisfies DirectoryEntry),
    record: open({ ...certificate, used: false }),
  }
  const { keys, input } = scriptCall(what, { ...options, keys: keysOfLogins([certificate.loginId]) })
  const answer = Number(await client.run(reserveScript, keys, input))
  return answer === 2 ? 'key_reused' : answer === 1 ? 'moved' : 'reserved'
}

/** A certificate was presented and admitted; see `IssuanceStore.useCertificate`. Throws `admin_not_found`. */
export async function useCertificate(
  client: RedisClient,
  key: CertificateKey,
  options: ChangeOptions,
): Promise<UseResult> {
  for (let attempt = 1; attempt <= useAttemptsMax; attempt++) {
    const expected = textOf(await client.call(['HGET', redisKeys.certificates, key]))
    const stored = parsed<StoredCertificate>(expected)
    if (stored === undefined) throw notFound('certificate', key)
    if (stored.used !== false) return { changed: false, superseded: [], version: stored.version }
    const { version: _, ...record } = { ...stored, used: true }
    const entry = {
      type: 'certificate',
      certificate: certificateOf(key, stored),
      used: true,
      superseded: false,
    } as const
    const what = {
      key,
      expected,
      record: open(record),
      idJson: jsonOf(stored.loginId),
      entry: jsonOf(entry satisfies DirectoryEntry),
    }
    const { keys, input } = scriptCall(what, { ...options, keys: keysOfLogins([stored.loginId]) })
    const [outcome, version, ...superseded] = listOf(await client.run(useScript, keys, input))
    if (outcome === 2) continue
    return {
      changed: outcome === 1,
      superseded: superseded.map((one) => textOf(one) as CertificateKey),
      version: Number(version),
    }
  }
  throw unavailable(
    client.server,
    `others kept changing what is recorded of ${key} while its first use was to be noted`,
  )
}

/** Keeps what was signed until it expires; the first one stays. Throws `admin_not_found`. */
export async function keepSigned(client: RedisClient, key: CertificateKey, der: Uint8Array): Promise<void> {
  const stored = parsed<StoredCertificate>(textOf(await client.call(['HGET', redisKeys.certificates, key])))
  if (stored === undefined) throw notFound('certificate', key)
  const text = Buffer.from(der).toString('base64')
  await client.call(['SET', signedKey(key), text, 'NX', 'PXAT', stored.notAfterMs], { writes: true })
}

/** DER of what was kept. */
export async function readSigned(client: RedisClient, key: CertificateKey): Promise<Uint8Array | undefined> {
  const text = textOf(await client.call(['GET', signedKey(key)]))
  return text === undefined ? undefined : Buffer.from(text, 'base64')
}

/** Notes when certificates were seen; those that are not recorded are passed over. */
export async function noteSightings(
  client: RedisClient,
  sightings: readonly Sighting[],
  options: ChangeOptions,
): Promise<void> {
  for (let first = 0; first < sightings.length; first += sightingsAtOnce) {
    const part = sightings.slice(first, first + sightingsAtOnce)
    const what = { seen: part.map(({ key }) => key), times: part.map(({ atMs }) => atMs) }
    const { keys, input } = scriptCall(what, { ...options, keys: directoryKeys })
    await client.run(sightingScript, keys, input)
  }
}

/** In the order of the keys; undefined: never seen. */
export async function readSightings(
  client: RedisClient,
  keys: readonly CertificateKey[],
): Promise<(SeenSpan | undefined)[]> {
  if (keys.length === 0) return []
  return listOf(await client.call(['HMGET', redisKeys.sightings, ...keys])).map((reply) => {
    const [firstMs, lastMs] = (textOf(reply) ?? '').split(':').map(Number)
    return firstMs === undefined || lastMs === undefined ? undefined : { firstMs, lastMs }
  })
}
