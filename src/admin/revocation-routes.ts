import { GatewayError } from '../base/errors.ts'
import { nameCertificate } from '../lifecycle/issuer-names.ts'
import { restore } from '../lifecycle/restore.ts'
import { type RevokeResult, revoke } from '../lifecycle/revoke.ts'
import { type AdminCall, type AdminServices, actorOf, findIssuerId } from './admin-call.ts'
import { readJson, readQuery } from './request-body.ts'
import { emptyQuery, restoreQuery, revocationBody, revocationQuery } from './request-schemas.ts'
import { type Confirmed, waitForGateways } from './wait-for-gateways.ts'

/** Answer of `POST /v1/revocations`. */
export type RevocationAnswer = RevokeResult & Confirmed

/** `POST /v1/revocations` */
export async function postRevocations(call: AdminCall, { lifecycle }: AdminServices): Promise<RevocationAnswer> {
  readQuery(call.query, emptyQuery)
  const body = await readJson(call.request, revocationBody)
  if (body.certificates.length > 0 && !call.operator.roles.includes('security')) {
    throw new GatewayError(
      'admin_role_missing',
      'Cannot revoke by serial number without the role security: name the login ID instead',
      { path: 'certificates' },
    )
  }
  const result = await revoke(body, actorOf(call), lifecycle)
  const { waitSeconds } = body
  return {
    ...result,
    ...(await waitForGateways(result.version, { wait: body.wait && !body.dryRun, waitSeconds }, lifecycle)),
  }
}

/** `GET /v1/revocations` */
export async function listRevocations(call: AdminCall, { lifecycle }: AdminServices): Promise<unknown> {
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

/** `DELETE /v1/revocations/{issuer}/{serial}` */
export async function deleteRevocation(call: AdminCall, { lifecycle }: AdminServices): Promise<unknown> {
  const { dryRun, ...why } = readQuery(call.query, restoreQuery)
  const [issuer = '', serial = ''] = call.parameters
  const request = { certificate: { issuer, serial }, dryRun: dryRun === 'true', ...why }
  return await restore(request, actorOf(call), lifecycle)
}
