import type { Clock } from '../base/clock.ts'
import type { Freshness } from '../trust/freshness.ts'
import type { LocalKeeping } from './applier.ts'
import type { ControlAudit, ControlLog, DataWorkers } from './ports.ts'
import type { ReconcileObserver } from './reconcile.ts'
import type { TrustStore } from './store-port.ts'
import type { TrustMemory } from './trust-memory.ts'

export type FollowerObserver = ReconcileObserver & {
  revocationsApplied(count: number): void
  /** Unit: seconds from a revocation's time in the store to when all workers had done it. */
  revocationApplied(seconds: number): void
  storeBehind(): void
}

export type FollowerOptions = {
  readonly store: TrustStore
  readonly memory: TrustMemory
  readonly freshness: Freshness
  readonly workers: DataWorkers
  /** How often the store is asked, whether or not it has called. Unit: milliseconds. */
  readonly pollMs: number
  /** How often a remote store is compared with what is known here. Unit: milliseconds. Default never, but for a cause. */
  readonly reconcileMs?: number
  /** How often connected certificates are looked for in a remote store's sets. Unit: milliseconds. Default never. */
  readonly connectedCheckMs?: number
  readonly keeping?: LocalKeeping
  readonly clock: Clock
  readonly log: ControlLog
  readonly audit: ControlAudit
  readonly observer?: FollowerObserver
  /** Told whenever something has been applied, or can be said to be. */
  readonly applied?: () => void
}
