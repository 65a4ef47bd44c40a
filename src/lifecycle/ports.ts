import type { IssuingConfig, PasswordsConfig, PortalConfig } from '../config/gateway-config.ts'
import type { RecordedCertificate } from '../control-path/directory-port.ts'
import type { Actor, ControlAudit, ControlLog, DataWorkers } from '../control-path/ports.ts'
import type { Confirmation, Publisher } from '../control-path/publish.ts'
import type { TrustStore } from '../control-path/store-port.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import type { CertificateProfile } from '../x509/certificate-profile.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import type { CertificateMaker } from './certificate-maker.ts'
import type { PasswordVerifier } from './password-verifier.ts'

/** Everything the life of a certificate reaches out for; given by the assembly. */
export type LifecyclePorts = {
  readonly store: Omit<
    TrustStore,
    | 'close'
    | 'eventsSince'
    | 'publishAgain'
    | 'readMeta'
    | 'remote'
    | 'reportGateway'
    | 'state'
    | 'withdrawGateway'
    | 'writeMeta'
  >
  readonly publisher: Publisher
  readonly workers: Pick<DataWorkers, 'connectedKeys' | 'connectionsOf'>
  /** The configured issuing CAs. */
  readonly issuers: readonly IssuerIdentity[]
  /** The same, for telling whose signature a certificate bears. */
  issuingCas(): readonly IssuingCa[]
  /** none: the application knows its users itself, so no login ID is unknown here. */
  readonly directory: 'embedded' | 'none'
  readonly audit: ControlAudit
  /** The CA that issues, as configured now; undefined: this gateway issues nothing. */
  issuing(): IssuingInUse | undefined
  /** As configured now. */
  passwords(): PasswordsConfig
  /** As configured now; undefined: there are no pages. */
  portal(): PortalConfig | undefined
  /**
   * Until when rules revoke what this issuer issues to the login ID, as far as the store has said by now: a certificate must begin later.
   * Undefined: no rule does. Unit: milliseconds since the epoch.
   */
  revokedUntilMs(loginId: string, issuerId: string): Promise<number | undefined>
  /** Those among them that a rule revokes, restored ones not, as far as the store has said by now. Throws `store_unavailable`. */
  revokedByRule(certificates: readonly RuledCertificate[]): Promise<ReadonlySet<CertificateKey>>
  readonly log: ControlLog
  /** Who knows login and confirmation passwords. */
  readonly verifier: PasswordVerifier
  /** Has people told of an act by mail (R10); left out: nobody is told. Never throws. */
  noticeAct?(act: NoticedAct): void
  /** Wall time. Unit: milliseconds since the epoch. */
  nowMs(): number
  /** Resolves after so many milliseconds. */
  pause(durationMs: number): Promise<void>
}

/** What rules look at. */
export type RuledCertificate = Pick<RecordedCertificate, 'key' | 'loginId' | 'notBeforeMs'>

/** The CA that issues, with what signs. */
export type IssuingInUse = {
  readonly config: IssuingConfig
  readonly ca: IssuingCa
  readonly profile: CertificateProfile
  readonly maker: CertificateMaker
}

/** An act on certificates of which people are told by mail (R10). */
export type NoticedAct = {
  readonly kind: 'issued' | 'renewed' | 'revoked'
  /** Whose certificates they are. */
  readonly loginId: string
  /** Left out: all that the login ID had. */
  readonly certificate?: { readonly serial: string; readonly notAfterMs: number }
  /** Login ID of the user who did it; empty: the institution. */
  readonly by: string
}

export type IssuerIdentity = { readonly name: string; readonly issuerId: string }

export type {
  Contract,
  DirectoryRecord,
  LoginMethod,
  NewCertificate,
  RecordedCertificate,
  User,
} from '../control-path/directory-port.ts'
export type { ContractHoldings, Expiring, SeenSpan, Sighting } from '../control-path/issuance-port.ts'
export type { Mail, MailState, NewMail } from '../control-path/outbox-port.ts'
export {
  type RevocationReason,
  type RevocationRule,
  revocationReasons,
  type UserRole,
} from '../control-path/ports.ts'
export {
  type GatewayList,
  type PublishOutcome,
  type RevocationRecord,
  type RevocationRequest,
  type RuleRecord,
  type RuleRequest,
  ruleIdOf,
} from '../control-path/store-port.ts'
export type { CertificateKey } from '../x509/certificate-key.ts'
export type { Actor, Confirmation }
