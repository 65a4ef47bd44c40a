import { randomBytes } from 'node:crypto'
import type { CrlListConfig, CrlPlace, GatewayConfig } from '../config/gateway-config.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import { CrlApply } from './crl-apply.ts'
import { CrlFaults, type NotedFault } from './crl-faults.ts'
import { type LookTakers, runLook } from './crl-look.ts'
import { type LookReport, takenOf } from './crl-messages.ts'
import { dueInMs } from './crl-schedule.ts'
import type { CrlSlots } from './crl-slots.ts'
import type { CrlTaken } from './crl-taken.ts'
import { CrlTurn } from './crl-turn.ts'
import type { CaSourcesPorts, CrlActor, CrlListStatus, CrlLookResult } from './ports.ts'

/** A list of an issuer as it is configured now. */
export type WatchedCrl = {
  readonly issuer: IssuingCa
  readonly list: CrlListConfig
  readonly limits: GatewayConfig['crlFetch']
}

export type CrlWatchOptions = WatchedCrl & {
  readonly ports: CaSourcesPorts
  readonly taken: CrlTaken
  readonly slots: CrlSlots
  /** For what is being transferred; it exists. */
  readonly folder: string
  /** A good look before does not count, as it was at other places. Unit: milliseconds since the epoch; 0: any counts. */
  readonly sinceMs: number
  readonly signal: AbortSignal
}

type Part = { readonly name: string; readonly kind: 'complete' | 'delta'; readonly places: readonly CrlPlace[] }
type Ended = { readonly result: CrlLookResult; readonly faults: readonly NotedFault[] }

/** Longest until it is asked again what the others have done. Unit: milliseconds. */
const askAgainMs = 60_000

/**
 * Looks after one list and its delta list: when it is due one gateway looks, and all learn what it found.
 *
 * A round looks at the complete list, then at the delta list. After a bad one it pauses, `retrySeconds` first, then twice as long up to
 * `pollSeconds`; half-way the turn is given back, so that another gateway may have more luck.
 */
export class CrlWatch {
  readonly #options: CrlWatchOptions
  readonly #turn: CrlTurn
  readonly #parts: readonly Part[]
  readonly #ended = new Map<string, Ended>()
  readonly #faults: CrlFaults
  /** Monotonic. Unit: milliseconds. */
  #nextAtMs = Number.NEGATIVE_INFINITY
  #giveBackAtMs = Number.POSITIVE_INFINITY
  /** After the last round; 0: it was a good one. Unit: milliseconds. */
  #pauseMs = 0
  #hasEnded = false
  #running: Promise<void> | undefined

