import { GatewayError } from '../base/errors.ts'
import type { Freshness } from '../trust/freshness.ts'
import type { RevocationIndexWriter } from '../trust/revocation-index.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import { type FollowUp, finishFollowUps, takeEvent } from './apply.ts'
import { KnownRevocations } from './known-revocations.ts'
import type { ControlAudit, ControlLog, DataWorkers } from './ports.ts'
import type { LogPage, LogPosition, TrustStore } from './store-port.ts'

/**
 * connecting: nothing has been heard yet; no login is judged fresh enough.
 * replaying:  heard, and working through what the store says (the first load, or a log that did not go on).
 * live:       all the store had said at the last poll is applied.
 * stale:      it has been live, and the last poll failed; what is known stays refused, the age of the data grows.
 * stopped:    ended by `stop()`.
 */
export type FollowerState = 'connecting' | 'replaying' | 'live' | 'stale' | 'stopped'

export type FollowerStatus = {
  readonly state: FollowerState
  /** Version of the last event applied. */
  readonly version: number
  /** Age of the trust data. Unit: milliseconds; infinity before the first load. */
  readonly dataAgeMs: number
  /** Certificates held revoked, all and by issuerId. */
  readonly revocations: number
  readonly revocationsByIssuer: ReadonlyMap<string, number>
  /** How often the store turned out to have lost revocations, and how many all in all; none was lost here. */
  readonly storeBehindCount: number
  readonly revocationsLostByStore: number
  readonly lastFault: string | undefined
}

export type FollowerOptions = {
  readonly store: TrustStore
  readonly index: RevocationIndexWriter
  readonly freshness: Freshness
  readonly workers: DataWorkers
  /** How often the store is asked for what others wrote. Unit: milliseconds. */
  readonly pollMs: number
  readonly log: ControlLog
  readonly audit: ControlAudit
  /** Told how many revocations have just been applied, for the metric. */
  readonly revocationsApplied?: (count: number) => void
}

/** Cuts counted by version of the event behind them, from `watch()` to `end()`. */
export type CutWatch = { readonly cuts: ReadonlyMap<number, number>; end(): void }

const pageEventsMax = 1_000
const longestPauseMs = 2_000
const caughtUpTimeoutMs = 10_000
/** A store that is replaced more often than this within one pull is not one to be followed. */
const reloadsMax = 3

type Waiter = { readonly afterPull: number; resolve(): void; reject(fault: GatewayError): void }

/** Follows the store's log in the control thread: loads what it amounts to, then applies each event in order. */
export class Follower {
  readonly #options: FollowerOptions
  readonly #known = new KnownRevocations()
  readonly #pending = new Set<FollowUp>()
  readonly #watches = new Set<Map<number, number>>()
  readonly #waiters = new Set<Waiter>()
  readonly #ready = Promise.withResolvers<void>()
  #state: FollowerState = 'connecting'
  #position: LogPosition = { version: 0, token: '' }
  /** Stays when the store falls back, so that a restore must be newer than everything ever applied. */
  #highestVersion = 0
  #loaded = false
  #directoryToForget = false
  #acceptedMismatch = ''
  #storeBehindCount = 0
  #revocationsLostByStore = 0
  #lastFault: string | undefined
  #pullsStarted = 0
  #failures = 0
  #wake: (() => void) | undefined
  #loop: Promise<void> | undefined

  constructor(options: FollowerOptions) {
    this.#options = options
    this.#ready.promise.catch(() => {})
  }

  /** Begins to follow; call once. */
  start(): void {
    this.#loop = this.#follow()
  }

  /** Resolves once the first load is applied, however often it takes; rejects if stopped before. */
  ready(): Promise<void> {
    return this.#ready.promise
  }

  /**
   * Resolves once everything the store had taken before this call is in the index and done by all workers.
   * Throws `store_unavailable` after ten seconds: the change stands in the store and is applied later.
   */
  async caughtUp(): Promise<void> {
    if (this.#state === 'stopped') throw stopped()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiter = { afterPull: this.#pullsStarted, resolve, reject }
    this.#waiters.add(waiter)
    const timer = setTimeout(() => {
      const why = this.#lastFault ?? 'the store or a worker is slow'
      reject(new GatewayError('store_unavailable', `Cannot confirm that the change is applied here yet: ${why}`))
    }, caughtUpTimeoutMs)
    this.#wake?.()
    try {
      await promise
    } finally {
      clearTimeout(timer)
      this.#waiters.delete(waiter)
    }
  }

  watch(): CutWatch {
    const cuts = new Map<number, number>()
    this.#watches.add(cuts)
    return { cuts, end: () => this.#watches.delete(cuts) }
  }

  status(): FollowerStatus {
    return {
      state: this.#state,
      version: this.#position.version,
      dataAgeMs: this.#options.freshness.ageMs(),
      revocations: this.#known.size,
      revocationsByIssuer: this.#known.countByIssuer(),
      storeBehindCount: this.#storeBehindCount,
      revocationsLostByStore: this.#revocationsLostByStore,
      lastFault: this.#lastFault,
    }
  }

  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#ready.reject(stopped())
    for (const waiter of this.#waiters) waiter.reject(stopped())
    this.#wake?.()
    await this.#loop
  }

  async #follow(): Promise<void> {
    while (!this.#isStopped()) {
      const pull = ++this.#pullsStarted
      try {
        await this.#pull()
        this.#heard(pull)
      } catch (error) {
        this.#failed(error)
      }
      await this.#pause()
    }
  }

  #isStopped(): boolean {
    return this.#state === 'stopped'
  }

