import { setTimeout as wait } from 'node:timers/promises'
import { GatewayError } from '../base/errors.ts'
import type { CertificateUse } from '../trust/directory-answer.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import type { NewCertificate, RecordedCertificate } from './directory-port.ts'
import type { KnownCertificate } from './directory-replica.ts'
import type { ControlAudit, ControlLog } from './ports.ts'
import type { TrustStore } from './store-port.ts'

export type CertificateUsesOptions = {
  readonly store: Pick<TrustStore, 'certificatesOf' | 'supersede' | 'upsertCertificate' | 'useCertificate'>
  readonly follower: {
    /** Resolves once everything the store has said is in force here. */
    caughtUp(): Promise<void>
    /** Puts in force here what the store is told later. */
    supersedeBeside(keys: readonly CertificateKey[]): Promise<void>
  }
  /** What is known here of a login ID's certificates while the store is away. */
  readonly knownHere: (loginId: string) => readonly KnownCertificate[]
  /** Whether the use of a certificate that was made elsewhere supersedes those that began before it. */
  readonly supersedesSeen: () => boolean
  readonly audit: ControlAudit
  readonly log: ControlLog
  readonly nowMs: () => number
  /** The store is waited for no longer before the first answer on a certificate. Unit: milliseconds. Default 1 000. */
  readonly patienceMs?: number
  /** Pause between two attempts to tell the store what it has missed. Unit: milliseconds. Default 2 000. */
  readonly retryMs?: number
}

/** Uses that wait for the store; beyond, the oldest is forgotten, and told again at its next connection. */
const queueMax = 100_000

/**
 * The first use of certificates (R20). Before the first answer on a new certificate the older ones of its login ID are superseded here,
 * and the store is told; while it is away that waits, and nobody is kept out for it.
 */
export class CertificateUses {
  readonly #options: CertificateUsesOptions
  /** By certificate: what the store has not been told yet. */
  readonly #waiting = new Map<CertificateKey, CertificateUse>()
  /** Of one certificate several connections come at once. */
  readonly #underWay = new Map<CertificateKey, Promise<void>>()
  #closed = false
  #retrying: Promise<void> | undefined

  constructor(options: CertificateUsesOptions) {
    this.#options = options
  }

  /** How many uses the store does not know of. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Resolves when the older certificates are superseded at this gateway. Never rejects. */
  note(use: CertificateUse): Promise<void> {
    const known = this.#underWay.get(use.certificateKey)
    if (known !== undefined) return known
    const done = this.#take(use).finally(() => this.#underWay.delete(use.certificateKey))
    this.#underWay.set(use.certificateKey, done)
    return done
  }

  close(): void {
    this.#closed = true
  }

  async #take(use: CertificateUse): Promise<void> {
    const { patienceMs = 1_000 } = this.#options
    const told = this.#tell(use).then(
      () => 'told' as const,
      (error: unknown) => this.#failed(use, error),
    )
    if ((await Promise.race([told, wait(patienceMs, 'late' as const, { ref: false })])) === 'told') return
    await this.#supersedeHere(use)
  }

  async #tell(use: CertificateUse): Promise<void> {
    const superseded = use.isRecorded ? await this.#use(use) : await this.#record(use)
    await this.#options.follower.caughtUp()
    for (const key of superseded) this.#audit(use, key)
  }

  async #use({ certificateKey }: CertificateUse): Promise<readonly CertificateKey[]> {
    return (await this.#options.store.useCertificate(certificateKey)).superseded
  }

  /** A certificate made elsewhere: it is recorded, and of those in use the one that began last counts. */
  async #record(use: CertificateUse): Promise<readonly CertificateKey[]> {
    const { store, supersedesSeen, nowMs } = this.#options
    if ((await store.upsertCertificate(certificateOf(use))) === 'belongs_to_another' || !supersedesSeen()) return []
    const older = olderThanNewest(await store.certificatesOf(use.loginId, nowMs()))
    for (const key of older) await store.supersede(key)
    return older
  }

  #failed(use: CertificateUse, error: unknown): 'failed' {
    const { log } = this.#options
    if (error instanceof GatewayError && error.code === 'store_unavailable') {
      if (this.#waiting.size >= queueMax) {
        const [oldest] = this.#waiting.keys()
        if (oldest !== undefined) this.#waiting.delete(oldest)
      }
      this.#waiting.set(use.certificateKey, use)
      this.#retrying ??= this.#retry()
    } else if (!(error instanceof GatewayError && error.code === 'store_read_only')) {
      log.error('the first use of a certificate could not be recorded', { loginId: use.loginId, error })
    }
    return 'failed'
  }

  async #supersedeHere(use: CertificateUse): Promise<void> {
    const { knownHere, follower, supersedesSeen, log } = this.#options
    if (!use.isRecorded && !supersedesSeen()) return
    try {
      const known = knownHere(use.loginId).filter(({ key }) => key !== use.certificateKey)
      const older = known.filter(({ notBeforeMs, state }) => state !== 'superseded' && notBeforeMs < use.notBeforeMs)
      if (older.length > 0) await follower.supersedeBeside(older.map(({ key }) => key))
    } catch (error) {
      log.error('older certificates could not be superseded here', { loginId: use.loginId, error })
    }
  }

  async #retry(): Promise<void> {
    const { retryMs = 2_000 } = this.#options
    while (this.#waiting.size > 0 && !this.#closed) {
      await wait(retryMs, undefined, { ref: false })
      for (const [key, use] of this.#waiting) {
        if (this.#closed) break
        try {
          await this.#tell(use)
          this.#waiting.delete(key)
        } catch (error) {
          if (error instanceof GatewayError && error.code === 'store_unavailable') break
          this.#waiting.delete(key)
        }
      }
    }
    this.#retrying = undefined
  }

  #audit(use: CertificateUse, key: CertificateKey): void {
    this.#options.audit({
      event: 'certificate_superseded',
      actor: { kind: 'user', name: use.loginId },
      target: { kind: 'certificate', name: key },
      reason: 'superseded',
      detail: { loginId: use.loginId, newer: use.certificateKey },
    })
  }
}

function certificateOf({
  certificateKey,
  loginId,
  notBeforeMs,
  notAfterMs,
  publicKeyHash,
}: CertificateUse): NewCertificate {
  return { key: certificateKey, loginId, notBeforeMs, notAfterMs, publicKeyHash }
}

/** Those in use that began before another one in use. */
function olderThanNewest(certificates: readonly RecordedCertificate[]): CertificateKey[] {
  const inUse = certificates.filter(({ state, revoked }) => state === 'current' && !revoked)
  const newest = Math.max(...inUse.map(({ notBeforeMs }) => notBeforeMs))
  return inUse.filter(({ notBeforeMs }) => notBeforeMs < newest).map(({ key }) => key)
}
