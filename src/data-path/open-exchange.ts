import type { ClientConnection } from './client-connection.ts'
import type { ClientStream } from './client-stream.ts'
import { Exchange } from './exchange.ts'
import { LoginGate } from './login-gate.ts'
import { PasswordVisit } from './password-visit.ts'
import type { ForwardRequest } from './request-headers.ts'
import type { Route } from './route-table.ts'

export type Opening = {
  readonly route: Route
  readonly request: ForwardRequest
  readonly requestId: string
  readonly client: ClientStream
}

/** The exchange of a request that its route takes, not started yet; a login with ID and password comes with a gate before it. */
export function openExchange(connection: ClientConnection, { route, request, requestId, client }: Opening): Exchange {
  const permitted = connection.permittedOn(route)
  const { passwordLogins: logins } = connection.door
  const plain = { request, requestId, permitted, client, context: route.exchanges }
  if (logins === undefined || permitted.permit.loginMethod !== 'password') return new Exchange(plain)
  const attempt = logins.attempt(request)
  if (attempt === undefined && logins.sealer === undefined) return new Exchange(plain)
  const visit = new PasswordVisit(logins, { connection, request, requestId })
  const { cookies } = visit
  const visitor = cookies === undefined ? permitted : permitted.withCookies(cookies)
  if (attempt === undefined) return new Exchange({ ...plain, permitted: visitor })
  const gate = new LoginGate({ attempt, connection, client, visit, request })
  // The gate has told the client to go on, and the application gets the body whole.
  const forwarded = { ...request, expectsContinue: false }
  const exchange = new Exchange({ ...plain, request: forwarded, permitted: visitor, client: gate })
  gate.guard(exchange)
  return exchange
}
