import type { TrustState } from '../trust/admit.ts'
import {
  judgePasswordAccess,
  type PasswordAccess,
  type PasswordLogin,
  type PasswordRefusal,
  passwordAccess,
} from '../trust/password-access.ts'
import { fieldClass } from './http1/field-class.ts'
import type { LoginAttempt, LoginRules } from './login-rules.ts'
import type { ForwardRequest } from './request-headers.ts'
import type { CookieBinding, CookieSealer, OwnedCookie } from './sealed-cookies.ts'

/** Logins that one worker remembers: what judging them again needs, and of whom it has told that they are dropped. */
const loginsMax = 10_000

type Remembered = { readonly access: PasswordAccess; told: boolean }

/** What the doors of a worker know of the application's logins with ID and password. */
export class PasswordLogins {
  /** Login IDs that the directory does not know are the application's affair. */
  readonly passUnknown: boolean
  readonly sealer: CookieSealer | undefined
  readonly #rules: LoginRules
  readonly #trust: TrustState
  readonly #remembered = new Map<string, Remembered>()

  constructor(options: {
    rules: LoginRules
    passUnknown: boolean
    sealer: CookieSealer | undefined
    trust: TrustState
  }) {
    this.#rules = options.rules
    this.passUnknown = options.passUnknown
    this.sealer = options.sealer
    this.#trust = options.trust
  }

  /** Undefined: the request logs nobody in. */
  attempt(request: ForwardRequest): LoginAttempt | undefined {
    return this.#rules.attempt(request)
  }

  /** Whether a request shows a cookie of a login while the trust data is too old to say whether that may go on. */
  isUndecidable(request: ForwardRequest): boolean {
    if (this.sealer === undefined || this.#trust.freshness.freshEnough()) return false
    let shown = false
    const admits = ({ login }: OwnedCookie) => {
      shown ||= login !== undefined
      return false
    }
    for (const value of cookieFields(request))
      this.sealer.openCookies(value, { ...passwordBinding, owned: { login: undefined, defaultPath: '/', admits } })
    return shown
  }

  /**
   * Why what a cookie of this login opens may not pass; undefined: it may. `isNews`: it has not been told of this login since it was
   * let through.
   */
  judge(login: PasswordLogin): { readonly refusal: PasswordRefusal; readonly isNews: boolean } | undefined {
    const remembered = this.#remember(login)
    const refusal = judgePasswordAccess(remembered.access, this.#trust)
    const isNews = refusal !== undefined && !remembered.told
    remembered.told = refusal !== undefined
    return refusal && { refusal, isNews }
  }

  #remember(login: PasswordLogin): Remembered {
    const name = `${login.contractId}\0${login.loginId}`
    const known = this.#remembered.get(name)
    if (known !== undefined) return known
    if (this.#remembered.size >= loginsMax) {
      const oldest = this.#remembered.keys().next()
      if (!oldest.done) this.#remembered.delete(oldest.value)
    }
    const remembered = { access: passwordAccess(login), told: false }
    this.#remembered.set(name, remembered)
    return remembered
  }
}

/** Cookies of the public door. */
export const passwordBinding: CookieBinding = { loginMethod: 'password', loginId: undefined }

/** Values of the Cookie fields. */
export function cookieFields({ fields, classes }: Pick<ForwardRequest, 'fields' | 'classes'>): string[] {
  const values: string[] = []
  for (let at = 0; at < classes.length; at++) {
    if (classes[at] === fieldClass.cookie) values.push(fields[at * 2 + 1] as string)
  }
  return values
}
