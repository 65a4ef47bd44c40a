import { join } from 'node:path'
import { type AdminDoor, startAdminDoor } from './admin/admin-door.ts'
import type { LiveFeed } from './admin/live/live-feed.ts'
import type { ListenerStarts } from './assemble-holdings.ts'
import type { Notices } from './assemble-notices.ts'
import type { DataWorkerPool } from './assemble-pool.ts'
import type { ConfigInForce } from './assemble-reload.ts'
import { assert } from './base/assert.ts'
import { systemClock } from './base/clock.ts'
import type { CrlDesk } from './ca-sources/ports.ts'
import type { Follower } from './control-path/follow.ts'
import type { GatewayReports } from './control-path/gateway-reports.ts'
import type { Reloader } from './control-path/reload.ts'
import type { TrustStore } from './control-path/store-port.ts'
import type { LifecyclePorts } from './lifecycle/ports.ts'
import type { Log } from './observe/log.ts'
import type { Metrics } from './observe/metrics-page.ts'
import { type Readiness, startOpsListener } from './observe/ops-listener.ts'
import type { TrustState } from './trust/admit.ts'
import type { Freshness } from './trust/freshness.ts'
import { inspectCertificate } from './trust/inspect.ts'
import { type ConnectionSummary, LiveConnections } from './trust/live-connections.ts'
import { mustBeGoodOf } from './trust/must-be-good.ts'
import type { RevocationIndexWriter } from './trust/revocation-index-writer.ts'
import { readIssuingCa } from './x509/issuing-ca.ts'

export type ListenerParts = {
  readonly inForce: ConfigInForce
  readonly log: Log
  readonly version: string
  readonly metrics: Metrics
  readonly readiness: () => Readiness
  /** At most so many, oldest first. */
  readonly connections: (max: number) => Promise<readonly ConnectionSummary[]>
  readonly lifecycle: LifecyclePorts
  readonly notices: Pick<Notices, 'ports'>
  readonly crls: CrlDesk
  readonly live: LiveFeed
  readonly pool: DataWorkerPool
  readonly follower: Follower
  readonly reports: GatewayReports
  readonly lookUp: TrustStore['lookUp']
  readonly index: RevocationIndexWriter
  readonly freshness: Freshness
  readonly reloader: Reloader
  /** The admin door is open. */
  readonly adminOpened: (door: AdminDoor) => void
}

/** How the listeners of operations and operators are opened, now and again after they were closed. */
export function createListenerStarts(parts: ListenerParts): ListenerStarts {
  const { inForce, log, metrics, pool, reloader } = parts
  return {
    ops: (handles) =>
      startOpsListener({
        listen: inForce.config.doors.ops?.listen ?? [],
        handles,
        metrics,
        readiness: parts.readiness,
        log,
      }),
    admin: async (handles) => {
      const { admin } = inForce.config.doors
      assert(admin !== undefined, 'only a configured door is opened')
      const door = await startAdminDoor({
        ...admin,
        handles,
        clock: systemClock,
        log,
        counter: { institution: () => inForce.config.institution, timeZone: () => inForce.config.timeZone },
        requestEnded: (route, status) => metrics.control.adminRequestEnded(route, status),
        services: {
          lifecycle: parts.lifecycle,
          notices: parts.notices.ports,
          crls: parts.crls,
          live: parts.live,
          crlUploads: {
            folder: join(inForce.config.stateFolder, 'crl-uploads'),
            bytesMax: () => inForce.config.crlFetch.bytesMax,
          },
          connections: parts.connections,
          get connectionsListMax() {
            return inForce.config.limits.liveConnectionsListMax
          },
          reload: (cause) => reloader.reload(cause),
          inspect: (der) => inspect(der, parts),
          status: {
            gatewayId: parts.reports.gatewayId,
            follower: parts.follower,
            indexEntries: () => parts.index.size,
            workersRunning: () => pool.running,
            workersConfigured: inForce.config.workers,
            reloads: () => reloader.status,
            versions: { sekisho: parts.version, node: process.versions.node },
          },
        },
      })
      parts.adminOpened(door)
      return door
    },
  }
}

/** What each certificate door would say of a certificate. */
async function inspect(der: Uint8Array, { inForce, lookUp, index, freshness }: ListenerParts) {
  const { config, checkedAtMs } = inForce
  const issuers = config.issuers.map((issuer) => readIssuingCa(issuer, checkedAtMs))
  const mustBeGood = mustBeGoodOf(config.issuers, issuers)
  const state: TrustState = {
    clock: systemClock,
    index,
    freshness,
    live: new LiveConnections(),
    directory: config.directory !== 'none',
    mustBeRegistered: config.certificates.mustBeRegistered,
    ...(mustBeGood && { mustBeGood }),
  }
  return Promise.all(
    config.doors.certificate.map((door) => {
      const rules = {
        issuers: issuers.filter(({ name }) => door.issuers.includes(name)),
        loginId: door.loginId,
        rsaBitsMin: config.certificates.rsaBitsMin,
      }
      return inspectCertificate(der, { name: door.name, rules }, { state, answer: lookUp })
    }),
  )
}
