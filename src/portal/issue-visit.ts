import { GatewayError } from '../base/errors.ts'
import type { Caller } from '../lifecycle/caller.ts'
import type { IssueRequest } from '../lifecycle/issue.ts'
import type { PortalCall } from './portal-call.ts'
import type { PortalServices } from './portal-services.ts'

/** Who may have a certificate issued on this call, and by which right: 発行 after the login password, 更新 with the certificate. */
export type IssueVisit = {
  readonly loginId: string
  readonly proof: IssueRequest['proof']
  /** Where the page of it is. */
  readonly page: '/.sekisho/issue' | '/.sekisho/renew'
}

const cookieName = '__Host-sekisho_issue'
const cookieAttributes = 'Path=/; Secure; HttpOnly; SameSite=Strict'
const tokenPattern = /^[A-Za-z0-9_-]{16,128}$/

/**
 * The visit of a call. On the certificate door it is that of the certificate: the cookie counts only on the public door, although
 * browsers send it to every port of a host. Undefined: nobody has authenticated, or it was too long ago.
 */
export async function findVisit(call: PortalCall, services: PortalServices): Promise<IssueVisit | undefined> {
  const { visitor } = call
  if (visitor !== undefined) {
    const proof = { kind: 'certificate', key: visitor.certificateKey } as const
    return { loginId: visitor.loginId, proof, page: '/.sekisho/renew' }
  }
  const token = sessionToken(call)
  if (token === undefined) return undefined
  const loginId = await services.acts.findIssueSession(token)
  return loginId === undefined ? undefined : { loginId, proof: { kind: 'password' }, page: '/.sekisho/issue' }
}

/** The same for scripts. Throws GatewayError `code_invalid`. */
export async function requireVisit(call: PortalCall, services: PortalServices): Promise<IssueVisit> {
  const visit = await findVisit(call, services)
  if (visit === undefined)
    throw new GatewayError('code_invalid', 'Cannot find the session of the issue page: it is over')
  return visit
}

/** The token in the cookie; undefined: there is none of that form. */
export function sessionToken(call: PortalCall): string | undefined {
  const token = call.cookie(cookieName)
  return token !== undefined && tokenPattern.test(token) ? token : undefined
}

/** The field that gives a browser its session; without a token it takes the session away. */
export function sessionField(token: string, lifeSeconds: number): readonly [string, string] {
  return ['Set-Cookie', `${cookieName}=${token}; Max-Age=${lifeSeconds}; ${cookieAttributes}`]
}

/** For limits and the audit log. */
export function callerOf(call: PortalCall): Caller {
  return { requestId: call.requestId, clientAddress: call.clientAddress }
}
