import type { ClientConnection } from './client-connection.ts'
import type { ClientStream } from './client-stream.ts'
import { Exchange } from './exchange.ts'
import type { ExchangeOptions } from './exchange-context.ts'
import { LoginGate } from './login-gate.ts'
import { PasswordVisit } from './password-visit.ts'
import type { ForwardRequest } from './request-headers.ts'
import type { Route } from './route-table.ts'
import { TracedExchange, traceRequest, withTrace } from './traced-exchange.ts'

export type Opening = {
  readonly route: Route
  readonly request: ForwardRequest
  readonly requestId: string
  readonly client: ClientStream
  /** When the first byte of the request came, by the monotonic clock. Unit: milliseconds. */
  readonly startedAtMs: number
}

/** The exchange of a request that its route takes, not started yet; a login with ID and password comes with a gate before it. */
export function openExchange(connection: ClientConnection, opening: Opening): Exchange {
  const { route, requestId, client } = opening
  const request = connection.trace === undefined ? opening.request : traced(connection, opening)
  const permitted = connection.permittedOn(route)
  const { passwordLogins: logins } = connection.door
  const plain = { request, requestId, permitted, client, context: route.exchanges }
  if (logins === undefined || permitted.permit.loginMethod !== 'password') return createExchange(plain)
  const attempt = logins.attempt(request)
  if (attempt === undefined && logins.sealer === undefined) return createExchange(plain)
  const visit = new PasswordVisit(logins, { connection, request, requestId })
  const { cookies } = visit
  const visitor = cookies === undefined ? permitted : permitted.withCookies(cookies)
  if (attempt === undefined) return createExchange({ ...plain, permitted: visitor })
  const gate = new LoginGate({ attempt, connection, client, visit, request })
  // The gate has told the client to go on, and the application gets the body whole.
  const forwarded = { ...request, expectsContinue: false }
  const exchange = createExchange({ ...plain, request: forwarded, permitted: visitor, client: gate })
  gate.guard(exchange)
  return exchange
}

function createExchange(options: ExchangeOptions): Exchange {
  const { trace } = options.request
  return trace === undefined ? new Exchange(options) : new TracedExchange(options, trace)
}

function traced(connection: ClientConnection, { request, requestId, route, startedAtMs }: Opening): ForwardRequest {
  const { method, fields } = request
  const trace = traceRequest(connection, { requestId, method, route: route.name, startedAtMs, fields })
  return trace === undefined ? request : withTrace(request, trace)
}
