import { randomInt } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Clock } from '../../base/clock.ts'
import { GatewayError } from '../../base/errors.ts'
import type { RedisConfig } from '../../config/gateway-config.ts'
import type { ControlLog } from '../../control-path/ports.ts'
import { connectionOptions, nameOf } from './connection-options.ts'
import { RedisClient } from './redis-client.ts'
import { redisFault, unavailable } from './redis-errors.ts'
import { checkServer } from './server-check.ts'
import type { ServerFinder } from './server-finder.ts'

export type RedisConnectionOptions = {
  readonly config: RedisConfig
  readonly finder: ServerFinder
  /** Stands in the name of the connection, which CLIENT LIST shows. */
  readonly purpose: 'commands' | 'publishing' | 'listening'
  /** Longest time to an answer. Unit: milliseconds. Default: as configured. */
  readonly commandTimeoutMs?: number
  /** Told whenever it has been made: others need not wait longer. */
  readonly connected?: () => void
  readonly clock: Clock
  readonly log: ControlLog
}

const firstPauseMs = 50
const longestPauseMs = 1_000
/** A connection that ends sooner counts as one that failed. Unit: milliseconds. */
const stableAfterMs = 1_000

/**
 * One connection that is made again whenever it ends, for as long as it takes. While it is being made anew for the first time,
 * callers wait for that; when that has failed they are told at once, until it succeeds. Nothing is kept for later and nothing sent
 * twice.
 */
export class RedisConnection {
  readonly #options: RedisConnectionOptions
  readonly #secrets: readonly string[]
  readonly #closing = new AbortController()
  #client: RedisClient | undefined
  #fault: GatewayError
  /** What callers wait for: the end of an attempt that has good reason to succeed. */
  #attempt: PromiseWithResolvers<void> | undefined = Promise.withResolvers<void>()
  #wake = new AbortController()
  #hurried = false
  #running: Promise<void> | undefined
  #told = false

  constructor(options: RedisConnectionOptions) {
    this.#options = options
    const { password, sentinelPassword } = options.config
    this.#secrets = [password ?? '', sentinelPassword ?? '']
    this.#fault = unavailable(options.finder.name, 'not connected yet')
  }

  /** Why there is no connection now. */
  get fault(): GatewayError | undefined {
    return this.#client === undefined ? this.#fault : undefined
  }

  /** The connection, made if need be. Throws `store_unavailable`. */
  async client(): Promise<RedisClient> {
    this.#running ??= this.#run()
    if (this.#client === undefined) await this.#attempt?.promise
    if (this.#client !== undefined) return this.#client
    // A call is not refused for the configuration: that is for the start.
    throw this.#fault.code === 'config_invalid'
      ? new GatewayError('store_unavailable', this.#fault.message)
      : this.#fault
  }

  /** A server is there again, as another connection has found: tries at once, also if it is trying in vain now. */
  hurry(): void {
    if (this.#client !== undefined || this.#running === undefined) return
    this.#attempt ??= Promise.withResolvers<void>()
    this.#hurried = true
    this.#wake.abort()
  }

  /** Ends the connection, so that it is made anew where the server is now. */
  restart(reason: string): void {
    this.#client?.end(reason)
  }

  async close(): Promise<void> {
    this.#fault = unavailable(this.#options.finder.name, 'it was closed')
    this.#closing.abort()
    this.#client?.end('it was closed')
    await this.#running
    this.#attempt?.resolve()
  }

  async #run(): Promise<void> {
    const { clock } = this.#options
    for (let failures = 0; !this.#closing.signal.aborted; ) {
      this.#hurried = false
      const client = await this.#connect()
      if (client === undefined && this.#hurried) continue
      this.#attempt?.resolve()
      this.#attempt = undefined
      if (client === undefined) {
        await this.#pause(++failures)
        continue
      }
      const sinceMs = clock.monotonicMs()
      const reason = await client.ended
      this.#client = undefined
      if (this.#closing.signal.aborted) return
      this.#failed(unavailable(client.server, reason))
      if (clock.monotonicMs() - sinceMs < stableAfterMs) {
        await this.#pause(++failures)
        continue
      }
      failures = 0
      this.#attempt = Promise.withResolvers<void>()
    }
  }

  /** Resolves with undefined where it failed. */
  async #connect(): Promise<RedisClient | undefined> {
    const { finder, log, purpose } = this.#options
    try {
      const client = await this.#open()
      if (this.#closing.signal.aborted) {
        client.end('it was closed')
        return undefined
      }
      this.#client = client
      if (this.#told) log.info('connected to the store again', { purpose, server: client.server })
      this.#told = false
      this.#options.connected?.()
      return client
    } catch (error) {
      this.#failed(redisFault(error, { server: finder.name, secrets: this.#secrets }))
      return undefined
    }
  }

  async #open(): Promise<RedisClient> {
    const { config, finder, purpose } = this.#options
    const address = await finder.find()
    const server = config.mode === 'standalone' ? finder.name : `Redis at ${nameOf(address)}`
    const redis = new Redis(connectionOptions(config, address, purpose))
    // ioredis tells the reason by this event, and rejects with "Connection is closed".
    let reason: unknown
    redis.on('error', (error) => {
      reason ??= error
    })
    const timer = setTimeout(() => {
      reason ??= new Error(`no connection within ${config.connectTimeoutMs} ms`)
      redis.disconnect()
    }, config.connectTimeoutMs)
    try {
      await redis.connect()
      const client = new RedisClient(redis, {
        server,
        secrets: this.#secrets,
        commandTimeoutMs: this.#options.commandTimeoutMs ?? config.commandTimeoutMs,
      })
      await checkServer(client, config)
      return client
    } catch (error) {
      redis.disconnect()
      throw error instanceof GatewayError && reason === undefined
        ? error
        : redisFault(reason ?? error, { server, secrets: this.#secrets })
    } finally {
      clearTimeout(timer)
    }
  }

  #failed(fault: GatewayError): void {
    if (this.#closing.signal.aborted) return
    this.#fault = fault
    const { log, purpose } = this.#options
    // Once an outage; the age of the data is a metric.
    if (!this.#told) log.warn('no connection to the store', { purpose, code: fault.code, fault: fault.message })
    this.#told = true
  }

  async #pause(failures: number): Promise<void> {
    const pauseMs = Math.min(firstPauseMs * 2 ** (failures - 1), longestPauseMs)
    // Gateways that lost the same server do not come back in step.
    const spreadMs = pauseMs + randomInt(Math.ceil(pauseMs / 4) + 1)
    if (this.#hurried) return
    this.#wake = new AbortController()
    const signal = AbortSignal.any([this.#closing.signal, this.#wake.signal])
    await wait(spreadMs, undefined, { signal }).catch(() => {})
  }
}
