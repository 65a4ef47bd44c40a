import type { ControlLog, TrustEvent } from '../../control-path/ports.ts'
import type { TrustStore } from '../../control-path/store-port.ts'
import type { LivePush } from './live-message.ts'

export type PushBookOptions = {
  readonly store: Pick<TrustStore, 'revocation'>
  readonly log: Pick<ControlLog, 'warn'>
  /** A push is new, or more is known of it. */
  readonly changed: (push: LivePush) => void
}

/** Of an audit event about a rule; its target is named by the rule's id. */
export type RuleAct = {
  readonly actor: { readonly name: string }
  readonly target?: { readonly name: string }
  readonly reason?: string
}

type Taken = Omit<LivePush, 'id'> & {
  /** One of the certificates, by which the store tells who did it. */
  readonly key?: Parameters<TrustStore['revocation']>[0]
  readonly ruleId?: string
}

/** Pushes that are remembered. */
export const pushesMax = 100
/** What waits for the store is kept apart up to here; the rest is added to the last of its kind. */
const waitingMax = 100
/** What one actor does for one reason within this time is one push. */
const togetherMs = 5_000

/**
 * The last pushes, whichever gateway they were sent to: read from the log of the store as it is applied here. Who did it, and why, comes
 * from the store's record of one of the certificates; of a rule, from the audit events of this gateway.
 */
export class PushBook {
  readonly #options: PushBookOptions
  readonly #waiting: Taken[] = []
  readonly #ruleIds = new Map<string, number>()
  #pushes: LivePush[] = []
  #nextId = 1
  #work: Promise<void> | undefined

  constructor(options: PushBookOptions) {
    this.#options = options
  }

  /** Newest first. */
  get pushes(): readonly LivePush[] {
    return this.#pushes
  }

  /** Events of the store's log were applied. Never throws and never waits. */
  taken(events: readonly TrustEvent[]): void {
    for (const event of events) {
      const taken = readEvent(event)
      if (taken !== undefined) this.#wait(taken)
    }
    if (this.#waiting.length > 0) this.#work ??= this.#settle()
  }

  /** Resolves when everything taken so far is known as well as it can be. */
  async settled(): Promise<void> {
    await this.#work
  }

  /** The store's log does not say who a rule comes from; the audit record, which follows, does. */
  noteRule({ target, actor, reason }: RuleAct): void {
    const id = this.#ruleIds.get(target?.name ?? '')
    const push = this.#pushes.find((one) => one.id === id)
    if (push === undefined) return
    // Rules of two operators can come together before either record: nobody is named for what another did.
    const names = new Set([...(push.actor?.split(', ') ?? []), actor.name])
    const next = { ...push, actor: [...names].join(', '), ...(reason === undefined ? {} : { reason }) }
    if (next.actor !== push.actor || next.reason !== push.reason) this.#put(next)
  }

  #wait(taken: Taken): void {
    const last = this.#waiting.at(-1)
    if (this.#waiting.length < waitingMax || last?.kind !== taken.kind) {
      if (this.#waiting.length < 2 * waitingMax) this.#waiting.push(taken)
      return
    }
    const { atMs, version } = taken
    this.#waiting[this.#waiting.length - 1] = { ...last, atMs, version, count: last.count + taken.count }
  }

  async #settle(): Promise<void> {
    // Not in the turn that applies events: connections are cut in it.
    await Promise.resolve()
    for (let taken = this.#waiting.shift(); taken !== undefined; taken = this.#waiting.shift()) {
      const { key, ruleId, ...push } = { ...taken, ...(await this.#findActor(taken)) }
      const before = this.#pushes[0]
      const isSame =
        before !== undefined &&
        (['kind', 'actor', 'reason'] as const).every((field) => before[field] === push[field]) &&
        push.atMs - before.atMs < togetherMs
      const id = isSame ? before.id : this.#nextId++
      this.#put({ ...push, id, count: push.count + (isSame ? before.count : 0) })
      if (ruleId !== undefined) this.#remember(ruleId, id)
    }
    this.#work = undefined
  }

  async #findActor({ key }: Taken): Promise<Pick<LivePush, 'actor' | 'reason'>> {
    if (key === undefined) return {}
    try {
      const { revocation } = (await this.#options.store.revocation(key)) ?? {}
      return revocation === undefined ? {} : { actor: revocation.actor, reason: revocation.reason }
    } catch (error) {
      this.#options.log.warn('who revoked a certificate could not be read for the live page', { error: String(error) })
      return {}
    }
  }

  #put(push: LivePush): void {
    this.#pushes = [push, ...this.#pushes.filter(({ id }) => id !== push.id)]
      .toSorted((one, other) => other.id - one.id)
      .slice(0, pushesMax)
    this.#options.changed(push)
  }

  #remember(ruleId: string, id: number): void {
    this.#ruleIds.delete(ruleId)
    this.#ruleIds.set(ruleId, id)
    const [oldest] = this.#ruleIds.keys()
    if (this.#ruleIds.size > pushesMax && oldest !== undefined) this.#ruleIds.delete(oldest)
  }
}

function readEvent(event: TrustEvent): Taken | undefined {
  const { kind, version } = event
  switch (kind) {
    case 'revoked': {
      const [key] = event.keys
      const count = event.keys.length
      return { kind, version, atMs: event.atMs, count, ...(key === undefined ? {} : { key }) }
    }
    case 'restored':
      return { kind, version, atMs: event.atMs, count: 1, actor: event.actor }
    case 'rule':
    case 'rule_withdrawn':
      return { kind, version, atMs: event.atMs, count: 1, ruleId: event.ruleId }
    default:
      return undefined
  }
}
