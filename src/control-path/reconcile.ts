import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import type { FollowUp } from './apply.ts'
import type { DirectoryReplica } from './directory-replica.ts'
import type { CertificateKey, ControlAudit, ControlLog, TrustEvent } from './ports.ts'
import type { LogPosition, TrustStore } from './store-port.ts'
import type { TrustMemory } from './trust-memory.ts'

/** What one comparison found. */
export type Differences = {
  /** Revocations and rules that are known here and that the store lacks. */
  readonly missingInStore: number
  /** Certificates revoked in the store that were not known here, though the log had not told of them. */
  readonly unknownHere: number
}

export type ReconcileStatus = {
  readonly running: boolean
  readonly runs: number
  /** Unit: milliseconds; undefined before the first one ended. */
  readonly lastEndedAgoMs: number | undefined
  /** Over all runs. */
  readonly missingInStore: number
  readonly unknownHere: number
  /** Members of the sets that are no serial numbers, over all runs. */
  readonly unreadable: number
}

export type ReconcileObserver = {
  reconcileEnded(result: 'clean' | 'differences' | 'failed'): void
  reconcileDifferences(kind: 'missing_in_store' | 'unknown_here' | 'unreadable', count: number): void
}

export type ReconcilerOptions = {
  readonly store: TrustStore
  readonly memory: TrustMemory
  readonly replica: DirectoryReplica | undefined
  /** Takes events that are not of the log; returns what the workers must be told. */
  readonly take: (events: readonly TrustEvent[]) => readonly FollowUp[]
  /** Tells the workers. */
  readonly finish: (followUps: readonly FollowUp[]) => Promise<void>
  /** Above every version that was ever applied here. */
  readonly highestVersion: () => number
  readonly clock: Clock
  readonly log: ControlLog
  readonly audit: ControlAudit
  readonly observer: ReconcileObserver
}

export type ReconcilePurpose = {
  /**
   * first: nothing is known yet, so all is new and nothing can be missing.
   * log_replaced: the log does not go on from where it was read. count: the numbers disagree. routine: it was time to look.
   */
  readonly cause: 'first' | 'log_replaced' | 'count' | 'routine'
  /** Where the log ended before this reading began. */
  readonly position: LogPosition
  /** How many certificates were put into the sets, or taken out, past the log. */
  readonly unrecorded: number
}

const keysAtOnce = 1_000

