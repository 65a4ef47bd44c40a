import type { Clock } from '../base/clock.ts'
import type { Limits } from '../config/gateway-config.ts'
import type { Batch } from './batch.ts'
import type { Deadlines } from './deadlines.ts'
import type { DataPathMetrics } from './ports.ts'
import { UpstreamConnection, type UpstreamUser } from './upstream-connection.ts'

/** A request that waits for a connection because all are in use. */
export type UpstreamWaiter = UpstreamUser & { upstreamAcquired(connection: UpstreamConnection): void }

export type UpstreamPoolOptions = {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly limits: Pick<
    Limits,
    'upstreamConnectionsMax' | 'upstreamIdleConnectionsMax' | 'upstreamQueueMax' | 'upstreamIdleTimeoutMs'
  >
  readonly clock: Clock
  readonly batch: Batch
  readonly deadlines: Deadlines
  readonly metrics: DataPathMetrics
}

/** Pause between two looks at idle connections and gauges. Unit: milliseconds. */
const tendMs = 1_000

/**
 * Connections of one worker to one application. The most recently used one is taken first, so that a quiet hour lets the
 * others age out. A connection comes back only after a complete answer with not a byte too many; else it is destroyed.
 */
export class UpstreamPool {
  readonly name: string
  deadlineMs = 0
  readonly #options: UpstreamPoolOptions
  readonly #idle: UpstreamConnection[] = []
  readonly #waiting: UpstreamWaiter[] = []
  readonly #open = new Set<UpstreamConnection>()

  constructor(options: UpstreamPoolOptions) {
    this.name = options.name
    this.#options = options
    options.deadlines.add(this)
  }

  /**
   * A connection for the waiter at once, through `upstreamAcquired`, or later when one is free.
   * Returns false when the queue is full: the request gets 503.
   */
  acquire(waiter: UpstreamWaiter, fresh = false): boolean {
    const idle = fresh ? undefined : this.#idle.pop()
    if (idle !== undefined) {
      this.#lend(idle, waiter)
      return true
    }
    if (this.#open.size < this.#options.limits.upstreamConnectionsMax) {
      this.#lend(this.#connect(), waiter)
      return true
    }
    if (this.#waiting.length >= this.#options.limits.upstreamQueueMax) return false
    this.#waiting.push(waiter)
    return true
  }

  /** The waiter no longer wants a connection. */
  forget(waiter: UpstreamWaiter): void {
    const at = this.#waiting.indexOf(waiter)
    if (at >= 0) this.#waiting.splice(at, 1)
  }

  /** Takes back a connection whose exchange ended cleanly. */
  release(connection: UpstreamConnection): void {
    connection.user = undefined
    connection.exchanges++
    const waiter = this.#waiting.shift()
    if (waiter !== undefined) {
      this.#lend(connection, waiter)
      return
    }
    if (this.#idle.length >= this.#options.limits.upstreamIdleConnectionsMax) {
      connection.destroy()
      return
    }
    connection.idleSinceMs = this.#options.clock.monotonicMs()
    this.#idle.push(connection)
  }

  /** Once a second: connections unused for too long are closed (the oldest stand first), and the gauges are set. */
  expire(): void {
    const { clock, limits, metrics } = this.#options
    const nowMs = clock.monotonicMs()
    const oldestMs = nowMs - limits.upstreamIdleTimeoutMs
    while (this.#idle[0] !== undefined && this.#idle[0].idleSinceMs <= oldestMs) this.#idle.shift()?.destroy()
    metrics.upstreamConnections(this.name, this.#open.size - this.#idle.length, this.#idle.length)
    this.deadlineMs = nowMs + tendMs
  }

  idleEnded(connection: UpstreamConnection): void {
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
  }

  connectionClosed(connection: UpstreamConnection): void {
    if (!this.#open.delete(connection)) return
    const waiter = this.#waiting.shift()
    if (waiter !== undefined) this.#lend(this.#connect(), waiter)
  }

  /** Closes everything; used when the worker stops. */
  close(): void {
    this.#waiting.length = 0
    for (const connection of this.#open) connection.destroy()
  }

  #connect(): UpstreamConnection {
    const connection = new UpstreamConnection(this.#options, this)
    this.#open.add(connection)
    return connection
  }

  #lend(connection: UpstreamConnection, waiter: UpstreamWaiter): void {
    connection.user = waiter
    waiter.upstreamAcquired(connection)
  }
}
