import type { CertificateKey } from '../x509/certificate-key.ts'
import type { CheckedOcspAnswer } from '../x509/ocsp/check-response.ts'

/** What is remembered of one certificate. Wall times unless it says otherwise; milliseconds. */
export type OcspStatus = {
  /** Until when the responder vouches for it; 0: it does not. May be past. */
  goodUntilMs: number
  /** Until when its last answer counts, whatever it was; 0: there is none. */
  endsAtMs: number
  /** From when on a certificate in use is asked about again; at most `endsAtMs`. */
  renewAtMs: number
  /** By the monotonic clock: it is not asked about before. */
  restsUntilMs: number
  /** Whose certificate it is, as the doors read it; more than one where doors read login IDs differently. */
  loginIds: readonly string[]
  /** Workers may hold `goodUntilMs`, or 0, and must hear of a change. */
  told: boolean
}

const loginIdsMax = 8

/** What responders have said, by certificate: the `entriesMax` that were looked at last. */
export class OcspStatuses {
  readonly #entriesMax: number
  readonly #statuses = new Map<CertificateKey, OcspStatus>()

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  /** A certificate seen for the first time has an empty one. */
  of(key: CertificateKey): OcspStatus {
    const known = this.#statuses.get(key)
    const status = known ?? {
      goodUntilMs: 0,
      endsAtMs: 0,
      renewAtMs: 0,
      restsUntilMs: 0,
      loginIds: [],
      told: false,
    }
    // The map keeps the order in which keys were set: the first was looked at longest ago.
    if (known !== undefined) this.#statuses.delete(key)
    this.#statuses.set(key, status)
    if (this.#statuses.size > this.#entriesMax) {
      const [oldest] = this.#statuses.keys()
      if (oldest !== undefined) this.#statuses.delete(oldest)
    }
    return status
  }
}

/** Remembers whose certificate it is. */
export function noteLoginId(status: OcspStatus, loginId: string): void {
  if (status.loginIds.includes(loginId)) return
  status.loginIds = [...status.loginIds, loginId].slice(-loginIdsMax)
}

/** Takes a good or revoked answer. A good one is renewed after half of what is left, `spread` (0 to 1) a little later. */
export function takeAnswer(
  status: OcspStatus,
  answer: CheckedOcspAnswer,
  { nowMs, spread }: { readonly nowMs: number; readonly spread: number },
): void {
  const { goodUntilMs } = answer
  const isGood = answer.status === 'good'
  status.goodUntilMs = isGood ? goodUntilMs : 0
  status.endsAtMs = goodUntilMs
  status.renewAtMs = isGood ? nowMs + (goodUntilMs - nowMs) * (0.5 + 0.1 * spread) : goodUntilMs
  status.restsUntilMs = 0
}
