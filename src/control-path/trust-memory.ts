import { fingerprintOf } from '../trust/fingerprint.ts'
import type { RevocationIndexWriter } from '../trust/revocation-index-writer.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import { CertificateLedger } from './ledger.ts'
import type { RevocationRule } from './ports.ts'
import type { KnownRule } from './store-port.ts'

/** What is known of one name, with the version that said it. */
type Named<Value> = { readonly version: number; readonly value: Value }

/** Layout of `names()`; raised when an older program would misread it. */
const namesLayout = 1

type Names = {
  readonly layout: number
  readonly suspended: readonly (readonly [string, number, boolean])[]
  readonly loginMethods: readonly (readonly [string, number, 'certificate' | 'password'])[]
  readonly rules: readonly (readonly [string, number, RevocationRule | null])[]
  readonly restored: readonly (readonly [CertificateKey, number])[]
}

/**
 * All that this gateway knows of trust: for workers the index, for itself the versions behind it, by which it tells a newer
 * statement from an older one, notices a store that has lost something, and writes that again. Control thread only.
 */
export class TrustMemory {
  readonly index: RevocationIndexWriter
  readonly #backdatedMs: number
  #ledger = new CertificateLedger()
  /** By login ID, by contract ID, by rule id. A rule without a value has been withdrawn. */
  readonly suspended = new Map<string, Named<boolean>>()
  readonly loginMethods = new Map<string, Named<'certificate' | 'password'>>()
  readonly rules = new Map<string, Named<RevocationRule | undefined>>()
  /** Versions of tombstones in force, by certificate; restores are rare. */
  readonly restored = new Map<CertificateKey, number>()

  /** `backdatedMs`: how long before its issue a certificate may begin to be valid. Default 0. */
  constructor(index: RevocationIndexWriter, { backdatedMs = 0 }: { backdatedMs?: number } = {}) {
    this.index = index
    this.#backdatedMs = backdatedMs
  }

  /** The certificates. Ask anew after `reset`. */
  get ledger(): CertificateLedger {
    return this.#ledger
  }

  /** Forgets everything: only while nobody is judged by it yet. */
  reset(): void {
    this.#ledger = new CertificateLedger()
    this.index.clear()
    for (const names of [this.suspended, this.loginMethods, this.rules, this.restored]) names.clear()
  }

  /** Rules in force. */
  rulesInForce(): KnownRule[] {
    return [...this.rules].flatMap(([ruleId, { version, value }]) =>
      value === undefined ? [] : [{ ruleId, rule: value, version }],
    )
  }

  /** Puts a rule in force. One on a login ID ends early, so that what a CA issues right afterwards, backdated, is not covered. */
  useRule(ruleId: string, rule: RevocationRule, version: number): void {
    this.rules.set(ruleId, { version, value: rule })
    const early = rule.by === 'loginId' ? this.#backdatedMs : 0
    this.index.setRule(ruleId, { ...rule, notBeforeMaxMs: rule.notBeforeMaxMs - early, version })
  }

  /** Makes room for so many revocations in one go, so that loading them moves nothing twice. */
  reserve(revocations: number): void {
    this.index.reserve(revocations)
    this.ledger.reserve(revocations)
  }

  /** What stands in maps, as plain JSON for a snapshot. */
  names(): unknown {
    const names: Names = {
      layout: namesLayout,
      suspended: [...this.suspended].map(([name, { version, value }]) => [name, version, value] as const),
      loginMethods: [...this.loginMethods].map(([name, { version, value }]) => [name, version, value] as const),
      rules: [...this.rules].map(([name, { version, value }]) => [name, version, value ?? null] as const),
      restored: [...this.restored],
    }
    return names
  }

  /** Takes what `names()` gave; throws where it is of another layout. The index gets its rules and exemptions by it. */
  takeNames(given: unknown): void {
    const names = given as Names
    if (names.layout !== namesLayout) throw new Error(`Cannot read names of layout ${namesLayout}: ${names.layout}`)
    for (const [name, version, value] of names.suspended) this.suspended.set(name, { version, value })
    for (const [name, version, value] of names.loginMethods) this.loginMethods.set(name, { version, value })
    for (const [name, version, value] of names.rules) {
      if (value === null) this.rules.set(name, { version, value: undefined })
      else this.useRule(name, value, version)
    }
    for (const [key, version] of names.restored) {
      this.restored.set(key, version)
      this.index.setExemption(fingerprintOf('revoked', key), version)
    }
  }
}
