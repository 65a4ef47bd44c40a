import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { Clock } from '../base/clock.ts'
import type { BankPerson } from './bank-person.ts'

/** `wait`: too many wrong passwords in a row; the password was not looked at. */
export type SignInResult =
  | { readonly kind: 'accepted'; readonly person: BankPerson }
  | { readonly kind: 'refused' }
  | { readonly kind: 'wait'; readonly seconds: number }

type Hashed = { readonly salt: Buffer; readonly hash: Buffer; readonly person: BankPerson | undefined }
type Failures = { count: number; lastAtMs: number }

const derive = promisify<string, Buffer, number, Buffer>(scrypt)
const hashBytes = 32
const passwordCharactersMax = 256
const wrongInARowMax = 5
const waitMs = 60_000
const countedMax = 10_000

/** The sample bank's check of login passwords: hashed, alike for known and unknown login IDs, and throttled. */
export class SignIn {
  readonly #clock: Clock
  readonly #people: ReadonlyMap<string, Hashed>
  readonly #nobody: Hashed
  readonly #failures = new Map<string, Failures>()

  private constructor(made: { people: Map<string, Hashed>; nobody: Hashed; clock: Clock }) {
    this.#people = made.people
    this.#nobody = made.nobody
    this.#clock = made.clock
  }

  static async create(people: readonly BankPerson[], clock: Clock): Promise<SignIn> {
    const hashed = await Promise.all(people.map((person) => hashPassword(person.loginPassword, person)))
    const nobody = await hashPassword(randomBytes(16).toString('hex'), undefined)
    const byLoginId = new Map(people.map((person, index) => [person.loginId, hashed[index] ?? nobody]))
    return new SignIn({ people: byLoginId, nobody, clock })
  }

  /**
   * Checks a login ID and password. Five wrong ones, each within a minute of the last, make the login ID wait a minute.
   * They are counted for each way in apart, so that guessing on the public door cannot lock out the holder of a
   * certificate.
   */
  async check(attempt: {
    loginId: string
    password: string
    loginMethod: BankPerson['loginMethod']
  }): Promise<SignInResult> {
    const key = `${attempt.loginMethod} ${attempt.loginId}`
    const failures = this.#failures.get(key) ?? { count: 0, lastAtMs: 0 }
    const waitedMs = this.#clock.nowMs() - failures.lastAtMs
    if (waitedMs >= waitMs) failures.count = 0
    if (failures.count >= wrongInARowMax) return { kind: 'wait', seconds: Math.ceil((waitMs - waitedMs) / 1_000) }
    // Counted before the password is looked at, so that attempts sent at the same time count as well.
    failures.count++
    failures.lastAtMs = this.#clock.nowMs()
    this.#remember(key, failures)
    const known = this.#people.get(attempt.loginId) ?? this.#nobody
    const hash = await derive(attempt.password.slice(0, passwordCharactersMax), known.salt, hashBytes)
    if (!timingSafeEqual(hash, known.hash) || known.person === undefined) return { kind: 'refused' }
    this.#failures.delete(key)
    return { kind: 'accepted', person: known.person }
  }

  #remember(key: string, failures: Failures): void {
    this.#failures.delete(key)
    if (this.#failures.size >= countedMax) {
      const oldest = this.#failures.keys().next().value
      if (oldest !== undefined) this.#failures.delete(oldest)
    }
    this.#failures.set(key, failures)
  }
}

async function hashPassword(password: string, person: BankPerson | undefined): Promise<Hashed> {
  const salt = randomBytes(16)
  return { salt, hash: await derive(password.slice(0, passwordCharactersMax), salt, hashBytes), person }
}
