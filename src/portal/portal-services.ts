import type { GatewayConfig } from '../config/gateway-config.ts'
import type { Caller } from '../lifecycle/caller.ts'
import type { IssuedCertificate, IssueRequest } from '../lifecycle/issue.ts'
import type { LifecyclePorts } from '../lifecycle/ports.ts'
import type { EnrolReport } from './est/enrol-report.ts'
import type { UserRow } from './user-rows.ts'

/** What the pages work with; the assembly gives it. */
export type PortalServices = {
  readonly lifecycle: LifecyclePorts
  /** What the pages do; `portalActs` binds the life of certificates. */
  readonly acts: PortalActs
  readonly institution: GatewayConfig['institution']
  /** IANA name. */
  readonly timeZone: string
  /** Where users reach the doors (host:port, as browsers write it); `alternates` are other names of the certificate door. */
  authorities(): { readonly public: string; readonly certificate: string; readonly alternates: readonly string[] }
  /** Path on the public door where the banking application logs in with passwords. */
  readonly passwordLoginPath: string
  /** Days before expiry at which users are told, as configured for this contract (R10). */
  noticeDays(contractId: string): Promise<readonly number[]>
  /** Days before expiry from which renewal is offered (R11). */
  renewalDueDays(): number
}

/** Who does something on a page of the certificate door. */
export type Person = { readonly loginId: string; readonly contractId: string; readonly role: 'master' | 'general' }

type Proof = IssueRequest['proof']

/** The acts behind the pages, over `lifecycle/`. Refusals are thrown as GatewayError; `fault-words.ts` has words for each. */
export type PortalActs = {
  /** Answers the login ID as the directory writes it. */
  checkLogin(credentials: { readonly loginId: string; readonly password: string }, caller: Caller): Promise<string>
  /** Answers the token of a new session of the issue page. */
  openIssueSession(loginId: string): Promise<string>
  /** The login ID of a session; undefined: there is none (any more). */
  findIssueSession(token: string): Promise<string | undefined>
  closeIssueSession(token: string): Promise<void>
  issue(request: IssueRequest, caller: Caller): Promise<IssuedCertificate>
  makeEnrolmentCode(who: {
    readonly loginId: string
    readonly proof: Proof
  }): Promise<{ readonly code: string; readonly lifeSeconds: number }>
  /** Expects the enrolment script with this code to tell how it ended. */
  openReport(expected: { readonly loginId: string; readonly code: string }): Promise<void>
  /** How the newest script of the login ID ended; undefined: it has not told (yet). */
  readReport(loginId: string): Promise<EnrolReport['outcome'] | undefined>
  /** All users of a contract. */
  listUsers(contractId: string): Promise<readonly UserRow[]>
  mayRevoke(revoker: Person, target: Person): boolean
  revoke(
    request: { readonly revoker: Person; readonly targetLoginId: string; readonly confirmationPassword: string },
    caller: Caller,
  ): Promise<void>
  unlock(request: { readonly master: Person; readonly loginId: string }, caller: Caller): Promise<void>
}
