import type { CutReason } from '../trust/denial.ts'
import type { DirectoryAnswer, UserRole } from '../trust/directory-answer.ts'
import type { ConnectionSummary, CutSelector, RecheckScope } from '../trust/live-connections.ts'
import type { RevocationRule } from '../trust/revocation-rule.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import type { Contract, NewCertificate, User } from './directory-port.ts'

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
export type Actor = {
  /** Of an operator (default), or the login ID of a user. */
  readonly kind?: 'operator' | 'user'
  readonly name: string
  readonly role: string
  readonly requestId: string
}

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

/** What the directory knows of one subject, as it travels from store to gateway. */
export type DirectoryEntry =
  | { readonly type: 'contract'; readonly contract: Contract }
  | { readonly type: 'user'; readonly user: User }
  | {
      readonly type: 'certificate'
      readonly certificate: NewCertificate
      /** It was used, or recorded from elsewhere; left out by programs that knew no others. */
      readonly used?: boolean
      readonly superseded: boolean
    }

/** Certificates revoked together; never empty. `atMs`: when the store took it, by the store's clock. */
type RevokedEvent = { readonly kind: 'revoked'; readonly keys: readonly CertificateKey[]; readonly atMs: number }

/**
 * A change of trust, in the order in which the store took it. `version` rises with each event; the store's log is the truth
 * that every gateway follows. Applying an event twice, or an older one after a newer one of the same subject, changes nothing.
 */
export type TrustEvent = { readonly version: number } & (
  | RevokedEvent
  | { readonly kind: 'restored'; readonly key: CertificateKey; readonly actor: string; readonly atMs: number }
  | { readonly kind: 'rule'; readonly ruleId: string; readonly rule: RevocationRule; readonly atMs: number }
  | { readonly kind: 'rule_withdrawn'; readonly ruleId: string; readonly atMs: number }
  | { readonly kind: 'superseded'; readonly key: CertificateKey }
  | { readonly kind: 'suspended'; readonly loginId: string; readonly suspended: boolean }
  | { readonly kind: 'login_method'; readonly contractId: string; readonly method: 'certificate' | 'password' }
  /**
   * Positive knowledge changed. `loginId`: what workers remember of it must be fetched again; undefined where it concerns
   * a contract, of which they remember nothing.
   */
  | { readonly kind: 'directory'; readonly loginId: string | undefined; readonly entry: DirectoryEntry }
)

/** What the control path and the admin API need from the data workers; the assembly gives it. */
export type DataWorkers = {
  /** Cuts in every worker; resolves with the number of connections cut once all workers have done so. */
  cut(selector: CutSelector, reason: CutReason): Promise<number>
  /** Every worker judges these connections anew and cuts those that would not be let in now; resolves with how many. */
  recheck(scope: RecheckScope): Promise<number>
  /** Every certificate that has a connection now, each once, whatever its verdict was. */
  connectedKeys(): Promise<readonly CertificateKey[]>
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
    | 'certificate_issued'
    | 'certificate_renewed'
    | 'certificate_restored'
    | 'certificate_revoked'
    /** A batch of a bulk revocation; the serial numbers stand in the detail. */
    | 'certificates_revoked'
    /** Its first use at a door superseded the older ones (R20). */
    | 'certificate_superseded'
    /** A CRL of a CA was taken: its number and how many revocations were new. */
    | 'crl_applied'
    /** An operator had the CRLs of an issuer, or of all, looked at. */
    | 'crl_look_requested'
    /** This gateway signed a CRL of its own CA. */
    | 'crl_published'
    /** A CRL that cannot be trusted or went back; what is known stays. Once until it changes. */
    | 'crl_refused'
    | 'directory_changed'
    /** The enrolment script told how it ended: what it says is a claim. */
    | 'enrolment_reported'
    /** A request for a certificate that was not fulfilled. */
    | 'issue_refused'
    | 'login_method_changed'
    | 'password_accepted'
    /** A login or confirmation password was wrong, or not asked for any more. */
    | 'password_refused'
    | 'mail_failed'
    /** A short-lived certificate for signing OCSP responses was made. */
    | 'responder_certificate_issued'
    | 'operator_refused'
    /** A user asked for the revocation of a certificate that is not theirs to revoke. */
    | 'revocation_refused'
    | 'rule_published'
    | 'rule_withdrawn'
    /** Trust data on disk could not be used; what it held is taken from the store. */
    | 'snapshot_unusable'
    | 'store_behind'
    /** Somebody added to or took from a set of revoked serial numbers past the gateways. */
    | 'store_changed_by_hand'
    | 'user_reinstated'
    | 'user_suspended'
    | 'user_unlocked'
  readonly actor: {
    readonly kind: 'gateway' | 'operator' | 'store' | 'unauthenticated' | 'user'
    readonly name: string
  }
  readonly target?: {
    readonly kind: 'certificate' | 'contract' | 'door' | 'issuer' | 'login_id' | 'rule'
    readonly name: string
  }
  readonly reason?: string
  readonly requestId?: string
  readonly detail?: Readonly<Record<string, string | number | boolean | undefined>>
}
export type ControlAudit = (event: ControlAuditEvent) => void

export type { CertificateKey, CutSelector, DirectoryAnswer, RecheckScope, RevocationRule, UserRole }
