import type { Revocation, RevocationReason } from '../../control-path/ports.ts'
import type { RevocationFilter, RevocationPage, RevocationRecord } from '../../control-path/store-port.ts'
import { type CertificateKey, certificateKey, parseCertificateKey } from '../../x509/certificate-key.ts'
import type { KnownIssuers } from './known-issuers.ts'
import type { RedisClient, RedisCommand } from './redis-client.ts'
import { historyKey, recordsKey, redisKeys, revokedKey } from './redis-keys.ts'
import { entriesOf, listOf, parsed, type StreamEntry, textOf, textsOf } from './replies.ts'
import { serialSpellings } from './serial-spellings.ts'
import { readSteadily } from './steady-read.ts'

/** A revocation with its place among all: newer ones have higher places. */
type Placed = {
  readonly revocation: Revocation
  readonly version: number
  /** Version and place within its batch in one number, which is the cursor. */
  readonly place: number
  /** Of a revocation that the store had lost: the version it had then; else its own. */
  readonly since: number
}

/** A revocation as it stands; `since`: the version that counts when it is asked what is newer. */
export type FoundRevocation = RevocationRecord & {
  readonly since: number
  /** 0: it stands in the set only. */
  readonly recordedVersion: number
}

/** Places within one batch; so many certificates may be revoked together at most. */
export const placesMax = 4_096

/** Entries of one issuer that are read at once. Each may hold a thousand certificates, most hold one. */
const entriesMin = 8
const entriesMax = 128

/** What the record says of a revocation that a gateway has written again. */
export const lostByStore = {
  reason: 'unspecified',
  comment: 'written again by a gateway that knew it: the store had lost it',
} as const

const addedByHand = 'added to the set of revoked serial numbers past the gateways'

/** What the store says of one certificate; undefined if it was never revoked. */
export async function readRevocation(client: RedisClient, key: CertificateKey): Promise<FoundRevocation | undefined> {
  const { issuerId, serial } = parseCertificateKey(key)
  const [record, tombstone, last, members] = await readSteadily(client, [
    ['HGET', recordsKey(issuerId), serial],
    ['HGET', redisKeys.tombstones, key],
    ['HGET', redisKeys.state, 'last'],
    ['SMISMEMBER', revokedKey(issuerId), ...serialSpellings(serial)],
  ])
  const version = Number(record ?? 0)
  if (version > 0) {
    const { revocation, since } = await readDetails(client, key, version)
    return { state: 'revoked', version, revocation, since, recordedVersion: version }
  }
  const stands = listOf(members).includes(1)
  if (stands) {
    const revocation = bare(key, addedByHand)
    return { state: 'revoked', version: Number(last ?? 0), revocation, since: Number(last ?? 0), recordedVersion: 0 }
  }
  return restoredOf(key, textOf(tombstone))
}

/** Revocations in force, newest first, a page at a time. */
export async function readRevocations(
  client: RedisClient,
  filter: RevocationFilter,
  issuers: KnownIssuers,
): Promise<RevocationPage> {
  const issuerIds = filter.issuerId === undefined ? await issuers.refresh(client) : [filter.issuerId]
  const before = filter.cursor ?? Number.MAX_SAFE_INTEGER
  const found =
    filter.loginId === undefined
      ? await readNewest(client, { issuerIds, before, count: filter.limit + 1 })
      : await readOfLogin(client, { issuerIds, before, loginId: filter.loginId })
  const page = found.slice(0, filter.limit)
  const more = found.length > filter.limit
  return {
    revocations: page.map(({ revocation, version }) => ({ ...revocation, version })),
    nextCursor: more ? page.at(-1)?.place : undefined,
  }
}

async function readNewest(
  client: RedisClient,
  { issuerIds, before, count }: { issuerIds: readonly string[]; before: number; count: number },
): Promise<Placed[]> {
  const columns = await Promise.all(
    issuerIds.map(async (issuerId) => {
      const column: Placed[] = []
      let upTo = String(Math.floor(before / placesMax))
      for (let size = entriesMin; column.length < count; size = Math.min(size * 2, entriesMax)) {
        const command: RedisCommand = ['XREVRANGE', historyKey(issuerId), upTo, '-', 'COUNT', size]
        const entries = entriesOf(await client.call(command))
        for (const entry of entries) {
          if (column.length >= count) break
          const placed = placedOf(entry, issuerId).filter(({ place }) => place < before)
          column.push(...(await inForce(client, issuerId, placed)))
        }
        if (entries.length < size) break
        upTo = `(${entries.at(-1)?.id}`
      }
      return column
    }),
  )
  return columns.flat().toSorted(newestFirst)
}

