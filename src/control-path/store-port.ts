import type { CertificateKey } from '../x509/certificate-key.ts'
import type { DirectoryRecord, DirectoryStore, LoginMethod } from './directory-port.ts'
import type { IssuanceStore } from './issuance-port.ts'
import type { Outbox } from './outbox-port.ts'
import type { Actor, Revocation, RevocationReason, RevocationRule, TrustEvent } from './ports.ts'
import type { SharedNotes } from './shared-notes-port.ts'

/**
 * Where trust is kept: revocations, the directory of contracts and users, and the log of changes that every gateway follows.
 * `test/store/contract.ts` says what every adapter must do.
 *
 * Every operation may reject with GatewayError `store_unavailable`; a change that was rejected may nevertheless have been
 * taken, so each may be repeated: all are idempotent. Changes reject with `store_read_only` where this gateway may not write.
 */
export type TrustStore = DirectoryStore &
  IssuanceStore &
  Outbox &
  SharedNotes & {
    /** What only a store on other machines can do or needs; undefined: it is a file here. */
    readonly remote: RemoteStore | undefined

    /** Where the log ends now. */
    position(): Promise<LogPosition>
    /**
     * The log reduced to the last event of each subject of trust (no `directory` events), tombstones of restored certificates
     * and withdrawn rules included, in pages of any order. The version of a `revoked` event is that of its revocation, or a
     * later one up to where the log ended when the reading began. What changes meanwhile may be missing: read the position
     * first and follow from there. A page may be empty.
     */
    state(): AsyncIterable<readonly TrustEvent[]>
    /** At most `limit` events that follow `position`, oldest first. */
    eventsSince(position: LogPosition, limit: number): Promise<LogPage>

    /** Revokes each certificate that is not revoked yet, all in one transaction; the others keep what they have. */
    publish(requests: readonly RevocationRequest[], actor: Actor): Promise<PublishResult>
    /**
     * Takes a revocation back by a tombstone with a newer version, also newer than `aboveVersion`: a correction, never a part of
     * daily work. Throws `restore_refused` if the certificate's login ID has a newer certificate.
     */
    restore(key: CertificateKey, actor: Actor, aboveVersion?: number): Promise<RestoreResult>
    /** Why a restore of this certificate would be refused; undefined if it would not. */
    restoreObstacle(key: CertificateKey): Promise<string | undefined>
    /**
     * Puts a rule in force. `ruleIdOf` names it. A rule for a login ID that has one raises its bound and never lowers it;
     * one that says nothing new changes nothing.
     */
    publishRule(request: RuleRequest, actor: Actor): Promise<ChangeResult>
    /** Takes a rule back by a tombstone with a newer version, also newer than `aboveVersion`. Throws `admin_not_found`. */
    withdrawRule(ruleId: string, actor: Actor, aboveVersion?: number): Promise<ChangeResult>
    /** Rules in force, newest first. */
    rules(): Promise<readonly RuleRecord[]>
    /**
     * Writes revocations and rules that this gateway knows and the store has lost. Loses to a tombstone with a newer version, wins
     * over ties. Versions given from now on are above `aboveVersion`.
     */
    publishAgain(lost: LostTrust, aboveVersion: number): Promise<void>
    /** What the store says of one certificate; undefined if it was never revoked. */
    revocation(key: CertificateKey): Promise<RevocationRecord | undefined>
    /** Revocations in force, newest first. */
    revocations(filter: RevocationFilter): Promise<RevocationPage>

    setSuspended(loginId: string, suspended: boolean): Promise<ChangeResult>
    setLoginMethod(contractId: string, method: LoginMethod): Promise<ChangeResult>
    /** A newer certificate of the login ID is in use (R20). */
    supersede(key: CertificateKey): Promise<ChangeResult>

    /** A small value that the gateways share; undefined if it was never written. */
    readMeta(name: MetaName): Promise<MetaValue | undefined>
    /** Writes if the revision is still `expectedRevision` (0: never written); false if somebody else was first. */
    writeMeta(name: MetaName, value: string, expectedRevision: number): Promise<boolean>

    /** Says what this gateway has applied, for whoever waits for a change to be everywhere. */
    reportGateway(report: GatewayReport): Promise<void>
    /** This gateway ends: nobody should wait for it. */
    withdrawGateway(gatewayId: string): Promise<void>
    /** Every report of the last minute. */
    gateways(): Promise<GatewayList>

    close(): Promise<void>
  }

