import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { DataWorkerPool } from './assemble-pool.ts'
import type { ConfigInForce, ConfigSource } from './assemble-reload.ts'
import type { GatewayConfig, RouteConfig, UpstreamConfig } from './config/gateway-config.ts'
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
/** Longest path of a Unix socket, with something to spare. Unit: bytes. */
const socketPathMax = 100
const secondMs = 1_000

/** Where the gateway's own pages answer its workers: a Unix socket of this process. */
export type PortalPlace = {
  readonly socketPath: string
  /** The configuration with a route to the pages, if it has pages. */
  extend(config: GatewayConfig): GatewayConfig
  extendSource(source: ConfigSource): ConfigSource
  /** Removes the socket. */
  remove(): void
}

/** Chooses the place: the state folder, or where its path is too long for a socket, a folder of its own. Nothing is made yet. */
export function createPortalPlace({ stateFolder }: GatewayConfig): PortalPlace {
  const wanted = join(stateFolder, `portal-${process.pid}.sock`)
  const fits = Buffer.byteLength(wanted) <= socketPathMax
  const socketPath = fits ? wanted : join(shortFolder(), `sekisho-${randomBytes(12).toString('hex')}`, 'portal.sock')
  const extend = (config: GatewayConfig) => withPortal(config, socketPath)
  return {
    socketPath,
    extend,
    extendSource: ({ load, files }) => ({
      files,
      load: () => {
        const loaded = load()
        return { ...loaded, config: extend(loaded.config) }
      },
    }),
    remove: () => rmSync(fits ? socketPath : dirname(socketPath), { recursive: true, force: true }),
  }
}

/** Where temporary files go, unless that path is too long for a socket too. */
function shortFolder(): string {
  const folder = tmpdir()
  return Buffer.byteLength(folder) <= socketPathMax / 2 ? folder : '/tmp'
}

/** The pages are an application behind the doors like any other, but that only this gateway can reach it. */
function withPortal(config: GatewayConfig, socketPath: string): GatewayConfig {
  const { portal, doors, limits, issuing } = config
  if (portal === undefined) return config
  const upstream: UpstreamConfig = {
    name: portalName,
    targets: [{ name: portalName, host: 'localhost', port: 0, secure: false, socketPath }],
    tls: undefined,
    affinity: 'none',
    connectTimeoutMs: 3 * secondMs,
    connectionsMax: portal.requestsAtOnceMax,
    idleConnectionsMax: 16,
    queueMax: portal.requestsAtOnceMax,
    idleTimeoutMs: 30 * secondMs,
    queueTimeoutMs: 5 * secondMs,
    slowStartMs: 0,
    // There is one, and it is this process.
    ejection: { failures: 1_000, durationMs: 100 },
    healthCheck: undefined,
  }
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
  mkdirSync(dirname(place.socketPath), { recursive: true, mode: 0o700 })
  removeLeftBehind(dirname(place.socketPath))
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

/** Sockets of processes that were killed. */
function removeLeftBehind(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = /^portal-(\d+)\.sock$/.exec(name)?.[1]
    if (pid !== undefined && !isRunning(Number(pid))) rmSync(join(folder, name), { force: true })
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
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
