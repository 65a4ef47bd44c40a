import type { RedisConfig } from '../../config/gateway-config.ts'
import { ClusterFinder } from './cluster-finder.ts'
import { nameOf, type ServerAddress } from './connection-options.ts'
import { SentinelFinder } from './sentinel-finder.ts'

/** Knows which server holds the store now. */
export type ServerFinder = {
  /** For people. */
  readonly name: string
  /** Throws `store_unavailable`. */
  find(): Promise<ServerAddress>
  close(): void
}

/** The finder for a configuration. `moved` is told when connections that stand lead to a server that is primary no longer. */
export function createServerFinder(config: RedisConfig, moved: (to: ServerAddress) => void): ServerFinder {
  if (config.mode === 'sentinel') return new SentinelFinder(config, moved)
  if (config.mode === 'cluster') return new ClusterFinder(config)
  const [only = { host: 'localhost', port: 6379 }] = config.nodes
  return { name: `Redis at ${nameOf(only)}`, find: async () => only, close: () => {} }
}
