import type { Actor, ControlAudit, DataWorkers } from '../control-path/ports.ts'
import type { Confirmation, Publisher } from '../control-path/publish.ts'
import type { TrustStore } from '../control-path/store-port.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'

/** Everything the life of a certificate reaches out for; given by the assembly. */
export type LifecyclePorts = {
  readonly store: Pick<
    TrustStore,
    | 'certificatesOf'
    | 'gateways'
    | 'loginIds'
    | 'position'
    | 'restoreObstacle'
    | 'revocation'
    | 'revocations'
    | 'rules'
    | 'upsertCertificate'
    | 'upsertContract'
    | 'upsertUser'
    | 'user'
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
  /** Wall time. Unit: milliseconds since the epoch. */
  nowMs(): number
}

export type IssuerIdentity = { readonly name: string; readonly issuerId: string }

export { type RevocationReason, type RevocationRule, revocationReasons } from '../control-path/ports.ts'
export {
  type Contract,
  type GatewayList,
  type NewCertificate,
  type PublishOutcome,
  type RevocationRecord,
  type RevocationRequest,
  type RuleRecord,
  type RuleRequest,
  ruleIdOf,
  type User,
} from '../control-path/store-port.ts'
export type { CertificateKey } from '../x509/certificate-key.ts'
export type { Actor, Confirmation }
