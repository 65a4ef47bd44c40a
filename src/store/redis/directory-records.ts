import type { Contract, DirectoryRecord, NewCertificate, User } from '../../control-path/directory-port.ts'
import type { DirectoryEntry } from '../../control-path/ports.ts'
import type { DirectoryAnswer } from '../../trust/directory-answer.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import type { DirectoryIndexes } from './directory-indexes.ts'
import { methodOf, type Negative, negativeFields, readNegative } from './negatives.ts'
import type { RedisClient } from './redis-client.ts'
import { redisKeys } from './redis-keys.ts'
import { listOf, parsed, textOf, textsOf } from './replies.ts'
import { scanHash } from './state-scan.ts'

/** JSON of the hashes of the directory. `version`: of the record's own last event. */
export type StoredContract = Omit<Contract, 'contractId' | 'loginMethod'> & { readonly version: number }
export type StoredUser = Omit<User, 'loginId' | 'state'> & { readonly version: number }
export type StoredCertificate = Omit<NewCertificate, 'key'> & {
  /** Left out by programs that recorded used ones only. */
  readonly used?: boolean
  readonly recorded: number
  readonly version: number
}

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
  return (await readUsers(client, [loginId]))[0]
}

/** In the order of the login IDs; undefined where there is no such user. */
export async function readUsers(client: RedisClient, loginIds: readonly string[]): Promise<(User | undefined)[]> {
  if (loginIds.length === 0) return []
  const [records, suspended] = await client.together([
    ['HMGET', redisKeys.users, ...loginIds],
    ['HMGET', redisKeys.negatives, ...loginIds.map(negativeFields.suspended)],
  ])
  return loginIds.map((loginId, position) => {
    const stored = parsed<StoredUser>(textOf(listOf(records)[position]))
    return stored && userOf(loginId, stored, readNegative(textOf(listOf(suspended)[position])))
  })
}

/** Which part of a list of ids: those that begin with the prefix and come after `after`, in order, at most `limit`. */
export type IdPage = { readonly prefix: string; readonly limit: number; readonly after: string }

/** A page of login IDs. */
export async function readLoginIds(client: RedisClient, page: IdPage): Promise<string[]> {
  return await readPrefix(client, redisKeys.loginIds, page)
}

/** A page of ids of contracts. */
export async function readContractIds(
  client: RedisClient,
  { indexes, ...page }: IdPage & { indexes: DirectoryIndexes },
): Promise<string[]> {
  await indexes.complete(client, 'contracts')
  return await readPrefix(client, redisKeys.contractIds, page)
}

async function readPrefix(client: RedisClient, key: string, { prefix, limit, after }: IdPage): Promise<string[]> {
  // No text sorts above U+10FFFF, so the range holds exactly what begins with the prefix.
  const start = prefix === '' ? '-' : `[${prefix}`
  const from = after === '' || after < prefix ? start : `(${after}`
  const to = prefix === '' ? '+' : `(${prefix}\u{10ffff}`
  return textsOf(await client.call(['ZRANGEBYLEX', key, from, to, 'LIMIT', 0, limit]))
}

/** What the directory says of a login ID and a certificate. */
export async function readAnswer(client: RedisClient, loginId: string, key: CertificateKey): Promise<DirectoryAnswer> {
  const [user, certificate, superseded] = await client.together([
    ['HGET', redisKeys.users, loginId],
    ['HGET', redisKeys.certificates, key],
    ['HGET', redisKeys.negatives, negativeFields.superseded(key)],
  ])
  const stored = parsed<StoredUser>(textOf(user))
  if (stored === undefined) return { user: undefined, certificateRegistered: false }
  const recorded = parsed<StoredCertificate>(textOf(certificate))
  const certificateRegistered = recorded?.loginId === loginId
  const isUnused = recorded?.used === false && readNegative(textOf(superseded)).value !== 'yes'
  return {
    user: { contractId: stored.contractId, role: stored.role },
    certificateRegistered,
    ...(certificateRegistered && isUnused ? { certificateUnused: true } : {}),
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
    entryOf: (key, stored, negative) => ({
      type: 'certificate',
      certificate: certificateOf(key as CertificateKey, stored),
      used: stored.used !== false,
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

/** A contract, from its record and what the negatives say of it. */
export function contractOf(
  contractId: string,
  { version: _, ...stored }: StoredContract,
  negative: Negative,
): Contract {
  return { contractId, loginMethod: methodOf(negative.value), ...stored }
}

/** The certificate itself, without what became of it. */
export function certificateOf(key: CertificateKey, stored: StoredCertificate): NewCertificate {
  const { loginId, notBeforeMs, notAfterMs, publicKeyHash } = stored
  return { key, loginId, notBeforeMs, notAfterMs, ...(publicKeyHash === undefined ? {} : { publicKeyHash }) }
}

function userOf(loginId: string, { version: _, ...stored }: StoredUser, negative: Negative): User {
  return { loginId, state: negative.value === 'yes' ? 'suspended' : 'active', ...stored }
}
