import type { CertificateKey } from '../x509/certificate-key.ts'
import type { KnownRevocation } from './store-port.ts'

/**
 * The certificates this gateway holds revoked, with the version that revoked them: the memory that lets it notice a store
 * that has lost some, and write them again. Lives in the control thread; about 200 bytes an entry.
 */
export class KnownRevocations {
  readonly #versions = new Map<CertificateKey, number>()
  readonly #byIssuer = new Map<string, number>()

  get size(): number {
    return this.#versions.size
  }

  /** Number of revoked certificates by issuerId. */
  countByIssuer(): ReadonlyMap<string, number> {
    return this.#byIssuer
  }

  add(key: CertificateKey, version: number): void {
    const before = this.#versions.get(key)
    if (before === undefined) this.#count(key, 1)
    this.#versions.set(key, Math.max(version, before ?? 0))
  }

  /** Forgets if the tombstone's version is newer. Returns whether the certificate is no longer revoked by this. */
  forget(key: CertificateKey, tombstoneVersion: number): boolean {
    const version = this.#versions.get(key)
    if (version === undefined || tombstoneVersion <= version) return false
    this.#versions.delete(key)
    this.#count(key, -1)
    return true
  }

  /** Those that `seen` lacks. */
  missingFrom(seen: ReadonlySet<CertificateKey>): KnownRevocation[] {
    const missing: KnownRevocation[] = []
    for (const [key, version] of this.#versions) if (!seen.has(key)) missing.push({ key, version })
    return missing
  }

  #count(key: CertificateKey, change: number): void {
    // Not parsed strictly: a key somebody wrote into the store by hand must not stop the follower.
    const issuerId = key.slice(0, Math.max(0, key.indexOf(':')))
    this.#byIssuer.set(issuerId, (this.#byIssuer.get(issuerId) ?? 0) + change)
  }
}
