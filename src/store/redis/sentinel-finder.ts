import { Redis } from 'ioredis'
import type { RedisConfig } from '../../config/gateway-config.ts'
import { connectionOptions, mostNamed, nameOf, type ServerAddress } from './connection-options.ts'
import type { RedisReply } from './redis-client.ts'
import { unavailable } from './redis-errors.ts'
import { listOf, textOf } from './replies.ts'
import type { ServerFinder } from './server-finder.ts'

/** How often Sentinels are asked whether there is another primary. Unit: milliseconds. */
const watchEveryMs = 1_000
const reconnectAfterMs = 1_000

/**
 * Asks all Sentinels at once and believes the most of them: one that is cut off from the others still names the old primary.
 * While connections stand it goes on asking, because an old primary that only the Sentinels cannot reach does not end them.
 */
export class SentinelFinder implements ServerFinder {
  readonly name: string
  readonly #config: RedisConfig
  readonly #sentinels: readonly { readonly address: ServerAddress; readonly client: Redis }[]
  readonly #watch: NodeJS.Timeout
  readonly #moved: (to: ServerAddress) => void
  #found: ServerAddress | undefined

  constructor(config: RedisConfig, moved: (to: ServerAddress) => void) {
    this.#config = config
    this.#moved = moved
    this.name = `the primary “${config.sentinelName}” of the Sentinels ${config.nodes.map(nameOf).join(', ')}`
    this.#sentinels = config.nodes.map((address) => ({ address, client: createClient(config, address) }))
    this.#watch = setInterval(() => void this.#look(), watchEveryMs)
  }

  async find(): Promise<ServerAddress> {
    const { most, faults } = await this.#ask()
    if (most === undefined) throw unavailable(this.name, `no Sentinel knows where it is: ${faults.join('; ')}`)
    const before = this.#found
    const isNew = before === undefined || nameOf(most.address) !== nameOf(before)
    // A Sentinel that was cut off, or has just come back, still names an old one: a new one takes most of them.
    if (isNew && !this.#isMajority(most.votes)) {
      const counted = `${most.votes} of ${this.#sentinels.length} Sentinels name ${nameOf(most.address)}`
      throw unavailable(this.name, `${counted}, which is too few to go there: ${faults.join('; ')}`)
    }
    this.#found = most.address
    // The other connections go there as well: one process reads where it writes.
    if (isNew && before !== undefined) setImmediate(() => this.#moved(most.address))
    return most.address
  }

  #isMajority(votes: number): boolean {
    return votes * 2 > this.#sentinels.length
  }

  close(): void {
    clearInterval(this.#watch)
    for (const { client } of this.#sentinels) client.disconnect()
  }

  async #look(): Promise<void> {
    const before = this.#found
    if (before === undefined) return
    const { most } = await this.#ask()
    if (most === undefined || !this.#isMajority(most.votes)) return
    if (this.#found !== before || nameOf(most.address) === nameOf(before)) return
    this.#found = most.address
    this.#moved(most.address)
  }

  /** Waits for most of them, or for all where they do not agree. */
  async #ask(): Promise<{ most: ReturnType<typeof mostNamed>; faults: readonly string[] }> {
    const named: ServerAddress[] = []
    const faults: string[] = []
    const agreed = Promise.withResolvers<void>()
    const answers = this.#sentinels.map(async ({ address, client }) => {
      try {
        named.push(await this.#askOne(client))
        if (this.#isMajority(mostNamed(named)?.votes ?? 0)) agreed.resolve()
      } catch (error) {
        faults.push(`${nameOf(address)}: ${error instanceof Error ? error.message : error}`)
      }
    })
    await Promise.race([agreed.promise, Promise.all(answers)])
    return { most: mostNamed(named), faults }
  }

  async #askOne(client: Redis): Promise<ServerAddress> {
    // A client that is connecting keeps the question for later.
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new Error('no answer')), this.#config.connectTimeoutMs)
    try {
      const question = client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#config.sentinelName ?? '')
      const [host, port] = listOf((await Promise.race([question, late.promise])) as RedisReply).map(textOf)
      if (host === undefined || port === undefined) throw new Error('it does not know that name')
      return { host, port: Number(port) }
    } finally {
      clearTimeout(timer)
    }
  }
}

function createClient(config: RedisConfig, address: ServerAddress): Redis {
  const { username: _, password: __, ...options } = connectionOptions(config, address, 'sentinel')
  const client = new Redis({
    ...options,
    ...(config.sentinelUsername === undefined ? {} : { username: config.sentinelUsername }),
    ...(config.sentinelPassword === undefined ? {} : { password: config.sentinelPassword }),
    commandTimeout: config.commandTimeoutMs,
    // One that stands still is left, or questions would pile up before it.
    socketTimeout: 2 * config.commandTimeoutMs,
    enableOfflineQueue: true,
    retryStrategy: () => reconnectAfterMs,
  })
  // Each question says what is wrong.
  client.on('error', () => {})
  return client
}