async function readOfLogin(
  client: RedisClient,
  { issuerIds, before, loginId }: { issuerIds: readonly string[]; before: number; loginId: string },
): Promise<Placed[]> {
  const versions = textOf(await client.call(['HGET', redisKeys.revocationsOf, loginId]))?.split(',') ?? []
  const columns = await Promise.all(
    issuerIds.map(async (issuerId) => {
      const replies = await client.together(
        versions.map((version) => ['XRANGE', historyKey(issuerId), version, version]),
      )
      const placed = replies
        .flatMap((reply) => entriesOf(reply).flatMap((entry) => placedOf(entry, issuerId)))
        .filter(({ revocation, place }) => revocation.loginId === loginId && place < before)
      return inForce(client, issuerId, placed)
    }),
  )
  return columns.flat().toSorted(newestFirst)
}

/** Those of one issuer that have not been taken back since, nor revoked anew. */
async function inForce(client: RedisClient, issuerId: string, placed: readonly Placed[]): Promise<Placed[]> {
  if (placed.length === 0) return []
  const serials = placed.map(({ revocation }) => parseCertificateKey(revocation.key).serial)
  const versions = textsOf(await client.call(['HMGET', recordsKey(issuerId), ...serials]))
  return placed.filter(({ version }, position) => Number(versions[position]) === version)
}

async function readDetails(
  client: RedisClient,
  key: CertificateKey,
  version: number,
): Promise<Pick<Placed, 'revocation' | 'since'>> {
  const { issuerId } = parseCertificateKey(key)
  const [entry] = entriesOf(await client.call(['XRANGE', historyKey(issuerId), version, version]))
  const placed = entry === undefined ? [] : placedOf(entry, issuerId)
  return (
    placed.find(({ revocation }) => revocation.key === key) ?? {
      revocation: bare(key, 'who revoked it, and why, is no longer known'),
      since: version,
    }
  )
}

/** The certificates of one entry, newest first. Its fields are told in README.md. */
function placedOf({ version, fields }: StreamEntry, issuerId: string): Placed[] {
  const list = (name: string) => fields.get(name)?.split(',')
  const details = parsed<{ reason: RevocationReason; comment: string }[]>(fields.get('d')) ?? []
  const loginIds = parsed<string[]>(fields.get('l'))
  const [detailOf, order, since] = [list('i'), list('o'), list('w')]
  const actor = fields.get('a') ?? ''
  const revokedAtMs = Number(fields.get('m') ?? 0)
  const serials = list('s') ?? []
  return serials
    .map((serial, position): Placed => {
      const detail = details[Number(detailOf?.[position] ?? 0)]
      return {
        revocation: {
          key: certificateKey(issuerId, serial),
          loginId: loginIds?.[position] || undefined,
          reason: detail?.reason ?? 'unspecified',
          comment: detail?.comment ?? '',
          actor,
          revokedAtMs,
        },
        version,
        place: version * placesMax + Number(order?.[position] ?? position),
        since: Number(since?.[position] ?? version),
      }
    })
    .toReversed()
}

function restoredOf(key: CertificateKey, text: string | undefined): FoundRevocation | undefined {
  type Tombstone = { version: number; atMs: number; actor: string; loginId?: string; comment: string }
  const tombstone = parsed<Tombstone & { reason: RevocationReason }>(text)
  if (tombstone === undefined) return undefined
  const { version, atMs, actor, loginId, reason, comment } = tombstone
  const revocation = { key, loginId, reason, comment, actor, revokedAtMs: atMs }
  return { state: 'restored', version, revocation, since: version, recordedVersion: 0 }
}

function bare(key: CertificateKey, comment: string): Revocation {
  return { key, loginId: undefined, reason: 'unspecified', comment, actor: 'unknown', revokedAtMs: 0 }
}

function newestFirst(left: Placed, right: Placed): number {
  return right.place - left.place
}
