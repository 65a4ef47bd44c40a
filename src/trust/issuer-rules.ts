import { GatewayError } from '../base/errors.ts'

/** A rule on what a CA issued in a span of time, both ends included. */
export type IssuerRule = {
  readonly issuerId: string
  /** Unit: seconds since the epoch, 0 to 2³²-1. */
  readonly notBeforeMin: number
  readonly notBeforeMax: number
  readonly version: number
}

/** One incident at a CA is one rule. */
export const issuerRulesMax = 1_024

/**
 * Memory of the rules on issuers: a header word (sequence and number of rules) and two copies of the rules, of which the lowest
 * bit of the sequence names the one in force. The writer fills the other, then stores the header word; a reader that finds another
 * header word after reading reads again. Neither waits for the other, and nobody sees half a rule.
 */
const ruleWords = 7
const countBits = 11
const countMask = 2 ** countBits - 1
const memoryBytes = 4 * (1 + 2 * issuerRulesMax * ruleWords)

const none: readonly IssuerRule[] = []

/** A thread's view on the rules. */
export class IssuerRules {
  readonly shared: SharedArrayBuffer
  protected readonly words: Uint32Array
  #header = 0
  #byIssuer: ReadonlyMap<string, readonly IssuerRule[]> = new Map()

  constructor(shared: SharedArrayBuffer) {
    this.shared = shared
    this.words = new Uint32Array(shared)
  }

  /** Rules on that issuer. */
  of(issuerId: string): readonly IssuerRule[] {
    const header = Atomics.load(this.words, 0)
    if (header !== this.#header) this.#readAll(header)
    return this.#byIssuer.get(issuerId) ?? none
  }

  /** Rules change rarely and are asked for all the time: each thread keeps them in a map of its own. */
  #readAll(first: number): void {
    let header = first
    for (;;) {
      const rules = Array.from({ length: header & countMask }, (_, at) => this.#ruleAt(ruleStart(header, at)))
      const after = Atomics.load(this.words, 0)
      if (after === header) {
        this.#byIssuer = Map.groupBy(rules, ({ issuerId }) => issuerId)
        this.#header = header
        return
      }
      header = after
    }
  }

  #ruleAt(start: number): IssuerRule {
    const word = (at: number) => Atomics.load(this.words, start + at)
    const issuerId = [0, 1, 2, 3].map((at) => word(at).toString(16).padStart(8, '0')).join('')
    return { issuerId, notBeforeMin: word(4), notBeforeMax: word(5), version: word(6) }
  }
}

/** The only writer of the rules on issuers; one thread. */
export class IssuerRulesWriter extends IssuerRules {
  readonly #rules = new Map<string, IssuerRule>()

  constructor() {
    super(new SharedArrayBuffer(memoryBytes))
  }

  /** Sets a rule. Throws GatewayError `revocation_index_full` beyond `issuerRulesMax`, and has changed nothing then. */
  set(ruleId: string, rule: IssuerRule): void {
    if (!this.#rules.has(ruleId) && this.#rules.size >= issuerRulesMax) {
      throw new GatewayError(
        'revocation_index_full',
        `Cannot take another rule on an issuer as there are too many: current value is ${this.#rules.size}`,
      )
    }
    this.#rules.set(ruleId, rule)
    this.#publish()
  }

  /** Removes a rule; false: there is none. */
  remove(ruleId: string): boolean {
    const isRemoved = this.#rules.delete(ruleId)
    if (isRemoved) this.#publish()
    return isRemoved
  }

  /** Removes all rules. */
  clear(): void {
    this.#rules.clear()
    this.#publish()
  }

  #publish(): void {
    // Whoever is no issuer by its spelling has issued nothing.
    const rules = [...this.#rules.values()].filter(({ issuerId }) => /^[0-9a-f]{32}$/.test(issuerId))
    const sequence = ((this.words[0] as number) >>> countBits) + 1
    const header = ((sequence << countBits) | rules.length) >>> 0
    for (const [at, { issuerId, notBeforeMin, notBeforeMax, version }] of rules.entries()) {
      const issuer = [0, 8, 16, 24].map((from) => Number.parseInt(issuerId.slice(from, from + 8), 16))
      const words = [...issuer, notBeforeMin, notBeforeMax, version]
      for (const [word, value] of words.entries()) Atomics.store(this.words, ruleStart(header, at) + word, value)
    }
    Atomics.store(this.words, 0, header)
  }
}

function ruleStart(header: number, at: number): number {
  return 1 + (((header >>> countBits) & 1) * issuerRulesMax + at) * ruleWords
}
