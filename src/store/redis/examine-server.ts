import type { Clock } from '../../base/clock.ts'
import type { RedisConfig } from '../../config/gateway-config.ts'
import type { RedisClient, RedisReply } from './redis-client.ts'
import { RedisConnection } from './redis-connection.ts'
import { redisKeys } from './redis-keys.ts'
import { textOf } from './replies.ts'
import { createServerFinder } from './server-finder.ts'

/** What an operator wants to know of the server, found without changing anything. */
export type ServerFacts = {
  /** For people, with its address. */
  readonly server: string
  readonly version: string
  readonly appendOnly: boolean
  /** The last snapshot and the last append went well. */
  readonly persists: boolean
  /** That are connected to it. */
  readonly replicas: number
  readonly usedBytes: number
  /** 0: no limit. */
  readonly bytesMax: number
  /** How far the server's clock is ahead of ours. Unit: milliseconds. */
  readonly aheadMs: number
  /** Commands that a gateway needs and this user may not run; undefined: the server cannot tell (before Redis 7). */
  readonly forbidden: readonly string[] | undefined
}

/** Commands of a gateway on its keys, as the ACL in README.md has them, which a test compares. */
export const neededCommands: readonly string[] = [
  ...['type', 'hget', 'hmget', 'hgetall', 'hscan', 'hlen', 'hexists', 'hset', 'hsetnx', 'hdel', 'smembers'],
  ...['smismember', 'sscan', 'scard', 'sadd', 'srem', 'xrange', 'xrevrange', 'xread', 'xadd', 'zrangebylex'],
  ...['zrangebyscore', 'zrange', 'zrevrange', 'zrevrank', 'zcard', 'zcount', 'zadd', 'zrem', 'get', 'getdel', 'set'],
  ...['incr', 'pexpire', 'pttl', 'del', 'lpush', 'ltrim', 'lrange'],
]

/** Whether the user may run them on the keys of the store, asked in the server's own words: nothing is run. Redis 7. */
const mayScript = `if redis.acl_check_cmd == nil then return {'unknown'} end
local refused = {}
local key = '${redisKeys.state}'
for _, name in ipairs(ARGV) do
  local asked, may = pcall(redis.acl_check_cmd, name, key, key, key)
  if asked and not may then refused[#refused + 1] = name end
end
return refused`

/**
 * Connects as a gateway would, with the same checks, and asks. Throws GatewayError `store_unavailable`, whose message says why the server
 * cannot hold the store; the signal ends the connection.
 */
export async function examineServer(
  config: RedisConfig,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<ServerFacts> {
  const finder = createServerFinder(config, () => {})
  const connection = new RedisConnection({ config, finder, purpose: 'commands', clock, log: silent })
  const close = () => void connection.close().then(() => finder.close())
  signal.addEventListener('abort', close, { once: true })
  try {
    return await readFacts(await connection.client(), clock)
  } finally {
    signal.removeEventListener('abort', close)
    close()
  }
}

async function readFacts(client: RedisClient, clock: Clock): Promise<ServerFacts> {
  const info = textOf(await client.call(['INFO'])) ?? ''
  const value = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  const askedMs = clock.nowMs()
  const [seconds = null, microseconds = null] = (await client.call(['TIME'])) as readonly RedisReply[]
  const oursMs = (askedMs + clock.nowMs()) / 2
  return {
    server: client.server,
    version: value('valkey_version') || value('redis_version'),
    appendOnly: value('aof_enabled') === '1',
    persists: value('rdb_last_bgsave_status') !== 'err' && value('aof_last_write_status') !== 'err',
    replicas: Number(value('connected_slaves')),
    usedBytes: Number(value('used_memory')),
    bytesMax: Number(value('maxmemory')),
    aheadMs: Number(textOf(seconds)) * 1_000 + Number(textOf(microseconds)) / 1_000 - oursMs,
    forbidden: await readForbidden(client),
  }
}

async function readForbidden(client: RedisClient): Promise<readonly string[] | undefined> {
  try {
    const refused = (await client.call(['EVAL', mayScript, 0, ...neededCommands])) as readonly RedisReply[]
    const names = refused.map((name) => textOf(name) ?? '')
    return names[0] === 'unknown' ? undefined : names
  } catch (error) {
    // A follower runs no scripts.
    if (error instanceof Error && /NOPERM/.test(error.message)) return ['eval']
    throw error
  }
}

const silent = { info: () => {}, warn: () => {}, error: () => {} }
