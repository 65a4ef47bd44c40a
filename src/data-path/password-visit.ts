import type { FaultCode } from '../base/errors.ts'
import type { PasswordLogin } from '../trust/password-access.ts'
import type { ClientConnection } from './client-connection.ts'
import type { FieldList } from './http1/field-list.ts'
import { cookieFields, type PasswordLogins, passwordBinding } from './password-logins.ts'
import type { CookieTreatment } from './permitted-client.ts'
import type { RefusalRecord } from './ports.ts'
import type { ForwardRequest } from './request-headers.ts'
import type { CookieBinding, OwnedCookie } from './sealed-cookies.ts'

/** Why a login was refused, as the audit log has it. */
export type LoginRefusal = {
  readonly code: FaultCode
  /** Default: the code. */
  readonly reason?: RefusalRecord['reason']
  readonly detail: string
  readonly login?: PasswordLogin | undefined
}

/**
 * One request on the public door, as far as logins with ID and password go: whose cookies it shows, whether those may go on, and
 * whose the cookies of its answer are. A connection that shows one is known by it, and is cut when that login may not go on.
 */
export class PasswordVisit {
  readonly logins: PasswordLogins
  readonly #connection: ClientConnection
  readonly #requestId: string
  readonly #defaultPath: string
  readonly #opened = new Map<string, string>()
  /** Cookies that were shown and may go on. */
  readonly #shown: OwnedCookie[] = []
  /** Names of cookies that the answer sets. */
  readonly #set = new Set<string>()
  #login: PasswordLogin | undefined

  constructor(
    logins: PasswordLogins,
    of: { connection: ClientConnection; request: ForwardRequest; requestId: string },
  ) {
    this.logins = logins
    this.#connection = of.connection
    this.#requestId = of.requestId
    this.#defaultPath = defaultPathOf(of.request.target)
    // Judged now, in the turn in which the connection is registered; the request's head may wait before it is written.
    if (logins.sealer !== undefined) for (const value of cookieFields(of.request)) this.#open(value)
  }

  /** Undefined: no cookies are sealed. */
  get cookies(): CookieTreatment | undefined {
    const { sealer } = this.logins
    if (sealer === undefined) return undefined
    return {
      open: (value) => this.#opened.get(value) ?? '',
      seal: (value) => {
        this.#set.add(value.split('=', 1)[0]?.trim() ?? '')
        return sealer.sealSetCookie(value, this.#binding)
      },
    }
  }

  /**
   * The request logs this user in: the cookies of its answer are theirs. Undefined: somebody unknown. Returns false when the connection
   * ends instead.
   */
  logIn(login: PasswordLogin | undefined): boolean {
    this.#login = login
    return login === undefined || this.#register(login)
  }

  /**
   * Set-Cookie fields for the answer to a login of an application that goes on with the cookie it gave before: the same value, which
   * belongs to the user from now on. Otherwise a switch to certificate mode would not end that session.
   */
  rebound(): FieldList {
    const { sealer } = this.logins
    const login = this.#login
    if (sealer === undefined || login === undefined) return []
    const others = this.#shown.filter(
      ({ name, login: owner, attributes }) =>
        attributes !== '' && !this.#set.has(name) && (owner === undefined || !isSame(owner, login)),
    )
    return others.flatMap(({ name, plain, attributes }) => [
      'Set-Cookie',
      sealer.sealSetCookie(`${name}=${plain}${attributes}`, this.#binding),
    ])
  }

  /** Audits a refused login (R25). */
  recordRefusal({ code, reason = code, detail, login }: LoginRefusal): void {
    const { door, clientAddress } = this.#connection
    door.audit.refused({
      requestId: this.#requestId,
      door: door.name,
      clientAddress,
      reason,
      detail,
      certificateSerial: undefined,
      loginId: login?.loginId,
    })
  }

  get #binding(): CookieBinding {
    const owned = {
      login: this.#login,
      defaultPath: this.#defaultPath,
      admits: (cookie: OwnedCookie) => this.#admits(cookie),
    }
    return { ...passwordBinding, owned }
  }

  #open(value: string): void {
    const opened = this.logins.sealer?.openCookies(value, this.#binding)
    this.#opened.set(value, opened ?? '')
  }

  #admits(cookie: OwnedCookie): boolean {
    const { login } = cookie
    if (login !== undefined && !this.#mayGoOn(login)) return false
    this.#shown.push(cookie)
    return true
  }

  #mayGoOn(login: PasswordLogin): boolean {
    const judged = this.logins.judge(login)
    if (judged === undefined) {
      this.#login ??= login
      return this.#register(login)
    }
    if (judged.isNews) {
      const code = 'login_method_mismatch'
      const { reason, detail } = judged.refusal
      this.#connection.door.metrics.fault(code)
      this.recordRefusal({ code, reason, detail: `a session cookie was dropped: ${detail}`, login })
    }
    return false
  }

  #register(login: PasswordLogin): boolean {
    const connection = this.#connection
    if (connection.door.trust.live.notePassword(connection, login)) return true
    // It has carried too many users to be known by all of them. What is under way is set up first, so that it is ended too.
    process.nextTick(() => connection.end('login_limit'))
    return false
  }
}

function isSame(a: PasswordLogin, b: PasswordLogin): boolean {
  return a.loginId === b.loginId && a.contractId === b.contractId
}

/** RFC 6265 5.1.4. */
function defaultPathOf(target: string): string {
  const [path = ''] = target.split(/[?;]/, 1)
  return path.slice(0, path.lastIndexOf('/')) || '/'
}
