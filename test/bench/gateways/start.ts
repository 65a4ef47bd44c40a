import type { GatewayName, StartGateway } from './gateway.ts'
import { startHaproxy } from './haproxy.ts'
import { startHttpProxy } from './http-proxy.ts'
import { startNginxGateway } from './nginx.ts'
import { startSekisho } from './sekisho.ts'

/** How each gateway is started. */
export const gatewayStarters: Readonly<Record<GatewayName, StartGateway>> = {
  sekisho: startSekisho,
  haproxy: startHaproxy,
  nginx: startNginxGateway,
  httpProxy: startHttpProxy,
}
