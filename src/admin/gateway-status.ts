import type { Follower } from '../control-path/follow.ts'
import type { ReloadStatus } from '../control-path/reload.ts'

/** Where `GET /v1/status` looks. */
export type StatusSources = {
  readonly follower: Pick<Follower, 'status'>
  /** Entries of the shared index, of all kinds. */
  indexEntries(): number
  /** Data workers running. */
  workersRunning(): number
  /** Data workers that should run. */
  readonly workersConfigured: number
  reloads(): ReloadStatus
  readonly versions: { readonly sekisho: string; readonly node: string }
}

export type GatewayStatus = {
  readonly state: string
  readonly storeVersion: number
  /** Null before the first load. */
  readonly dataAgeSeconds: number | null
  readonly revocations: number
  readonly revocationsByIssuer: Readonly<Record<string, number>>
  readonly indexEntries: number
  readonly storeBehindCount: number
  readonly revocationsLostByStore: number
  readonly lastFault: string | null
  readonly workers: number
  readonly workersConfigured: number
  readonly configuration: {
    /** When the configuration in force was loaded. */
    readonly loadedAt: string
    /** Null before the first reload. `problems` is empty unless it was refused. */
    readonly lastReload: {
      readonly at: string
      readonly cause: 'file_change' | 'operator' | 'signal'
      readonly result: 'applied' | 'refused' | 'unchanged'
      readonly problems: readonly string[]
    } | null
  }
  readonly versions: { readonly sekisho: string; readonly node: string }
}

/** The state of the gateway as `GET /v1/status` tells it. */
export function describeStatus(sources: StatusSources): GatewayStatus {
  const { state, version, dataAgeMs, revocationsByIssuer, lastFault, ...counts } = sources.follower.status()
  return {
    state,
    storeVersion: version,
    dataAgeSeconds: Number.isFinite(dataAgeMs) ? Math.round(dataAgeMs / 100) / 10 : null,
    revocations: counts.revocations,
    revocationsByIssuer: Object.fromEntries(revocationsByIssuer),
    indexEntries: sources.indexEntries(),
    storeBehindCount: counts.storeBehindCount,
    revocationsLostByStore: counts.revocationsLostByStore,
    lastFault: lastFault ?? null,
    workers: sources.workersRunning(),
    workersConfigured: sources.workersConfigured,
    configuration: describeConfiguration(sources.reloads()),
    versions: sources.versions,
  }
}

function describeConfiguration({ loadedAtMs, lastReload }: ReloadStatus): GatewayStatus['configuration'] {
  return {
    loadedAt: new Date(loadedAtMs).toISOString(),
    lastReload: lastReload === undefined ? null : describeReload(lastReload),
  }
}

function describeReload({ atMs, cause, outcome }: NonNullable<ReloadStatus['lastReload']>) {
  const { result } = outcome
  return { at: new Date(atMs).toISOString(), cause, result, problems: result === 'refused' ? outcome.problems : [] }
}
