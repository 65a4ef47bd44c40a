import type { Redis } from 'ioredis'
import { type FaultContext, leadsElsewhere, redisFault, unavailable } from './redis-errors.ts'
import type { RedisScript } from './redis-script.ts'

export type RedisArgument = string | number
export type RedisCommand = readonly [name: string, ...rest: RedisArgument[]]
/** Answers as RESP2 has them; texts are read as UTF-8. */
export type RedisReply = string | number | null | readonly RedisReply[]

export type RedisClientOptions = Omit<FaultContext, 'writes'> & {
  /** Unit: milliseconds. */
  readonly commandTimeoutMs: number
}

type CommandOptions = {
  /** Unit: milliseconds. Default `commandTimeoutMs`. */
  readonly timeoutMs?: number
  /** To change something: where that is not permitted, it fails with `store_read_only`. */
  readonly writes?: boolean
}

/**
 * Commands over one TCP connection, and only over that one: whoever goes on after it has ended gets `store_unavailable`, so that
 * the cursor of one server is never given to another. An answer that does not come in time ends the connection.
 */
export class RedisClient {
  readonly server: string
  readonly #redis: Redis
  readonly #options: RedisClientOptions
  readonly #pending = new Set<(error: Error) => void>()
  readonly #ended = Promise.withResolvers<string>()
  #endReason: string | undefined

  /** Takes a connection that is open. */
  constructor(redis: Redis, options: RedisClientOptions) {
    this.server = options.server
    this.#redis = redis
    this.#options = options
    redis.once('end', () => this.end('the connection was lost'))
  }

  /** Resolves with the reason once the connection is of no more use. */
  get ended(): Promise<string> {
    return this.#ended.promise
  }

  /** Ends the connection; what is waiting for an answer fails. */
  end(reason: string): void {
    if (this.#endReason !== undefined) return
    this.#endReason = reason
    const fault = unavailable(this.server, reason)
    for (const fail of [...this.#pending]) fail(fault)
    this.#redis.disconnect()
    this.#ended.resolve(reason)
  }

  /** One command. */
  async call(command: RedisCommand, options: CommandOptions = {}): Promise<RedisReply> {
    return await this.#send(() => this.#redis.call(...spread(command)) as Promise<RedisReply>, options)
  }

  /** Several commands at once, in one round trip; others may come in between. Rejects with the first fault. */
  async together(commands: readonly RedisCommand[], options: CommandOptions = {}): Promise<RedisReply[]> {
    if (commands.length === 0) return []
    return await this.#send(async () => {
      const results = await this.#redis.pipeline(asCalls(commands)).exec()
      return (results ?? []).map(([error, reply]) => replyOrThrow(error ?? reply))
    }, options)
  }

  /** Runs a change script: all of it or, before its first change, nothing. */
  async run(script: RedisScript, keys: readonly string[], input: string): Promise<RedisReply> {
    const rest = [keys.length, ...keys, input] as const
    return await this.#send(
      async () => {
        try {
          return (await this.#redis.call('EVALSHA', script.sha, ...rest)) as RedisReply
        } catch (error) {
          if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
          return (await this.#redis.call('EVAL', script.text, ...rest)) as RedisReply
        }
      },
      { writes: true },
    )
  }

  #send<T>(work: () => Promise<T>, { timeoutMs = this.#options.commandTimeoutMs, writes = false }: CommandOptions) {
    return new Promise<T>((resolve, reject) => {
      if (this.#endReason !== undefined) {
        reject(unavailable(this.server, this.#endReason))
        return
      }
      const timer = setTimeout(() => this.end(`no answer within ${timeoutMs} ms`), timeoutMs)
      const settle = () => {
        clearTimeout(timer)
        this.#pending.delete(fail)
      }
      const fail = (error: Error) => {
        settle()
        reject(error)
      }
      this.#pending.add(fail)
      work().then(
        (reply) => {
          settle()
          resolve(reply)
        },
        (error: unknown) => {
          fail(redisFault(error, { ...this.#options, writes }))
          if (leadsElsewhere(error)) this.end(redisFault(error, this.#options).message)
        },
      )
    })
  }
}

function spread(command: RedisCommand): [string, ...RedisArgument[]] {
  return [...command]
}

function asCalls(commands: readonly RedisCommand[]): [string, ...RedisArgument[]][] {
  return commands.map((command) => ['call', ...command])
}

function replyOrThrow(reply: unknown): RedisReply {
  if (reply instanceof Error) throw reply
  return reply as RedisReply
}
