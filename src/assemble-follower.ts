import { randomBytes } from 'node:crypto'
import type { DataWorkerPool } from './assemble-pool.ts'
import { nameGateway, type OpenedStore } from './assemble-store.ts'
import { systemClock } from './base/clock.ts'
import { GatewayError } from './base/errors.ts'
import type { GatewayConfig } from './config/gateway-config.ts'
import { Follower } from './control-path/follow.ts'
import { GatewayReports } from './control-path/gateway-reports.ts'
import { TrustMemory } from './control-path/trust-memory.ts'
import { type DirectorySeed, seedDirectory } from './lifecycle/seed-directory.ts'
import type { AuditEvent } from './observe/audit-event.ts'
import type { Log } from './observe/log.ts'
import type { Metrics } from './observe/metrics-page.ts'
import type { Freshness } from './trust/freshness.ts'
import { RevocationIndexWriter } from './trust/revocation-index-writer.ts'

export type FollowerParts = {
  readonly config: GatewayConfig
  readonly version: string
  readonly opened: OpenedStore
  readonly memory: TrustMemory
  readonly freshness: Freshness
  readonly pool: DataWorkerPool
  readonly metrics: Metrics
  readonly log: Log
  readonly audit: (event: AuditEvent) => void
}

/** Empty memory of trust, as large and as strict as configured. */
export function createTrustMemory({ limits, revocation }: GatewayConfig): TrustMemory {
  const index = new RevocationIndexWriter({ entriesMax: limits.revocationEntriesMax })
  return new TrustMemory(index, { backdatedMs: revocation.backdatedSeconds * 1_000 })
}

/** What follows the store, and what tells it how far this gateway has come. */
export function createFollower(parts: FollowerParts): { follower: Follower; reports: GatewayReports } {
  const { config, version, opened, pool, metrics, ...shared } = parts
  const { store, keeping } = opened
  const { pollMs, reconcileSeconds, connectedCheckMs } = config.revocation
  const follower = new Follower({
    ...shared,
    store,
    workers: pool,
    pollMs,
    reconcileMs: reconcileSeconds * 1_000,
    connectedCheckMs,
    ...(keeping === undefined ? {} : { keeping }),
    clock: systemClock,
    observer: metrics.control,
    applied: () => reports.changed(),
  })
  const { name, place } = nameGateway(config)
  const reports = new GatewayReports({
    store,
    place,
    process: randomBytes(4).toString('hex'),
    clock: systemClock,
    report: () => {
      const { state, position, dataAgeMs } = follower.status()
      const age = Number.isFinite(dataAgeMs) ? Math.round(dataAgeMs) : null
      return { name, programVersion: version, state, position, dataAgeMs: age }
    },
  })
  return { follower, reports }
}

/** Sample data may be there already, and a store that is away now keeps no gateway down that has a snapshot. */
export async function seedIfPossible(
  seed: DirectorySeed,
  ports: Parameters<typeof seedDirectory>[1],
  log: Log,
): Promise<void> {
  try {
    await seedDirectory(seed, ports)
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'store_unavailable') throw error
    log.warn('sample data cannot be looked at now', { fault: error.message })
  }
}
