import type { FaultCode } from '../base/errors.ts'
import { demandCertificate, judgeAgain } from '../trust/admit.ts'
import type { Denial } from '../trust/denial.ts'
import type { ClientConnection } from './client-connection.ts'
import { normaliseHost } from './host-check.ts'
import { fieldClass } from './http1/field-class.ts'
import type { FieldList } from './http1/field-list.ts'
import type { Page } from './ports.ts'
import type { ForwardRequest } from './request-headers.ts'
import type { Route } from './route-table.ts'

/** A request that is answered by a page of its fault, with these fields added. */
export type Refusal = { readonly kind: 'refusal'; readonly code: FaultCode; readonly fields: FieldList }

/** A page of the gateway's own. */
export type OwnAnswer = { readonly kind: 'own'; readonly page: Page }

/**
 * What becomes of a request, whichever version of HTTP brought it: the route it takes, or why not. Asked once for each request,
 * before anything of it is sent anywhere. A denial ends the connection after its page, so that a browser may choose again (R13).
 *
 * A route that takes WebSocket has counted one for the user by then: `recordExchange` takes it back.
 */
export function openRequest(
  connection: ClientConnection,
  request: ForwardRequest,
): Route | Denial | Refusal | OwnAnswer {
  const { door, verdict } = connection
  const host = connection.acceptHost(request.host)
  if (host === undefined) return refuse('host_mismatch')
  if (verdict === undefined) return refuse('internal')
  const now = verdict.kind === 'permit' ? judgeAgain(verdict, door.trust) : verdict
  if (now.kind === 'permit') {
    const own = door.ownPages.find(request.target)
    if (own !== undefined) return { kind: 'own', page: own() }
  }
  const route = door.routes.find(host, request.target)
  // Whoever was permitted and is no more has been vouched for on this connection: even a route open to everybody wants a new one.
  const passes = verdict.kind === 'denial' && typeof route === 'object' && route.certificate === 'optional'
  // Nor may anybody log in with a password there.
  if (now.kind === 'denial' && (!passes || door.passwordLogins?.attempt(request) !== undefined)) return now
  if (door.certificates === undefined && door.passwordLogins?.isUndecidable(request)) return refuse('store_unavailable')
  if (route === undefined) return refuse('request_not_found')
  if (route === 'ambiguous') return refuse('path_ambiguous')
  const missing = now.kind === 'permit' && route.certificate === 'required' ? demandCertificate(now) : undefined
  return missing ?? checkRequest(connection, request, route) ?? route
}

function checkRequest(connection: ClientConnection, request: ForwardRequest, route: Route): Refusal | undefined {
  if (route.methods !== undefined && !route.methods.has(request.method)) {
    return refuse('method_not_allowed', ['Allow', [...route.methods].join(', ')])
  }
  const { framing } = request
  if (framing.kind === 'length' && framing.bytes > route.exchanges.limits.bodyBytesMax) return refuse('body_too_large')
  if (!request.webSocket || !route.webSocket) return undefined
  if (!originMatches(connection, request)) return refuse('upgrade_origin_mismatch')
  const { door } = connection
  return door.upgrades.enter(connection.userKey, door.limits.webSocketsPerUserMax) ? undefined : refuse('upgrade_limit')
}

/**
 * A client certificate is ambient authority and WebSocket knows no same-origin policy, so pages of other origins may not open one
 * in the user's name (RFC 6455 10.2). Its own are the door's names on the port the client came to: another port of the same machine
 * is another program. Clients that are no browsers send no Origin.
 */
function originMatches({ door }: ClientConnection, { host, fields, classes }: ForwardRequest): boolean {
  for (let at = 0; at < classes.length; at++) {
    if (classes[at] !== fieldClass.origin) continue
    const origin = (fields[at * 2 + 1] as string).toLowerCase()
    if (door.webSocketOrigins.has(origin)) continue
    const authority = origin.slice(8)
    if (!origin.startsWith('https://') || !door.hostNames.has(normaliseHost(authority) ?? '')) return false
    if (portOf(authority) !== portOf(host)) return false
  }
  return true
}

/** Of host:port; https has 443 where none is said (RFC 9110 4.2.2). */
function portOf(authority: string): string {
  return /:(\d+)$/.exec(authority)?.[1] ?? '443'
}

function refuse(code: FaultCode, fields: FieldList = []): Refusal {
  return { kind: 'refusal', code, fields }
}
