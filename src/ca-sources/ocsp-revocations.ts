import { randomUUID } from 'node:crypto'
import { GatewayError } from '../base/errors.ts'
import type { RevocationReason } from '../control-path/ports.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import { atMost } from './at-most.ts'
import type { CaSourcesPorts } from './ports.ts'

/** What a responder has said of a certificate. */
export type OcspRevocation = {
  readonly key: CertificateKey
  /** Name of the issuer. */
  readonly issuer: string
  /** CRLReason (RFC 5280 5.3.1); undefined: the responder gives none. */
  readonly reasonCode: number | undefined
  /** Undefined: taken from the certificate's record. */
  readonly loginId: string | undefined
}

/** By CRLReason. A hold revokes here like everything else: only an operator, or a delta CRL by rule, takes it back. */
const reasons: Readonly<Record<number, RevocationReason>> = {
  1: 'keyCompromise',
  2: 'cACompromise',
  3: 'affiliationChanged',
  4: 'superseded',
  5: 'cessationOfOperation',
  9: 'privilegeWithdrawn',
  10: 'aACompromise',
}
const certificateHold = 6

/** Revocations that wait for the store; beyond, the oldest is forgotten, and the responder asked again when its answer has ended. */
const waitingMax = 100_000
/** The store is waited for no longer before a certificate is refused here by other means. Unit: milliseconds. */
const patienceMs = 1_000

export type OcspRevocationsPorts = Pick<CaSourcesPorts, 'publisher' | 'audit' | 'log'>

/** Gives to the store, and so to every gateway, what responders call revoked. What the store does not take waits here. */
export class OcspRevocations {
  readonly #ports: OcspRevocationsPorts
  readonly #waiting = new Map<CertificateKey, OcspRevocation>()
  readonly #underWay = new Map<CertificateKey, Promise<boolean>>()
  #retrying = false
  #closed = false

  constructor(ports: OcspRevocationsPorts) {
    this.#ports = ports
  }

  /** Whether a responder has called it revoked and the store does not know yet. */
  isWaiting(key: CertificateKey): boolean {
    return this.#waiting.has(key)
  }

  /** Resolves when every worker of this gateway refuses it, or when the store takes its time. Never rejects. */
  async publish(revocation: OcspRevocation): Promise<void> {
    if (this.#waiting.size >= waitingMax) {
      const [oldest] = this.#waiting.keys()
      if (oldest !== undefined) this.#waiting.delete(oldest)
    }
    this.#waiting.set(revocation.key, revocation)
    await atMost(this.#tell(revocation, { isFirst: true }), patienceMs)
  }

  /** Gives the store once more what it has not taken. Never rejects. */
  async retry(): Promise<void> {
    if (this.#retrying) return
    this.#retrying = true
    for (const revocation of this.#waiting.values()) {
      // One that fails tells how the others would end.
      if (this.#closed || !(await this.#tell(revocation, { isFirst: false }))) break
    }
    this.#retrying = false
  }

  close(): void {
    this.#closed = true
  }

  /** Whether the store has taken it. */
  #tell(revocation: OcspRevocation, { isFirst }: { readonly isFirst: boolean }): Promise<boolean> {
    const { key, issuer } = revocation
    const known = this.#underWay.get(key)
    if (known !== undefined) return known
    const told = this.#publishOnce(revocation)
      .then(() => true)
      .catch((error: unknown) => {
        const isAway = error instanceof GatewayError && error.code === 'store_unavailable'
        if (isFirst && !isAway) {
          this.#ports.log.error('what an OCSP responder calls revoked could not be published', { issuer, key, error })
        }
        return false
      })
      .finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, told)
    return told
  }

  async #publishOnce({ key, issuer, reasonCode, loginId }: OcspRevocation): Promise<void> {
    const requestId = `ocsp-${randomUUID()}`
    const reason = reasons[reasonCode ?? 0] ?? 'unspecified'
    const comment = `OCSP responder of ${issuer}${reasonCode === certificateHold ? ': certificateHold' : ''}`
    const actor = { name: `ocsp:${issuer}`, role: 'ocsp', requestId }
    const { outcomes, connectionsCut } = await this.#ports.publisher.publish([{ key, loginId, reason, comment }], actor)
    this.#waiting.delete(key)
    if (outcomes[0]?.outcome !== 'revoked') return
    this.#ports.audit({
      event: 'certificate_revoked',
      actor: { kind: 'gateway', name: actor.name },
      target: { kind: 'certificate', name: key },
      reason,
      requestId,
      detail: { loginId, comment, connectionsCut },
    })
  }
}
