import { type Fingerprint, fingerprintOf } from './fingerprint.ts'
import { IssuerRulesWriter } from './issuer-rules.ts'
import { PagedTableWriter, wordsOf } from './paged-table-writer.ts'
import { entryWords, loginRuleValues, RevocationIndex, secondsWord } from './revocation-index.ts'
import type { RevocationRule } from './revocation-rule.ts'

/** A rule with the version that put it in force. */
export type IndexedRule = RevocationRule & { readonly version: number }

/** Room for 32 million entries costs address space only, until it is used. */
const entriesMaxDefault = 32_000_000
/** Rules on login IDs, and exemptions, each. */
const besideMax = 4_000_000

/** The only writer of the index. Made once, in the control thread. */
export class RevocationIndexWriter extends RevocationIndex {
  readonly #entries: PagedTableWriter
  readonly #loginRules: PagedTableWriter
  readonly #exemptions: PagedTableWriter
  readonly #issuerRules: IssuerRulesWriter
  /** By rule id: which rule it is. */
  readonly #rules = new Map<string, IndexedRule>()
  readonly #value = new Uint32Array(1)

  /** `entriesMax`: beyond it `add` throws GatewayError `revocation_index_full`. Default 32 million. */
  constructor({ entriesMax = entriesMaxDefault }: { entriesMax?: number } = {}) {
    const entries = new PagedTableWriter({ slotWords: entryWords, keyWords: entryWords, entriesMax })
    const loginRules = new PagedTableWriter({
      slotWords: entryWords + loginRuleValues.count,
      keyWords: entryWords,
      entriesMax: besideMax,
    })
    const exemptions = new PagedTableWriter({ slotWords: entryWords + 1, keyWords: entryWords, entriesMax: besideMax })
    const issuerRules = new IssuerRulesWriter()
    super({
      entries: entries.shared,
      loginRules: loginRules.shared,
      exemptions: exemptions.shared,
      issuerRules: issuerRules.shared,
    })
    this.#entries = entries
    this.#loginRules = loginRules
    this.#exemptions = exemptions
    this.#issuerRules = issuerRules
  }

  /** Memory in use by the entries. Unit: bytes. */
  get bytes(): number {
    return this.#entries.bytes
  }

  /** Adds an entry; false: it was there already. Throws GatewayError `revocation_index_full`, and has changed nothing then. */
  add(fingerprint: Fingerprint): boolean {
    return this.#entries.add(fingerprint)
  }

  /** Removes an entry (an audited restore, a user no longer suspended); false: it was not there. */
  remove(fingerprint: Fingerprint): boolean {
    return this.#entries.remove(fingerprint)
  }

  /** Makes room for so many entries in all, so that loading them moves little. Not for when readers wait for other changes. */
  reserve(entries: number): void {
    this.#entries.reserve(entries)
  }

  /**
   * Puts a rule in force, or changes it; one with an older version than is known changes nothing. At most 1,024 rules on
   * issuers: throws GatewayError `revocation_index_full` beyond.
   */
  setRule(ruleId: string, rule: IndexedRule): void {
    const former = this.#rules.get(ruleId)
    if (former !== undefined && former.version > rule.version) return
    if (former !== undefined && isSame(former, rule)) return
    this.#write(ruleId, rule)
    // Only after the new one stands, so that nothing is uncovered in between.
    if (former !== undefined && !replaces(rule, former)) this.#erase(ruleId, former)
    this.#rules.set(ruleId, rule)
    this.#entries.touch()
  }

  /** Takes a rule out of force; one that is not known changes nothing. */
  removeRule(ruleId: string): void {
    const rule = this.#rules.get(ruleId)
    if (rule === undefined) return
    this.#rules.delete(ruleId)
    this.#erase(ruleId, rule)
    this.#entries.touch()
  }

  /** The certificate of that `revoked` fingerprint was restored: rules with an older version do not cover it. */
  setExemption(fingerprint: Fingerprint, version: number): void {
    if (this.exemption(fingerprint) >= versionWord(version)) return
    this.#value[0] = versionWord(version)
    this.#exemptions.set(fingerprint, this.#value)
    this.#entries.touch()
  }

  /** Rules cover the certificate again. */
  removeExemption(fingerprint: Fingerprint): void {
    if (this.#exemptions.remove(fingerprint)) this.#entries.touch()
  }

  /** Removes everything: entries, rules and exemptions. */
  clear(): void {
    this.#entries.clear()
    this.#loginRules.clear()
    this.#exemptions.clear()
    this.#issuerRules.clear()
    this.#rules.clear()
    this.#entries.touch()
  }

  /** The entries in parts, for a snapshot; each entry is in one of them. */
  get parts(): number {
    return this.#entries.parts
  }

  /** The entries of a part as they are now, 16 bytes each, in the machine's byte order. */
  readPart(part: number): Uint8Array {
    return new Uint8Array(this.#entries.readPart(part).buffer)
  }

  /** Adds the entries of a part. Throws where it is none, and as `add` does. */
  takePart(bytes: Uint8Array): void {
    this.#entries.takePart(wordsOf(bytes))
  }

  #write(ruleId: string, rule: IndexedRule): void {
    const version = Math.max(1, versionWord(rule.version))
    const notBeforeMax = secondsWord(rule.notBeforeMaxMs)
    if (rule.by === 'loginId') {
      this.#loginRules.set(fingerprintOf('login_rule', rule.loginId), [notBeforeMax, version])
      return
    }
    const { issuerId, notBeforeMinMs } = rule
    this.#issuerRules.set(ruleId, { issuerId, notBeforeMin: secondsWord(notBeforeMinMs), notBeforeMax, version })
  }

  #erase(ruleId: string, rule: IndexedRule): void {
    if (rule.by === 'loginId') this.#loginRules.remove(fingerprintOf('login_rule', rule.loginId))
    else this.#issuerRules.remove(ruleId)
  }
}

/** Whether writing the rule has overwritten the former one of the same id. */
function replaces(rule: IndexedRule, former: IndexedRule): boolean {
  if (rule.by === 'issuer') return former.by === 'issuer'
  return former.by === 'loginId' && former.loginId === rule.loginId
}

function isSame(a: IndexedRule, b: IndexedRule): boolean {
  if (a.version !== b.version || a.notBeforeMaxMs !== b.notBeforeMaxMs) return false
  if (a.by === 'loginId') return b.by === 'loginId' && a.loginId === b.loginId
  return b.by === 'issuer' && a.issuerId === b.issuerId && a.notBeforeMinMs === b.notBeforeMinMs
}

function versionWord(version: number): number {
  return Math.min(0xffff_ffff, version)
}
