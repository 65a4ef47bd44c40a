import type { ConfigFile } from './config-file.ts'
import type { RedisConfig, StoreConfig } from './gateway-config.ts'
import { hostField, isLoopback, normaliseHost } from './host-name.ts'
import { type FieldPath, showPath } from './problem-list.ts'
import { readClientTls } from './read-client-tls.ts'
import type { PemContext } from './read-pems.ts'
import { type RedisUrl, readRedisUrl } from './redis-url.ts'

type Written = NonNullable<ConfigFile['store']>['redis']
type Name = keyof Written & string
type Place = Pick<RedisConfig, 'mode' | 'nodes' | 'database' | 'username' | 'password'>

const section: FieldPath = ['store', 'redis']
const noTls: NonNullable<RedisConfig['tls']> = {
  caPem: undefined,
  serverName: undefined,
  certificatePem: undefined,
  keyPem: undefined,
}

/**
 * Where the store is, its certificates read. Notes a URL or host that is none, fields that do not go together, files that cannot be
 * used; warns where a password or the store itself lies open to the network.
 */
export function readStore(store: ConfigFile['store'], context: PemContext): StoreConfig {
  if (store === undefined) return { kind: 'embedded' }
  const written = store.redis
  const url = written.url === undefined ? undefined : readUrl(written.url, context)
  const place = written.url === undefined ? readPlace(written, context) : mergeUrl(url, written, context)
  checkMode(written, context)
  checkPasswords(place, written, context)
  const config: RedisConfig = {
    ...place,
    sentinelName: written.sentinelName,
    sentinelUsername: written.sentinelUsername,
    sentinelPassword: written.sentinelPassword,
    tls: readTls(written, url, context),
    connectTimeoutMs: written.connectTimeoutMs,
    commandTimeoutMs: written.commandTimeoutMs,
    replicasWanted: written.replicasWanted,
    replicasTimeoutMs: written.replicasTimeoutMs,
    logEventsMax: written.logEventsMax,
  }
  warnOfStrangers(config, context)
  return { kind: 'redis', ...config }
}

function isWritten(name: Name, { problems }: PemContext): boolean {
  return problems.written([...section, name]) !== undefined
}

function readUrl(text: string, context: PemContext): RedisUrl | undefined {
  const url = readRedisUrl(text)
  if (!('fault' in url)) return url
  // An environment variable that is not set has been noted, and stands there as it was written.
  context.problems.add([...section, 'url'], { reason: url.fault })
  return undefined
}

function readPlace(written: Written, context: PemContext): Place {
  const { problems } = context
  const { mode, nodes = [], database, username, password } = written
  const path = [...section, 'nodes']
  if (nodes.length === 0) {
    problems.add(path, { expected: 'a list of at least 1 entry', reason: 'there is no store.redis.url either' })
  }
  if (mode === 'standalone' && nodes.length > 1) {
    const reason = 'store.redis.mode is standalone; for several servers it is sentinel or cluster'
    problems.add(path, { expected: 'a list of 1 entry', reason })
  }
  return { mode, nodes: readNodes(nodes, path, context), database, username, password }
}

function readNodes(nodes: NonNullable<Written['nodes']>, path: FieldPath, { problems }: PemContext) {
  const taken = new Map<string, FieldPath>()
  return nodes.map(({ host: text, port }, index) => {
    const at = [...path, index]
    const host = normaliseHost(text)
    if (host === undefined) problems.add([...at, 'host'], {})
    const name = `${host ?? text}:${port}`
    const twin = taken.get(name)
    if (twin !== undefined) {
      problems.add([...at, 'host'], { expected: 'a node named once', reason: `${showPath(twin)} is the same` })
    }
    taken.set(name, at)
    return { host: host ?? text, port }
  })
}

/** What the URL says, and what it leaves to the fields beside it. */
function mergeUrl(url: RedisUrl | undefined, written: Written, context: PemContext): Place {
  for (const name of ['mode', 'nodes'] as const) {
    if (!isWritten(name, context)) continue
    const reason = 'store.redis.url is the short form for one server; leave one of them out'
    context.problems.add([...section, name], { expected: 'a field without url beside it', reason })
  }
  for (const name of ['database', 'username', 'password'] as const) {
    if (url?.[name] === undefined || !isWritten(name, context)) continue
    const expected = 'a field that url does not say too'
    context.problems.add([...section, name], { expected, reason: 'leave one of them out' })
  }
  return {
    mode: 'standalone',
    nodes: url === undefined ? [] : [{ host: url.host, port: url.port }],
    database: url?.database ?? written.database,
    username: url?.username ?? written.username,
    password: url?.password ?? written.password,
  }
}

function checkMode(written: Written, context: PemContext): void {
  const { problems } = context
  const { mode, database, sentinelName } = written
  if (mode === 'cluster' && database !== 0) {
    problems.add([...section, 'database'], { expected: '0', reason: 'a cluster has no other database' })
  }
  if (mode === 'sentinel') {
    if (sentinelName === undefined)
      problems.add([...section, 'sentinelName'], { reason: 'store.redis.mode is sentinel' })
    return
  }
  for (const name of ['sentinelName', 'sentinelUsername', 'sentinelPassword'] as const) {
    if (written[name] === undefined) continue
    const reason = `store.redis.mode is ${mode}`
    problems.add([...section, name], { expected: 'a field of mode sentinel', reason })
  }
}

/** Redis takes a user name only with a password; without one it would let the gateway in as the default user. */
function checkPasswords(place: Place, written: Written, { problems }: PemContext): void {
  const reason = (name: string) => `a user name is given, by ${name}`
  if (place.username !== undefined && place.password === undefined) {
    const name = written.username === undefined ? 'store.redis.url' : 'store.redis.username'
    problems.add([...section, 'password'], { reason: reason(name) })
  }
  if (written.sentinelUsername !== undefined && written.sentinelPassword === undefined) {
    problems.add([...section, 'sentinelPassword'], { reason: reason('store.redis.sentinelUsername') })
  }
}

function readTls(written: Written, url: RedisUrl | undefined, context: PemContext): RedisConfig['tls'] {
  if (written.tls === undefined && url?.secure !== true) return undefined
  const path = [...section, 'tls']
  if (url?.secure === false) {
    const reason = 'store.redis.url begins with redis://, which is without TLS'
    context.problems.add(path, { expected: 'a field beside nodes, or beside a rediss:// url', reason })
  }
  if (written.tls?.ca === undefined) {
    context.problems.warn(
      `${showPath([...path, 'ca'])} is not given: any public CA that Node knows may vouch for the store`,
    )
  }
  return written.tls === undefined ? noTls : readClientTls(written.tls, path, context)
}

function warnOfStrangers(config: RedisConfig, { problems }: PemContext): void {
  const away = config.nodes.find(({ host }) => !isLoopback(host))
  if (away === undefined) return
  const { password, sentinelPassword, tls } = config
  const name = `${hostField(away.host)}:${away.port}`
  if ((password ?? sentinelPassword) !== undefined && tls === undefined) {
    problems.warn(
      `store.redis leads to another machine, ${name}, without TLS: whoever is on the way reads its password and may revoke or restore certificates`,
    )
  }
  if (password === undefined && tls?.certificatePem === undefined) {
    problems.warn(
      `store.redis leads to another machine, ${name}, with neither a password nor a client certificate: whoever reaches it may revoke or restore certificates`,
    )
  }
}
