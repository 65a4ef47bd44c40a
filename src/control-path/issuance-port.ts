import type { CertificateKey } from '../x509/certificate-key.ts'
import type { Contract, NewCertificate, RecordedCertificate, User } from './directory-port.ts'

/**
 * What issuing needs of the store. Decisions are made by `lifecycle/` alone; the store only says whether what they were made from
 * still stands when they are written (compare and set), so that two gateways never decide past each other.
 */
export type IssuanceStore = {
  /**
   * All that decides whether a certificate may be issued in a contract. Its users in the order of login IDs, with every certificate
   * unexpired at that time, in the order in which they were recorded. Undefined: there is no such contract.
   */
  contractHoldings(contractId: string, unexpiredAtMs: number): Promise<ContractHoldings | undefined>
  /**
   * Records a certificate that is about to be signed, in the state `issued`, and supersedes those it replaces: pending ones that
   * were never used (R20). `moved`: something else was reserved, recorded or restored in the contract since `revision`, or the user
   * is not in that contract (any more), or one that it replaces was used meanwhile, or the serial number is taken: nothing was written,
   * decide again. `key_reused`: all that stands, but some certificate has this public key already.
   */
  reserveCertificate(
    certificate: NewCertificate & { readonly publicKeyHash: string },
    guard: { readonly contractId: string; readonly revision: number; readonly replaces: readonly CertificateKey[] },
  ): Promise<'reserved' | 'moved' | 'key_reused'>
  /**
   * Keeps what was signed, so that asking again gives the same certificate (R8); the first one stays. Kept until it expires.
   * Throws `admin_not_found`.
   */
  keepSigned(key: CertificateKey, der: Uint8Array): Promise<void>
  /** DER of what was kept; undefined: it was never signed, or the store has lost it. */
  signedCertificate(key: CertificateKey): Promise<Uint8Array | undefined>
  /** The certificate that has this public key, whoever's it is; undefined: none. */
  certificateOfPublicKey(publicKeyHash: string): Promise<RecordedCertificate | undefined>
  /**
   * A recorded certificate was presented and admitted: it is `current` from now on, and every other certificate of the login ID that
   * was recorded before it is superseded (R20), in one step. Repeating it changes nothing, nor does a use of what was superseded before.
   * Throws `admin_not_found`.
   */
  useCertificate(key: CertificateKey): Promise<UseResult>
  /** Notes when certificates were seen at the doors; the earliest and the latest time stay. Unknown ones are passed over. */
  noteSightings(sightings: readonly Sighting[]): Promise<void>
  /** In the order of the keys; undefined: never seen. */
  sightings(keys: readonly CertificateKey[]): Promise<readonly (SeenSpan | undefined)[]>
  /**
   * Certificates whose notAfter lies in a span (milliseconds since the epoch, both ends included), neither revoked nor superseded,
   * with their users, in pages of any order; a page may be empty. A million users are gone through in seconds.
   */
  expiringCertificates(fromMs: number, toMs: number): AsyncIterable<readonly Expiring[]>
}

export type ContractHoldings = {
  readonly contract: Contract
  /** Changes with every reservation, record and restore in the contract. */
  readonly revision: number
  readonly users: readonly { readonly user: User; readonly certificates: readonly RecordedCertificate[] }[]
}

export type UseResult = {
  readonly changed: boolean
  readonly superseded: readonly CertificateKey[]
  /** Version of the last event of it. */
  readonly version: number
}

export type Sighting = { readonly key: CertificateKey; readonly atMs: number }
export type SeenSpan = { readonly firstMs: number; readonly lastMs: number }
export type Expiring = { readonly user: User; readonly certificate: RecordedCertificate }
