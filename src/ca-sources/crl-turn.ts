import { hash } from 'node:crypto'
import { GatewayError } from '../base/errors.ts'
import type { WatchedCrl } from './crl-watch.ts'
import type { CaSourcesPorts } from './ports.ts'

/** `not_mine`: another gateway looks, or nobody can say; asked again after so long (milliseconds). */
export type TurnTaken = { readonly kind: 'mine' } | { readonly kind: 'not_mine'; readonly againInMs: number }

/** A gateway that ends in its turn gives way after so long. Unit: milliseconds. */
const leaseMaxMs = 600_000

/**
 * Whose turn it is to look at a list: a note in the store, named after the list and its places, so that gateways with another
 * configuration look for themselves. While the store is away each gateway looks for itself.
 */
export class CrlTurn {
  readonly #options: WatchedCrl & { readonly ports: Pick<CaSourcesPorts, 'store' | 'log'> }
  readonly #note: string
  #storeIsAway = false
  #mayOnlyRead = false

  constructor(options: WatchedCrl & { readonly ports: Pick<CaSourcesPorts, 'store' | 'log'> }) {
    const { issuer, list } = options
    const places = hash('sha256', JSON.stringify([list.from, list.delta])).slice(0, 8)
    this.#options = options
    this.#note = `crl-turn:${issuer.issuerId}:${list.name}:${places}`
  }

  /** Never rejects. */
  async take(): Promise<TurnTaken> {
    const { list, limits, ports } = this.#options
    const pollMs = list.pollSeconds * 1_000
    const retryMs = Math.min(pollMs, limits.retrySeconds * 1_000)
    try {
      const count = await ports.store.countNote(this.#note, Math.min(leaseMaxMs, Math.ceil(pollMs * 0.95)))
      this.#storeIsAway = false
      return count === 1 ? { kind: 'mine' } : { kind: 'not_mine', againInMs: retryMs / 2 }
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'store_read_only') {
        this.#tellOnce()
        return { kind: 'not_mine', againInMs: pollMs }
      }
      if (this.#storeIsAway) return { kind: 'mine' }
      this.#storeIsAway = true
      return { kind: 'not_mine', againInMs: retryMs }
    }
  }

  /** Another gateway may look. Never rejects. */
  async giveBack(): Promise<void> {
    // A note that stays ends by itself.
    await this.#options.ports.store.forgetNote(this.#note).catch(() => {})
  }

  #tellOnce(): void {
    if (this.#mayOnlyRead) return
    this.#mayOnlyRead = true
    const { issuer, list, ports } = this.#options
    ports.log.warn('a CRL is left to other gateways, as this one may only read the store', {
      issuer: issuer.name,
      list: list.name,
    })
  }
}
