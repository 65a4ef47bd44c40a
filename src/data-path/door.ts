import type { BlockList } from 'node:net'
import type { TickClock } from '../base/tick-clock.ts'
import type { Limits } from '../config/gateway-config.ts'
import type { TrustState } from '../trust/admit.ts'
import type { AdmissionLimits } from './admission-limits.ts'
import type { Batch } from './batch.ts'
import type { Deadlines } from './deadlines.ts'
import type { DirectoryClient } from './directory-client.ts'
import type { HeadLimits } from './http1/head-fault.ts'
import type { OwnPages } from './own-pages.ts'
import type { PasswordLogins } from './password-logins.ts'
import type { ClientServices } from './permitted-client.ts'
import type { AccessLog, AuditSink, DataPathMetrics, Pages } from './ports.ts'
import type { CertificateReader } from './presented-certificate.ts'
import type { RouteTable } from './route-table.ts'
import type { Tracing } from './trace-ports.ts'
import type { UpgradeCounts } from './upgrade-counts.ts'

/** One door as one worker sees it: its rule on certificates and everything its connections share. */
export type Door = {
  readonly name: string
  /** Undefined: this door asks for no client certificate. */
  readonly certificates: CertificateReader | undefined
  /** Normalised host names the door answers to. */
  readonly hostNames: ReadonlySet<string>
  /** Host for HTTP/1.0 requests that name none. */
  readonly defaultHost: string
  readonly alternateAuthorities: readonly string[]
  readonly limits: Limits
  readonly headLimits: HeadLimits
  readonly admission: AdmissionLimits
  readonly trust: TrustState
  readonly directory: DirectoryClient | undefined
  /** Whether certificates made elsewhere are recorded when they are first seen. */
  readonly recordsSeen: boolean
  readonly services: ClientServices
  /** The same for all doors; undefined: logins with ID and password are the application's affair. */
  readonly passwordLogins: PasswordLogins | undefined
  readonly routes: RouteTable
  /** WebSockets of each user, over all workers. */
  readonly upgrades: UpgradeCounts
  /** Origins beside the door's own whose pages may open a WebSocket, lower case. */
  readonly webSocketOrigins: ReadonlySet<string>
  /** Current date in IMF-fixdate. */
  readonly date: () => string
  readonly ownPages: OwnPages
  readonly pages: Pages
  /** Fields sent with every page of the gateway's own. */
  readonly pageFields: readonly string[]
  /** Whether HTTP/2 is offered. */
  readonly http2: boolean
  /** From where connections begin with a PROXY protocol header; undefined: from nowhere. */
  readonly proxyTrusted: BlockList | undefined
  /** Whose X-Forwarded-* fields are kept; undefined: nobody's. */
  readonly trustedForwarders: BlockList | undefined
  readonly deadlines: Deadlines
  readonly batch: Batch
  readonly clock: TickClock
  readonly metrics: DataPathMetrics
  readonly accessLog: AccessLog | undefined
  readonly audit: AuditSink
  /** Undefined where tracing is off. */
  readonly tracing: Tracing | undefined
  readonly hsts: string | undefined
  /** Beginning of the request ids of the next connection. */
  readonly nextRequestIds: () => string
  readonly nextConnectionId: () => number
  /** Whether the worker is draining: answers say `Connection: close`. */
  readonly isDraining: () => boolean
}
