import type { DirectoryAnswer, UserRole } from '../trust/directory-answer.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import type { Actor, Revocation, RevocationReason, TrustEvent } from './ports.ts'

/**
 * Where trust is kept: revocations, the directory of contracts and users, and the log of changes that every gateway follows.
 * `test/store/contract.ts` says what every adapter must do.
 *
 * Every operation may reject with GatewayError `store_unavailable`; a change that was rejected may nevertheless have been
 * taken, so each may be repeated: all are idempotent.
 */
export type TrustStore = {
  /** Where the log ends now. */
  position(): Promise<LogPosition>
  /**
   * The log reduced to the last event of each subject, tombstones of restored certificates included, in order of version.
   * At most `limit` events with a version above `after`; an empty page ends it.
   */
  stateSince(after: number, limit: number): Promise<readonly TrustEvent[]>
  /** At most `limit` events that follow `position`, oldest first. */
  eventsSince(position: LogPosition, limit: number): Promise<LogPage>

  /** Revokes each certificate that is not revoked yet, all in one transaction; the others keep what they have. */
  publish(requests: readonly RevocationRequest[], actor: Actor): Promise<PublishResult>
  /**
   * Takes a revocation back by a tombstone with a newer version: a correction, never a part of daily work.
   * Throws `restore_refused` if the certificate's login ID has a newer certificate.
   */
  restore(key: CertificateKey, actor: Actor): Promise<RestoreResult>
  /** Why a restore of this certificate would be refused; undefined if it would not. */
  restoreObstacle(key: CertificateKey): Promise<string | undefined>
  /**
   * Writes revocations that this gateway knows and the store has lost. Loses to a tombstone with a newer version, wins over
   * ties. Versions given from now on are above `aboveVersion`.
   */
  publishAgain(lost: readonly KnownRevocation[], aboveVersion: number): Promise<void>
  /** What the store says of one certificate; undefined if it was never revoked. */
  revocation(key: CertificateKey): Promise<RevocationRecord | undefined>
  /** Revocations in force, newest first. */
  revocations(filter: RevocationFilter): Promise<RevocationPage>

  /**
   * Creates the contract or sets its limit. The login method counts only on creation: afterwards it changes by
   * `setLoginMethod` alone (R23).
   */
  upsertContract(contract: Contract): Promise<void>
  /** Creates the user (active) or sets contract and role. The contract must exist, else `admin_not_found`. */
  upsertUser(user: Omit<User, 'state'>): Promise<void>
  /** Records a certificate for a login ID that exists, else `admin_not_found`. A certificate names one login ID for ever (R2). */
  upsertCertificate(certificate: NewCertificate): Promise<'recorded' | 'known' | 'belongs_to_another'>
  contract(contractId: string): Promise<Contract | undefined>
  user(loginId: string): Promise<User | undefined>
  /** Login IDs closest in spelling are left to the caller: at most `limit` login IDs, in order, that begin like `prefix`. */
  loginIds(prefix: string, limit: number): Promise<readonly string[]>
  /** Every certificate recorded for the login ID that has not expired at that time, revoked or not (R17). */
  certificatesOf(loginId: string, unexpiredAtMs: number): Promise<readonly RecordedCertificate[]>
  /** Positive knowledge for `admit()`. */
  lookUp(loginId: string, key: CertificateKey): Promise<DirectoryAnswer>

  setSuspended(loginId: string, suspended: boolean): Promise<ChangeResult>
  setLoginMethod(contractId: string, method: LoginMethod): Promise<ChangeResult>
  /** A newer certificate of the login ID is in use (R20). */
  supersede(key: CertificateKey): Promise<ChangeResult>

  /** A small value that the gateways share; undefined if it was never written. */
  readMeta(name: MetaName): Promise<MetaValue | undefined>
  /** Writes if the revision is still `expectedRevision` (0: never written); false if somebody else was first. */
  writeMeta(name: MetaName, value: string, expectedRevision: number): Promise<boolean>

  close(): Promise<void>
}

/** A place in the log. The token tells two logs with equal version numbers apart. Before the first event: 0 and ''. */
export type LogPosition = { readonly version: number; readonly token: string }

export type LogPage = {
  /** False: the log does not go on from that position (replaced, rolled back, or trimmed since); `events` is empty then. */
  readonly continuous: boolean
  readonly events: readonly TrustEvent[]
  /** Position after the last event of the page. */
  readonly end: LogPosition
  /** Where the log ends. */
  readonly lastVersion: number
  /** Certificates revoked and not restored, counted in the same instant. */
  readonly revokedCount: number
}

export type RevocationRequest = {
  readonly key: CertificateKey
  /** Undefined: taken from the certificate's record, if there is one. */
  readonly loginId: string | undefined
  readonly reason: RevocationReason
  readonly comment: string
}

export type PublishOutcome = {
  readonly key: CertificateKey
  readonly outcome: 'revoked' | 'already_revoked'
  /** Version of the revocation that is in force. */
  readonly version: number
}

export type PublishResult = { readonly outcomes: readonly PublishOutcome[] }
export type RestoreResult = { readonly outcome: 'restored' | 'not_revoked'; readonly version: number }
export type ChangeResult = { readonly changed: boolean; readonly version: number }
export type KnownRevocation = { readonly key: CertificateKey; readonly version: number }

export type RevocationRecord = {
  readonly state: 'revoked' | 'restored'
  readonly version: number
  readonly revocation: Revocation
}

export type RevocationFilter = {
  readonly issuerId?: string
  readonly loginId?: string
  /** Only versions below this one: the `nextCursor` of the page before. */
  readonly cursor?: number
  readonly limit: number
}

export type RevocationPage = { readonly revocations: readonly Revocation[]; readonly nextCursor: number | undefined }

export type LoginMethod = 'certificate' | 'password'

/** R3: `certificateLimit` counts login IDs that hold a certificate. */
export type Contract = {
  readonly contractId: string
  readonly loginMethod: LoginMethod
  readonly certificateLimit: number
}

export type User = {
  readonly loginId: string
  readonly contractId: string
  readonly role: UserRole
  readonly state: 'active' | 'suspended'
}

export type NewCertificate = {
  readonly key: CertificateKey
  readonly loginId: string
  /** Unit: milliseconds since the epoch. */
  readonly notBeforeMs: number
  /** Unit: milliseconds since the epoch. */
  readonly notAfterMs: number
}

export type RecordedCertificate = NewCertificate & {
  readonly state: 'current' | 'superseded'
  readonly revoked: boolean
}

/** Names of shared values. Private keys of assertions never leave their process; sealing keys are shared on purpose. */
export type MetaName = 'sealingKeys' | 'assertionKeys'
export type MetaValue = { readonly value: string; readonly revision: number }
