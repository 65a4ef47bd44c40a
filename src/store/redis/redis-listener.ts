import { setTimeout as wait } from 'node:timers/promises'
import type { RedisClient } from './redis-client.ts'
import type { RedisConnection } from './redis-connection.ts'
import { redisKeys } from './redis-keys.ts'
import { entriesOf, listOf } from './replies.ts'

/** How long Redis keeps a question open. A dead peer is noticed that long after, plus the time for a command. */
const blockMs = 2_000
const pauseMs = 200

/**
 * Calls `news` when the log has grown. It listens to a stream of its own that holds one short entry, because the last event may be a
 * thousand certificates, and every gateway would get it twice.
 */
export class RedisListener {
  readonly #connection: RedisConnection
  readonly #news: () => void
  readonly #commandTimeoutMs: number
  readonly #closing = new AbortController()
  readonly #loop: Promise<void>

  /** Begins at once; the connection is its own, and is closed with it. */
  constructor(connection: RedisConnection, options: { news: () => void; commandTimeoutMs: number }) {
    this.#connection = connection
    this.#news = options.news
    this.#commandTimeoutMs = options.commandTimeoutMs
    this.#loop = this.#run()
  }

  /** The server is there again. */
  hurry(): void {
    this.#connection.hurry()
  }

  /** Connects anew, where the server is now. */
  restart(reason: string): void {
    this.#connection.restart(reason)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#connection.close()
    await this.#loop
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        await this.#follow(await this.#connection.client())
      } catch {
        // The connection tells of its faults itself, and whoever follows the log asks for it all the same.
        await wait(pauseMs, undefined, { signal: this.#closing.signal }).catch(() => {})
      }
    }
  }

  async #follow(client: RedisClient): Promise<void> {
    const timeoutMs = blockMs + this.#commandTimeoutMs
    for (let last = ''; !this.#closing.signal.aborted; ) {
      const [newest] = entriesOf(await client.call(['XREVRANGE', redisKeys.news, '+', '-', 'COUNT', 1]))
      const id = newest?.id ?? '0-0'
      // Also at the first look: what happened before this connection was there nobody has told.
      if (id !== last) this.#news()
      last = id
      while (!this.#closing.signal.aborted) {
        const reply = await client.call(['XREAD', 'BLOCK', blockMs, 'STREAMS', redisKeys.news, last], { timeoutMs })
        // Nothing came: look whether the stream was emptied, and so will never get to what is waited for.
        if (reply === null) break
        const [, entries] = listOf(listOf(reply)[0])
        last = entriesOf(entries).at(-1)?.id ?? last
        this.#news()
      }
    }
  }
}
