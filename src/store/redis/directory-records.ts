import type { DirectoryEntry } from '../../control-path/ports.ts'
import type {
  Contract,
  DirectoryRecord,
  NewCertificate,
  RecordedCertificate,
  User,
} from '../../control-path/store-port.ts'
import type { DirectoryAnswer, UserRole } from '../../trust/directory-answer.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import { parseCertificateKey } from '../../x509/certificate-key.ts'
import { methodOf, type Negative, negativeFields, readNegative } from './negatives.ts'
import type { RedisClient } from './redis-client.ts'
import { certificatesOfKey, redisKeys, revokedKey } from './redis-keys.ts'
import { listOf, parsed, textOf, textsOf } from './replies.ts'
import { serialSpellings } from './serial-spellings.ts'
import { scanHash } from './state-scan.ts'
import { readSteadily } from './steady-read.ts'

type StoredContract = { readonly certificateLimit: number; readonly version: number }
type StoredUser = { readonly contractId: string; readonly role: UserRole; readonly version: number }
type StoredCertificate = Omit<NewCertificate, 'key'> & { readonly recorded: number; readonly version: number }

/** The contract of this id, if there is one. */
export async function readContract(client: RedisClient, contractId: string): Promise<Contract | undefined> {
  const [record, method] = await client.together([
    ['HGET', redisKeys.contracts, contractId],
    ['HGET', redisKeys.negatives, negativeFields.loginMethod(contractId)],
  ])
  const stored = parsed<StoredContract>(textOf(record))
  return stored && contractOf(contractId, stored, readNegative(textOf(method)))
}

/** The user of this login ID, if there is one. */
export async function readUser(client: RedisClient, loginId: string): Promise<User | undefined> {
  const [record, suspended] = await client.together([
    ['HGET', redisKeys.users, loginId],
    ['HGET', redisKeys.negatives, negativeFields.suspended(loginId)],
  ])
  const stored = parsed<StoredUser>(textOf(record))
  return stored && userOf(loginId, stored, readNegative(textOf(suspended)))
}

/** Login IDs that begin with the prefix, in order, at most `limit`. */
export async function readLoginIds(client: RedisClient, prefix: string, limit: number): Promise<string[]> {
  // No text sorts above U+10FFFF, so the range holds exactly what begins with the prefix.
  const from = prefix === '' ? '-' : `[${prefix}`
  const to = prefix === '' ? '+' : `(${prefix}\u{10ffff}`
  return textsOf(await client.call(['ZRANGEBYLEX', redisKeys.loginIds, from, to, 'LIMIT', 0, limit]))
}

/** Certificates recorded for a login ID that have not expired at that time (milliseconds since the epoch). */
export async function readCertificates(
  client: RedisClient,
  loginId: string,
  unexpiredAtMs: number,
): Promise<RecordedCertificate[]> {
  const { certificates } = await readRecorded(client, loginId)
  const unexpired = certificates.filter(({ stored }) => stored.notAfterMs >= unexpiredAtMs)
  if (unexpired.length === 0) return []
  const [negatives, ...members] = await readSteadily(client, [
    ['HMGET', redisKeys.negatives, ...unexpired.map(({ key }) => negativeFields.superseded(key))],
    ...unexpired.map(({ key }) => {
      const { issuerId, serial } = parseCertificateKey(key)
      return ['SMISMEMBER', revokedKey(issuerId), ...serialSpellings(serial)] as const
    }),
  ])
  const superseded = listOf(negatives).map((value) => readNegative(textOf(value)).value === 'yes')
  return unexpired
    .map(({ key, stored }, position): RecordedCertificate => {
      const { notBeforeMs, notAfterMs } = stored
      const state = superseded[position] ? 'superseded' : 'current'
      return { key, loginId, notBeforeMs, notAfterMs, state, revoked: listOf(members[position]).includes(1) }
    })
    .toSorted((left, right) => left.notBeforeMs - right.notBeforeMs || (left.key < right.key ? -1 : 1))
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

/** What the directory says of a login ID and a certificate. */
export async function readAnswer(client: RedisClient, loginId: string, key: CertificateKey): Promise<DirectoryAnswer> {
  const [user, certificate] = await client.together([
    ['HGET', redisKeys.users, loginId],
    ['HGET', redisKeys.certificates, key],
  ])
  const stored = parsed<StoredUser>(textOf(user))
  if (stored === undefined) return { user: undefined, certificateRegistered: false }
  const owner = parsed<StoredCertificate>(textOf(certificate))?.loginId
  return {
    user: { contractId: stored.contractId, role: stored.role },
    certificateRegistered: owner === loginId,
  }
}

/** The whole directory, a part at a time; a record may come twice. */
export async function* readDirectory(client: RedisClient): AsyncGenerator<readonly DirectoryRecord[]> {
  yield* scanRecords<StoredContract>(client, redisKeys.contracts, {
    field: negativeFields.loginMethod,
    entryOf: (contractId, stored, negative) => ({
      type: 'contract',
      contract: contractOf(contractId, stored, negative),
    }),
  })
  yield* scanRecords<StoredUser>(client, redisKeys.users, {
    field: negativeFields.suspended,
    entryOf: (loginId, stored, negative) => ({ type: 'user', user: userOf(loginId, stored, negative) }),
  })
  yield* scanRecords<StoredCertificate>(client, redisKeys.certificates, {
    field: negativeFields.superseded,
    entryOf: (key, { loginId, notBeforeMs, notAfterMs }, negative) => ({
      type: 'certificate',
      certificate: { key: key as CertificateKey, loginId, notBeforeMs, notAfterMs },
      superseded: negative.value === 'yes',
    }),
  })
}

async function* scanRecords<Stored extends { readonly version: number }>(
  client: RedisClient,
  key: string,
  kind: {
    readonly field: (subject: string) => string
    readonly entryOf: (subject: string, stored: Stored, negative: Negative) => DirectoryEntry
  },
): AsyncGenerator<readonly DirectoryRecord[]> {
  for await (const page of scanHash(client, key)) {
    const subjects = [...page.keys()]
    const negatives = listOf(await client.call(['HMGET', redisKeys.negatives, ...subjects.map(kind.field)]))
    yield subjects.flatMap((subject, position) => {
      const stored = parsed<Stored>(page.get(subject))
      if (stored === undefined) return []
      const negative = readNegative(textOf(negatives[position]))
      return [{ ...kind.entryOf(subject, stored, negative), version: Math.max(stored.version, negative.version) }]
    })
  }
}

function contractOf(contractId: string, { certificateLimit }: StoredContract, negative: Negative): Contract {
  return { contractId, loginMethod: methodOf(negative.value), certificateLimit }
}

function userOf(loginId: string, { contractId, role }: StoredUser, negative: Negative): User {
  return { loginId, contractId, role, state: negative.value === 'yes' ? 'suspended' : 'active' }
}
