import type { CertificateKey } from '../x509/certificate-key.ts'
import type { DenialReason } from './denial.ts'
import type { DirectoryAnswer } from './directory-answer.ts'
import type { ConnectionSummary, CutSelector } from './live-connections.ts'

/**
 * What control thread and data workers say to each other. Revocations themselves are not here: they stand in the shared
 * index before a `cut` is sent, so a worker that has not read the message yet refuses already.
 */

/** Calls of the control thread; a worker answers each with `done` and the same id. */
export type WorkerCall =
  | { readonly type: 'cut'; readonly selector: CutSelector; readonly reason: DenialReason }
  | { readonly type: 'directory_changed'; readonly loginId: string }
  /** Nothing remembered about any login ID counts any more. */
  | { readonly type: 'directory_replaced' }
  | { readonly type: 'list_connections'; readonly max: number }
  | { readonly type: 'connections_of'; readonly loginId: string }
  /** Accept no more, finish what is in progress; done when every connection has ended. */
  | { readonly type: 'drain' }
  /** A new key to sign assertions with, and the public keys of all gateways (RFC 7517), as JSON. */
  | { readonly type: 'assertion_keys'; readonly privateJwk: string; readonly jwks: string }

/** From the control thread to a data worker. */
export type ControlMessage =
  | { readonly type: 'call'; readonly id: number; readonly call: WorkerCall }
  | { readonly type: 'answer'; readonly id: number; readonly answer: DirectoryAnswer | 'unavailable' }

/** A refusal or an unknown outcome on its way to the audit log. */
export type AuditNote<Refusal, Unknown> =
  | { readonly kind: 'refused'; readonly record: Refusal }
  | { readonly kind: 'outcome_unknown'; readonly record: Unknown }

/** A TCP port a door of this worker listens on. */
export type DoorAddress = { readonly door: string; readonly host: string; readonly port: number }

/** From a data worker to the control thread. */
export type WorkerMessage<Refusal, Unknown> =
  | { readonly type: 'ready'; readonly addresses: readonly DoorAddress[] }
  | { readonly type: 'ask'; readonly id: number; readonly loginId: string; readonly certificateKey: CertificateKey }
  | { readonly type: 'done'; readonly id: number; readonly value: number | readonly ConnectionSummary[] }
  | { readonly type: 'audit'; readonly notes: readonly AuditNote<Refusal, Unknown>[]; readonly dropped: number }
