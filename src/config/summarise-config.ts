import type { GatewayConfig, RedisConfig, RouteConfig, StoreConfig, UpstreamConfig } from './gateway-config.ts'
import { hostField } from './host-name.ts'

/** What the gateway would do, for people: where its store is, one line a route, one line an upstream; no line ends. */
export function summariseConfig(config: Pick<GatewayConfig, 'routes' | 'store' | 'upstreams'>): string[] {
  return [storeLine(config.store), ...config.routes.map(routeLine), ...config.upstreams.map(upstreamLine)]
}

/** The store in a few words: kind and addresses, nothing secret. For example `Redis at 127.0.0.1:6379`. */
export function nameStore(store: StoreConfig): string {
  if (store.kind === 'embedded') return 'embedded'
  const nodes = store.nodes.map(({ host, port }) => `${hostField(host)}:${port}`).join(', ')
  if (store.mode === 'sentinel') return `Redis ${store.sentinelName}, by Sentinels at ${nodes}`
  return store.mode === 'cluster' ? `Redis Cluster at ${nodes}` : `Redis at ${nodes}`
}

function storeLine(store: StoreConfig): string {
  return `Store: ${[nameStore(store), ...(store.kind === 'redis' ? redisParts(store) : [])].join('; ')}`
}

function redisParts({ tls, username, password, database, replicasWanted }: RedisConfig): string[] {
  const parts = [
    tls === undefined ? 'no TLS' : tls.certificatePem === undefined ? 'TLS' : 'TLS with a client certificate',
  ]
  if (username !== undefined) parts.push(`user ${username}`)
  parts.push(password === undefined ? 'no password' : 'a password')
  if (database !== 0) parts.push(`database ${database}`)
  if (replicasWanted > 0) parts.push(`waits for ${replicasWanted} ${replicasWanted === 1 ? 'replica' : 'replicas'}`)
  return parts
}

function routeLine(route: RouteConfig): string {
  const hosts = route.hosts.length === 0 ? 'every host' : route.hosts.join(', ')
  const parts = [`${hosts} ${route.pathPrefix} on ${route.doors.join(', ')} to ${route.upstream}`]
  if (route.certificate !== 'asDoor') parts.push(`certificate ${route.certificate}`)
  if (route.methods !== undefined) parts.push(route.methods.join(' '))
  if (!route.webSocket) parts.push('no WebSocket')
  parts.push(`bodies to ${route.bodyBytesMax} bytes`)
  return `Route ${route.name}: ${parts.join('; ')}`
}

function upstreamLine(upstream: UpstreamConfig): string {
  const { tls, healthCheck } = upstream
  const parts = [upstream.targets.map(({ name }) => name).join(', ')]
  if (tls !== undefined) parts.push(tls.certificatePem === undefined ? 'TLS' : 'TLS with a client certificate')
  if (upstream.affinity !== 'none') parts.push(`affinity ${upstream.affinity}`)
  parts.push(
    `${upstream.connectionsMax} connections`,
    healthCheck === undefined ? 'no health check' : `checks ${healthCheck.path}`,
  )
  return `Upstream ${upstream.name}: ${parts.join('; ')}`
}
