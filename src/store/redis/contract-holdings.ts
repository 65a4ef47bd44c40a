import type { RecordedCertificate } from '../../control-path/directory-port.ts'
import type { ContractHoldings } from '../../control-path/issuance-port.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import { readStanding } from './certificate-records.ts'
import type { DirectoryIndexes } from './directory-indexes.ts'
import { contractOf, readUsers, type StoredContract } from './directory-records.ts'
import { negativeFields, readNegative } from './negatives.ts'
import type { RedisClient } from './redis-client.ts'
import { certificatesOfKey, redisKeys } from './redis-keys.ts'
import { parsed, textOf, textsOf } from './replies.ts'

/**
 * All that a contract holds, in a few round trips. Its revision is read before all else: whatever changes while the rest is being
 * read makes it an old one, which `reserveCertificate` refuses.
 */
export async function readHoldings(
  client: RedisClient,
  contractId: string,
  { unexpiredAtMs, indexes }: { unexpiredAtMs: number; indexes: DirectoryIndexes },
): Promise<ContractHoldings | undefined> {
  await indexes.complete(client, 'users')
  const [revision, record, method, members] = await client.together([
    ['HGET', redisKeys.revisions, contractId],
    ['HGET', redisKeys.contracts, contractId],
    ['HGET', redisKeys.negatives, negativeFields.loginMethod(contractId)],
    ['ZRANGEBYLEX', redisKeys.usersOf, `[${contractId}\0`, `(${contractId}\u0001`],
  ])
  const stored = parsed<StoredContract>(textOf(record))
  if (stored === undefined) return undefined
  const loginIds = textsOf(members).map((member) => member.slice(contractId.length + 1))
  const users = await readUsers(client, loginIds)
  // One that was moved away by an older program is listed still.
  const own = users.flatMap((user) => (user?.contractId === contractId ? [user] : []))
  const certificates = await readAllOf(
    client,
    own.map((user) => user.loginId),
    unexpiredAtMs,
  )
  return {
    contract: contractOf(contractId, stored, readNegative(textOf(method))),
    revision: Number(textOf(revision) ?? 0),
    users: own.map((user) => ({ user, certificates: certificates.get(user.loginId) ?? [] })),
  }
}

/** Unexpired certificates by login ID, in the order in which they were recorded. */
async function readAllOf(
  client: RedisClient,
  loginIds: readonly string[],
  unexpiredAtMs: number,
): Promise<ReadonlyMap<string, readonly RecordedCertificate[]>> {
  const lists = await client.together(loginIds.map((loginId) => ['SMEMBERS', certificatesOfKey(loginId)]))
  const certificates = await readStanding(client, lists.flatMap(textsOf) as CertificateKey[])
  const unexpired = certificates.filter(({ notAfterMs }) => notAfterMs >= unexpiredAtMs)
  return Map.groupBy(
    unexpired.toSorted(
      (left, right) => left.recordedVersion - right.recordedVersion || (left.key < right.key ? -1 : 1),
    ),
    ({ loginId }) => loginId,
  )
}
