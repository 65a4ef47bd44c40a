import type { Expiring } from '../../control-path/issuance-port.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import { askStanding } from './certificate-records.ts'
import type { DirectoryIndexes } from './directory-indexes.ts'
import { readUsers } from './directory-records.ts'
import type { RedisClient } from './redis-client.ts'
import { redisKeys } from './redis-keys.ts'
import { textsOf } from './replies.ts'

/** Certificates of one page: their spellings fit into a few commands of some milliseconds. */
const pageSize = 2_000

type Listed = { readonly key: CertificateKey; readonly notAfterMs: number }

/**
 * Certificates that expire in a span, neither revoked nor superseded, with their users. Places in the list only ever grow, because
 * nothing is taken out of it; what slips to a later page meanwhile is passed over there.
 */
export async function* readExpiring(
  client: RedisClient,
  { fromMs, toMs, indexes }: { fromMs: number; toMs: number; indexes: DirectoryIndexes },
): AsyncGenerator<readonly Expiring[]> {
  await indexes.complete(client, 'certificates')
  const first = Number(await client.call(['ZCOUNT', redisKeys.expiries, '-inf', `(${fromMs}`]))
  let next = readPage(client, first)
  let last: Listed | undefined
  for (let place = first; ; place += pageSize) {
    const page = await next
    const isLast = page.length < pageSize || (page.at(-1)?.notAfterMs ?? 0) > toMs
    if (!isLast) {
      // On its way while this one is worked on.
      next = readPage(client, place + pageSize)
      next.catch(() => {})
    }
    const before = last
    const listed = page.filter((one) => one.notAfterMs <= toMs && (before === undefined || isAfter(one, before)))
    yield await readInForce(
      client,
      listed.map(({ key }) => key),
    )
    if (isLast) return
    last = page.at(-1) ?? last
  }
}

async function readPage(client: RedisClient, first: number): Promise<Listed[]> {
  const texts = textsOf(await client.call(['ZRANGE', redisKeys.expiries, first, first + pageSize - 1, 'WITHSCORES']))
  return Array.from({ length: texts.length / 2 }, (_, position) => ({
    key: texts[2 * position] as CertificateKey,
    notAfterMs: Number(texts[2 * position + 1]),
  }))
}

/** In the order of the list: by time, then by key. */
function isAfter(one: Listed, other: Listed): boolean {
  return one.notAfterMs > other.notAfterMs || (one.notAfterMs === other.notAfterMs && one.key > other.key)
}

async function readInForce(client: RedisClient, keys: readonly CertificateKey[]): Promise<Expiring[]> {
  if (keys.length === 0) return []
  const { commands, read } = askStanding(keys)
  const inForce = read(await client.together(commands)).filter(
    ({ state, revoked }) => state !== 'superseded' && !revoked,
  )
  const users = await readUsers(
    client,
    inForce.map(({ loginId }) => loginId),
  )
  return inForce.flatMap((certificate, position) => {
    const user = users[position]
    return user === undefined ? [] : [{ user, certificate }]
  })
}