/**
 * Compares all that the store holds with all that is known here, beside the following of the log. What only the store has is
 * taken, and given a record where somebody wrote past the gateways; what only this gateway has is written again. Nothing is
 * ever taken away by it.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions
  #isRunning = false
  #runs = 0
  #endedAtMs: number | undefined
  #missingInStore = 0
  #unknownHere = 0
  #unreadable = 0
  #stopped = false
  #readOnlyTold = false

  constructor(options: ReconcilerOptions) {
    this.#options = options
  }

  get status(): ReconcileStatus {
    const { clock } = this.#options
    return {
      running: this.#isRunning,
      runs: this.#runs,
      lastEndedAgoMs: this.#endedAtMs === undefined ? undefined : clock.monotonicMs() - this.#endedAtMs,
      missingInStore: this.#missingInStore,
      unknownHere: this.#unknownHere,
      unreadable: this.#unreadable,
    }
  }

  /** A member of a set that is no serial number; whoever reads the sets tells of it. */
  unreadable(issuerId: string, member: string): void {
    this.#unreadable++
    this.#options.observer.reconcileDifferences('unreadable', 1)
    const shown = JSON.stringify(member.slice(0, 100))
    this.#options.log.error('a member of a set of revoked serial numbers is no serial number', {
      issuerId,
      member: shown,
    })
  }

  /** Ends the run in progress early; it then rejects. */
  stop(): void {
    this.#stopped = true
  }

  /** One at a time; `Comparisons` sees to that. Rejects as the store does. */
  async run(purpose: ReconcilePurpose): Promise<Differences> {
    this.#isRunning = true
    const { observer, clock } = this.#options
    try {
      const differences = await this.#compare(purpose)
      await this.#compareDirectory(purpose)
      const found = differences.missingInStore + differences.unknownHere
      observer.reconcileEnded(found === 0 || purpose.cause === 'first' ? 'clean' : 'differences')
      return differences
    } catch (error) {
      observer.reconcileEnded('failed')
      throw error
    } finally {
      this.#isRunning = false
      this.#runs++
      this.#endedAtMs = clock.monotonicMs()
    }
  }

  async #compare(purpose: ReconcilePurpose): Promise<Differences> {
    const { store, memory } = this.#options
    memory.ledger.beginRound()
    const rulesSeen = new Set<string>()
    const added: CertificateKey[] = []
    for await (const page of store.state()) {
      this.#throwIfStopped()
      const isFirst = purpose.cause === 'first'
      if (!isFirst) this.#mark(page, rulesSeen)
      const followUps = this.#options.take(isFirst ? page : page.flatMap((event) => this.#news(event)))
      if (looksForRecords(purpose)) for (const followUp of followUps) added.push(...addedKeys(followUp))
      if (purpose.cause !== 'first') await this.#options.finish(followUps)
    }
    const unknownHere = await this.#adopt(added, purpose)
    if (unknownHere > 0) this.#tellAdded(unknownHere)
    if (purpose.cause === 'first') return { missingInStore: 0, unknownHere }
    return { missingInStore: await this.#publishMissing(rulesSeen, purpose), unknownHere }
  }

  /** Notes what the store has. */
  #mark(page: readonly TrustEvent[], rulesSeen: Set<string>): void {
    const { ledger } = this.#options.memory
    for (const event of page) {
      if (event.kind === 'revoked') for (const key of event.keys) ledger.mark(key)
      if (event.kind === 'rule' || event.kind === 'rule_withdrawn') rulesSeen.add(event.ruleId)
    }
  }

  /** What of an event is not known here: most of it is, and need not be written down once more. */
  #news(event: TrustEvent): TrustEvent[] {
    const { ledger } = this.#options.memory
    if (event.kind === 'superseded') return ledger.find(event.key)?.superseded === true ? [] : [event]
    if (event.kind !== 'revoked') return [event]
    const keys = event.keys.filter((key) => ledger.find(key)?.state !== 'revoked')
    return keys.length === 0 ? [] : [{ ...event, keys }]
  }

  /**
   * What has no record gets one, so that the log tells everybody else, and the numbers agree again. Returns how many had none: the
   * log has told of the others meanwhile, or will.
   */
  async #adopt(added: readonly CertificateKey[], { cause }: ReconcilePurpose): Promise<number> {
    const { remote } = this.#options.store
    if (remote === undefined) return cause === 'count' ? added.length : 0
    let adopted = 0
    const mayWrite = await this.#writing(async () => {
      for (let first = 0; first < added.length; first += keysAtOnce) {
        this.#throwIfStopped()
        adopted += await remote.adopt(added.slice(first, first + keysAtOnce))
      }
    })
    return mayWrite ? adopted : added.length
  }

  #tellAdded(count: number): void {
    this.#unknownHere += count
    this.#options.observer.reconcileDifferences('unknown_here', count)
    this.#options.log.warn('revocations were added past the gateways; they are in force', { count })
    this.#options.audit({
      event: 'store_changed_by_hand',
      actor: { kind: 'store', name: 'store' },
      reason: 'revocations_added',
      detail: { count },
    })
  }

  async #publishMissing(rulesSeen: ReadonlySet<string>, { cause }: ReconcilePurpose): Promise<number> {
    const { store, memory, highestVersion } = this.#options
    const rules = memory.rulesInForce().filter(({ ruleId }) => !rulesSeen.has(ruleId))
    let revocations = 0
    for (const chunk of memory.ledger.unmarked()) {
      this.#throwIfStopped()
      // It may be empty, so that others get their turn.
      await nextTurn()
      if (chunk.length === 0) continue
      revocations += chunk.length
      await this.#writing(() => store.publishAgain({ revocations: chunk, rules: [] }, highestVersion()))
    }
    if (rules.length > 0) await this.#writing(() => store.publishAgain({ revocations: [], rules }, highestVersion()))
    const missing = revocations + rules.length
    if (missing > 0) this.#tellMissing({ revocations, rules: rules.length }, cause)
    return missing
  }

  #tellMissing(missing: { revocations: number; rules: number }, cause: ReconcilePurpose['cause']): void {
    const count = missing.revocations + missing.rules
    this.#missingInStore += count
    this.#options.observer.reconcileDifferences('missing_in_store', count)
    this.#options.log.error(
      `the store lacks ${missing.revocations} revocations and ${missing.rules} rules that are known here; they stay in force and are written again`,
      { version: this.#options.highestVersion() },
    )
    this.#options.audit({
      event: 'store_behind',
      actor: { kind: 'store', name: 'store' },
      reason: cause === 'log_replaced' ? 'log_replaced' : 'revocations_missing',
      detail: {
        revocationsLost: missing.revocations,
        rulesLost: missing.rules,
        version: this.#options.highestVersion(),
      },
    })
  }

  /** Contracts, users and certificates: an emptied store deletes nobody. Only the log, or a broken copy, is a cause to look. */
  async #compareDirectory({ cause, position }: ReconcilePurpose): Promise<void> {
    const { replica, store, log, highestVersion } = this.#options
    const { remote } = store
    if (replica === undefined || remote === undefined) return
    if (cause !== 'first' && cause !== 'log_replaced' && replica.position() !== undefined) return
    replica.beginRound()
    for await (const page of store.directory()) {
      this.#throwIfStopped()
      replica.take(page)
    }
    let missing = 0
    for (const records of replica.missing()) {
      this.#throwIfStopped()
      missing += records.length
      if (records.length > 0) await this.#writing(() => remote.publishDirectoryAgain(records, highestVersion()))
      await nextTurn()
    }
    replica.endRound(position)
    if (missing > 0) log.error(`the store lacks ${missing} records of the directory; they stay and are written again`)
  }

  /** False: this gateway may only read, and others must write; what is known here is in force all the same. */
  async #writing(write: () => Promise<unknown>): Promise<boolean> {
    try {
      await write()
      return true
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'store_read_only') throw error
      if (!this.#readOnlyTold) this.#options.log.warn('cannot mend the store as this gateway may only read it')
      this.#readOnlyTold = true
      return false
    }
  }

  #throwIfStopped(): void {
    if (this.#stopped) throw new GatewayError('store_unavailable', 'Cannot compare with the store: stopped')
  }
}

/** Where all is new the records are looked through only if there is a reason to. */
function looksForRecords({ cause, unrecorded }: ReconcilePurpose): boolean {
  return unrecorded !== 0 || (cause !== 'first' && cause !== 'log_replaced')
}

function addedKeys(followUp: FollowUp): readonly CertificateKey[] {
  if (followUp.kind !== 'cut' || followUp.reason !== 'certificate_revoked') return []
  return followUp.selector.by === 'certificates' ? followUp.selector.keys : []
}
