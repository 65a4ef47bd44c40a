import type { Random } from '../fuzz/random.ts'
import { makeKeys, type TestCa, type TestCertificate } from '../helpers/test-ca.ts'

/** So many of those that were condemned last are tried more often: they are where a race shows. */
const recentMax = 30

/**
 * All certificates of a run, by number. Good ones must be let in wherever the data is fresh; condemned ones are those that somebody
 * has asked to revoke. They are made when they are needed; all have one key, because only serials matter.
 */
export class CertificatePool {
  readonly issuerId: string
  readonly #ca: TestCa
  readonly #random: Random
  readonly #keys = makeKeys('p256')
  readonly #certificates: TestCertificate[] = []
  readonly #good = new Set<number>()
  readonly #condemned: number[] = []

  constructor(ca: TestCa, options: { random: Random; size: number }) {
    this.#ca = ca
    this.issuerId = ca.issuerId
    this.#random = options.random
    while (this.#good.size < options.size) this.add()
  }

  /** Numbers of the certificates that nobody has asked to revoke. */
  get good(): readonly number[] {
    return [...this.#good]
  }

  certificate(number: number): TestCertificate {
    const found = this.#certificates[number]
    if (found === undefined) throw new Error(`There is no certificate ${number}`)
    return found
  }

  /** Makes one more, and returns its number. */
  add(): number {
    const number = this.#certificates.length
    const certificate = this.#ca.issueClient({ commonName: `user-${number}`, ...this.#keys })
    this.#certificates.push(certificate)
    this.#good.add(number)
    return number
  }

  /** A good one. */
  pickGood(): number {
    return this.#random.pick([...this.#good])
  }

  /** Takes so many good ones that are to be revoked now, and makes others in their place. */
  condemn(count: number): readonly number[] {
    return Array.from({ length: count }, () => {
      const number = this.pickGood()
      this.#good.delete(number)
      this.#condemned.push(number)
      this.add()
      return number
    })
  }

  /** One that a client comes with: good, condemned lately, or long ago. */
  pickAny(): number {
    if (this.#condemned.length === 0 || this.#random.chance(0.4)) return this.pickGood()
    const from = this.#random.chance(0.7) ? this.#condemned.slice(-recentMax) : this.#condemned
    return this.#random.pick(from)
  }
}