  #heard(pull: number): void {
    if (this.#isStopped()) return
    this.#options.freshness.heard()
    if (this.#failures > 0) this.#options.log.info('store heard again', { version: this.#position.version })
    this.#failures = 0
    this.#lastFault = undefined
    this.#state = 'live'
    this.#ready.resolve()
    for (const waiter of this.#waiters) if (pull > waiter.afterPull) waiter.resolve()
  }

  #failed(error: unknown): void {
    this.#lastFault = error instanceof Error ? error.message : String(error)
    // Once an outage: the age of the data is a metric, and a line every poll would bury everything else.
    if (this.#failures === 0) {
      const code = error instanceof GatewayError ? error.code : 'internal'
      this.#options.log.error('cannot follow the store', { code, fault: this.#lastFault })
    }
    this.#failures++
    if (!this.#isStopped()) this.#state = this.#loaded ? 'stale' : 'connecting'
  }

  async #pause(): Promise<void> {
    for (const waiter of this.#waiters) if (waiter.afterPull >= this.#pullsStarted && this.#failures === 0) return
    if (this.#isStopped()) return
    const pauseMs = Math.min(
      this.#options.pollMs * 2 ** Math.min(this.#failures, 10),
      Math.max(longestPauseMs, this.#options.pollMs),
    )
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, pauseMs)
    this.#wake = resolve
    await promise
    clearTimeout(timer)
    this.#wake = undefined
  }

  /** Applies all the store has to say. Whatever fails in between is tried again by the next pull. */
  async #pull(): Promise<void> {
    await this.#finish()
    if (!this.#loaded) await this.#load()
    for (let reloads = 0; !this.#isStopped(); ) {
      const page = await this.#options.store.eventsSince(this.#position, pageEventsMax)
      if (page.continuous) {
        await this.#applyPage(page)
        if (page.events.length === pageEventsMax) continue
        if (!this.#storeLacks(page)) return
      }
      if (++reloads > reloadsMax) {
        throw new GatewayError(
          'store_unavailable',
          `Cannot follow the store: it changed ${reloads} times within one pull`,
        )
      }
      await this.#reload(page)
    }
  }

  async #applyPage(page: LogPage): Promise<void> {
    let revocations = 0
    // Invariant 2: every event of the page stands in the index before the first connection is cut.
    for (const event of page.events) {
      if (event.kind === 'revoked') revocations++
      const followUp = takeEvent(event, { index: this.#options.index, known: this.#known })
      if (followUp !== undefined) this.#pending.add(followUp)
    }
    this.#position = page.end
    this.#highestVersion = Math.max(this.#highestVersion, page.end.version)
    await this.#finish()
    if (revocations > 0) this.#options.revocationsApplied?.(revocations)
  }

  /**
   * Reads what the log amounts to and adds it to what is known; takes nothing away but what a newer tombstone takes away.
   * Returns the certificates that the store says are revoked.
   */
  async #load(): Promise<ReadonlySet<CertificateKey>> {
    const { store, index } = this.#options
    this.#state = 'replaying'
    // The position is read first: what changes while the pages are read comes again as events.
    const position = await store.position()
    const revoked = new Set<CertificateKey>()
    for (let after = 0; !this.#isStopped(); ) {
      const page = await store.stateSince(after, pageEventsMax)
      for (const event of page) {
        if (event.kind === 'revoked') revoked.add(event.revocation.key)
        const followUp = takeEvent(event, { index, known: this.#known })
        // Before the first load no connection can have been permitted, so there is nothing to cut.
        if (this.#loaded && followUp?.added === true) this.#pending.add(followUp)
      }
      const last = page.at(-1)
      if (last === undefined) break
      after = last.version
      this.#highestVersion = Math.max(this.#highestVersion, after)
    }
    this.#position = position
    this.#loaded = !this.#isStopped()
    return revoked
  }

  async #reload(page: LogPage): Promise<void> {
    const { store, log } = this.#options
    const before = this.#position
    if (!page.continuous) {
      this.#directoryToForget = true
      const fields = { version: before.version, storeVersion: page.lastVersion }
      if (page.lastVersion < before.version) log.error('the store has gone back behind what is applied here', fields)
      else log.warn('the log of the store does not go on from here: reading its state', fields)
    }
    const lost = this.#known.missingFrom(await this.#load())
    await this.#finish()
    if (lost.length === 0) {
      this.#acceptedMismatch = mismatch(this.#known.size, page.revokedCount)
      return
    }
    this.#storeBehindCount++
    this.#revocationsLostByStore += lost.length
    const detail = `the store lacks ${lost.length} revocations that are known here; they stay revoked and are written again`
    log.error(detail, { version: this.#highestVersion, storeVersion: page.lastVersion })
    this.#options.audit({
      event: 'store_behind',
      actor: { kind: 'store', name: 'store' },
      reason: page.continuous ? 'revocations_missing' : 'log_replaced',
      detail: { revocationsLost: lost.length, version: this.#highestVersion, storeVersion: page.lastVersion },
    })
    await store.publishAgain(lost, this.#highestVersion)
  }

  /** Whether revocations were taken away, or put in, past the log. */
  #storeLacks(page: LogPage): boolean {
    if (this.#known.size === page.revokedCount) {
      this.#acceptedMismatch = ''
      return false
    }
    return mismatch(this.#known.size, page.revokedCount) !== this.#acceptedMismatch
  }

  async #finish(): Promise<void> {
    const { workers } = this.#options
    await finishFollowUps(this.#pending, workers, (version, connections) => {
      for (const cuts of this.#watches) cuts.set(version, (cuts.get(version) ?? 0) + connections)
    })
    if (!this.#directoryToForget) return
    await workers.directoryReplaced()
    this.#directoryToForget = false
  }
}

function stopped(): GatewayError {
  return new GatewayError('store_unavailable', 'Cannot follow the store: stopped')
}

function mismatch(known: number, stored: number): string {
  return `${known}/${stored}`
}
