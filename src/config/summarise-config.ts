import type { GatewayConfig, RouteConfig, UpstreamConfig } from './gateway-config.ts'

/** What the gateway would do with a request, for people: one line a route, one line an upstream, no line ends. */
export function summariseConfig(config: Pick<GatewayConfig, 'routes' | 'upstreams'>): string[] {
  return [...config.routes.map(routeLine), ...config.upstreams.map(upstreamLine)]
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
