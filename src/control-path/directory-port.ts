import type { DirectoryAnswer, UserRole } from '../trust/directory-answer.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import type { DirectoryEntry } from './ports.ts'

/** Contracts, users and certificates, as every adapter of `TrustStore` keeps them. */
export type DirectoryStore = {
  /**
   * Creates the contract or sets its limit, name and notice days. The login method counts only on creation: afterwards it changes
   * by `setLoginMethod` alone (R23). Optional fields that are left out stay as they are.
   */
  upsertContract(contract: Contract): Promise<void>
  /**
   * Creates the user (active) or sets contract, role and what else is given; optional fields that are left out stay as they are, an
   * empty text takes one away. The contract must exist, else `admin_not_found`.
   */
  upsertUser(user: Omit<User, 'state'>): Promise<void>
  /**
   * Records a certificate that was made elsewhere, as used, for a login ID that exists, else `admin_not_found`. A certificate names
   * one login ID for ever (R2). A public key that another one has is left out.
   */
  upsertCertificate(certificate: NewCertificate): Promise<'recorded' | 'known' | 'belongs_to_another'>
  contract(contractId: string): Promise<Contract | undefined>
  user(loginId: string): Promise<User | undefined>
  /** Login IDs closest in spelling are left to the caller: at most `limit` login IDs, in order, that begin like `prefix` and come after `after`. */
  loginIds(prefix: string, limit: number, after?: string): Promise<readonly string[]>
  /** At most `limit` contract ids, in order, that begin like `prefix` and come after `after`. */
  contractIds(prefix: string, limit: number, after?: string): Promise<readonly string[]>
  /** Every certificate recorded for the login ID that has not expired at that time, revoked or not (R17). */
  certificatesOf(loginId: string, unexpiredAtMs: number): Promise<readonly RecordedCertificate[]>
  /** What is recorded of one certificate; undefined: nothing. */
  recordedCertificate(key: CertificateKey): Promise<RecordedCertificate | undefined>
  /** Positive knowledge for `admit()`. */
  lookUp(loginId: string, key: CertificateKey): Promise<DirectoryAnswer>
  /** The whole directory, in pages of any order; a page may be empty. */
  directory(): AsyncIterable<readonly DirectoryRecord[]>
}

export type LoginMethod = 'certificate' | 'password'

export type Contract = {
  readonly contractId: string
  readonly loginMethod: LoginMethod
  /** R3: how many login IDs may hold a certificate. */
  readonly certificateLimit: number
  /** Of the company or organisation, for pages and mails. */
  readonly name?: string
  /** Days before expiry of which its users are told, largest first; empty or left out: as configured (R10). */
  readonly noticeDays?: readonly number[]
}

export type User = {
  readonly loginId: string
  readonly contractId: string
  readonly role: UserRole
  readonly state: 'active' | 'suspended'
  /** Of the person, for pages and mails. */
  readonly name?: string
  readonly email?: string
  /** Of mails; left out: both languages. */
  readonly language?: 'ja' | 'en' | ''
  /** Passwords of the built-in verifier as PHC strings (argon2id). Never told to anybody by page, API, export or log. */
  readonly credentials?: { readonly login?: string; readonly confirmation?: string }
}

export type NewCertificate = {
  readonly key: CertificateKey
  readonly loginId: string
  /** Unit: milliseconds since the epoch. */
  readonly notBeforeMs: number
  /** Unit: milliseconds since the epoch. */
  readonly notAfterMs: number
  /** SHA-256 of its SubjectPublicKeyInfo, base64url; left out where only the serial number is known. */
  readonly publicKeyHash?: string
}

/**
 * `issued`: made here and never used yet (while another one is current it is pending, R20). `current`: used, or recorded from
 * elsewhere. `superseded`: a newer one of the login ID is in use. Whether it has expired is a question of time, and `revoked` of its own.
 */
export type RecordedCertificate = NewCertificate & {
  readonly state: 'issued' | 'current' | 'superseded'
  readonly revoked: boolean
  /** When it was recorded, in the order of the store's log. */
  readonly recordedVersion: number
}

/** One record of the directory with the version of its last change. */
export type DirectoryRecord = DirectoryEntry & { readonly version: number }
