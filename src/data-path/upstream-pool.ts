import type { Clock } from '../base/clock.ts'
import type { UpstreamTls } from '../x509/upstream-tls.ts'
import type { Batch } from './batch.ts'
import { UpstreamConnection, type UpstreamOwner } from './upstream-connection.ts'
import type { UpstreamTarget } from './upstream-target.ts'

/** What the group is told. */
export type PoolOwner = {
  /** The exchange on this connection ended cleanly: it is to be kept with `keep`, or destroyed. */
  released(connection: UpstreamConnection, pool: UpstreamPool): void
  /** A connection is gone, and its place is free. */
  placeFreed(): void
}

export type UpstreamPoolOptions = {
  readonly target: UpstreamTarget
  /** Undefined: plain HTTP. */
  readonly tls: UpstreamTls | undefined
  readonly clock: Clock
  readonly batch: Batch
  readonly owner: PoolOwner
}

/**
 * Connections of one worker to one target. The most recently used one is taken first, so that a quiet hour lets the others age
 * out. A connection comes back only after a complete answer with not a byte too many; else it is destroyed.
 */
export class UpstreamPool implements UpstreamOwner {
  readonly target: UpstreamTarget
  readonly #options: UpstreamPoolOptions
  readonly #idle: UpstreamConnection[] = []
  readonly #open = new Set<UpstreamConnection>()

  constructor(options: UpstreamPoolOptions) {
    this.target = options.target
    this.#options = options
  }

  get open(): number {
    return this.#open.size
  }

  get idle(): number {
    return this.#idle.length
  }

  takeIdle(): UpstreamConnection | undefined {
    const connection = this.#idle.pop()
    this.#count()
    return connection
  }

  connect(): UpstreamConnection {
    const connection = new UpstreamConnection(this.#options, this)
    this.#open.add(connection)
    this.#count()
    return connection
  }

  /** Keeps a released connection for the next request. */
  keep(connection: UpstreamConnection): void {
    connection.idleSinceMs = this.#options.clock.monotonicMs()
    this.#idle.push(connection)
    this.#count()
  }

  /** Closes those unused since this time or longer; the oldest stand first. */
  closeIdleSince(sinceMs: number): void {
    while (this.#idle[0] !== undefined && this.#idle[0].idleSinceMs <= sinceMs) this.closeOldestIdle()
  }

  /** Its place is free at once, not only when the socket has closed. */
  closeOldestIdle(): void {
    const connection = this.#idle.shift()
    if (connection === undefined) return
    this.#open.delete(connection)
    connection.destroy()
  }

  /** Closes everything at once. */
  close(): void {
    for (const connection of this.#open) connection.destroy()
  }

  released(connection: UpstreamConnection): void {
    this.#options.owner.released(connection, this)
  }

  idleEnded(connection: UpstreamConnection): void {
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    this.#count()
  }

  connectionClosed(connection: UpstreamConnection): void {
    if (!this.#open.delete(connection)) return
    this.#count()
    this.#options.owner.placeFreed()
  }

  #count(): void {
    this.target.inUse = this.#open.size - this.#idle.length
  }
}
