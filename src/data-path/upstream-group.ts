import type { Clock } from '../base/clock.ts'
import type { FaultCode } from '../base/errors.ts'
import type { UpstreamConfig } from '../config/gateway-config.ts'
import { createUpstreamTls } from '../x509/upstream-tls.ts'
import type { Batch } from './batch.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import type { DataPathMetrics } from './ports.ts'
import { leastOutstanding, rendezvous } from './upstream-choice.ts'
import type { UpstreamConnection, UpstreamUser } from './upstream-connection.ts'
import { type PoolOwner, UpstreamPool } from './upstream-pool.ts'
import { type TargetOwner, UpstreamTarget } from './upstream-target.ts'

/** A request that wants a connection. */
export type UpstreamWaiter = UpstreamUser & {
  upstreamAcquired(connection: UpstreamConnection): void
  /** It waited in vain: `upstream_too_busy` after `queueTimeoutMs`, `upstream_unavailable` when no target is left. */
  upstreamRefused(code: Extract<FaultCode, 'upstream_too_busy' | 'upstream_unavailable'>): void
}

/** Which connection a request wants. */
export type UpstreamWant = {
  /** None that was used before. */
  readonly fresh: boolean
  /** Whose requests belong together, where the upstream is configured so; undefined: nobody's. */
  readonly affinity: string | undefined
  /** A target that has just failed this request; taken only when there is no other. */
  readonly avoid: UpstreamTarget | undefined
}

/**
 * `taken`: `upstreamAcquired` was called. `queued`: it will be, or `upstreamRefused`. `full`: the queue is full
 * (`upstream_too_busy`). `unavailable`: no target is left (`upstream_unavailable`).
 */
export type Acquisition = 'taken' | 'queued' | 'full' | 'unavailable'

export type UpstreamGroupOptions = {
  readonly config: UpstreamConfig
  /** Data workers of the gateway: each has its part of the limits. */
  readonly workers: number
  readonly clock: Clock
  readonly batch: Batch
  readonly deadlines: Deadlines
  readonly metrics: DataPathMetrics
  /** The group of this name before a reload: what it knew of its targets stays known, and targets it did not have start slowly. */
  readonly previous?: UpstreamGroup | undefined
  /** Whether metrics say nothing of its connections before `use`. Default false. */
  readonly prepared?: boolean
}

type Waiting = { readonly waiter: UpstreamWaiter; readonly want: UpstreamWant; readonly deadlineMs: number }

/** Pause between two looks at idle connections and gauges. Unit: milliseconds. */
const tendMs = 1_000

/** One upstream in one worker: which of its targets a request goes to, how many connections there are, and who waits for one. */
export class UpstreamGroup implements Deadline, TargetOwner, PoolOwner {
  readonly name: string
  /** How long a request waits for its connection to stand. Unit: milliseconds. */
  readonly connectTimeoutMs: number
  deadlineMs = 0
  deadlinePlace = -1
  readonly #options: UpstreamGroupOptions
  readonly #connectionsMax: number
  readonly #idleMax: number
  readonly #queueMax: number
  readonly #pools: readonly UpstreamPool[]
  readonly #waiting: Waiting[] = []
  #available: UpstreamTarget[] = []
  /** Where balancing begins to look, so that equals take turns. */
  #turn = 0
  #tendAtMs = 0
  /** In use: its numbers are those of its name. */
  #counts: boolean
  #retired = false

