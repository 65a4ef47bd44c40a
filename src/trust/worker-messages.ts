import type { CertificateKey } from '../x509/certificate-key.ts'
import type { CutReason } from './denial.ts'
import type { CertificateSighting, CertificateUse, DirectoryAnswer } from './directory-answer.ts'
import type { ConnectionSummary, CutSelector, KeyChanges, RecheckScope } from './live-connections.ts'

/**
 * What control thread and data workers say to each other. Revocations themselves are not here: they stand in the shared
 * index before a `cut` is sent, so a worker that has not read the message yet refuses already.
 */

/** Calls of the control thread; a worker answers each with `done` or `failed` and the same id. */
export type WorkerCall =
  | { readonly type: 'cut'; readonly selector: CutSelector; readonly reason: CutReason }
  /** Judge these connections anew; done with the number of those that were cut. */
  | { readonly type: 'recheck'; readonly scope: RecheckScope }
  /** Which certificates came and went since the last such call; done with `WorkerKeys`. */
  | { readonly type: 'key_changes' }
  | { readonly type: 'directory_changed'; readonly loginId: string }
  /** Nothing remembered about any login ID counts any more. */
  | { readonly type: 'directory_replaced' }
  | { readonly type: 'list_connections'; readonly max: number }
  | { readonly type: 'connections_of'; readonly loginId: string }
  /** Accept from the sockets given at the start. */
  | { readonly type: 'open_doors' }
  /**
   * Accept no more, finish what is in progress; done when every connection has ended. `idleMs`: how long an idle one may wait for
   * another request, whose answer then announces the end. 0: it is closed at once. Unit: milliseconds.
   */
  | { readonly type: 'drain'; readonly idleMs: number }
  /** A new key to sign assertions with, and the public keys of all gateways (RFC 7517), as JSON. */
  | { readonly type: 'assertion_keys'; readonly privateJwk: string; readonly jwks: string }
  /** What the active checks say of a target of an upstream. */
  | { readonly type: 'target_health'; readonly upstream: string; readonly target: string; readonly healthy: boolean }
  /** Builds everything a new configuration needs, beside what runs; answered with `failed` where that cannot be done. */
  | { readonly type: 'reload_prepare'; readonly reload: unknown }
  /** Uses what was prepared; done with the number of connections that were cut. */
  | { readonly type: 'reload_commit' }
  /** Drops what was prepared, if anything was. */
  | { readonly type: 'reload_abandon' }
  /** Opens the access log by its name again, after it was moved away; done with 1 where that cannot be done, else 0. */
  | { readonly type: 'reopen_access_log' }

/** Answer to `key_changes`. */
export type WorkerKeys = KeyChanges & {
  /** Permitted connections of certificate doors that a cut would not find: a defect if it is not 0. */
  readonly untracked: number
}

/** What a worker may answer to a call. */
export type CallAnswer = number | readonly ConnectionSummary[] | WorkerKeys

/** From the control thread to a data worker. */
export type ControlMessage =
  | { readonly type: 'call'; readonly id: number; readonly call: WorkerCall }
  | { readonly type: 'answer'; readonly id: number; readonly answer: DirectoryAnswer | 'unavailable' }
  /** What a first use has superseded is superseded here. */
  | { readonly type: 'use_noted'; readonly id: number }

/** A refusal or an unknown outcome on its way to the audit log. */
export type AuditNote<Refusal, Unknown> =
  | { readonly kind: 'refused'; readonly record: Refusal }
  | { readonly kind: 'outcome_unknown'; readonly record: Unknown }

/** A TCP port a door listens on. */
export type DoorAddress = { readonly door: string; readonly host: string; readonly port: number }

/** A duplicate of a door's listening socket that is a worker's own: whoever gets the number adopts and closes it. */
export type DoorSocket = DoorAddress & { readonly fd: number }

/** From a data worker to the control thread. */
export type WorkerMessage<Refusal, Unknown> =
  /** Everything is made; it waits for `open_doors`. */
  | { readonly type: 'ready' }
  | { readonly type: 'ask'; readonly id: number; readonly loginId: string; readonly certificateKey: CertificateKey }
  /** A first use; answered with `use_noted`, and nothing is answered to the client before. */
  | { readonly type: 'use'; readonly id: number; readonly use: CertificateUse }
  /** Certificates seen since the last such message, each once with its latest time. */
  | { readonly type: 'seen'; readonly sightings: readonly CertificateSighting[] }
  | { readonly type: 'done'; readonly id: number; readonly value: CallAnswer }
  /** Only of a call that may fail; on any other fault a worker ends. The message holds no secret. */
  | { readonly type: 'failed'; readonly id: number; readonly message: string }
  | { readonly type: 'audit'; readonly notes: readonly AuditNote<Refusal, Unknown>[]; readonly dropped: number }
