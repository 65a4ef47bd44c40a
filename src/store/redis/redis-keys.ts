/**
 * Every key of the store. They share one hash tag, so that one script may change all of them in a Redis Cluster too.
 * README.md beside this file has the shape of each, for people who write their own scripts.
 */
export const redisKeys = {
  state: '{sekisho}:state',
  log: '{sekisho}:log',
  news: '{sekisho}:news',
  issuers: '{sekisho}:issuers',
  tombstones: '{sekisho}:tombstones',
  rules: '{sekisho}:rules',
  negatives: '{sekisho}:negatives',
  revocationsOf: '{sekisho}:revocations-of',
  contracts: '{sekisho}:contracts',
  users: '{sekisho}:users',
  certificates: '{sekisho}:certificates',
  loginIds: '{sekisho}:login-ids',
  meta: '{sekisho}:meta',
  gateways: '{sekisho}:gateways',
} as const

/** What stands before the issuerId or login ID in the names of keys of which there are many. */
export const keyPrefixes = {
  revoked: '{sekisho}:revoked:',
  records: '{sekisho}:records:',
  history: '{sekisho}:history:',
  certificatesOf: '{sekisho}:certificates-of:',
} as const

/** Hash slot of `{sekisho}` in a Redis Cluster: CRC16 of `sekisho`, modulo 16 384. */
export const sekishoSlot = 494

/** Rises with every change of the keys that an older program would misread. */
export const schemaVersion = 1

type KeyType = 'hash' | 'set' | 'stream' | 'zset'
export type TypedKey = { readonly name: string; readonly type: KeyType }

const types: Readonly<Record<keyof typeof redisKeys, KeyType>> = {
  state: 'hash',
  log: 'stream',
  news: 'stream',
  issuers: 'set',
  tombstones: 'hash',
  rules: 'hash',
  negatives: 'hash',
  revocationsOf: 'hash',
  contracts: 'hash',
  users: 'hash',
  certificates: 'hash',
  loginIds: 'zset',
  meta: 'hash',
  gateways: 'hash',
}

/** The keys of which there is one each. */
export const singleKeys: readonly TypedKey[] = Object.entries(types).map(([key, type]) => ({
  name: redisKeys[key as keyof typeof redisKeys],
  type,
}))

/** The set of serial numbers in force that an issuer has issued; others may add to it. */
export function revokedKey(issuerId: string): string {
  return keyPrefixes.revoked + issuerId
}

/** Which of them the log has told of, and by which version. */
export function recordsKey(issuerId: string): string {
  return keyPrefixes.records + issuerId
}

/** Who revoked what when and why, each call of `publish` an entry with the id `<version>-0`. */
export function historyKey(issuerId: string): string {
  return keyPrefixes.history + issuerId
}

/** The certificates recorded for a login ID. */
export function certificatesOfKey(loginId: string): string {
  return keyPrefixes.certificatesOf + loginId
}

/** All that a script may touch to revoke certificates of these issuers. */
export function keysOfIssuers(issuerIds: readonly string[]): TypedKey[] {
  return issuerIds.flatMap((issuerId): TypedKey[] => [
    { name: revokedKey(issuerId), type: 'set' },
    { name: recordsKey(issuerId), type: 'hash' },
    { name: historyKey(issuerId), type: 'stream' },
  ])
}
