import type { Clock } from '../../src/base/clock.ts'
import type { FaultSpan, FinalState, HandAddition, History, Loss, Push, Span, Visit } from './history.ts'

type Open<T> = { -readonly [Key in keyof T]: T[Key] }

/** Limits of time that the oracle needs; see `History`. Unit: milliseconds. */
export type Allowances = Pick<History, 'maxStalenessMs' | 'marginMs' | 'calmMs' | 'handMs' | 'replicas'>

/** Takes down what happens. */
export class Recorder {
  readonly clock: Clock
  readonly visits: Visit[] = []
  readonly pushes: Push[] = []
  readonly handAdditions: HandAddition[] = []
  readonly firstTriedMs = new Map<number, number>()
  readonly faults: FaultSpan[] = []
  readonly outcomes = new Map<string, number>()
  readonly #losses: Open<Loss>[] = []
  readonly #calms: Open<Span>[] = []
  readonly #openFaults = new Set<FaultSpan>()
  #calm: Open<Span> | undefined
  #unsettled: Open<Loss> | undefined
  failedPushes = 0
  /** Connections that the gateway ended between two requests. */
  cuts = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  get nowMs(): number {
    return this.clock.monotonicMs()
  }

  get faultsInForce(): number {
    return this.#openFaults.size
  }

  visit(visit: Visit): void {
    this.visits.push(visit)
    this.outcomes.set(visit.outcome, (this.outcomes.get(visit.outcome) ?? 0) + 1)
  }

  /** Somebody is about to ask for the revocation of these. */
  tried(certificates: readonly number[]): void {
    for (const certificate of certificates) {
      if (!this.firstTriedMs.has(certificate)) this.firstTriedMs.set(certificate, this.nowMs)
    }
  }

  /** A fault begins; call what it returns when it is over. */
  faultBegins(what: string): () => void {
    this.#endCalm(this.nowMs)
    const span: Open<FaultSpan> = { what, beginMs: this.nowMs, endMs: Number.POSITIVE_INFINITY }
    this.faults.push(span)
    this.#openFaults.add(span)
    return () => {
      span.endMs = this.nowMs
      this.#openFaults.delete(span)
    }
  }

  /** The store is being emptied; call what it returns when that is over. */
  wipeBegins(what: string, certificates?: ReadonlySet<number>): () => void {
    const loss: Open<Loss> = {
      kind: 'wiped',
      what,
      certificates,
      beginMs: this.nowMs,
      endMs: Number.POSITIVE_INFINITY,
    }
    this.#losses.push(loss)
    return () => {
      loss.endMs = this.nowMs
    }
  }

  /** Whether it is certain who is the master, looked at from one time to the other. */
  settled(settled: boolean, look: Span, lastGoodMs: number): void {
    if (settled && this.#unsettled !== undefined) {
      this.#unsettled.endMs = look.endMs
      this.#unsettled = undefined
    }
    if (settled || this.#unsettled !== undefined) return
    this.#unsettled = {
      kind: 'unsettled',
      what: 'no certain master',
      certificates: undefined,
      beginMs: lastGoodMs,
      endMs: Number.POSITIVE_INFINITY,
    }
    this.#losses.push(this.#unsettled)
  }

  /** Whether everything outside was well, looked at from one time to the other. A fault in force means it was not. */
  calm(calm: boolean, look: Span, lastGoodMs: number): void {
    const faultless = this.faultsInForce === 0 && !this.faults.some(({ endMs }) => endMs >= look.beginMs)
    if (!calm || !faultless) this.#endCalm(Math.min(lastGoodMs, look.beginMs))
    else if (this.#calm === undefined) {
      this.#calm = { beginMs: look.endMs, endMs: Number.POSITIVE_INFINITY }
      this.#calms.push(this.#calm)
    }
  }

  #endCalm(atMs: number): void {
    if (this.#calm === undefined) return
    this.#calm.endMs = Math.max(atMs, this.#calm.beginMs)
    this.#calm = undefined
  }

  /** Faults that were in force at some time of this. */
  faultsDuring(beginMs: number, endMs: number): readonly FaultSpan[] {
    return this.faults.filter((fault) => fault.beginMs <= endMs && fault.endMs >= beginMs)
  }

  history(allowances: Allowances, final: FinalState | undefined): History {
    const { visits, pushes, handAdditions, firstTriedMs } = this
    const calms = this.#calms
    return { ...allowances, visits, pushes, handAdditions, firstTriedMs, losses: this.#losses, calms, final }
  }
}
