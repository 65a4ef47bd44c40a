import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'

/** Somebody logged in. Belongs to one login ID and to the way they came; never valid for another. */
export type BankSession = {
  readonly loginId: string
  readonly loginMethod: 'certificate' | 'password'
  /** Unit: milliseconds since the epoch. */
  readonly beganAtMs: number
  lastUsedAtMs: number
}

const idleMs = 15 * 60_000
const lifeMs = 8 * 3_600_000
const sessionsMax = 10_000

/** The sample bank's sessions, in memory, by the random value in the session cookie. */
export class BankSessions {
  readonly #clock: Clock
  readonly #sessions = new Map<string, BankSession>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Begins a session and returns its cookie value. The oldest session ends when there are too many. */
  begin(who: Pick<BankSession, 'loginId' | 'loginMethod'>): string {
    if (this.#sessions.size >= sessionsMax) {
      const oldest = this.#sessions.keys().next().value
      if (oldest !== undefined) this.#sessions.delete(oldest)
    }
    const token = randomBytes(32).toString('base64url')
    const nowMs = this.#clock.nowMs()
    this.#sessions.set(token, { ...who, beganAtMs: nowMs, lastUsedAtMs: nowMs })
    return token
  }

  /** The session behind a cookie value, if it still runs; using it keeps it running. */
  find(token: string): BankSession | undefined {
    const session = this.#sessions.get(token)
    if (session === undefined) return undefined
    const nowMs = this.#clock.nowMs()
    if (nowMs - session.lastUsedAtMs > idleMs || nowMs - session.beganAtMs > lifeMs) {
      this.#sessions.delete(token)
      return undefined
    }
    session.lastUsedAtMs = nowMs
    return session
  }

  end(token: string): void {
    this.#sessions.delete(token)
  }
}
