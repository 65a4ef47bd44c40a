import { GatewayError } from '../base/errors.ts'
import type { ReloadResult } from '../control-path/reload.ts'
import { nameCertificate } from '../lifecycle/issuer-names.ts'
import { pemBlocks } from '../x509/pem.ts'
import type { AdminCall, AdminRoute, AdminServices } from './admin-call.ts'
import { postBulkRevocations } from './bulk-revocations.ts'
import { certificateRoutes } from './certificate-routes.ts'
import { contractRoutes } from './contract-routes.ts'
import { crlRoutes } from './crl-routes.ts'
import { directoryRoutes } from './directory-routes.ts'
import { listGateways } from './gateway-list.ts'
import { describeStatus } from './gateway-status.ts'
import { liveRoute } from './live/live-route.ts'
import { noticeRoutes } from './notice-routes.ts'
import { describeOpenApi } from './openapi.ts'
import { operatorRoles } from './operator.ts'
import { readBody, readQuery } from './request-body.ts'
import {
  bulkEntry,
  bulkQuery,
  connectionQuery,
  emptyQuery,
  restoreQuery,
  revocationBody,
  revocationQuery,
  ruleBody,
  ruleQuery,
  withdrawQuery,
} from './request-schemas.ts'
import { deleteRevocation, listRevocations, postRevocations } from './revocation-routes.ts'
import { deleteRule, listRules, postRule } from './rule-routes.ts'
import { userRoutes } from './user-routes.ts'

/** Answer of `POST /v1/reload`; a refusal is the problem `reload_refused`, with a line for each reason in its detail. */
export type ReloadAnswer = Exclude<ReloadResult, { result: 'refused' }>

const readers = operatorRoles

/** The whole admin API. */
export const adminRoutes: readonly AdminRoute[] = [
  {
    method: 'POST',
    path: '/v1/revocations',
    roles: ['security', 'branch'],
    handle: postRevocations,
    docs: {
      summary: 'Revokes certificates, and all that login IDs had; branch by login ID alone',
      body: revocationBody,
    },
  },
  {
    method: 'GET',
    path: '/v1/revocations',
    roles: readers,
    handle: listRevocations,
    docs: { summary: 'Revocations in force, newest first', query: revocationQuery },
  },
  {
    method: 'DELETE',
    path: '/v1/revocations/{issuer}/{serial}',
    roles: ['security'],
    handle: deleteRevocation,
    docs: { summary: 'Takes a revocation back: a correction', query: restoreQuery },
  },
  {
    method: 'POST',
    path: '/v1/revocations/bulk',
    roles: ['security'],
    streams: true,
    handle: postBulkRevocations,
    docs: {
      summary: 'Revokes what is sent line by line, and tells after each batch how far it is',
      query: bulkQuery,
      body: bulkEntry,
      bodyTypes: ['application/x-ndjson'],
      answerTypes: ['application/x-ndjson'],
    },
  },
  {
    method: 'GET',
    path: '/v1/revocation-rules',
    roles: readers,
    handle: listRules,
    docs: { summary: 'Revocation rules in force, newest first', query: ruleQuery },
  },
  {
    method: 'POST',
    path: '/v1/revocation-rules',
    roles: ['security'],
    handle: postRule,
    docs: { summary: 'Refuses all that a CA issued in a span of time', body: ruleBody },
  },
  {
    method: 'DELETE',
    path: '/v1/revocation-rules/{ruleId}',
    roles: ['security'],
    handle: deleteRule,
    docs: { summary: 'Takes a rule back: a correction', query: withdrawQuery },
  },
  ...crlRoutes,
  ...contractRoutes,
  ...userRoutes,
  ...certificateRoutes,
  ...noticeRoutes,
  ...directoryRoutes,
  {
    method: 'GET',
    path: '/v1/gateways',
    roles: readers,
    handle: showGateways,
    docs: { summary: 'Every gateway of the store, and how far it is behind' },
  },
  liveRoute,
  {
    method: 'GET',
    path: '/v1/connections',
    roles: readers,
    handle: listConnections,
    docs: { summary: 'Live connections of the certificate doors', query: connectionQuery },
  },
  {
    method: 'GET',
    path: '/v1/issuers',
    roles: readers,
    handle: listIssuers,
    docs: { summary: 'The configured issuing CAs' },
  },
  {
    method: 'POST',
    path: '/v1/inspect',
    roles: readers,
    handle: inspectCertificate,
    docs: {
      summary: 'What each certificate door would say of a certificate (PEM or DER)',
      bodyTypes: ['application/pem-certificate-chain', 'application/pkix-cert', 'application/octet-stream'],
    },
  },
  {
    method: 'GET',
    path: '/v1/status',
    roles: readers,
    handle: showStatus,
    docs: { summary: 'State of the gateway that answers' },
  },
  // Issuers and what a certificate must look like stand in the configuration: whoever puts it in force decides on trust.
  {
    method: 'POST',
    path: '/v1/reload',
    roles: ['security'],
    handle: postReload,
    docs: { summary: 'Puts the configuration as it is on disk in force' },
  },
  {
    method: 'GET',
    path: '/v1/openapi.json',
    roles: readers,
    handle: showOpenApi,
    docs: { summary: 'This document: OpenAPI 3.1' },
  },
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

async function showOpenApi(call: AdminCall, { status }: AdminServices): Promise<unknown> {
  readQuery(call.query, emptyQuery)
  return describeOpenApi(adminRoutes, status.versions.sekisho)
}

async function showGateways(call: AdminCall, { lifecycle, status }: AdminServices): Promise<unknown> {
  readQuery(call.query, emptyQuery)
  return await listGateways(lifecycle.store, status.gatewayId)
}

async function postReload(call: AdminCall, { reload }: AdminServices): Promise<ReloadAnswer> {
  readQuery(call.query, emptyQuery)
  const result = await reload({ kind: 'operator', name: call.operator.name, requestId: call.requestId })
  if (result.result === 'refused') throw new GatewayError('reload_refused', result.problems.join('\n'))
  return result
}
