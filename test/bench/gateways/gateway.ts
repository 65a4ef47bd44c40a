import type { OwnProcesses } from '../own-processes.ts'
import type { Pki } from '../pki.ts'

/** The gateways in the order of the report; Sekisho first, because every ratio is Sekisho ÷ another. */
export const gatewayNames = ['sekisho', 'haproxy', 'nginx', 'httpProxy'] as const

export type GatewayName = (typeof gatewayNames)[number]

/** What every gateway is given: the same certificates, the same upstream, the same core. */
export type Site = {
  /** Folder of this run; a gateway makes its own folder in it. */
  readonly folder: string
  readonly pki: Pki
  readonly upstreamPort: number
  /** CPU the gateway runs on, as `taskset -c` takes it. */
  readonly gatewayCores: string
  readonly processes: OwnProcesses
  /** Whether it writes an access log to a file in its folder. */
  readonly accessLog: boolean
  /** Whether nginx and HAProxy offer HTTP/2 beside HTTP/1.1; Sekisho always does, http-proxy never. */
  readonly http2: boolean
  /** Data workers of Sekisho; the others have one process or thread. */
  readonly workers: number
  /** Client connections it must be able to hold. */
  readonly connectionsMax: number
  /** Whether nginx reads whole bodies before it passes them on, as it does unless told otherwise; no other gateway does. */
  readonly buffering: boolean
  /** Certificate revocation lists (PEM) of all CAs, for nginx and HAProxy; undefined: they look at none. */
  readonly crlFile?: string
  /** Whether HAProxy runs below a master, which it needs in order to reload. Default false. */
  readonly reloads?: boolean
}

export type RunningGateway = {
  readonly name: GatewayName
  readonly port: number
  /** The process whose CPU and memory count, with all its descendants. */
  readonly pid: number
  /** TLS sessions the gateway says it has resumed; undefined where it publishes no such count. */
  readonly sessionsResumed: () => Promise<number | undefined>
  readonly end: () => Promise<void>
}

/** Starts one gateway on a free port; resolves once it accepts connections. */
export type StartGateway = (site: Site) => Promise<RunningGateway>
