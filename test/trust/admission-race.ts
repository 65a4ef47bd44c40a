import type { CutSelector, RecheckScope } from '../../src/trust/live-connections.ts'
import { issuerId, keyOf } from './trust-fakes.ts'

/** What the writer of a race and the threads that admit connections agree on: what becomes of the certificate of each number. */
export type Fate = 'entry' | 'bulk' | 'login_rule' | 'issuer_rule' | 'stays'

/** What the writer tells a thread after it has changed the index, as the control thread does. */
export type RaceMessage =
  | { readonly type: 'start' | 'end' }
  | { readonly type: 'cut'; readonly selector: CutSelector }
  | { readonly type: 'recheck'; readonly scope: RecheckScope }

/** What became of a thread's connections. */
export type RaceReport = {
  readonly denied: number
  readonly cut: number
  /** Still there, though their certificate is revoked. */
  readonly missed: number
  /** Not there any more, though their certificate is not. */
  readonly wronged: number
  /** Permitted connections that a cut would not have found. */
  readonly untracked: number
}

export function fateOf(number: number): Fate {
  const fates = ['entry', 'bulk', 'login_rule', 'entry', 'stays'] as const
  return number % 100 === 3 ? 'issuer_rule' : (fates[number % 5] as Fate)
}

export function serialOf(number: number): string {
  return (number + 1).toString(16)
}

export function loginIdOf(number: number): string {
  return `user${number}`
}

/** Those that a rule on their issuer revokes have an issuer of their own each. */
export function issuerOf(number: number): string {
  return fateOf(number) === 'issuer_rule' ? number.toString(16).padStart(32, 'a') : issuerId
}

export function raceKeyOf(number: number) {
  return keyOf(serialOf(number))
}
