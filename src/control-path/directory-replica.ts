import type { DirectoryRecord } from './directory-port.ts'
import type { CertificateKey, DirectoryAnswer, TrustEvent } from './ports.ts'
import type { LogPosition } from './store-port.ts'

/** What the copy knows of a certificate. */
export type KnownCertificate = {
  readonly key: CertificateKey
  readonly notBeforeMs: number
  readonly state: 'issued' | 'current' | 'superseded'
}

/**
 * This machine's copy of the directory of a store on other machines: answers lookups while the store is away, and gives back
 * what the store has lost. It follows the log event by event; where the log does not go on, a round compares it with the
 * whole directory. Every change counts only if its version is newer than what is known, so repeating or reordering changes nothing.
 *
 * All calls are synchronous and take a few milliseconds at most. A fault of the disk never throws but from `lookUp`: it is told to
 * the owner, and from then on `position()` is undefined until a round has ended well.
 */
export type DirectoryReplica = {
  /**
   * Up to which event of the log the copy is whole. Undefined: it never was loaded whole, or a change could not be written
   * since; then ask the store instead of `lookUp`, and load it by a round.
   */
  position(): LogPosition | undefined
  /**
   * Takes what the events say of the directory (`directory`, `suspended`, `login_method`, `superseded`) and the position after
   * them, in one transaction. During a round, and before the first one has ended, the position stays where it is; so where
   * the log does not go on from there, begin the round before anything of the other log is applied.
   */
  apply(events: readonly TrustEvent[], position: LogPosition): void
  /** Begins to compare with the whole directory of the store. One that was begun before and not ended counts no more. */
  beginRound(): void
  /** A page of the store's directory, in one transaction. */
  take(records: readonly DirectoryRecord[]): void
  /**
   * What the store did not show since the round began, or only in an older version, each with the version it has here:
   * contracts first, then users, then certificates. In chunks of at most 500, of which many may be empty: let others have
   * their turn between two. Nothing once the round has ended or a change could not be written.
   */
  missing(): Iterable<readonly DirectoryRecord[]>
  /** The whole directory was shown. `position`: where the log ended before the round began, or a later event applied since. */
  endRound(position: LogPosition): void
  /**
   * As `TrustStore.lookUp`: the user, and whether the certificate is recorded for this login ID. Throws
   * `store_unavailable` when the copy cannot be read, and before it was whole for the first time.
   */
  lookUp(loginId: string, key: CertificateKey): DirectoryAnswer
  /**
   * Every certificate recorded for the login ID, whatever became of it; empty where the copy cannot be read. For what must be done while
   * the store is away.
   */
  certificatesOf(loginId: string): readonly KnownCertificate[]
  close(): void
}