  constructor(options: CrlWatchOptions) {
    const { list, ports } = options
    this.#options = options
    this.#turn = new CrlTurn(options)
    this.#faults = new CrlFaults(options.issuer.name, ports)
    this.#parts = [
      { name: list.name, kind: 'complete', places: list.from },
      ...(list.delta.length === 0 ? [] : [{ name: `${list.name}+delta`, kind: 'delta' as const, places: list.delta }]),
    ]
  }

  get issuer(): string {
    return this.#options.issuer.name
  }

  /** It begins nothing any more. */
  end(): void {
    this.#hasEnded = true
  }

  /** Called again and again; begins a round when it is time for one. */
  beat(): void {
    if (this.#running !== undefined || this.#hasEnded) return
    const nowMs = this.#options.ports.clock.monotonicMs()
    if (nowMs >= this.#nextAtMs) this.#run(() => this.#perhapsLook())
    else if (nowMs >= this.#giveBackAtMs) this.#run(() => this.#giveBack())
  }

  /** Looks now, whoever's turn it is. Never rejects. */
  async look(): Promise<void> {
    // Looked at again in the same turn: of two who wait, one begins and the other waits for it.
    while (this.#running !== undefined) await this.#running
    await this.#run(() => this.#look())
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async status(): Promise<CrlListStatus[]> {
    const { issuer, taken } = this.#options
    const shared = await taken.read()
    return this.#parts.map(({ name }) => {
      const known = shared[this.#keyOf(name)]
      const ended = this.#ended.get(name)
      return {
        issuer: issuer.name,
        list: name,
        place: known?.place,
        number: known?.number,
        thisUpdateMs: known?.thisUpdateMs,
        nextUpdateMs: known?.nextUpdateMs,
        entries: known?.entries,
        lookedAtMs: known?.lookedAtMs,
        result: ended?.result,
        fault: ended === undefined || ended.faults.length === 0 ? undefined : ended.faults.map(sayFault).join('; '),
      }
    })
  }

  #run(work: () => Promise<void>): Promise<void> {
    const running = work()
      .catch((error: unknown) => {
        if (this.#options.signal.aborted) return
        this.#after(false)
        this.#options.ports.log.error('looking at a CRL failed', { issuer: this.#options.issuer.name, error })
      })
      .finally(() => {
        this.#running = undefined
      })
    this.#running = running
    return running
  }

  async #perhapsLook(): Promise<void> {
    if (await this.#isEarly()) return
    const turn = await this.#turn.take()
    // Another gateway may have looked between our reading and our turn.
    if (turn.kind === 'mine' && (await this.#isEarly())) return this.#turn.giveBack()
    if (turn.kind === 'mine') await this.#look()
    else this.#nextInMs(turn.againInMs)
  }

  /** Whether it is not due, as somebody has looked; it is asked again then. */
  async #isEarly(): Promise<boolean> {
    const { taken, ports, list, limits, sinceMs } = this.#options
    const shared = await taken.read({ anew: true })
    const looks = this.#parts.map(({ name }) => shared[this.#keyOf(name)])
    const waitMs = Math.min(
      ...looks.map((look) =>
        dueInMs(look, { nowMs: ports.clock.nowMs(), sinceMs, pollSeconds: list.pollSeconds, limits }),
      ),
    )
    if (waitMs <= 0) return false
    this.#pauseMs = 0
    this.#nextInMs(Math.min(waitMs, askAgainMs))
    return true
  }

  async #look(): Promise<void> {
    let isWell = true
    for (const part of this.#parts) isWell = (await this.#lookAt(part)) && isWell
    this.#after(isWell)
    if (isWell) await this.#giveBack()
  }

  #after(isWell: boolean): void {
    const { list, limits } = this.#options
    const pollMs = list.pollSeconds * 1_000
    if (isWell) this.#pauseMs = 0
    else this.#pauseMs = Math.min(pollMs, this.#pauseMs === 0 ? limits.retrySeconds * 1_000 : this.#pauseMs * 2)
    this.#nextInMs(isWell ? 0 : this.#pauseMs)
    this.#giveBackAtMs = this.#options.ports.clock.monotonicMs() + this.#pauseMs / 2
  }

  #giveBack(): Promise<void> {
    this.#giveBackAtMs = Number.POSITIVE_INFINITY
    return this.#turn.giveBack()
  }

  #nextInMs(durationMs: number): void {
    this.#nextAtMs = this.#options.ports.clock.monotonicMs() + durationMs
  }

  async #lookAt(part: Part): Promise<boolean> {
    const { ports, slots, signal, issuer } = this.#options
    const ended = await slots
      .run(() => this.#lookOnce(part))
      .catch((error: unknown): Ended => {
        signal.throwIfAborted()
        const fault = error instanceof Error ? error.message : String(error)
        return { result: 'failed', faults: [{ place: 'the store', result: 'failed', fault }] }
      })
    this.#ended.set(part.name, ended)
    this.#faults.note(part.name, ended)
    ports.observer.crlLooked(`${issuer.name}/${part.name}`, ended.result)
    return ended.result === 'applied' || ended.result === 'unchanged'
  }

  async #lookOnce(part: Part): Promise<Ended> {
    const { ports, taken, list, limits, issuer, folder, signal } = this.#options
    const shared = await taken.read({ anew: true })
    const known = { complete: shared[this.#keyOf(list.name)], delta: shared[this.#keyOf(`${list.name}+delta`)] }
    if (part.kind === 'delta' && known.complete === undefined) {
      const fault = 'Cannot take a delta list as no complete list has been taken yet'
      return { result: 'unreachable', faults: [{ place: list.name, result: 'unreachable', fault }] }
    }
    const report = await runLook(
      {
        kind: part.kind,
        issuer,
        places: part.places,
        caPem: list.caPem,
        known,
        limits,
        tellsRemoved: list.restoreRemovedHolds,
        folder,
        index: ports.index,
        nowMs: ports.clock.nowMs(),
      },
      this.#takersOf(part),
      signal,
    )
    await this.#noteUnchanged(part, report)
    return report
  }

  async #noteUnchanged({ name }: Part, { result, unchanged }: LookReport): Promise<void> {
    if (unchanged === undefined) return
    const { taken, ports } = this.#options
    const key = this.#keyOf(name)
    const lookedAtMs = result === 'unchanged' ? ports.clock.nowMs() : (await taken.read())[key]?.lookedAtMs
    await taken.note(key, { ...unchanged, lookedAtMs })
  }

  #takersOf(part: Part): LookTakers {
    const { issuer, ports, taken } = this.#options
    const list = `${issuer.name}/${part.name}`
    const actor: CrlActor = {
      name: `crl:${issuer.name}`,
      role: 'crl',
      requestId: `crl-${randomBytes(6).toString('hex')}`,
    }
    const recordedActor = { kind: 'gateway', name: actor.name } as const
    const make = () => new CrlApply({ issuer, list, actor, recordedActor }, ports)
    let apply = make()
    return {
      revoke: (found, serials, reasonCodes) => apply.revoke(found, serials, reasonCodes),
      remove: (found, serials) => apply.remove(found, serials),
      taken: async (found, { warnings }) => {
        const key = this.#keyOf(part.name)
        const lookedAtMs = found.expired ? (await taken.read())[key]?.lookedAtMs : ports.clock.nowMs()
        await taken.note(key, { ...takenOf(found), lookedAtMs })
        apply.recordApplied(found, warnings)
        apply = make()
      },
    }
  }

  #keyOf(name: string): string {
    return `${this.#options.issuer.issuerId}/${name}`
  }
}

function sayFault({ place, fault }: NotedFault): string {
  return `${place}: ${fault}`
}
