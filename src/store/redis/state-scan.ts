import type { RevocationRule, TrustEvent } from '../../control-path/ports.ts'
import { type CertificateKey, certificateKey } from '../../x509/certificate-key.ts'
import type { KnownIssuers } from './known-issuers.ts'
import { readEnd } from './log-page.ts'
import { negativeEvent } from './negatives.ts'
import type { RedisClient, RedisCommand } from './redis-client.ts'
import { redisKeys, revokedKey } from './redis-keys.ts'
import { fieldsOf, listOf, parsed, textOf, textsOf, timeOf } from './replies.ts'
import { readSerial } from './serial-spellings.ts'

/** Members of a set, or fields of a hash, that Redis is asked to look at in one go: well under a millisecond. */
const scanCount = 2_000

export type StateOptions = {
  readonly issuers: KnownIssuers
  /** Told of each member of a set that is no serial number; it is passed over. */
  readonly unreadableMember: (issuerId: string, member: string) => void
}

/**
 * The log reduced to the last event of each subject. The sets of serial numbers say what is revoked, whoever put it there; all else is
 * what the change scripts have written. Fails with `store_unavailable` when the connection ends in between, because a cursor means
 * nothing to another server, and what it left out would be missing here.
 */
export async function* readState(
  client: RedisClient,
  { issuers, unreadableMember }: StateOptions,
): AsyncGenerator<readonly TrustEvent[]> {
  const { version } = await readEnd(client)
  const atMs = timeOf(await client.call(['TIME']))
  for (const issuerId of await issuers.refresh(client)) {
    for await (const members of scan(client, ['SSCAN', revokedKey(issuerId)])) {
      const keys = readMembers(members, issuerId, unreadableMember)
      if (keys.length > 0) yield [{ version, kind: 'revoked', keys, atMs }]
    }
  }
  for await (const page of scanHash(client, redisKeys.tombstones)) yield pick(page, tombstoneEvent)
  for await (const page of scanHash(client, redisKeys.rules)) yield pick(page, ruleEvent)
  for await (const page of scanHash(client, redisKeys.negatives)) yield pick(page, negativeEvent)
}

/** Fields of a hash with their values, a part at a time; a field may come twice. */
export async function* scanHash(client: RedisClient, key: string): AsyncGenerator<ReadonlyMap<string, string>> {
  for await (const part of scan(client, ['HSCAN', key])) yield fieldsOf(part)
}

async function* scan(
  client: RedisClient,
  [command, key]: readonly [name: string, key: string],
): AsyncGenerator<readonly string[]> {
  const from = (cursor: string): Promise<ScanPart> => ask(client, [command, key, cursor, 'COUNT', scanCount])
  let next: Promise<ScanPart> | undefined = from('0')
  while (next !== undefined) {
    const { cursor, part }: ScanPart = await next
    // The next part is on its way while this one is worked on.
    next = cursor === '0' ? undefined : from(cursor)
    next?.catch(() => {})
    if (part.length > 0) yield part
  }
}

type ScanPart = { readonly cursor: string; readonly part: readonly string[] }

async function ask(client: RedisClient, command: RedisCommand): Promise<ScanPart> {
  const [cursor, part] = listOf(await client.call(command))
  return { cursor: textOf(cursor) ?? '0', part: textsOf(part) }
}

function readMembers(
  members: readonly string[],
  issuerId: string,
  unreadable: (issuerId: string, member: string) => void,
): CertificateKey[] {
  const keys: CertificateKey[] = []
  for (const member of members) {
    const serial = readSerial(member)
    if (serial === undefined) unreadable(issuerId, member)
    else keys.push(certificateKey(issuerId, serial))
  }
  return keys
}

function pick(
  page: ReadonlyMap<string, string>,
  eventOf: (field: string, value: string) => TrustEvent | undefined,
): TrustEvent[] {
  return [...page].flatMap(([field, value]) => eventOf(field, value) ?? [])
}

function tombstoneEvent(field: string, value: string): TrustEvent | undefined {
  const tombstone = parsed<{ version: number; actor: string; atMs: number }>(value)
  if (tombstone === undefined) return undefined
  const { version, actor, atMs } = tombstone
  return { version, kind: 'restored', key: field as CertificateKey, actor, atMs }
}

function ruleEvent(ruleId: string, value: string): TrustEvent | undefined {
  const record = parsed<{ state: string; version: number; atMs: number; rule?: RevocationRule }>(value)
  if (record === undefined) return undefined
  const { state, version, atMs, rule } = record
  if (state === 'withdrawn') return { version, kind: 'rule_withdrawn', ruleId, atMs }
  return rule === undefined ? undefined : { version, kind: 'rule', ruleId, rule, atMs }
}
