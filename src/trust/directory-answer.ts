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
}
