import type { TrustState } from './admit.ts'
import type { DirectoryAnswer } from './directory-answer.ts'
import { type Fingerprint, fingerprintOf } from './fingerprint.ts'

/** Whose login with ID and password it is. */
export type PasswordLogin = { readonly loginId: string; readonly contractId: string }

/** A login with ID and password that the gateway has recognised, with what judging it again needs, prepared once. */
export type PasswordAccess = PasswordLogin & {
  readonly contractEntry: Fingerprint
  readonly suspendedEntry: Fingerprint
}

/** A "no" to ID and password. `detail` is for operators. The user is told the same for all but stale data: nobody learns who exists. */
export type PasswordRefusal = {
  readonly kind: 'refused'
  readonly reason: 'login_method_mismatch' | 'login_id_unknown' | 'user_suspended' | 'trust_data_stale'
  readonly detail: string
  /** Undefined where nobody is known by what was typed: it may be anything, a password in the wrong field included. */
  readonly login: PasswordLogin | undefined
}

/** What a login ID on the public door comes to. `unknown`: let through without being anybody's, where that is configured. */
export type PasswordVerdict =
  | { readonly kind: 'access'; readonly access: PasswordAccess }
  | { readonly kind: 'unknown' }

/** What judging looks at. */
export type PasswordState = Pick<TrustState, 'index' | 'freshness'>

/** What judging a login with ID and password looks at, made once for each. */
/** Prepares what judging the login again needs. */
export function passwordAccess({ loginId, contractId }: PasswordLogin): PasswordAccess {
  return {
    loginId,
    contractId,
    contractEntry: fingerprintOf('password_mode', contractId),
    suspendedEntry: fingerprintOf('suspended', loginId),
  }
}

/**
 * Whether a login ID may log in with a password (R21, R22): its user is known, active, and of a contract in password mode, which has an
 * entry in the index; no entry means certificate mode. `passUnknown`: whom the directory does not know is the application's affair.
 */
export function judgePasswordLogin(
  typed: { loginId: string; answer: DirectoryAnswer | 'unavailable'; passUnknown: boolean },
  state: PasswordState,
): PasswordVerdict | PasswordRefusal {
  const { loginId, answer } = typed
  const stale = answer === 'unavailable' ? 'the directory did not answer' : staleness(state)
  if (stale !== undefined || answer === 'unavailable')
    return { kind: 'refused', reason: 'trust_data_stale', detail: stale ?? '', login: undefined }
  if (answer.user === undefined) {
    if (typed.passUnknown) return { kind: 'unknown' }
    const detail = 'the directory has no such login ID'
    return { kind: 'refused', reason: 'login_id_unknown', detail, login: undefined }
  }
  const access = passwordAccess({ loginId, contractId: answer.user.contractId })
  return judgePasswordAccess(access, state) ?? { kind: 'access', access }
}

/** Why a login that was let in before may not go on; undefined: it may. */
export function judgePasswordAccess(access: PasswordAccess, state: PasswordState): PasswordRefusal | undefined {
  const { loginId, contractId } = access
  const refuse = (reason: PasswordRefusal['reason'], detail: string): PasswordRefusal => ({
    kind: 'refused',
    reason,
    detail,
    login: { loginId, contractId },
  })
  if (state.index.has(access.suspendedEntry)) return refuse('user_suspended', 'the user is suspended')
  if (!state.index.has(access.contractEntry))
    return refuse('login_method_mismatch', `contract ${contractId} is in certificate mode`)
  const stale = staleness(state)
  return stale === undefined ? undefined : refuse('trust_data_stale', stale)
}

/** How old the trust data is, if that is too old to judge by; undefined: it is fresh enough. */
export function staleness({ freshness }: Pick<PasswordState, 'freshness'>): string | undefined {
  if (freshness.freshEnough()) return undefined
  return `the store was last heard ${Math.round(freshness.ageMs() / 1_000)} s ago`
}
