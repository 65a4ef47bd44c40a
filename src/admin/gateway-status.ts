import type { FollowerStatus } from '../control-path/follower-status.ts'
import type { ReloadStatus } from '../control-path/reload.ts'
import { tenths } from './gateway-list.ts'

/** Where `GET /v1/status` looks. */
export type StatusSources = {
  readonly follower: { status(): FollowerStatus }
  /** How this process calls itself where gateways tell what they have applied. */
  readonly gatewayId: string
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
  readonly gatewayId: string
  /** Of the follower of the store. */
  readonly state: string
  readonly storeVersion: number
  /** Null before the first load. */
  readonly dataAgeSeconds: number | null
  readonly revocations: number
  readonly revocationsByIssuer: Readonly<Record<string, number>>
  /** Revocation rules in force. */
  readonly rules: number
  /** Revocations in the store's sets without a record, or missing there (negative): somebody changed them past the gateways. */
  readonly unrecorded: number
  readonly indexEntries: number
  readonly storeBehindCount: number
  readonly revocationsLostByStore: number
  readonly lastFault: string | null
  /** Comparisons of all that is known here with all that the store has, and how many differences they found. */
  readonly reconcile: {
    readonly running: boolean
    readonly runs: number
    /** Null before the first one has ended. */
    readonly lastEndedSecondsAgo: number | null
    readonly missingInStore: number
    readonly unknownHere: number
    readonly unreadable: number
  }
  /** What lies on disk to start from without the store; null where the store is a file here. */
  readonly snapshot: {
    /** Null: there is none yet. */
    readonly ageSeconds: number | null
    readonly entries: number
    readonly bytes: number
    readonly lastFault: string | null
  } | null
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
  const status = sources.follower.status()
  return {
    gatewayId: sources.gatewayId,
    state: status.state,
    storeVersion: status.version,
    dataAgeSeconds: Number.isFinite(status.dataAgeMs) ? tenths(status.dataAgeMs) : null,
    revocations: status.revocations,
    revocationsByIssuer: Object.fromEntries(status.revocationsByIssuer),
    rules: status.rules,
    unrecorded: status.unrecorded,
    indexEntries: sources.indexEntries(),
    storeBehindCount: status.storeBehindCount,
    revocationsLostByStore: status.revocationsLostByStore,
    lastFault: status.lastFault ?? null,
    reconcile: describeReconcile(status.reconcile),
    snapshot: describeSnapshot(status.snapshot),
    workers: sources.workersRunning(),
    workersConfigured: sources.workersConfigured,
    configuration: describeConfiguration(sources.reloads()),
    versions: sources.versions,
  }
}

function describeReconcile({ lastEndedAgoMs, ...counts }: FollowerStatus['reconcile']): GatewayStatus['reconcile'] {
  const { running, runs, missingInStore, unknownHere, unreadable } = counts
  const lastEndedSecondsAgo = lastEndedAgoMs === undefined ? null : tenths(lastEndedAgoMs)
  return { running, runs, lastEndedSecondsAgo, missingInStore, unknownHere, unreadable }
}

function describeSnapshot(snapshot: FollowerStatus['snapshot']): GatewayStatus['snapshot'] {
  if (snapshot === undefined) return null
  const { ageMs, entries, bytes, lastFault } = snapshot
  return { ageSeconds: ageMs === undefined ? null : tenths(ageMs), entries, bytes, lastFault: lastFault ?? null }
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
