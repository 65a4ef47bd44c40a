import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../../src/base/clock.ts'
import type { Site } from '../gateways/gateway.ts'
import { type FollowingSite, type RunningSekisho, startFollowingSekisho } from '../gateways/sekisho.ts'
import { type Loaded, loadRevocations } from '../load-revocations.ts'
import { allCores } from '../machine.ts'
import { findSeries, readMetricsPage } from '../metrics-page.ts'
import { type RedisProcess, startRedis } from '../redis-process.ts'
import type { Bar, Section } from '../report.ts'
import type { RevocationOptions } from '../revocation-options.ts'
import { issuerName, type RevocationPki } from '../revocation-pki.ts'
import { SerialList } from '../serial-list.ts'
import { type Ground, siteOf } from '../session.ts'

/** What one part has found. */
export type PartResult = {
  readonly section: Section
  readonly bars: readonly Bar[]
  readonly notes?: readonly string[]
}

/** A part that was not measured because it would have taken too long: that is no failure. */
export class TooLong extends Error {
  override readonly name = 'TooLong'
}

/** Loading that takes longer is given up. Unit: milliseconds. */
export const loadTimeoutMs = 420_000

/** A Redis with revocations, and what it took to load them. */
export type LoadedRedis = RedisProcess & { readonly loaded: Loaded }

/** What the parts share: a Redis without revocations and one with all of them, each started when it is first asked for. */
export class RevocationGround {
  readonly ground: Ground & { readonly pki: RevocationPki }
  readonly options: RevocationOptions
  readonly serials: SerialList
  #empty: Promise<RedisProcess> | undefined
  #full: Promise<LoadedRedis> | undefined

  constructor(ground: Ground & { readonly pki: RevocationPki }, options: RevocationOptions) {
    this.ground = ground
    this.options = options
    this.serials = new SerialList(options.entries)
  }

  get pki(): RevocationPki {
    return this.ground.pki
  }

  get cores(): string {
    return allCores(this.ground.cores)
  }

  tell(line: string): void {
    this.ground.tell(`revocation: ${line}`)
  }

  /** A new Redis with nothing in it. */
  startRedis(): Promise<RedisProcess> {
    return startRedis({ folder: this.ground.folder, cores: this.cores, processes: this.ground.processes })
  }

  /** The one without revocations. */
  emptyRedis(): Promise<RedisProcess> {
    this.#empty ??= this.startRedis()
    return this.#empty
  }

  /** The one with all of them. Rejects with `TooLong` when they cannot be loaded in time. */
  fullRedis(): Promise<LoadedRedis> {
    this.#full ??= this.#load()
    return this.#full
  }

  /** Time for a gateway to become ready, generous: it is an error only when it never does. Unit: milliseconds. */
  get readyTimeoutMs(): number {
    return 30_000 + this.options.entries / 20
  }

  /** A gateway as an operator runs it, one worker, over that Redis; on all CPUs unless `changes` say otherwise. */
  start(
    redis: RedisProcess,
    following: Partial<FollowingSite> = {},
    changes: Partial<Site> = {},
  ): Promise<RunningSekisho> {
    const site = siteOf(this.ground, { gatewayCores: this.cores, ...changes })
    return startFollowingSekisho(site, { redisUrl: redis.url, readyTimeoutMs: this.readyTimeoutMs, ...following })
  }

  folder(name: string): string {
    return join(this.ground.folder, name)
  }

  async #load(): Promise<LoadedRedis> {
    this.tell(`loading ${this.serials.count} revocations into Redis`)
    const redis = await this.startRedis()
    const loaded = await loadRevocations(redis, {
      issuerId: this.pki.issuerId,
      serials: this.serials,
      timeoutMs: loadTimeoutMs,
      tell: (line) => this.tell(line),
    })
    if (loaded.entries === this.serials.count) return { ...redis, loaded }
    await redis.end()
    const limit = `${loadTimeoutMs / 1_000} s: current value is ${loaded.entries}`
    throw new TooLong(`Cannot load ${this.serials.count} revocations into Redis within ${limit}`)
  }
}

/** Resolves with the seconds until each gateway has applied so many revocations; rejects when one has not in time. */
export async function waitEntries(
  gateways: readonly RunningSekisho[],
  wait: { entries: number; timeoutMs: number },
): Promise<number> {
  const startMs = systemClock.monotonicMs()
  for (;;) {
    const found = await Promise.all(gateways.map(readEntries))
    const tookMs = systemClock.monotonicMs() - startMs
    if (found.every((count) => count === wait.entries)) return tookMs / 1_000
    if (tookMs > wait.timeoutMs) {
      throw new Error(
        `Cannot find all ${wait.entries} revocations at each gateway: current value is ${found.join(', ')}`,
      )
    }
    await pause(100)
  }
}

/** How many revocations of the benchmark's CA a gateway says it has applied. */
export async function readEntries(gateway: Pick<RunningSekisho, 'opsPort'>): Promise<number> {
  const series = findSeries(await readMetricsPage(gateway.opsPort), 'sekisho_revocation_entries')
  return series.find(({ labels }) => labels.issuer === issuerName)?.value ?? 0
}
