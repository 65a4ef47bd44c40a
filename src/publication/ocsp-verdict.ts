import type { Freshness } from '../trust/freshness.ts'
import type { IssuerRules } from '../trust/issuer-rules.ts'
import type { RevocationIndex } from '../trust/revocation-index.ts'
import type { CertificateStatus } from '../x509/ocsp/build-response.ts'
import type { Holding } from './ocsp-holdings.ts'

/** Since when and why a certificate is revoked. */
export type RevokedEntry = { readonly revokedAtMs: number; readonly reasonCode: number }

/** All that a verdict looks at, the same for every certificate of the issuing CA. */
export type OcspTrust = {
  readonly issuerId: string
  readonly index: Pick<RevocationIndex, 'has' | 'coveringRule' | 'exemption'>
  readonly issuerRules: IssuerRules
  readonly freshness: Pick<Freshness, 'freshEnough'>
  readonly entries: { find(serial: string): RevokedEntry | undefined }
}

/**
 * What is said of a certificate now, as the door would judge it (`trust/admit.ts`, in the same order): revoked by its key, revoked by a
 * rule, then nothing while the trust data are stale, and good only of what is known. Synchronous, over shared memory: about 2 µs.
 * Undefined: nothing can be said now.
 *
 * Of what nobody recorded it is not known when it begins to be valid, so a rule on what the CA issued in some span of time may cover
 * it: while there is one, it is unknown, even where doors let unrecorded certificates in.
 */
export function judgeHolding(holding: Holding, trust: OcspTrust, nowMs: number): CertificateStatus | undefined {
  const { index, issuerId } = trust
  const { revokedEntry, knowledge } = holding
  if (index.has(revokedEntry)) return revoked(holding, trust, nowMs)
  if (knowledge === undefined) return undefined
  const { answer, loginEntry } = knowledge
  if (answer.recorded) {
    const rule = index.coveringRule({ issuerId, loginEntry, notBeforeMs: answer.notBeforeMs })
    // A restored certificate is exempt from older rules; a tie means revoked.
    if (rule > 0 && index.exemption(revokedEntry) <= rule) return revoked(holding, trust, nowMs)
  }
  holding.revokedSeenAtMs = undefined
  if (!trust.freshness.freshEnough()) return undefined
  if (answer.recorded) return { kind: 'good' }
  const isExempt = trust.issuerRules.of(issuerId).every(({ version }) => index.exemption(revokedEntry) > version)
  return { kind: answer.passes && isExempt ? 'good' : 'unknown' }
}

/** A time to come would read as not revoked yet: what another clock wrote counts from now at the latest. */
function revoked(holding: Holding, { entries }: OcspTrust, nowMs: number): CertificateStatus {
  const entry = entries.find(holding.serial)
  holding.revokedSeenAtMs ??= nowMs
  if (entry === undefined) return { kind: 'revoked', revokedAtMs: holding.revokedSeenAtMs, reasonCode: 0 }
  return {
    kind: 'revoked',
    revokedAtMs: Math.min(entry.revokedAtMs, holding.revokedSeenAtMs),
    reasonCode: entry.reasonCode,
  }
}
