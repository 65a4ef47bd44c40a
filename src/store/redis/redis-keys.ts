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
  contractIds: '{sekisho}:contract-ids',
  usersOf: '{sekisho}:users-of',
  revisions: '{sekisho}:revisions',
  publicKeys: '{sekisho}:public-keys',
  expiries: '{sekisho}:expiries',
  sightings: '{sekisho}:sightings',
  mails: '{sekisho}:mails',
  mailStates: '{sekisho}:mail-states',
  mailsDue: '{sekisho}:mails-due',
  mailsWaiting: '{sekisho}:mails-waiting',
  mailsSent: '{sekisho}:mails-sent',
  mailsDead: '{sekisho}:mails-dead',
} as const

/** What stands before the issuerId, login ID, … in the names of keys of which there are many. */
export const keyPrefixes = {
  revoked: '{sekisho}:revoked:',
  records: '{sekisho}:records:',
  history: '{sekisho}:history:',
  certificatesOf: '{sekisho}:certificates-of:',
  signed: '{sekisho}:signed:',
  note: '{sekisho}:note:',
  count: '{sekisho}:count:',
  historyOf: '{sekisho}:history-of:',
} as const

/** Hash slot of `{sekisho}` in a Redis Cluster: CRC16 of `sekisho`, modulo 16 384. */
export const sekishoSlot = 494

/** Rises with every change of the keys that an older program would misread. */
export const schemaVersion = 1

type KeyType = 'hash' | 'set' | 'stream' | 'string' | 'zset'
export type TypedKey = { readonly name: string; readonly type: KeyType }

/** What every change script may touch: the log, and what most of them read or write. */
export const singleKeys: readonly TypedKey[] = [
  { name: redisKeys.state, type: 'hash' },
  { name: redisKeys.log, type: 'stream' },
  { name: redisKeys.news, type: 'stream' },
  { name: redisKeys.issuers, type: 'set' },
  { name: redisKeys.tombstones, type: 'hash' },
  { name: redisKeys.rules, type: 'hash' },
  { name: redisKeys.negatives, type: 'hash' },
  { name: redisKeys.revocationsOf, type: 'hash' },
  { name: redisKeys.contracts, type: 'hash' },
  { name: redisKeys.users, type: 'hash' },
  { name: redisKeys.certificates, type: 'hash' },
  { name: redisKeys.loginIds, type: 'zset' },
  { name: redisKeys.meta, type: 'hash' },
  { name: redisKeys.gateways, type: 'hash' },
]

/** What the scripts of the directory may touch besides. */
export const directoryKeys: readonly TypedKey[] = [
  { name: redisKeys.contractIds, type: 'zset' },
  { name: redisKeys.usersOf, type: 'zset' },
  { name: redisKeys.revisions, type: 'hash' },
  { name: redisKeys.publicKeys, type: 'hash' },
  { name: redisKeys.expiries, type: 'zset' },
  { name: redisKeys.sightings, type: 'hash' },
]

/** What the scripts of mails may touch besides. */
export const mailKeys: readonly TypedKey[] = [
  { name: redisKeys.mails, type: 'hash' },
  { name: redisKeys.mailStates, type: 'hash' },
  { name: redisKeys.mailsDue, type: 'zset' },
  { name: redisKeys.mailsWaiting, type: 'zset' },
  { name: redisKeys.mailsSent, type: 'zset' },
  { name: redisKeys.mailsDead, type: 'zset' },
]

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

/** DER of a certificate that was signed here, until it expires. */
export function signedKey(key: string): string {
  return keyPrefixes.signed + key
}

/** A value of short life that the gateways share. */
export function noteKey(name: string): string {
  return keyPrefixes.note + name
}

/** A count of short life that the gateways share. */
export function countKey(name: string): string {
  return keyPrefixes.count + name
}

/** What happened to a contract or user, for people. */
export function historyOfKey(subject: string): string {
  return keyPrefixes.historyOf + subject
}

/** All that a script may touch to revoke certificates of these issuers. */
export function keysOfIssuers(issuerIds: readonly string[]): TypedKey[] {
  return issuerIds.flatMap((issuerId): TypedKey[] => [
    { name: revokedKey(issuerId), type: 'set' },
    { name: recordsKey(issuerId), type: 'hash' },
    { name: historyKey(issuerId), type: 'stream' },
  ])
}
