import type { DenialReason } from '../trust/denial.ts'
import type { DirectoryAnswer, UserRole } from '../trust/directory-answer.ts'
import type { ConnectionSummary, CutSelector } from '../trust/live-connections.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'

/** RFC 5280 5.3.1 reason codes a revocation may carry, by their names there. */
export const revocationReasons = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
  'aACompromise',
] as const
export type RevocationReason = (typeof revocationReasons)[number]

/** Who asked for a change and under which request. */
export type Actor = { readonly name: string; readonly role: string; readonly requestId: string }

/** A revocation as the store keeps it. */
export type Revocation = {
  readonly key: CertificateKey
  readonly loginId: string | undefined
  readonly reason: RevocationReason
  readonly comment: string
  readonly actor: string
  /** Unit: milliseconds since the epoch, by the store's clock. */
  readonly revokedAtMs: number
}

/**
 * A change of trust, in the order in which the store took it. `version` rises by one with each event; the store's
 * log is the truth that every gateway follows.
 */
export type TrustEvent = { readonly version: number } & (
  | { readonly kind: 'revoked'; readonly revocation: Revocation }
  | { readonly kind: 'restored'; readonly key: CertificateKey; readonly actor: string; readonly atMs: number }
  | { readonly kind: 'superseded'; readonly key: CertificateKey }
  | { readonly kind: 'suspended'; readonly loginId: string; readonly suspended: boolean }
  | { readonly kind: 'login_method'; readonly contractId: string; readonly method: 'certificate' | 'password' }
  /** Positive knowledge about this login ID changed: what workers remember of it must be fetched again. */
  | { readonly kind: 'directory'; readonly loginId: string }
)

/** What the control path and the admin API need from the data workers; the assembly gives it. */
export type DataWorkers = {
  /** Cuts in every worker; resolves with the number of connections cut once all workers have done so. */
  cut(selector: CutSelector, reason: DenialReason): Promise<number>
  /** Every worker forgets what it knows of the login ID, asks again, and judges its connections anew. */
  directoryChanged(loginId: string): Promise<void>
  /** At most `max` connections over all workers, oldest first. */
  connections(max: number): Promise<readonly ConnectionSummary[]>
  /** Every connection of the login ID, whatever its verdict: what a revocation by login ID must also reach. */
  connectionsOf(loginId: string): Promise<readonly ConnectionSummary[]>
  /**
   * The log of the store no longer says what changed (replaced, rolled back, or read too late): every worker forgets all it
   * knows of the directory, asks again, and judges its connections anew.
   */
  directoryReplaced(): Promise<void>
}

/** Where the control path says what it does; `observe/log.ts` fits. */
export type ControlLog = {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

/** What the control path, lifecycle and admin door put on record (R25); `AuditLog.record` takes it. */
export type ControlAuditEvent = {
  readonly event:
    | 'certificate_restored'
    | 'certificate_revoked'
    | 'login_method_changed'
    | 'operator_refused'
    | 'store_behind'
    | 'user_reinstated'
    | 'user_suspended'
  readonly actor: { readonly kind: 'operator' | 'store' | 'unauthenticated'; readonly name: string }
  readonly target?: { readonly kind: 'certificate' | 'contract' | 'door' | 'login_id'; readonly name: string }
  readonly reason?: string
  readonly requestId?: string
  readonly detail?: Readonly<Record<string, string | number | boolean | undefined>>
}
export type ControlAudit = (event: ControlAuditEvent) => void

export type { CertificateKey, CutSelector, DirectoryAnswer, UserRole }
