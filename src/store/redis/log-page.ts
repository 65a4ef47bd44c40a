import { GatewayError } from '../../base/errors.ts'
import type { TrustEvent } from '../../control-path/ports.ts'
import type { LogPage, LogPosition } from '../../control-path/store-port.ts'
import { certificateKey } from '../../x509/certificate-key.ts'
import type { KnownIssuers } from './known-issuers.ts'
import type { RedisClient, RedisCommand, RedisReply } from './redis-client.ts'
import { newerSchema } from './redis-errors.ts'
import { recordsKey, redisKeys, revokedKey, schemaVersion } from './redis-keys.ts'
import { entriesOf, parsed, type StreamEntry, textOf, textsOf, timeOf } from './replies.ts'
import { readSteadily } from './steady-read.ts'

/** Before the first event. */
export const logStart: LogPosition = { version: 0, token: '' }

/** How often the list of issuers may grow while one page is read. */
const roundsMax = 5

/** Where the log ends now. */
export async function readEnd(client: RedisClient): Promise<LogPosition> {
  const end = endOf(await client.call(['HMGET', redisKeys.state, 'last', 'token']))
  if (end !== undefined) return end
  // Never written to, or the state was deleted by hand while the log still stands.
  const [last] = entriesOf(await client.call(['XREVRANGE', redisKeys.log, '+', '-', 'COUNT', 1]))
  const token = last?.fields.get('t')
  return last === undefined || token === undefined ? logStart : { version: last.version, token }
}

/**
 * Events after a position, oldest first, at most `limit`. Every entry names the token of the one before it, so what was trimmed,
 * deleted or replaced in between shows. Throws `store_schema_newer` where the first event is of a newer program.
 */
export async function readLogPage(
  client: RedisClient,
  position: LogPosition,
  options: { limit: number; issuers: KnownIssuers },
): Promise<LogPage> {
  const events: TrustEvent[] = []
  let end = position
  for (let after = `${position.version}-0`; ; ) {
    const page = await readOnce(client, { after, limit: options.limit - events.length, issuers: options.issuers })
    const { entries, last, ...counts } = page
    const ours = entries.filter(({ fields }) => fields.has('v') && fields.has('t'))
    const lastVersion = Math.max(last?.version ?? 0, ours.at(-1)?.version ?? 0)
    for (const entry of ours) {
      const event = entry.fields.get('p') === end.token ? eventOf(entry) : undefined
      if (event === undefined && events.length === 0) {
        return { continuous: false, events, end: position, lastVersion, ...counts }
      }
      // What was taken before this one is good; the next page begins here, and says what is wrong.
      if (event === undefined || event instanceof GatewayError) {
        if (event !== undefined && events.length === 0) throw event
        return { continuous: true, events, end, lastVersion, ...counts }
      }
      events.push(event)
      end = { version: entry.version, token: entry.fields.get('t') ?? '' }
    }
    if (ours.length < entries.length && events.length < options.limit) {
      // Somebody has written to the log by hand: what is no event is passed over.
      after = entries.at(-1)?.id ?? after
      continue
    }
    if (events.length > 0) return { continuous: true, events, end, lastVersion, ...counts }
    // Without a state and without an entry after the beginning there is nothing; what comes from now on follows.
    const known = last ?? (position.version === 0 ? logStart : await readEnd(client))
    const continuous = known.version === position.version && known.token === position.token
    return { continuous, events, end: position, lastVersion: Math.max(lastVersion, known.version), ...counts }
  }
}

type OnePage = Pick<LogPage, 'revokedCount' | 'unrecordedCount' | 'nowMs'> & {
  readonly entries: readonly StreamEntry[]
  readonly last: LogPosition | undefined
}

/** All in one round trip, unless there is an issuer nobody knew of. */
async function readOnce(
  client: RedisClient,
  { after, limit, issuers }: { after: string; limit: number; issuers: KnownIssuers },
): Promise<OnePage> {
  for (let round = 1; ; round++) {
    const issuerIds = issuers.all()
    const counts = issuerIds.flatMap((issuerId): RedisCommand[] => [
      ['SCARD', revokedKey(issuerId)],
      ['HLEN', recordsKey(issuerId)],
    ])
    const [log, state, listed, time, ...numbers] = await readSteadily(client, [
      ['XRANGE', redisKeys.log, `(${after}`, '+', 'COUNT', limit],
      ['HMGET', redisKeys.state, 'last', 'token'],
      ['SMEMBERS', redisKeys.issuers],
      ['TIME'],
      ...counts,
    ])
    if (issuers.add(textsOf(listed)) && round < roundsMax) continue
    const sum = (remainder: number) =>
      numbers.filter((_, position) => position % 2 === remainder).reduce<number>((all, one) => all + Number(one), 0)
    const revokedCount = sum(0)
    return {
      entries: entriesOf(log),
      last: endOf(state),
      revokedCount,
      unrecordedCount: revokedCount - sum(1),
      nowMs: timeOf(time),
    }
  }
}

function endOf(reply: RedisReply | undefined): LogPosition | undefined {
  if (!Array.isArray(reply) || reply[0] === null || reply[0] === undefined) return undefined
  return { version: Number(reply[0]), token: textOf(reply[1]) ?? '' }
}

type Stored<Event> = Event extends TrustEvent ? Omit<Event, 'version'> : never
type Body =
  | Exclude<Stored<TrustEvent>, { kind: 'revoked' }>
  | { readonly kind: 'revoked'; readonly atMs: number; readonly serials: Readonly<Record<string, string>> }

/** The event of an entry; a fault where this program does not understand it. */
function eventOf({ version, fields }: StreamEntry): TrustEvent | GatewayError {
  const schema = fields.get('v') ?? ''
  const what = `read event ${version} of the log`
  // What is no number at all is nothing this program understands either.
  if (!(Number(schema) <= schemaVersion)) return newerSchema(what, schema)
  const body = parsed<Body>(fields.get('e'))
  if (body === undefined) return newerSchema(what, `${schema}, with a body that is no JSON`)
  if (body.kind === 'revoked') {
    const keys = Object.entries(body.serials).flatMap(([issuerId, serials]) =>
      serials.split(',').map((serial) => certificateKey(issuerId, serial)),
    )
    return { version, kind: 'revoked', keys, atMs: body.atMs }
  }
  // JSON leaves out what is undefined.
  if (body.kind === 'directory') return { version, ...body, loginId: body.loginId }
  return { version, ...body }
}
