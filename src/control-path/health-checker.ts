import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isDeepStrictEqual } from 'node:util'
import type { HealthCheckConfig, UpstreamConfig, UpstreamTargetConfig } from '../config/gateway-config.ts'
import { createUpstreamTls, type UpstreamTls, upstreamTlsOptions } from '../x509/upstream-tls.ts'

/** What the active checks say of one target. */
export type TargetHealth = { readonly upstream: string; readonly target: string; readonly healthy: boolean }

export type HealthCheckerOptions = {
  readonly upstreams: readonly UpstreamConfig[]
  /** A target went from healthy to unhealthy or back. */
  readonly changed: (health: TargetHealth) => void
  /** From 0 to below 1; spreads the first checks over an interval. Default Math.random. */
  readonly random?: () => number
}

/** More of an answer's body than this is not read. Unit: bytes. */
const bodyBytesMax = 65_536

/**
 * Asks every target of the upstreams that have a health check, again and again, one question at a time each. A target counts as
 * healthy until `unhealthyAfter` checks in a row have failed, then as unhealthy until `healthyAfter` in a row have succeeded.
 */
export class HealthChecker {
  readonly #options: HealthCheckerOptions
  #targets: readonly CheckedTarget[] = []

  constructor(options: HealthCheckerOptions) {
    this.#options = options
    this.replace(options.upstreams)
  }

  /** Of every target that is checked; what a new worker must be told. */
  current(): TargetHealth[] {
    return this.#targets.map(({ health }) => health)
  }

  /**
   * Checks these upstreams from now on. What was known of a target stays known, and checks of an upstream that did not change go on as
   * they were; a target that was unhealthy and is no longer checked is reported as healthy.
   */
  replace(upstreams: readonly UpstreamConfig[]): void {
    const former = this.#targets
    this.#targets = upstreams.flatMap((upstream) => {
      const same = former.filter((target) => isDeepStrictEqual(target.upstream, upstream))
      return same.length > 0 ? same : this.#checkedTargets(upstream, former)
    })
    for (const target of former) if (!this.#targets.includes(target)) target.stop()
    for (const { health } of former) {
      if (health.healthy || this.#targets.some((target) => target.isOf(health))) continue
      this.#options.changed({ ...health, healthy: true })
    }
  }

  /** Ends all checks; nothing is reported afterwards. */
  close(): void {
    for (const target of this.#targets) target.stop()
    this.#targets = []
  }

  #checkedTargets(upstream: UpstreamConfig, former: readonly CheckedTarget[]): CheckedTarget[] {
    const { healthCheck } = upstream
    if (healthCheck === undefined) return []
    const { changed, random = Math.random } = this.#options
    const tls = upstream.tls === undefined ? undefined : createUpstreamTls(upstream.tls)
    return upstream.targets.map((address) => {
      const names = { upstream: upstream.name, target: address.name }
      const healthy = former.find((target) => target.isOf(names))?.health.healthy ?? true
      const target = new CheckedTarget({ ...names, healthy }, { upstream, address, healthCheck, tls, changed })
      target.start(random() * healthCheck.intervalMs)
      return target
    })
  }
}

type CheckedTargetOptions = {
  readonly upstream: UpstreamConfig
  readonly address: UpstreamTargetConfig
  readonly healthCheck: HealthCheckConfig
  readonly tls: UpstreamTls | undefined
  readonly changed: (health: TargetHealth) => void
}

/** One target, its state, and the check under way. */
class CheckedTarget {
  readonly #options: CheckedTargetOptions
  readonly #createRequest: () => ClientRequest
  #health: TargetHealth
  /** Checks in a row that spoke against the present state. */
  #against = 0
  #timer: NodeJS.Timeout | undefined
  #asked: ClientRequest | undefined
  #stopped = false

  constructor(health: TargetHealth, options: CheckedTargetOptions) {
    this.#health = health
    this.#options = options
    this.#createRequest = checkRequests(options)
  }

  get health(): TargetHealth {
    return this.#health
  }

  get upstream(): UpstreamConfig {
    return this.#options.upstream
  }

  isOf({ upstream, target }: Pick<TargetHealth, 'upstream' | 'target'>): boolean {
    return this.#health.upstream === upstream && this.#health.target === target
  }

  /** Checks after this time, and from then on again and again. */
  start(delayMs: number): void {
    this.#timer = setTimeout(() => this.#check(), delayMs)
    this.#timer.unref()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#asked?.destroy()
  }

  /** Good is a status from 200 to 399 within the time; what becomes of the answer's body does not matter. */
  #check(): void {
    const asked = this.#createRequest()
    let good = false
    this.#asked = asked
    this.#timer = setTimeout(() => asked.destroy(), this.#options.healthCheck.timeoutMs)
    this.#timer.unref()
    asked.on('response', (response) => {
      const status = response.statusCode ?? 0
      good = status >= 200 && status < 400
      readAway(response)
    })
    // Every failure ends in `close`.
    asked.on('error', () => {})
    asked.on('close', () => this.#checked(good))
    asked.end()
  }

  #checked(good: boolean): void {
    clearTimeout(this.#timer)
    if (!this.#stopped) this.#note(good)
    // What is told of a change may have stopped the checks.
    if (!this.#stopped) this.start(this.#options.healthCheck.intervalMs)
  }

  #note(good: boolean): void {
    const { healthyAfter, unhealthyAfter } = this.#options.healthCheck
    if (good === this.#health.healthy) {
      this.#against = 0
      return
    }
    this.#against++
    if (this.#against < (good ? healthyAfter : unhealthyAfter)) return
    this.#against = 0
    this.#health = { ...this.#health, healthy: good }
    this.#options.changed(this.#health)
  }
}

/** Makes the requests of one target's checks, each on a connection of its own. */
function checkRequests({ address, healthCheck, tls }: CheckedTargetOptions): () => ClientRequest {
  const { host, port, secure, name } = address
  const agentOptions = { keepAlive: false, maxCachedSessions: 0 }
  const options: RequestOptions = {
    host,
    port,
    path: healthCheck.path,
    headers: { host: healthCheck.host ?? name, 'user-agent': 'sekisho-health-check', accept: '*/*' },
    agent: secure ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions),
  }
  if (!secure) return () => httpRequest(options)
  if (tls === undefined) throw new Error(`Cannot check ${name} over TLS without the CA of its upstream`)
  const secureOptions = { ...options, ...upstreamTlsOptions(tls, host) }
  return () => httpsRequest(secureOptions)
}

/** Lets the target finish its answer, so that it logs no broken one, unless it is very long. */
function readAway(response: IncomingMessage): void {
  let bytes = 0
  response.on('error', () => {})
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > bodyBytesMax) response.destroy()
  })
}
