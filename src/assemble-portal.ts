import type { DataWorkerPool } from './assemble-pool.ts'
import type { ConfigInForce } from './assemble-reload.ts'
import { createSocketPlace, ownUpstream, type SocketPlace } from './assemble-sockets.ts'
import type { GatewayConfig, RouteConfig } from './config/gateway-config.ts'
import type { LifecyclePorts } from './lifecycle/ports.ts'
import { estRoutes } from './portal/est/est-routes.ts'
import { portalFaultAnswer } from './portal/fault-answer.ts'
import { portalActs } from './portal/portal-acts.ts'
import { portalRoutes } from './portal/portal-routes.ts'
import { startPortalServer } from './portal/portal-server.ts'
import type { PortalServices } from './portal/portal-services.ts'

/** Name of the pages' upstream, and of their route, in metrics and logs; no configuration may use it. */
const portalName = 'portal'
const revokeName = 'revoke'
const estName = 'est'
const secondMs = 1_000

/** Where the gateway's own pages answer its workers: a Unix socket of this process. */
export type PortalPlace = SocketPlace & {
  /** The configuration with a route to the pages, if it has pages. */
  extend(config: GatewayConfig): GatewayConfig
}

/** Chooses the place. Nothing is made yet. */
export function createPortalPlace({ stateFolder }: Pick<GatewayConfig, 'stateFolder'>): PortalPlace {
  const place = createSocketPlace(stateFolder, portalName)
  return { ...place, extend: (config) => withPortal(config, place.socketPath) }
}

/** The pages are an application behind the doors like any other, but that only this gateway can reach it. */
function withPortal(config: GatewayConfig, socketPath: string): GatewayConfig {
  const { portal, doors, limits, issuing } = config
  if (portal === undefined) return config
  const upstream = ownUpstream(portalName, socketPath, portal.requestsAtOnceMax)
  const doorNames = [...doors.certificate, ...(doors.public === undefined ? [] : [doors.public])].map(
    ({ name }) => name,
  )
  const route = (name: string, pathPrefix: string): RouteConfig => ({
    name,
    doors: doorNames,
    hosts: [],
    pathPrefix,
    upstream: portalName,
    certificate: 'asDoor',
    methods: ['GET', 'HEAD', 'POST'],
    webSocket: false,
    bodyBytesMax: portal.bodyBytesMax,
    bodyIdleTimeoutMs: limits.bodyIdleTimeoutMs,
    upstreamResponseTimeoutMs: 60 * secondMs,
    webSocketIdleTimeoutMs: limits.webSocketIdleTimeoutMs,
  })
  const routes = [
    route(portalName, '/.sekisho'),
    { ...route(revokeName, '/.sekisho/users/revoke'), outlivesCut: true as const },
    ...(issuing === undefined ? [] : [route(estName, '/.well-known/est')]),
  ]
  return { ...config, upstreams: [...config.upstreams, upstream], routes: [...config.routes, ...routes] }
}

export type PortalParts = {
  readonly place: PortalPlace
  readonly inForce: ConfigInForce
  readonly lifecycle: LifecyclePorts
  readonly pool: Pick<DataWorkerPool, 'addresses'>
  readonly log: LifecyclePorts['log']
}

/** Starts the pages, if the configuration has them; a reload cannot bring them, for the doors' workers must find them from the start. */
export async function startPortal(parts: PortalParts): Promise<{ close(): Promise<void> }> {
  const { place, inForce, log } = parts
  if (inForce.config.portal === undefined) return { close: async () => place.remove() }
  place.prepare()
  const services = createServices(parts)
  const server = await startPortalServer<PortalServices>({
    socketPath: place.socketPath,
    routes: [...portalRoutes(), ...estRoutes<PortalServices>()],
    services,
    limits: () => inForce.config.portal ?? { bodyBytesMax: 4_096, requestsAtOnceMax: 1 },
    faultAnswer: portalFaultAnswer(services),
    log,
  })
  return {
    close: async () => {
      await server.close()
      place.remove()
    },
  }
}

function createServices({ inForce, lifecycle, pool }: PortalParts): PortalServices {
  const portOf = (door: string) => pool.addresses.find((address) => address.door === door)?.port
  const authorityOf = (door: { name: string; hostNames: readonly string[] } | undefined): string =>
    door === undefined ? '' : authority(door.hostNames[0] ?? 'localhost', portOf(door.name))
  return {
    lifecycle,
    acts: portalActs(lifecycle),
    get institution() {
      return inForce.config.institution
    },
    get timeZone() {
      return inForce.config.timeZone
    },
    authorities: () => {
      const { doors, portal } = inForce.config
      const [first] = doors.certificate
      return {
        public: portal?.publicAuthority ?? authorityOf(doors.public),
        certificate: portal?.certificateAuthority ?? authorityOf(first),
        alternates: doors.certificate.flatMap(({ alternateAuthorities }) => alternateAuthorities),
      }
    },
    get passwordLoginPath() {
      return inForce.config.portal?.passwordLoginPath ?? '/login'
    },
    noticeDays: async (contractId) => {
      const contract = await lifecycle.store.contract(contractId)
      const own = contract?.noticeDays ?? []
      return own.length > 0 ? own : inForce.config.notices.days
    },
    renewalDueDays: () => inForce.config.issuing?.renewalDays ?? inForce.config.identity.renewalDueDays,
  }
}

/** As browsers write it: without the port that https has by itself. */
function authority(hostName: string, port: number | undefined): string {
  return port === undefined || port === 443 ? hostName : `${hostName}:${port}`
}
