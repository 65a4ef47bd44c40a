import type { RecordedCertificate } from '../../control-path/directory-port.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import { certificateOf, type StoredCertificate } from './directory-records.ts'
import { negativeFields, readNegative } from './negatives.ts'
import type { RedisClient, RedisCommand, RedisReply } from './redis-client.ts'
import { certificatesOfKey, redisKeys } from './redis-keys.ts'
import { listOf, parsed, textOf, textsOf } from './replies.ts'
import { askMembership } from './revoked-membership.ts'
import { readSteadily } from './steady-read.ts'

/** Certificates recorded for a login ID that have not expired at that time (milliseconds since the epoch), as they became valid. */
export async function readCertificates(
  client: RedisClient,
  loginId: string,
  unexpiredAtMs: number,
): Promise<RecordedCertificate[]> {
  const keys = textsOf(await client.call(['SMEMBERS', certificatesOfKey(loginId)])) as CertificateKey[]
  return (await readStanding(client, keys))
    .filter(({ notAfterMs }) => notAfterMs >= unexpiredAtMs)
    .toSorted((left, right) => left.notBeforeMs - right.notBeforeMs || (left.key < right.key ? -1 : 1))
}

/** The certificate that has this public key. */
export async function readByPublicKey(
  client: RedisClient,
  publicKeyHash: string,
): Promise<RecordedCertificate | undefined> {
  const key = textOf(await client.call(['HGET', redisKeys.publicKeys, publicKeyHash]))
  return key === undefined ? undefined : (await readStanding(client, [key as CertificateKey]))[0]
}

/** Certificates with what became of them, in the order of the keys; those that are not recorded are left out. */
export async function readStanding(
  client: RedisClient,
  keys: readonly CertificateKey[],
): Promise<RecordedCertificate[]> {
  if (keys.length === 0) return []
  const { commands, read } = askStanding(keys)
  return read(await readSteadily(client, commands))
}

/** The same as commands, for whoever asks more in the same round trip. */
export function askStanding(keys: readonly CertificateKey[]): {
  readonly commands: readonly RedisCommand[]
  read(replies: readonly RedisReply[]): RecordedCertificate[]
} {
  const membership = askMembership(keys)
  return {
    commands: [
      ['HMGET', redisKeys.certificates, ...keys],
      ['HMGET', redisKeys.negatives, ...keys.map(negativeFields.superseded)],
      ...membership.commands,
    ],
    read: ([records, negatives, ...members]) => {
      const revoked = membership.read(members)
      return keys.flatMap((key, position) => {
        const stored = parsed<StoredCertificate>(textOf(listOf(records)[position]))
        if (stored === undefined) return []
        const isSuperseded = readNegative(textOf(listOf(negatives)[position])).value === 'yes'
        const state = isSuperseded ? 'superseded' : stored.used === false ? 'issued' : 'current'
        const standing = { state, revoked: revoked[position] === true, recordedVersion: stored.recorded } as const
        return [{ ...certificateOf(key, stored), ...standing }]
      })
    },
  }
}

/** Certificates of a login ID, and how many there are by its own list. */
export type RecordedForLogin = {
  readonly certificates: readonly { readonly key: CertificateKey; readonly stored: StoredCertificate }[]
  readonly listed: number
}

/** Every certificate that was ever recorded for a login ID. */
export async function readRecorded(client: RedisClient, loginId: string): Promise<RecordedForLogin> {
  const keys = textsOf(await client.call(['SMEMBERS', certificatesOfKey(loginId)]))
  if (keys.length === 0) return { certificates: [], listed: 0 }
  const values = listOf(await client.call(['HMGET', redisKeys.certificates, ...keys]))
  const certificates = keys.flatMap((key, position) => {
    const stored = parsed<StoredCertificate>(textOf(values[position]))
    return stored === undefined ? [] : [{ key: key as CertificateKey, stored }]
  })
  return { certificates, listed: keys.length }
}

/** The login ID a certificate is recorded for. */
export async function readOwner(client: RedisClient, key: CertificateKey): Promise<string | undefined> {
  return parsed<StoredCertificate>(textOf(await client.call(['HGET', redisKeys.certificates, key])))?.loginId
}