/** What a store on other machines adds. The contract of the store holds for all of it. */
export type RemoteStore = {
  /**
   * Calls `news` soon after the log has grown, on a connection of its own that notices a dead peer; it may be called without
   * need and misses what happens while the connection is down. `close` ends it.
   */
  listen(news: () => void): { close(): Promise<void> }
  /**
   * Which of the certificates stand in the sets of revoked serial numbers now, whoever put them there, in the usual spellings:
   * lower and upper case, padded to whole octets, with colons. In the order of the keys.
   */
  membership(keys: readonly CertificateKey[]): Promise<readonly boolean[]>
  /**
   * Gives a record and an event to those certificates that stand in a set without a record, because somebody added them past
   * the gateways. Returns how many.
   */
  adopt(keys: readonly CertificateKey[]): Promise<number>
  /** Writes records that the store lacks, or has in an older version. Versions given from now on are above `aboveVersion`. */
  publishDirectoryAgain(records: readonly DirectoryRecord[], aboveVersion: number): Promise<void>
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
  /** Of these, how many were not written by the log: more were added than taken away by hand, or negative the other way. */
  readonly unrecordedCount: number
  /** The store's clock when the page was read. Unit: milliseconds since the epoch. */
  readonly nowMs: number
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

export type PublishResult = {
  readonly outcomes: readonly PublishOutcome[]
  /**
   * How many replicas of the store had taken it when it was answered. They may still lose it (Redis promises no more);
   * undefined: this store has no replicas.
   */
  readonly replicas: number | undefined
}
export type RestoreResult = { readonly outcome: 'restored' | 'not_revoked'; readonly version: number }
export type ChangeResult = { readonly changed: boolean; readonly version: number }
export type KnownRevocation = { readonly key: CertificateKey; readonly version: number }
export type KnownRule = { readonly ruleId: string; readonly rule: RevocationRule; readonly version: number }
export type LostTrust = { readonly revocations: readonly KnownRevocation[]; readonly rules: readonly KnownRule[] }

export type RuleRequest = {
  /** Without an upper bound, a rule on a login ID ends now, by the store's clock: those of gateways differ. */
  readonly rule:
    | RevocationRule
    | { readonly by: 'loginId'; readonly loginId: string; readonly notBeforeMaxMs: undefined }
  readonly reason: RevocationReason
  readonly comment: string
}

export type RuleRecord = Omit<RuleRequest, 'rule'> & {
  readonly ruleId: string
  readonly rule: RevocationRule
  readonly version: number
  readonly actor: string
  /** Unit: milliseconds since the epoch, by the store's clock. */
  readonly publishedAtMs: number
}

/** Names a rule by what it is about: the same rule, the same name. */
export function ruleIdOf(rule: RuleRequest['rule']): string {
  if (rule.by === 'loginId') return `login:${rule.loginId}`
  return `issuer:${rule.issuerId}:${rule.notBeforeMinMs}-${rule.notBeforeMaxMs}`
}

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

export type RevocationPage = {
  readonly revocations: readonly ListedRevocation[]
  readonly nextCursor: number | undefined
}

/** `version`: that of its event in the log. */
export type ListedRevocation = Revocation & { readonly version: number }

/**
 * Names of shared values. Private keys of assertions never leave their process; sealing keys are shared on purpose. `crlsTaken`: which
 * CRLs of other CAs were taken last; `crlsPublished`: numbers and times of our own.
 */
export type MetaName = 'sealingKeys' | 'assertionKeys' | 'crlsTaken' | 'crlsPublished'
export type MetaValue = { readonly value: string; readonly revision: number }

/** States of a gateway's follower. */
export type GatewayState = 'connecting' | 'replaying' | 'live' | 'stale' | 'stopped'

/** What a gateway process says of itself. */
export type GatewayReport = {
  /** One process; a rolling restart has two for a while. */
  readonly gatewayId: string
  /** For people: host name and state folder, or what the configuration says. */
  readonly name: string
  readonly programVersion: string
  readonly state: GatewayState
  /** Up to which event everything is in its index and done by its workers. */
  readonly position: LogPosition
  /** Age of its trust data. Unit: milliseconds; null before the first load. */
  readonly dataAgeMs: number | null
}

export type GatewayList = {
  /** The store's clock. Unit: milliseconds since the epoch. */
  readonly nowMs: number
  readonly gateways: readonly (GatewayReport & {
    /** By the store's clock. Unit: milliseconds since the epoch. */
    readonly reportedAtMs: number
  })[]
}
