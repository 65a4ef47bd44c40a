import { inParallel } from './in-parallel.ts'
import { type ActBody, writeBody } from './notice-body.ts'
import type { LifecyclePorts, NewMail, NoticedAct, User } from './ports.ts'

/** What the notices of acts reach out for. */
export type ActNoticePorts = {
  readonly store: Pick<LifecyclePorts['store'], 'addMails' | 'contractHoldings' | 'user'>
  /** Whether mails are delivered at all, as configured now. */
  enabled(): boolean
  readonly log: LifecyclePorts['log']
  /** Mails were put into the outbox. */
  added(): void
  /** A notice was lost, because too many waited for the store. */
  dropped(): void
  nowMs(): number
  /** Resolves after so many milliseconds, or when the signal aborts. */
  pause(durationMs: number, signal: AbortSignal): Promise<void>
}

/** Acts that wait for the store; one more is dropped. */
export const actsWaitingMax = 100_000
/** Acts whose mails are written at the same time. */
const actsAtOnce = 64
const pauseMs = 1_000
const pauseMsMax = 60_000

type Act = NoticedAct & { readonly atMs: number }

/**
 * Tells the user and the masters of the contract of each issue, renewal and revocation by mail (R10). `note` only takes the act down;
 * the mails are written in the background, again and again while the store is away. An act on the same
 * certificate that is told twice is mailed once; one without a certificate is told by whoever did it only.
 */
export class ActNotices {
  readonly #ports: ActNoticePorts
  readonly #waiting: Act[] = []
  readonly #stop = new AbortController()
  #working: Promise<void> | undefined

  constructor(ports: ActNoticePorts) {
    this.#ports = ports
  }

  /** Never throws and never waits. */
  note(act: NoticedAct): void {
    if (!this.#ports.enabled() || this.#stop.signal.aborted) return
    if (this.#waiting.length >= actsWaitingMax) {
      this.#ports.dropped()
      this.#ports.log.error('Dropped the notice of an act, as too many wait for the store', {
        kind: act.kind,
        loginId: act.loginId,
      })
      return
    }
    this.#waiting.push({ ...act, atMs: this.#ports.nowMs() })
    this.#working ??= this.#work()
  }

  /** Resolves when everything noted so far is in the outbox. */
  async settled(): Promise<void> {
    await this.#working
  }

  /** Takes down nothing more; what waits is tried once more, what is lost then is said in the log. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#working
    const lost = this.#waiting.splice(0)
    for (const _ of lost) this.#ports.dropped()
    if (lost.length > 0)
      this.#ports.log.error('Lost notices of acts, as the store was away at the end', { acts: lost.length })
  }

  async #work(): Promise<void> {
    let waitMs = pauseMs
    while (this.#waiting.length > 0) {
      const acts = this.#waiting.slice(0, actsAtOnce)
      try {
        const mails = await inParallel(acts, (act) => this.#mailsOf(act), { width: actsAtOnce })
        await this.#ports.store.addMails(mails.flat())
        this.#waiting.splice(0, acts.length)
        this.#ports.added()
        waitMs = pauseMs
      } catch (error) {
        this.#ports.log.warn('Cannot write notices of acts; they are tried again', {
          waiting: this.#waiting.length,
          cause: String(error),
        })
        if (!(await this.#paused(waitMs))) break
        waitMs = Math.min(2 * waitMs, pauseMsMax)
      }
    }
    this.#working = undefined
  }

  /** False: the end has come. */
  async #paused(durationMs: number): Promise<boolean> {
    const { signal } = this.#stop
    if (signal.aborted) return false
    await this.#ports.pause(durationMs, signal)
    // Once more after the end was told: the store may be back.
    return true
  }

  async #mailsOf(act: Act): Promise<NewMail[]> {
    const { store } = this.#ports
    const user = await store.user(act.loginId)
    if (user === undefined) return []
    const users = (await store.contractHoldings(user.contractId, act.atMs))?.users.map((held) => held.user) ?? []
    const masters = users.filter(({ role, state, loginId }) => {
      return role === 'master' && state === 'active' && loginId !== user.loginId
    })
    return [user, ...masters].flatMap((reader) => this.#mailTo(reader, act, users) ?? [])
  }

  #mailTo(reader: User, act: Act, users: readonly User[]): NewMail | undefined {
    const { email = '', language = '', name = '' } = reader
    if (email === '') return undefined
    const { kind, loginId, certificate, by, atMs } = act
    const to = reader.loginId === loginId ? 'user' : 'master'
    const body: ActBody = {
      kind,
      loginId,
      to,
      language,
      name,
      atMs,
      by:
        by === loginId
          ? { kind: 'self' }
          : users.some((user) => user.loginId === by)
            ? { kind: 'user', loginId: by }
            : { kind: 'institution' },
      ...certificate,
    }
    const which = certificate?.serial ?? `at-${atMs}`
    const id = `${kind}:${loginId}:${which}:${to === 'user' ? to : `master:${reader.loginId}`}`
    return { id, loginId: reader.loginId, to: email, body: writeBody(body), dueMs: atMs }
  }
}
