import type { RedisClient } from './redis-client.ts'
import { redisKeys } from './redis-keys.ts'
import { textsOf } from './replies.ts'

const issuerIdForm = /^[0-9a-f]{32}$/

/**
 * The issuers that have, or may have, a set of revoked serial numbers. Whoever adds to a set by hand need not add to the list of
 * issuers, so those that this gateway has heard of otherwise are looked at too.
 */
export class KnownIssuers {
  readonly #issuerIds = new Set<string>()

  all(): readonly string[] {
    return [...this.#issuerIds]
  }

  /** Returns whether one of them is new. What is no issuerId is passed over. */
  add(issuerIds: Iterable<string>): boolean {
    const before = this.#issuerIds.size
    for (const issuerId of issuerIds) if (issuerIdForm.test(issuerId)) this.#issuerIds.add(issuerId)
    return this.#issuerIds.size > before
  }

  /** Asks the store which there are. */
  async refresh(client: RedisClient): Promise<readonly string[]> {
    this.add(textsOf(await client.call(['SMEMBERS', redisKeys.issuers])))
    return this.all()
  }
}
