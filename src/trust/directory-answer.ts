import type { CertificateKey } from '../x509/certificate-key.ts'

/** A user's part in their contract (R3: one master, up to 99 general users). */
export type UserRole = 'master' | 'general'

/**
 * Positive knowledge about a login ID and a certificate, fetched from the directory before `admit()` is called.
 * Negative knowledge (revoked, superseded, suspended, password mode) is never here: it stands in the shared index.
 */
export type DirectoryAnswer = {
  /** The user of that login ID, if there is one. */
  readonly user: { readonly contractId: string; readonly role: UserRole } | undefined
  /** Whether this certificate was issued to, or recorded for, this login ID. */
  readonly certificateRegistered: boolean
  /** It was issued here and was never used: its first use supersedes the older ones (R20). */
  readonly certificateUnused?: true
  /**
   * Until when an OCSP responder vouches for the certificate, where its issuer's must; 0: not now. Unit: milliseconds since the epoch.
   */
  readonly goodUntilMs?: number
  /** The certificate was superseded: the one of the login ID to choose instead, where it is known (R13). */
  readonly successor?: SuccessorCertificate
}

/** What tells the certificate to choose apart in the browser's list. */
export type SuccessorCertificate = {
  /** Lower-case hex without leading zeros. */
  readonly serial: string
  /** Unit: milliseconds since the epoch. */
  readonly notAfterMs: number
}

/** A certificate is about to be used for the first time, as far as the directory knows. */
export type CertificateUse = {
  readonly loginId: string
  readonly certificateKey: CertificateKey
  /** Issued here; else it was made elsewhere and has no record yet. */
  readonly isRecorded: boolean
  /** Unit: milliseconds since the epoch. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** SHA-256 of its SubjectPublicKeyInfo, base64url. */
  readonly publicKeyHash: string
}

/** A certificate was presented and admitted at a door. */
export type CertificateSighting = { readonly certificateKey: CertificateKey; readonly atMs: number }
