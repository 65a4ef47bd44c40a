import type { Fingerprint } from './fingerprint.ts'
import { IssuerRules } from './issuer-rules.ts'
import { PagedTable } from './paged-table.ts'

/** The memory of an index, for threads that read it. */
export type SharedIndex = {
  readonly entries: SharedArrayBuffer
  readonly loginRules: SharedArrayBuffer
  readonly exemptions: SharedArrayBuffer
  readonly issuerRules: SharedArrayBuffer
}

/** What of a certificate rules look at. */
export type RuleSubject = {
  readonly issuerId: string
  /** Fingerprint of kind `login_rule`; undefined: the certificate names no login ID. */
  readonly loginEntry: Fingerprint | undefined
  /** Unit: milliseconds since the epoch. */
  readonly notBeforeMs: number
}

/** Words of a fingerprint. */
export const entryWords = 4
/** Values of a rule on a login ID. The version is written last and read first, so that it never comes with an older bound. */
export const loginRuleValues = { notBeforeMax: 0, version: 1, count: 2 } as const

/**
 * A thread's view on the negative knowledge that all threads share: entries (revoked, superseded, suspended, password mode) as a set of
 * 16-byte fingerprints, and beside it rules, which revoke by when a certificate begins to be valid, and exemptions from
 * those. One writer, the control thread; readers without locks.
 *
 * Versions and times are words of 32 bits: what is larger counts as the largest. As ties mean revoked, that takes nothing back.
 */
export class RevocationIndex {
  readonly shared: SharedIndex
  readonly #entries: PagedTable
  readonly #loginRules: PagedTable
  readonly #exemptions: PagedTable
  readonly #issuerRules: IssuerRules
  readonly #loginRule = new Uint32Array(loginRuleValues.count)
  readonly #exemption = new Uint32Array(1)

  constructor(shared: SharedIndex) {
    this.shared = shared
    this.#entries = new PagedTable(shared.entries)
    this.#loginRules = new PagedTable(shared.loginRules)
    this.#exemptions = new PagedTable(shared.exemptions)
    this.#issuerRules = new IssuerRules(shared.issuerRules)
  }

  /** Rises with every change of entries, rules or exemptions; equal generations mean that nothing changed in between. */
  get generation(): number {
    return this.#entries.generation
  }

  /** Entries in use, of all kinds. */
  get size(): number {
    return this.#entries.size
  }

  has(fingerprint: Fingerprint): boolean {
    return this.#entries.has(fingerprint)
  }

  /** Highest version of a rule that covers the certificate; 0: none does. */
  coveringRule(subject: RuleSubject): number {
    const seconds = secondsWord(subject.notBeforeMs)
    let highest = this.#loginRuleOn(subject.loginEntry, seconds)
    for (const { notBeforeMin, notBeforeMax, version } of this.#issuerRules.of(subject.issuerId)) {
      if (seconds >= notBeforeMin && seconds <= notBeforeMax && version > highest) highest = version
    }
    return highest
  }

  /** Version of the tombstone of a restored certificate, by its `revoked` fingerprint; 0: none. */
  exemption(fingerprint: Fingerprint): number {
    const found = this.#exemptions.read(fingerprint, this.#exemption)
    return found ? (this.#exemption[0] as number) : 0
  }

  #loginRuleOn(entry: Fingerprint | undefined, seconds: number): number {
    if (entry === undefined || !this.#loginRules.read(entry, this.#loginRule)) return 0
    return seconds <= (this.#loginRule[loginRuleValues.notBeforeMax] as number)
      ? (this.#loginRule[loginRuleValues.version] as number)
      : 0
  }
}

/** A time as the index keeps it: whole seconds since the epoch, as far as one word goes. */
export function secondsWord(ms: number): number {
  return Math.min(0xffff_ffff, Math.max(0, Math.floor(ms / 1_000)))
}
