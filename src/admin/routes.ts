import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../base/errors.ts'
import type { ReloadCause, ReloadResult } from '../control-path/reload.ts'
import { nameCertificate } from '../lifecycle/issuer-names.ts'
import type { LifecyclePorts } from '../lifecycle/ports.ts'
import { restore } from '../lifecycle/restore.ts'
import { revoke } from '../lifecycle/revoke.ts'
import type { Inspection } from '../trust/inspect.ts'
import type { ConnectionSummary } from '../trust/live-connections.ts'
import { pemBlocks } from '../x509/pem.ts'
import { describeStatus, type StatusSources } from './gateway-status.ts'
import { type Operator, type OperatorRole, operatorRoles } from './operator.ts'
import { readBody, readJson, readQuery } from './request-body.ts'
import { connectionQuery, emptyQuery, restoreQuery, revocationBody, revocationQuery } from './request-schemas.ts'

/** What the admin API works on; given by the assembly. */
export type AdminServices = {
  readonly lifecycle: LifecyclePorts
  /** At most `max` live connections over all workers, oldest first. */
  connections(max: number): Promise<readonly ConnectionSummary[]>
  /** Most connections in one answer. */
  readonly connectionsListMax: number
  /** What each certificate door would say of this certificate (DER) now. */
  inspect(der: Uint8Array): Promise<readonly Inspection[]>
  readonly status: StatusSources
  /** Loads the configuration again. */
  reload(cause: ReloadCause): Promise<ReloadResult>
}

/** Answer of `POST /v1/reload`; a refusal is the problem `reload_refused`, with a line for each reason in its detail. */
export type ReloadAnswer = Exclude<ReloadResult, { result: 'refused' }>

export type AdminCall = {
  readonly request: IncomingMessage
  readonly query: URLSearchParams
  /** The parts of the path that stand for `{…}`, decoded. */
  readonly parameters: readonly string[]
  readonly operator: Operator
  /** The operator's role that allowed the call. */
  readonly role: OperatorRole
  readonly requestId: string
}

export type AdminRoute = {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** `{…}` stands for one part of the path. Also the label of the route in metrics. */
  readonly path: string
  readonly roles: readonly OperatorRole[]
  handle(call: AdminCall, services: AdminServices): Promise<unknown>
}

const readers = operatorRoles

/** The whole admin API. */
export const adminRoutes: readonly AdminRoute[] = [
  { method: 'POST', path: '/v1/revocations', roles: ['security', 'branch'], handle: postRevocations },
  { method: 'GET', path: '/v1/revocations', roles: readers, handle: listRevocations },
  { method: 'DELETE', path: '/v1/revocations/{issuer}/{serial}', roles: ['security'], handle: deleteRevocation },
  { method: 'GET', path: '/v1/connections', roles: readers, handle: listConnections },
  { method: 'GET', path: '/v1/issuers', roles: readers, handle: listIssuers },
  { method: 'POST', path: '/v1/inspect', roles: readers, handle: inspectCertificate },
  { method: 'GET', path: '/v1/status', roles: readers, handle: showStatus },
  // Issuers and what a certificate must look like stand in the configuration: whoever puts it in force decides on trust.
  { method: 'POST', path: '/v1/reload', roles: ['security'], handle: postReload },
]

/** Throws `admin_not_found`, naming the methods of the path if only the method is wrong. */
export function findRoute(method: string, path: string): { route: AdminRoute; parameters: readonly string[] } {
  const parts = path.split('/')
  const others: string[] = []
  for (const route of adminRoutes) {
    const parameters = matchPath(route.path.split('/'), parts)
    if (parameters === undefined) continue
    if (route.method === method) return { route, parameters: parameters.map(decode) }
    others.push(route.method)
  }
  const shown = JSON.stringify(`${method} ${path}`.slice(0, 200))
  const hint = others.length === 0 ? '' : ` (this path takes ${others.join(', ')})`
  throw new GatewayError('admin_not_found', `Cannot find the route${hint}: current value is ${shown}`)
}

function matchPath(pattern: readonly string[], parts: readonly string[]): string[] | undefined {
  if (pattern.length !== parts.length) return undefined
  const parameters: string[] = []
  for (const [position, expected] of pattern.entries()) {
    const part = parts[position] ?? ''
    if (expected.startsWith('{')) parameters.push(part)
    else if (expected !== part) return undefined
  }
  return parameters
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new GatewayError('admin_request_invalid', 'Cannot read the path: its percent-encoding is broken')
  }
}

