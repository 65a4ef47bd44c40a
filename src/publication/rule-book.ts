import type { RevocationRule } from '../control-path/ports.ts'
import type { RuleRecord } from '../control-path/store-port.ts'
import { fingerprintOf } from '../trust/fingerprint.ts'
import { type RevocationIndex, secondsWord } from '../trust/revocation-index.ts'
import { type CertificateKey, parseCertificateKey } from '../x509/certificate-key.ts'
import type { CrlEntry } from './ports.ts'
import { reasonCodeOf } from './reason-codes.ts'

/** What of a recorded certificate rules look at. */
export type RuledCertificate = {
  readonly key: CertificateKey
  readonly loginId: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** Versions in the index end here; as ties mean revoked, that takes nothing back. */
const versionWordMax = 0xffff_ffff

/**
 * The rules that can concern certificates of one CA, and which of those they revoke: as the doors judge (`trust/admit.ts`), with the
 * difference that the earliest rule counts, because its time and reason are what is told.
 */
export class RuleBook {
  readonly #issuerId: string
  readonly #index: Pick<RevocationIndex, 'exemption'>
  readonly #records = new Map<string, RuleRecord>()
  readonly #byLogin = new Map<string, RuleRecord>()
  readonly #onIssuer = new Map<string, RuleRecord>()

  constructor(issuerId: string, index: Pick<RevocationIndex, 'exemption'>) {
    this.#issuerId = issuerId
    this.#index = index
  }

  get size(): number {
    return this.#records.size
  }

  find(ruleId: string): RuleRecord | undefined {
    return this.#records.get(ruleId)
  }

  /** Takes what the store says. A rule it does not name stays: only a withdrawal ends one. */
  take(records: readonly RuleRecord[]): void {
    for (const record of records) {
      const { rule, ruleId } = record
      if (rule.by === 'issuer' && rule.issuerId !== this.#issuerId) continue
      this.#records.set(ruleId, record)
      if (rule.by === 'loginId') this.#byLogin.set(rule.loginId, record)
      else this.#onIssuer.set(ruleId, record)
    }
  }

  withdraw(ruleId: string): void {
    const rule = this.#records.get(ruleId)?.rule
    this.#records.delete(ruleId)
    this.#onIssuer.delete(ruleId)
    if (rule?.by === 'loginId') this.#byLogin.delete(rule.loginId)
  }

  /**
   * What the list says of a certificate because of rules; undefined: none revokes it. One that had expired when the rule came was
   * never refused because of it. `recordedVersion`: rules cover what is recorded later too, and the delta list must say so.
   */
  entryFor(certificate: RuledCertificate, recordedVersion: number): CrlEntry | undefined {
    const byLogin = this.#byLogin.get(certificate.loginId)
    const covering = [...(byLogin === undefined ? [] : [byLogin]), ...this.#onIssuer.values()].filter(
      ({ rule, publishedAtMs }) => coversCertificate(rule, certificate) && certificate.notAfterMs >= publishedAtMs,
    )
    if (covering.length === 0) return undefined
    const exemption = this.#index.exemption(fingerprintOf('revoked', certificate.key))
    const [earliest] = covering
      .filter(({ version }) => Math.min(version, versionWordMax) >= exemption)
      .toSorted((left, right) => left.version - right.version)
    if (earliest === undefined) return undefined
    return {
      serial: parseCertificateKey(certificate.key).serial,
      revokedAtMs: earliest.publishedAtMs,
      reasonCode: reasonCodeOf(earliest.reason),
      version: Math.max(earliest.version, recordedVersion),
    }
  }
}

/** Both bounds count, in whole seconds; see `RevocationRule`. */
export function coversCertificate(rule: RevocationRule, { key, loginId, notBeforeMs }: RuledCertificate): boolean {
  const seconds = secondsWord(notBeforeMs)
  if (seconds > secondsWord(rule.notBeforeMaxMs)) return false
  if (rule.by === 'loginId') return rule.loginId === loginId
  return key.startsWith(`${rule.issuerId}:`) && seconds >= secondsWord(rule.notBeforeMinMs)
}
