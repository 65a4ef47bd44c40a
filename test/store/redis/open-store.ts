import type { Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import type { RedisConfig } from '../../../src/config/gateway-config.ts'
import { RedisStore, type RedisStoreOptions } from '../../../src/store/redis/redis-store.ts'
import type { RedisServer } from '../../helpers/redis-server.ts'

/** A configuration for one server, with times that suit a test. */
export function configFor(
  { host, port }: Pick<RedisServer, 'host' | 'port'>,
  changes: Partial<RedisConfig> = {},
): RedisConfig {
  return {
    mode: 'standalone',
    nodes: [{ host, port }],
    sentinelName: undefined,
    sentinelUsername: undefined,
    sentinelPassword: undefined,
    database: 0,
    username: undefined,
    password: undefined,
    tls: undefined,
    connectTimeoutMs: 2_000,
    commandTimeoutMs: 2_000,
    replicasWanted: 1,
    replicasTimeoutMs: 500,
    logEventsMax: 100_000,
    ...changes,
  }
}

/** A log that nobody reads. */
export const silent = { info: () => {}, warn: () => {}, error: () => {} }

/** A store that is closed when the test ends. */
export async function openStore(
  t: Test,
  server: Pick<RedisServer, 'host' | 'port'>,
  changes: Partial<RedisConfig> & Partial<RedisStoreOptions> = {},
): Promise<RedisStore> {
  const { clock = systemClock, log = silent, unreadableMember, issuerIds, ...config } = changes
  const store = await RedisStore.open(configFor(server, config), {
    clock,
    log,
    ...(unreadableMember === undefined ? {} : { unreadableMember }),
    ...(issuerIds === undefined ? {} : { issuerIds }),
  })
  t.teardown(() => store.close())
  return store
}