  constructor(options: UpstreamGroupOptions) {
    const { config, workers, clock, batch, previous, prepared = false } = options
    this.name = config.name
    this.#counts = !prepared
    this.connectTimeoutMs = config.connectTimeoutMs
    // Whoever keeps the previous group keeps all before it.
    this.#options = { ...options, previous: undefined }
    this.#connectionsMax = Math.ceil(config.connectionsMax / workers)
    this.#idleMax = Math.ceil(config.idleConnectionsMax / workers)
    this.#queueMax = Math.ceil(config.queueMax / workers)
    const tls = config.tls === undefined ? undefined : createUpstreamTls(config.tls)
    this.#pools = config.targets.map((address) => {
      const target = new UpstreamTarget(address, { config, clock, owner: this })
      const former = previous?.target(address.name)
      if (former !== undefined) target.inherit(former)
      else if (previous !== undefined) target.startSlowly()
      return new UpstreamPool({ target, tls: address.secure ? tls : undefined, clock, batch, owner: this })
    })
    for (const { target } of this.#pools) options.metrics.upstreamTarget(this.name, target.name, target.state)
    this.#refreshAvailable()
    if (this.#available.length === 0) this.#doWithoutTargets()
    options.deadlines.add(this)
  }

  /** A connection for the waiter: now, later, or not at all. */
  acquire(waiter: UpstreamWaiter, want: UpstreamWant): Acquisition {
    if (this.#available.length === 0) return 'unavailable'
    if (this.#waiting.length === 0 && this.#hasPlace()) {
      this.#place(waiter, want)
      return 'taken'
    }
    if (this.#waiting.length >= this.#queueMax) return 'full'
    const { clock, config, deadlines } = this.#options
    const deadlineMs = clock.monotonicMs() + config.queueTimeoutMs
    this.#waiting.push({ waiter, want, deadlineMs })
    if (deadlineMs < this.deadlineMs) this.deadlineMs = deadlineMs
    if (this.#retired) deadlines.add(this)
    return 'queued'
  }

  /** The waiter no longer wants a connection. */
  forget(waiter: UpstreamWaiter): void {
    const at = this.#waiting.findIndex((waiting) => waiting.waiter === waiter)
    if (at >= 0) this.#waiting.splice(at, 1)
  }

  /** What the active checks say of a target; names that are not of this group are ignored. */
  setHealth(targetName: string, healthy: boolean): void {
    this.target(targetName)?.setHealth(healthy)
  }

  /** The target with this name. */
  target(name: string): UpstreamTarget | undefined {
    return this.#pools.find(({ target }) => target.name === name)?.target
  }

  /** The configuration for which it was prepared is in force. */
  use(): void {
    this.#counts = true
  }

  /**
   * After a reload that changed or removed this upstream: idle connections are closed; exchanges that are under way end in peace,
   * retries included, and then their connections are closed too.
   */
  retire(): void {
    this.#retired = true
    for (const pool of this.#pools) pool.closeIdleSince(Number.POSITIVE_INFINITY)
    if (this.#counts) {
      const { metrics } = this.#options
      metrics.upstreamConnections(this.name, 0, 0)
      metrics.upstreamQueued(this.name, 0)
    }
    this.#restIfDone()
  }

  /** Closes everything at once; used when the worker stops. */
  close(): void {
    this.#retired = true
    this.#waiting.length = 0
    for (const pool of this.#pools) pool.close()
    this.#restIfDone()
  }

  /** Ends what is due: waiting, ejections, and once a second connections unused for too long. */
  expire(): void {
    const nowMs = this.#options.clock.monotonicMs()
    for (const { target } of this.#pools) if (target.ejectedUntilMs <= nowMs) target.readmit()
    while (this.#waiting[0] !== undefined && this.#waiting[0].deadlineMs <= nowMs) {
      this.#waiting.shift()?.waiter.upstreamRefused('upstream_too_busy')
    }
    if (this.#tendAtMs <= nowMs) this.#tend(nowMs)
    this.deadlineMs = Math.min(this.#tendAtMs, this.#waiting[0]?.deadlineMs ?? Number.POSITIVE_INFINITY)
    for (const { target } of this.#pools) this.deadlineMs = Math.min(this.deadlineMs, target.ejectedUntilMs)
  }

  mayEject(target: UpstreamTarget): boolean {
    return this.hasOther(target)
  }

  /** Whether requests can go to another target than this one. */
  hasOther(target: UpstreamTarget): boolean {
    return this.#available.some((other) => other !== target)
  }

  stateChanged(target: UpstreamTarget): void {
    this.#refreshAvailable()
    this.deadlineMs = Math.min(this.deadlineMs, target.ejectedUntilMs)
    this.#reportState(target)
    if (target.state !== 'available') this.#of(target).closeIdleSince(Number.POSITIVE_INFINITY)
    if (this.#available.length === 0) this.#doWithoutTargets()
  }

  released(connection: UpstreamConnection, pool: UpstreamPool): void {
    const { target } = pool
    const wanted = this.#waiting.length > 0 || this.#idle() < this.#idleMax
    if (this.#retired || target.state !== 'available' || !wanted) {
      connection.destroy()
      return
    }
    pool.keep(connection)
    if (this.#waiting.length === 0) return
    // Of equals the one whose connection is free already.
    this.#turn = this.#available.indexOf(target)
    this.#serve()
  }

  placeFreed(): void {
    this.#serve()
    this.#restIfDone()
  }

  /** Gives places to who waits longest. */
  #serve(): void {
    while (this.#available.length > 0 && this.#hasPlace()) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#place(next.waiter, next.want)
    }
  }

  #hasPlace(): boolean {
    let open = 0
    for (const pool of this.#pools) {
      if (pool.idle > 0) return true
      open += pool.open
    }
    return open < this.#connectionsMax
  }

  /** Lends a connection; there must be a place and a target. */
  #place(waiter: UpstreamWaiter, want: UpstreamWant): void {
    const pool = this.#of(this.#choose(want))
    let connection = want.fresh ? undefined : pool.takeIdle()
    if (connection === undefined) {
      if (this.#open() >= this.#connectionsMax) this.#closeAnIdle()
      connection = pool.connect()
    }
    connection.user = waiter
    waiter.upstreamAcquired(connection)
  }

  #choose({ affinity, avoid }: UpstreamWant): UpstreamTarget {
    const targets = this.#available
    if (targets.length === 1) return targets[0] as UpstreamTarget
    const nowMs = this.#options.clock.monotonicMs()
    if (affinity !== undefined && this.#options.config.affinity === 'loginId') {
      return targets[rendezvous(targets, { key: affinity, nowMs, avoid })] as UpstreamTarget
    }
    const at = leastOutstanding(targets, { first: this.#turn, nowMs, avoid })
    this.#turn = at + 1
    return targets[at] as UpstreamTarget
  }

  #of(target: UpstreamTarget): UpstreamPool {
    return this.#pools.find((pool) => pool.target === target) as UpstreamPool
  }

  /** Makes room for a connection to another target: the oldest of the target with the most unused ones goes. */
  #closeAnIdle(): void {
    let most: UpstreamPool | undefined
    for (const pool of this.#pools) {
      if (most === undefined || pool.idle > most.idle) most = pool
    }
    most?.closeOldestIdle()
  }

  #open(): number {
    let open = 0
    for (const pool of this.#pools) open += pool.open
    return open
  }

  #idle(): number {
    let idle = 0
    for (const pool of this.#pools) idle += pool.idle
    return idle
  }

  #refreshAvailable(): void {
    this.#available = this.#pools.map(({ target }) => target).filter(({ state }) => state === 'available')
  }

  /** Ejecting only moves load to better targets: with none left the ejected ones are used again. What the checks say stands. */
  #doWithoutTargets(): void {
    for (const { target } of this.#pools) target.readmit()
    if (this.#available.length > 0) return
    for (const { waiter } of this.#waiting.splice(0)) waiter.upstreamRefused('upstream_unavailable')
  }

  #reportState({ name, state }: UpstreamTarget): void {
    // The group that took this one's place reports the same target.
    if (this.#retired) return
    const { metrics } = this.#options
    metrics.upstreamTarget(this.name, name, state)
    if (state === 'ejected') metrics.upstreamEjected(this.name, name)
  }

  #tend(nowMs: number): void {
    const { config, metrics } = this.#options
    this.#tendAtMs = nowMs + tendMs
    for (const pool of this.#pools) pool.closeIdleSince(nowMs - config.idleTimeoutMs)
    if (this.#retired || !this.#counts) return
    const idle = this.#idle()
    metrics.upstreamConnections(this.name, this.#open() - idle, idle)
    metrics.upstreamQueued(this.name, this.#waiting.length)
  }

  #restIfDone(): void {
    if (this.#retired && this.#waiting.length === 0 && this.#open() === 0) this.#options.deadlines.remove(this)
  }
}
