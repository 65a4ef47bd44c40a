import type { Clock } from '../base/clock.ts'
import type { ControlLog } from './ports.ts'
import type { Differences, ReconcilePurpose, Reconciler } from './reconcile.ts'
import type { LogPage, LogPosition, TrustStore } from './store-port.ts'
import type { TrustMemory } from './trust-memory.ts'

export type ComparisonsOptions = {
  readonly store: TrustStore
  readonly memory: TrustMemory
  readonly reconciler: Reconciler
  /** How often a remote store is compared without a cause. Unit: milliseconds; undefined: never. */
  readonly routineMs: number | undefined
  readonly clock: Clock
  readonly log: ControlLog
  /** The copy of the directory lacks something. */
  readonly directoryBehind: () => boolean
  /** Where the log has been applied to now. */
  readonly position: () => LogPosition
  /** One has ended, well or not. */
  readonly ended: (differences: Differences | undefined) => void
}

/** Up to so many revocations a comparison may follow soon after another: it takes half a second. */
const quickEntriesMax = 100_000
/** Beyond, it may take a fifth of the time at most, unless it is required. */
const restAfterCompare = 4
/** Shortest pause between two of a remote store. Unit: milliseconds. */
const restMinMs = 500
/** Pause after one that failed. Unit: milliseconds. */
const retryMs = 1_000

/**
 * Decides when the store is compared with what is known here. One that is required must succeed before what is known counts as all
 * the store says; the others are there to notice what the log does not tell.
 */
export class Comparisons {
  readonly #options: ComparisonsOptions
  #required: ReconcilePurpose['cause'] | undefined = 'first'
  #running: Promise<void> | undefined
  #acceptedMismatch = ''
  #notBeforeMs = Number.NEGATIVE_INFINITY
  #routineAtMs = Number.POSITIVE_INFINITY

  constructor(options: ComparisonsOptions) {
    this.#options = options
  }

  /** Why what is known here may lack something the store says; undefined: it does not. */
  get required(): ReconcilePurpose['cause'] | undefined {
    return this.#required
  }

  get running(): Promise<void> | undefined {
    return this.#running
  }

  /** A snapshot was loaded: nothing is required, unless the directory is missing. */
  recovered({ directoryMissing }: { directoryMissing: boolean }): void {
    this.#required = directoryMissing ? 'log_replaced' : undefined
    this.#planRoutine()
  }

  /** The log did not go on; what a comparison that is running has read may be of the store before. */
  async requireAfterGap(): Promise<void> {
    await this.#running?.catch(() => {})
    this.#required = 'log_replaced'
    this.#notBeforeMs = Number.NEGATIVE_INFINITY
  }

  /** Starts one if it is due at this page, the last one for now. What it rejects with is told to who waits for it. */
  startIfDue(page: LogPage): void {
    if (this.#running !== undefined) return
    const cause = this.#causeAt(page)
    if (cause === undefined) return
    const { position, memory } = this.#options
    if (cause === 'first') memory.reserve(page.revokedCount)
    const running = this.#run({ cause, position: position(), unrecorded: page.unrecordedCount })
    // Nobody may be waiting; it is started again in a while.
    running.catch(() => {})
    this.#running = running
  }

  #causeAt(page: LogPage): ReconcilePurpose['cause'] | undefined {
    const { memory, clock } = this.#options
    const nowMs = clock.monotonicMs()
    if (this.#required === 'first') return 'first'
    if (nowMs < this.#notBeforeMs) return undefined
    if (this.#required !== undefined) return this.#required
    const known = memory.ledger.revoked
    if (known === page.revokedCount && page.unrecordedCount === 0) this.#acceptedMismatch = ''
    else if (mismatch(known, page) !== this.#acceptedMismatch) return 'count'
    return nowMs >= this.#routineAtMs || this.#options.directoryBehind() ? 'routine' : undefined
  }

  async #run(purpose: ReconcilePurpose): Promise<void> {
    const { clock, reconciler, store, memory, position, ended } = this.#options
    const startMs = clock.monotonicMs()
    let differences: Differences | undefined
    let restMs = retryMs
    try {
      differences = await reconciler.run(purpose)
      const page = await store.eventsSince(position(), 1)
      this.#acceptedMismatch = mismatch(memory.ledger.revoked, page)
      if (this.#required === purpose.cause) this.#required = undefined
      restMs = this.#restAfter(clock.monotonicMs() - startMs)
    } finally {
      this.#notBeforeMs = clock.monotonicMs() + restMs
      this.#planRoutine()
      this.#running = undefined
      if (purpose.cause === 'first' && differences !== undefined && store.remote !== undefined)
        this.#tellLoaded(startMs)
      ended(differences)
    }
  }

  #restAfter(tookMs: number): number {
    const { store, memory } = this.#options
    if (store.remote === undefined) return 0
    return memory.ledger.revoked <= quickEntriesMax ? restMinMs : Math.max(restMinMs, tookMs * restAfterCompare)
  }

  #tellLoaded(startMs: number): void {
    const { clock, log, memory } = this.#options
    const ms = Math.round(clock.monotonicMs() - startMs)
    log.info('trust data loaded from the store', { revocations: memory.ledger.revoked, ms })
  }

  #planRoutine(): void {
    const { store, routineMs, clock } = this.#options
    if (store.remote !== undefined && routineMs !== undefined) this.#routineAtMs = clock.monotonicMs() + routineMs
  }
}

/** A difference that a comparison could not settle is not compared again until one of the numbers moves. */
function mismatch(known: number, page: LogPage): string {
  return `${known}/${page.revokedCount}/${page.unrecordedCount}`
}
