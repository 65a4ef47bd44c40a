import { systemClock } from '../../src/base/clock.ts'
import type { ControlLog } from '../../src/control-path/ports.ts'
import { RedisStore } from '../../src/store/redis/redis-store.ts'

const silent: ControlLog = {
  info: () => {},
  warn: () => {},
  error: (message, fields) => console.error(message, fields),
}

/** The gateways' own adapter over a redis-server of this machine, patient enough for loading it. */
export function openRedisStore(port: number): Promise<RedisStore> {
  return RedisStore.open(
    {
      mode: 'standalone',
      nodes: [{ host: '127.0.0.1', port }],
      sentinelName: undefined,
      sentinelUsername: undefined,
      sentinelPassword: undefined,
      database: 0,
      username: undefined,
      password: undefined,
      tls: undefined,
      connectTimeoutMs: 10_000,
      commandTimeoutMs: 60_000,
      replicasWanted: 0,
      replicasTimeoutMs: 1_000,
      logEventsMax: 100_000,
    },
    { clock: systemClock, log: silent },
  )
}
