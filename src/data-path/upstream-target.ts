import type { Clock } from '../base/clock.ts'
import type { UpstreamConfig, UpstreamTargetConfig } from '../config/gateway-config.ts'
import { type Candidate, hashText } from './upstream-choice.ts'

/** Whether requests go to a target. `ejected`: it failed too often; `unhealthy`: the active checks say so. */
export type TargetState = 'available' | 'ejected' | 'unhealthy'

/** What a target asks and tells its group. */
export type TargetOwner = {
  /** Whether there is another target that can do without this one. */
  mayEject(target: UpstreamTarget): boolean
  stateChanged(target: UpstreamTarget): void
}

/** Ejections grow to this many times the configured duration. */
const ejectionFactorMax = 8

/** Where a slow start begins, so that the first requests come at all. */
const shareMin = 0.05

/**
 * What one worker knows of one target of an upstream.
 *
 * `available`: as many failures in a row as configured eject it, unless it is the last one available. `ejected`: for the configured
 * duration, then available again on probation: the next failure ejects it for twice as long, up to eight times; a success ends the
 * probation. `unhealthy`: until the active checks say otherwise, and then without a past. Who comes back starts slowly.
 */
export class UpstreamTarget implements Candidate {
  /** host:port, the label of metrics. */
  readonly name: string
  readonly host: string
  readonly port: number
  /** Connected to in place of host and port, if there is one. */
  readonly socketPath: string | undefined
  readonly hash: number
  /** Connections lent to requests now; kept by the pool of connections. */
  inUse = 0
  readonly #config: UpstreamConfig
  readonly #clock: Clock
  readonly #owner: TargetOwner
  #healthy = true
  #failures = 0
  #ejections = 0
  #ejectedUntilMs: number | undefined
  #warmAtMs = 0
  #credit = 0

  constructor(
    address: UpstreamTargetConfig,
    options: { readonly config: UpstreamConfig; readonly clock: Clock; readonly owner: TargetOwner },
  ) {
    this.name = address.name
    this.host = address.host
    this.port = address.port
    this.socketPath = address.socketPath
    this.hash = hashText(address.name)
    this.#config = options.config
    this.#clock = options.clock
    this.#owner = options.owner
  }

  get state(): TargetState {
    if (!this.#healthy) return 'unhealthy'
    return this.#ejectedUntilMs === undefined ? 'available' : 'ejected'
  }

  /** When its ejection ends, on the monotonic clock; Infinity when it is not ejected. */
  get ejectedUntilMs(): number {
    return this.#ejectedUntilMs ?? Number.POSITIVE_INFINITY
  }

  /** The head of an answer came, whatever its status. */
  succeeded(): void {
    this.#failures = 0
    this.#ejections = 0
  }

  /** Connecting failed, or the target ended, babbled or stayed silent before the head of an answer. */
  failed(): void {
    this.#failures++
    if (this.state !== 'available' || this.#failures < this.#config.ejection.failures) return
    if (!this.#owner.mayEject(this)) return
    const factor = Math.min(2 ** this.#ejections, ejectionFactorMax)
    this.#ejections++
    this.#ejectedUntilMs = this.#clock.monotonicMs() + this.#config.ejection.durationMs * factor
    this.#owner.stateChanged(this)
  }

  /** Ends its ejection: its time is over, or nobody else is left. */
  readmit(): void {
    if (this.#ejectedUntilMs === undefined) return
    this.#ejectedUntilMs = undefined
    this.#failures = this.#config.ejection.failures - 1
    this.startSlowly()
    this.#owner.stateChanged(this)
  }

  /** What the active checks say. */
  setHealth(healthy: boolean): void {
    if (healthy === this.#healthy) return
    this.#healthy = healthy
    this.#failures = 0
    this.#ejections = 0
    this.#ejectedUntilMs = undefined
    if (healthy) this.startSlowly()
    this.#owner.stateChanged(this)
  }

  /** From now on its share grows evenly from next to nothing to a full one, within `slowStartMs`. */
  startSlowly(): void {
    this.#warmAtMs = this.#clock.monotonicMs() + this.#config.slowStartMs
    this.#credit = 0
  }

  /** Goes on from what was known of the same target before a reload. */
  inherit(former: UpstreamTarget): void {
    this.#healthy = former.#healthy
    this.#failures = former.#failures
    this.#ejections = former.#ejections
    this.#ejectedUntilMs = former.#ejectedUntilMs
    this.#warmAtMs = former.#warmAtMs
  }

  share(nowMs: number): number {
    if (nowMs >= this.#warmAtMs) return 1
    return Math.max(1 - (this.#warmAtMs - nowMs) / this.#config.slowStartMs, shareMin)
  }

  takesTurn(share: number): boolean {
    this.#credit += share
    if (this.#credit < 1) return false
    this.#credit--
    return true
  }
}
