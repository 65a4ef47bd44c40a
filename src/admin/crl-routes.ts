import type { z } from 'zod'
import { GatewayError } from '../base/errors.ts'
import type { CrlDesk, CrlListStatus } from '../ca-sources/ports.ts'
import { type AdminCall, type AdminRoute, type AdminServices, actorOf, findIssuer } from './admin-call.ts'
import { crlImportAnswer, crlList } from './answer-schemas.ts'
import { withBodyFile } from './body-file.ts'
import { isoOf } from './describe-life.ts'
import { readJson, readQuery } from './request-body.ts'
import { crlImportQuery, crlLookBody, emptyQuery } from './request-schemas.ts'

/** Media types of a list: RFC 5280 names the first one for DER; PEM comes under either. */
const listTypes = ['application/pkix-crl', 'application/octet-stream']

/** CRLs of other CAs. */
export const crlRoutes: readonly AdminRoute[] = [
  {
    method: 'GET',
    path: '/v1/crls',
    roles: ['security', 'helpdesk', 'auditor'],
    handle: listCrls,
    docs: { summary: 'CRLs of other CAs: what is known of each, and how the last look ended', answer: crlList },
  },
  {
    method: 'POST',
    path: '/v1/crls/look',
    roles: ['security'],
    handle: postLook,
    docs: {
      summary: 'Looks at the CRLs of an issuer, or of all, now',
      body: crlLookBody,
      answer: crlList,
    },
  },
  {
    method: 'POST',
    path: '/v1/crls/import',
    roles: ['security'],
    streams: true,
    handle: postImport,
    docs: {
      summary: 'Checks a CRL (DER or PEM) and, without dryRun, revokes what it names',
      query: crlImportQuery,
      bodyTypes: listTypes,
      answer: crlImportAnswer,
    },
  },
]

async function listCrls(call: AdminCall, { crls }: AdminServices): Promise<z.infer<typeof crlList>> {
  readQuery(call.query, emptyQuery)
  return describeLists((await crls?.status()) ?? [])
}

async function postLook(call: AdminCall, services: AdminServices): Promise<z.infer<typeof crlList>> {
  readQuery(call.query, emptyQuery)
  const body = await readJson(call.request, crlLookBody)
  const { lifecycle } = services
  const issuer = body.issuer === undefined ? undefined : findIssuer(body.issuer, lifecycle).name
  const desk = deskOf(services)
  lifecycle.audit({
    event: 'crl_look_requested',
    actor: { kind: 'operator', name: call.operator.name },
    ...(issuer === undefined ? {} : { target: { kind: 'issuer', name: issuer } }),
    requestId: call.requestId,
    detail: { role: call.role },
  })
  return describeLists(await desk.lookNow(issuer))
}

/** The body goes into a file as it comes: a list may be larger than what this process should hold. */
async function postImport(call: AdminCall, services: AdminServices): Promise<z.infer<typeof crlImportAnswer>> {
  const query = readQuery(call.query, crlImportQuery)
  const { name: issuer } = findIssuer(query.issuer, services.lifecycle)
  const desk = deskOf(services)
  checkType(call)
  const { folder, bytesMax } = services.crlUploads
  const options = { folder, bytesMax: bytesMax(), idleMs: call.patience.idleMs, clock: call.patience.clock }
  const request = { issuer, dryRun: query.dryRun === 'true', actor: actorOf(call) }
  const taken = await withBodyFile(call.request, options, (file) => desk.importList(file, request))
  const { thisUpdateMs, nextUpdateMs, ...result } = taken
  return { ...result, thisUpdate: isoOf(thisUpdateMs), ...timeOf('nextUpdate', nextUpdateMs) }
}

function checkType({ request }: AdminCall): void {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (listTypes.includes(type)) return
  throw new GatewayError(
    'admin_request_invalid',
    `Cannot read the body: Content-Type must be ${listTypes.join(' or ')}`,
  )
}

function deskOf({ crls }: AdminServices): CrlDesk {
  if (crls !== undefined) return crls
  throw new GatewayError('admin_not_found', 'Cannot take a CRL here: this gateway takes none')
}

function describeLists(lists: readonly CrlListStatus[]): z.infer<typeof crlList> {
  return {
    crls: lists.map(({ thisUpdateMs, nextUpdateMs, lookedAtMs, ...list }) => ({
      ...list,
      ...timeOf('thisUpdate', thisUpdateMs),
      ...timeOf('nextUpdate', nextUpdateMs),
      ...timeOf('lookedAt', lookedAtMs),
    })),
  }
}

/** What is not known is left out. */
function timeOf<Name extends string>(name: Name, timeMs: number | undefined): { [name in Name]?: string } {
  return (timeMs === undefined ? {} : { [name]: isoOf(timeMs) }) as { [name in Name]?: string }
}