async function postRevocations(call: AdminCall, { lifecycle }: AdminServices): Promise<unknown> {
  readQuery(call.query, emptyQuery)
  const body = await readJson(call.request, revocationBody)
  if (body.certificates.length > 0 && !call.operator.roles.includes('security')) {
    throw new GatewayError(
      'admin_role_missing',
      'Cannot revoke by serial number without the role security: name the login ID instead',
      { path: 'certificates' },
    )
  }
  return await revoke(body, actorOf(call), lifecycle)
}

async function listRevocations(call: AdminCall, { lifecycle }: AdminServices): Promise<unknown> {
  const { issuer, loginId, cursor, limit } = readQuery(call.query, revocationQuery)
  const page = await lifecycle.store.revocations({
    limit,
    ...(issuer === undefined ? {} : { issuerId: findIssuerId(issuer, lifecycle) }),
    ...(loginId === undefined ? {} : { loginId }),
    ...(cursor === undefined ? {} : { cursor }),
  })
  return {
    revocations: page.revocations.map(({ key, revokedAtMs, ...revocation }) => ({
      ...nameCertificate(key, lifecycle.issuers),
      ...revocation,
      revokedAt: new Date(revokedAtMs).toISOString(),
    })),
    ...(page.nextCursor === undefined ? {} : { nextCursor: page.nextCursor }),
  }
}

async function deleteRevocation(call: AdminCall, { lifecycle }: AdminServices): Promise<unknown> {
  const { dryRun, ...why } = readQuery(call.query, restoreQuery)
  const [issuer = '', serial = ''] = call.parameters
  const request = { certificate: { issuer, serial }, dryRun: dryRun === 'true', ...why }
  return await restore(request, actorOf(call), lifecycle)
}

async function listConnections(call: AdminCall, services: AdminServices): Promise<unknown> {
  const { loginId } = readQuery(call.query, connectionQuery)
  const { lifecycle, connectionsListMax: max } = services
  // One more than is shown, to know whether there are more.
  const found =
    loginId === undefined ? await services.connections(max + 1) : await lifecycle.workers.connectionsOf(loginId)
  return {
    connections: found.slice(0, max).map(({ certificateKey, openedAtMs, ...connection }) => ({
      ...(certificateKey === undefined ? {} : nameCertificate(certificateKey, lifecycle.issuers)),
      ...connection,
      openedAt: new Date(openedAtMs).toISOString(),
    })),
    truncated: found.length > max,
  }
}

async function listIssuers(call: AdminCall, { lifecycle }: AdminServices): Promise<unknown> {
  readQuery(call.query, emptyQuery)
  return {
    issuers: lifecycle.issuers.map(({ name, issuerId }) => ({
      name,
      issuerId,
      redisKey: `{sekisho}:revoked:${issuerId}`,
    })),
  }
}

async function inspectCertificate(call: AdminCall, services: AdminServices): Promise<unknown> {
  readQuery(call.query, emptyQuery)
  const body = await readBody(call.request)
  const text = body.toString('latin1')
  const der = text.includes('-----BEGIN ') ? pemBlocks(text, 'CERTIFICATE')[0] : body
  if (der === undefined || der.length === 0) {
    throw new GatewayError('certificate_unreadable', 'Cannot inspect the body: it holds no certificate (PEM or DER)')
  }
  return { inspections: await services.inspect(der) }
}

async function showStatus(call: AdminCall, { status }: AdminServices): Promise<unknown> {
  readQuery(call.query, emptyQuery)
  return describeStatus(status)
}

async function postReload(call: AdminCall, { reload }: AdminServices): Promise<ReloadAnswer> {
  readQuery(call.query, emptyQuery)
  const result = await reload({ kind: 'operator', name: call.operator.name, requestId: call.requestId })
  if (result.result === 'refused') throw new GatewayError('reload_refused', result.problems.join('\n'))
  return result
}

function findIssuerId(issuer: string, { issuers }: LifecyclePorts): string {
  const found = issuers.find(({ name, issuerId }) => name === issuer || issuerId === issuer.toLowerCase())
  if (found !== undefined) return found.issuerId
  const names = issuers.map(({ name }) => name).join(', ')
  const shown = JSON.stringify(issuer.slice(0, 100))
  throw new GatewayError(
    'admin_request_invalid',
    `Cannot use issuer as a configured issuer (${names}): current value is ${shown}`,
    { path: 'issuer' },
  )
}

function actorOf({ operator, role, requestId }: AdminCall) {
  return { name: operator.name, role, requestId }
}
