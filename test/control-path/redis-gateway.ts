import { join } from 'node:path'
import type { Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import type { RedisConfig } from '../../src/config/gateway-config.ts'
import { RedisStore } from '../../src/store/redis/redis-store.ts'
import type { RedisServer } from '../helpers/redis-server.ts'
import { type FakeGateway, startFakeGateway } from './fake-gateway.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

function redisConfig(redis: RedisServer, changes: Partial<RedisConfig> = {}): RedisConfig {
  return {
    mode: 'standalone',
    nodes: [{ host: redis.host, port: redis.port }],
    sentinelName: undefined,
    sentinelUsername: undefined,
    sentinelPassword: undefined,
    database: 0,
    username: undefined,
    password: undefined,
    tls: undefined,
    connectTimeoutMs: 500,
    commandTimeoutMs: 500,
    replicasWanted: 0,
    replicasTimeoutMs: 100,
    logEventsMax: 100_000,
    ...changes,
  }
}

type GatewayOptions = {
  clockAheadMs?: number
  keepIn?: string
  config?: Partial<RedisConfig>
  maxStalenessSeconds?: number
  pollMs?: number
}

/** A gateway without sockets over this Redis. With a folder it remembers what an earlier one in it knew. */
export async function enter(t: Test, redis: RedisServer, options: GatewayOptions = {}): Promise<FakeGateway> {
  let gateway: FakeGateway | undefined
  const { clockAheadMs = 0 } = options
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + clockAheadMs }
  const store = await RedisStore.open(redisConfig(redis, options.config), {
    clock,
    log: quiet,
    unreadableMember: (issuerId, member) => gateway?.follower.unreadableMember(issuerId, member),
  })
  gateway = await startFakeGateway(t, {
    store,
    keepIn: options.keepIn ?? t.testdir(),
    pollMs: options.pollMs ?? 50,
    ...(options.maxStalenessSeconds === undefined ? {} : { maxStalenessSeconds: options.maxStalenessSeconds }),
    follower: { connectedCheckMs: 100, reconcileMs: 600_000, clock },
  })
  return gateway
}

export function folders(t: Test): { one: string; two: string } {
  const folder = t.testdir({ one: {}, two: {} })
  return { one: join(folder, 'one'), two: join(folder, 'two') }
}

export const live = (gateway: FakeGateway) => () => gateway.follower.status().state === 'live'
