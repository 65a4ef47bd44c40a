import { setTimeout as wait } from 'node:timers/promises'
import { GatewayError } from '../base/errors.ts'
import { Applier, type CutWatch } from './applier.ts'
import { Comparisons } from './comparisons.ts'
import { ConnectedCheck } from './connected-check.ts'
import type { FollowerObserver, FollowerOptions } from './follower-options.ts'
import type { FollowerState, FollowerStatus } from './follower-status.ts'
import type { CertificateKey, TrustEvent } from './ports.ts'
import { type Differences, Reconciler } from './reconcile.ts'
import type { LogPage } from './store-port.ts'
import type { TrustMemory } from './trust-memory.ts'

const pageEventsMax = 1_000
/** Pages of a remote store are short, because one of its events may hold a thousand certificates. */
const remotePageEventsMax = 32
const longestPauseMs = 2_000
const caughtUpTimeoutMs = 10_000
/** While nothing is known yet and the store is away, how often that is said. Unit: milliseconds. */
const complainEveryMs = 5_000
/** How long a revocation that is found in a set waits for its event. Unit: milliseconds. */
const logReadMaxMs = 300
/** A store that is replaced more often than this within one pull is not one to be followed. */
const roundsMax = 3

type Waiter = { readonly afterPull: number; resolve(): void; reject(fault: GatewayError): void }

const unobserved: FollowerObserver = {
  revocationsApplied: () => {},
  revocationApplied: () => {},
  storeBehind: () => {},
  reconcileEnded: () => {},
  reconcileDifferences: () => {},
}

/** Follows the store's log in the control thread: loads what it amounts to, then applies each event in order. */
export class Follower {
  readonly #options: FollowerOptions
  readonly #observer: FollowerObserver
  readonly #applier: Applier
  readonly #reconciler: Reconciler
  readonly #comparisons: Comparisons
  readonly #connectedCheck: ConnectedCheck | undefined
  readonly #waiters = new Set<Waiter>()
  readonly #ready = Promise.withResolvers<void>()
  #listening: { close(): Promise<void> } | undefined
  #state: FollowerState = 'connecting'
  /** Something is known: from a snapshot, or from the store. */
  #loaded = false
  #directoryToForget = false
  #storeBehindCount = 0
  #revocationsLostByStore = 0
  #unrecorded = 0
  #lastFault: string | undefined
  #complainedAtMs = Number.NEGATIVE_INFINITY
  /** When the last page was asked for, on the monotonic clock. */
  #askedAtMs = 0
  #pullsStarted = 0
  #failures = 0
  #news = false
  #wake: (() => void) | undefined
  #loop: Promise<void> | undefined

