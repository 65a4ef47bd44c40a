import { indexScript } from './issuance-scripts.ts'
import type { RedisClient } from './redis-client.ts'
import { directoryKeys, redisKeys } from './redis-keys.ts'
import { scriptCall } from './redis-script.ts'
import { scanHash } from './state-scan.ts'

/** Subjects that one run of the script adds. */
const subjectsAtOnce = 500

export type IndexedHash = 'contracts' | 'users' | 'certificates'

/** The index of each, with as many members as the hash has fields. */
export const indexOf = {
  contracts: redisKeys.contractIds,
  users: redisKeys.usersOf,
  certificates: redisKeys.expiries,
} as const

/**
 * What finds records of the directory by something else than their name. Programs that knew no indexes have written records
 * without; the first who misses them adds them all.
 */
export class DirectoryIndexes {
  readonly #logEventsMax: number
  readonly #running = new Map<IndexedHash, Promise<void>>()

  constructor({ logEventsMax }: { readonly logEventsMax: number }) {
    this.#logEventsMax = logEventsMax
  }

  /** Resolves when every record has its entry. Throws `store_read_only` where some are missing and this gateway may not write. */
  async complete(client: RedisClient, what: IndexedHash): Promise<void> {
    const [records, entries] = await client.together([
      ['HLEN', redisKeys[what]],
      ['ZCARD', indexOf[what]],
    ])
    if (Number(records) <= Number(entries)) return
    let running = this.#running.get(what)
    if (running === undefined) {
      running = this.#addAll(client, what).finally(() => this.#running.delete(what))
      this.#running.set(what, running)
    }
    await running
  }

  async #addAll(client: RedisClient, what: IndexedHash): Promise<void> {
    for await (const page of scanHash(client, redisKeys[what])) {
      const subjects = [...page.keys()]
      for (let first = 0; first < subjects.length; first += subjectsAtOnce) {
        const part = { key: redisKeys[what], subjects: subjects.slice(first, first + subjectsAtOnce) }
        const { keys, input } = scriptCall(part, { logEventsMax: this.#logEventsMax, keys: directoryKeys })
        await client.run(indexScript, keys, input)
      }
    }
  }
}
