import type { ReconcileStatus } from './reconcile.ts'
import type { GatewayState, LogPosition } from './store-port.ts'

/**
 * connecting: nothing has been heard yet; no login is judged fresh enough.
 * replaying:  heard, and working through what the store says (the first load, or a log that did not go on).
 * live:       all the store had said at the last pull is applied.
 * stale:      something is known (of a snapshot, or it has been live), and the last pull failed; what is known stays refused, the age
 *             of the data grows.
 * stopped:    ended by `stop()`.
 */
export type FollowerState = GatewayState

export type FollowerStatus = {
  readonly state: FollowerState
  /** Version of the last event up to which everything is applied; 0 while something before it may be missing. */
  readonly version: number
  readonly position: LogPosition
  /** Age of the trust data. Unit: milliseconds; infinity before the first load. */
  readonly dataAgeMs: number
  /** Certificates held revoked, all and by issuerId. */
  readonly revocations: number
  readonly revocationsByIssuer: ReadonlyMap<string, number>
  /** Rules in force. */
  readonly rules: number
  /** How often the store turned out to have lost revocations, and how many all in all; none was lost here. */
  readonly storeBehindCount: number
  readonly revocationsLostByStore: number
  readonly lastFault: string | undefined
  readonly reconcile: ReconcileStatus
  /** Certificates in the store's sets without a record, or missing there in spite of one (negative), when it was last heard. */
  readonly unrecorded: number
  /** Undefined where the store is a file here. */
  readonly snapshot: SnapshotStatus | undefined
}

export type SnapshotStatus = {
  /** Unit: milliseconds; undefined: there is none. */
  readonly ageMs: number | undefined
  readonly entries: number
  readonly bytes: number
  readonly lastFault: string | undefined
}