  constructor(options: FollowerOptions) {
    this.#options = options
    this.#observer = options.observer ?? unobserved
    this.#applier = new Applier(options)
    this.#reconciler = new Reconciler({
      ...options,
      observer: this.#observer,
      replica: options.keeping?.replica,
      take: (events) => this.#applier.takeBeside(events),
      finish: (followUps) => this.#applier.finishBeside(followUps),
      highestVersion: () => this.#applier.highestVersion,
    })
    this.#comparisons = new Comparisons({
      ...options,
      reconciler: this.#reconciler,
      routineMs: options.reconcileMs,
      directoryBehind: () => options.keeping?.replica !== undefined && options.keeping.replica.position() === undefined,
      position: () => this.#applier.position,
      ended: (differences) => this.#compared(differences),
    })
    this.#connectedCheck = this.#createConnectedCheck()
    this.#ready.promise.catch(() => {})
  }

  /** Begins to follow; call once. */
  start(): void {
    this.#loop = this.#run()
  }

  /**
   * Resolves once the first load is applied, however long that takes: from the store, or, while that does not answer, from this
   * gateway's snapshot. Rejects if stopped before.
   */
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
    this.#wakeUp()
    try {
      await promise
    } finally {
      clearTimeout(timer)
      this.#waiters.delete(waiter)
    }
  }

  /** See `Applier.onTaken`. */
  onTaken(listener: (events: readonly TrustEvent[]) => void): () => void {
    return this.#applier.onTaken(listener)
  }

  watch(): CutWatch {
    return this.#applier.watch()
  }

  /** Above every version that was ever applied here. */
  get highestVersion(): number {
    return this.#applier.highestVersion
  }

  /** What is known of trust here. */
  get memory(): TrustMemory {
    return this.#options.memory
  }

  /**
   * Puts certificates in force here that the log will not tell of, because the store has lost them; `version` must not be above
   * what the log may give from now on.
   */
  async revokeBeside(keys: readonly CertificateKey[], version: number): Promise<void> {
    const atMs = this.#options.clock.nowMs()
    await this.#applier.finishBeside(this.#applier.takeBeside([{ kind: 'revoked', version, keys, atMs }]))
  }

  /** Puts certificates out of use here before the store is told that newer ones are in use (R20): it may be away. */
  async supersedeBeside(keys: readonly CertificateKey[]): Promise<void> {
    const version = this.highestVersion
    const events = keys.map((key) => ({ kind: 'superseded', version, key }) as const)
    await this.#applier.finishBeside(this.#applier.takeBeside(events))
  }

  /** This process holds the state folder from now on: what it applies is written there. */
  ownArchive(): void {
    this.#applier.ownArchive()
  }

  releaseArchive(): Promise<void> {
    return this.#applier.releaseArchive()
  }

  /** A member of a set in the store is no serial number. */
  unreadableMember(issuerId: string, member: string): void {
    this.#reconciler.unreadable(issuerId, member)
  }

  status(): FollowerStatus {
    const { memory, freshness, keeping } = this.#options
    const position = this.#comparisons.required === undefined ? this.#applier.position : { version: 0, token: '' }
    const archive = keeping?.archive.status()
    return {
      state: this.#state,
      version: position.version,
      position,
      dataAgeMs: freshness.ageMs(),
      revocations: memory.ledger.revoked,
      revocationsByIssuer: memory.ledger.countByIssuer(),
      rules: memory.rulesInForce().length,
      storeBehindCount: this.#storeBehindCount,
      revocationsLostByStore: this.#revocationsLostByStore,
      lastFault: this.#lastFault,
      reconcile: this.#reconciler.status,
      unrecorded: this.#unrecorded,
      snapshot: archive && {
        ageMs: archive.snapshotAgeMs,
        entries: archive.snapshotEntries,
        bytes: archive.snapshotBytes,
        lastFault: archive.lastFault,
      },
    }
  }

  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#ready.reject(stopped())
    for (const waiter of this.#waiters) waiter.reject(stopped())
    this.#connectedCheck?.stop()
    this.#reconciler.stop()
    this.#wakeUp()
    await this.#listening?.close()
    await this.#loop
    await this.#comparisons.running?.catch(() => {})
    await this.#applier.close()
  }

  #createConnectedCheck(): ConnectedCheck | undefined {
    const { store, memory, workers, connectedCheckMs, log } = this.#options
    if (store.remote === undefined || connectedCheckMs === undefined) return undefined
    return new ConnectedCheck({
      remote: store.remote,
      memory,
      workers,
      everyMs: connectedCheckMs,
      version: () => this.#applier.position.version,
      logRead: () => Promise.race([this.caughtUp().catch(() => {}), wait(logReadMaxMs, undefined, { ref: false })]),
      revoked: (keys, version) => this.revokeBeside(keys, version),
      log,
    })
  }

  async #run(): Promise<void> {
    await this.#recover()
    if (this.#isStopped()) return
    this.#listening = this.#options.store.remote?.listen(() => this.#wakeUp())
    this.#connectedCheck?.start()
    while (!this.#isStopped()) {
      const pull = ++this.#pullsStarted
      this.#news = false
      try {
        await this.#pull()
        this.#heard(pull)
      } catch (error) {
        this.#failed(error)
      }
      await this.#pause()
    }
  }

  async #recover(): Promise<void> {
    const { log, freshness, clock, memory } = this.#options
    const startMs = clock.monotonicMs()
    const recovered = await this.#applier.recover()
    if (recovered === undefined) return
    const { version } = this.#applier.position
    const fields = { version, revocations: memory.ledger.revoked, ms: Math.round(clock.monotonicMs() - startMs) }
    log.info('trust data loaded from the snapshot', fields)
    this.#loaded = true
    this.#comparisons.recovered(recovered)
    if (Number.isFinite(recovered.heardAgoMs)) freshness.assumeHeard(recovered.heardAgoMs)
  }

  #isStopped(): boolean {
    return this.#state === 'stopped'
  }

  #heard(pull: number): void {
    if (this.#isStopped()) return
    if (this.#failures > 0) this.#options.log.info('store heard again', { version: this.#applier.position.version })
    this.#failures = 0
    // What is missing yet may be a revocation: until the comparison has ended the data only grows older.
    if (this.#comparisons.required !== undefined) {
      this.#state = 'replaying'
      return
    }
    this.#lastFault = undefined
    // As old as the question: the answer may have been held up on its way.
    this.#options.freshness.assumeHeard(this.#options.clock.monotonicMs() - this.#askedAtMs)
    this.#applier.current()
    this.#state = 'live'
    this.#loaded = true
    this.#ready.resolve()
    for (const waiter of this.#waiters) if (pull > waiter.afterPull) waiter.resolve()
  }

  #failed(error: unknown): void {
    const { log, clock } = this.#options
    this.#lastFault = error instanceof Error ? error.message : String(error)
    const fields = { code: error instanceof GatewayError ? error.code : 'internal', fault: this.#lastFault }
    const nowMs = clock.monotonicMs()
    // Once an outage: the age of the data is a metric, and a line every poll would bury everything else.
    if (this.#failures === 0) {
      log.error('cannot follow the store', fields)
      this.#complainedAtMs = nowMs
    } else if (!this.#loaded && nowMs - this.#complainedAtMs >= complainEveryMs) {
      log.warn('waiting for the store, as there is no snapshot to start from', fields)
      this.#complainedAtMs = nowMs
    }
    this.#failures++
    if (this.#isStopped()) return
    this.#state = this.#loaded ? 'stale' : 'connecting'
    if (this.#loaded) this.#ready.resolve()
  }

  #wakeUp(): void {
    this.#news = true
    this.#wake?.()
  }

  async #pause(): Promise<void> {
    if (this.#isStopped() || (this.#news && this.#failures === 0)) return
    const { pollMs } = this.#options
    const pauseMs = Math.min(pollMs * 2 ** Math.min(this.#failures, 10), Math.max(longestPauseMs, pollMs))
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, pauseMs)
    this.#wake = resolve
    await promise
    clearTimeout(timer)
    this.#wake = undefined
  }

  /** Applies all the store has to say. Whatever fails in between is tried again by the next pull. */
  async #pull(): Promise<void> {
    const { store } = this.#options
    await this.#finish()
    const limit = store.remote === undefined ? pageEventsMax : remotePageEventsMax
    for (let rounds = 0; !this.#isStopped(); ) {
      if (this.#comparisons.required === 'first') this.#applier.jumpTo(await store.position())
      this.#askedAtMs = this.#options.clock.monotonicMs()
      const page = await store.eventsSince(this.#applier.position, limit)
      if (page.continuous) {
        await this.#applyPage(page)
        if (page.events.length === limit) continue
        this.#unrecorded = page.unrecordedCount
        this.#comparisons.startIfDue(page)
        if (!this.#waitsForComparison()) return
        await this.#comparisons.running
      } else if (this.#comparisons.required !== 'first') await this.#startOver(page)
      if (++rounds > roundsMax) {
        throw new GatewayError(
          'store_unavailable',
          `Cannot follow the store: it changed ${rounds} times within one pull`,
        )
      }
    }
  }

  /** A file here is compared at once; so is what has never been loaded. A remote store is followed meanwhile. */
  #waitsForComparison(): boolean {
    const { running, required } = this.#comparisons
    return running !== undefined && (this.#options.store.remote === undefined || required === 'first')
  }

  async #applyPage(page: LogPage): Promise<void> {
    const { clock } = this.#options
    const readAtMs = clock.monotonicMs()
    this.#applier.takePage(page)
    await this.#finish()
    if (page.events.length === 0) return
    this.#options.applied?.()
    let revocations = 0
    for (const event of page.events) {
      if (event.kind !== 'revoked') continue
      revocations += event.keys.length
      const lagMs = Math.max(0, page.nowMs - event.atMs) + clock.monotonicMs() - readAtMs
      this.#observer.revocationApplied(lagMs / 1_000)
    }
    if (revocations > 0) this.#observer.revocationsApplied(revocations)
  }

  /** The log does not go on from here: it was replaced, rolled back, or trimmed. It is followed from its end, and compared. */
  async #startOver(page: LogPage): Promise<void> {
    const { store, log } = this.#options
    const { version } = this.#applier.position
    const fields = { version, storeVersion: page.lastVersion }
    if (page.lastVersion < version) log.error('the store has gone back behind what is applied here', fields)
    else log.warn('the log of the store does not go on from here: reading its state', fields)
    this.#directoryToForget = true
    await this.#comparisons.requireAfterGap()
    this.#state = 'replaying'
    this.#applier.jumpTo(await store.position())
  }

  #compared(differences: Differences | undefined): void {
    if (differences !== undefined && differences.missingInStore > 0) {
      this.#storeBehindCount++
      this.#revocationsLostByStore += differences.missingInStore
      this.#observer.storeBehind()
    }
    this.#options.applied?.()
    this.#wakeUp()
  }

  async #finish(): Promise<void> {
    await this.#applier.finish()
    if (!this.#directoryToForget || this.#comparisons.required !== undefined) return
    await this.#options.workers.directoryReplaced()
    this.#directoryToForget = false
  }
}

function stopped(): GatewayError {
  return new GatewayError('store_unavailable', 'Cannot follow the store: stopped')
}
