import type { Actor, ControlAudit, DataWorkers } from '../control-path/ports.ts'
import type { Publisher } from '../control-path/publish.ts'
import type { TrustStore } from '../control-path/store-port.ts'

/** Everything the life of a certificate reaches out for; given by the assembly. */
export type LifecyclePorts = {
  readonly store: Pick<
    TrustStore,
    | 'certificatesOf'
    | 'loginIds'
    | 'restoreObstacle'
    | 'revocation'
    | 'revocations'
    | 'upsertCertificate'
    | 'upsertContract'
    | 'upsertUser'
    | 'user'
  >
  readonly publisher: Publisher
  readonly workers: Pick<DataWorkers, 'connectionsOf'>
  /** The configured issuing CAs. */
  readonly issuers: readonly IssuerIdentity[]
  /** none: the application knows its users itself, so no login ID is unknown here. */
  readonly directory: 'embedded' | 'none'
  readonly audit: ControlAudit
  /** Wall time. Unit: milliseconds since the epoch. */
  nowMs(): number
}

export type IssuerIdentity = { readonly name: string; readonly issuerId: string }

export { type RevocationReason, revocationReasons } from '../control-path/ports.ts'
export type {
  Contract,
  NewCertificate,
  PublishOutcome,
  RevocationRecord,
  RevocationRequest,
  User,
} from '../control-path/store-port.ts'
export type { CertificateKey } from '../x509/certificate-key.ts'
export type { Actor }
