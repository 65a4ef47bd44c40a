import type { ConnectionOptions } from 'node:tls'
import type { RedisOptions } from 'ioredis'
import type { RedisConfig } from '../../config/gateway-config.ts'

/** Where a server answers. */
export type ServerAddress = { readonly host: string; readonly port: number }

type ClientOptions = Omit<RedisOptions, 'replyMapping'> & { readonly replyMapping: 'legacy' }

/** What every connection is made with. Reconnecting, queueing and repeating are decided by whoever makes it, never by ioredis. */
export function connectionOptions(config: RedisConfig, { host, port }: ServerAddress, purpose: string): ClientOptions {
  const tls = tlsOptions(config)
  return {
    host,
    port,
    ...(config.username === undefined ? {} : { username: config.username }),
    ...(config.password === undefined ? {} : { password: config.password }),
    ...(tls === undefined ? {} : { tls }),
    connectionName: `sekisho:${purpose}`,
    connectTimeout: config.connectTimeoutMs,
    disconnectTimeout: 100,
    lazyConnect: true,
    protocol: 2,
    replyMapping: 'legacy',
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    disableClientInfo: true,
  }
}

/** `host:port`, with brackets around an IPv6 address. */
export function nameOf({ host, port }: ServerAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The address that most name, and how many do; undefined where nobody names one. */
export function mostNamed(named: readonly ServerAddress[]): { address: ServerAddress; votes: number } | undefined {
  const groups = [...Map.groupBy(named, nameOf).values()].toSorted((left, right) => right.length - left.length)
  const [address] = groups[0] ?? []
  return address && { address, votes: groups[0]?.length ?? 0 }
}

function tlsOptions({ tls }: RedisConfig): ConnectionOptions | undefined {
  if (tls === undefined) return undefined
  return {
    minVersion: 'TLSv1.2',
    ...(tls.caPem === undefined ? {} : { ca: tls.caPem }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    ...(tls.certificatePem === undefined ? {} : { cert: tls.certificatePem }),
    ...(tls.keyPem === undefined ? {} : { key: tls.keyPem }),
  }
}
