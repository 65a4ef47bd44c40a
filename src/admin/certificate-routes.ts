import type { z } from 'zod'
import { GatewayError } from '../base/errors.ts'
import { foreseeIssue } from '../lifecycle/foresee-issue.ts'
import { issueCertificate } from '../lifecycle/issue.ts'
import { nameCertificate } from '../lifecycle/issuer-names.ts'
import { findRefused } from '../lifecycle/refused-requests.ts'
import { checkLoginId } from '../lifecycle/revoke.ts'
import { findCertificate } from '../lifecycle/user-certificates.ts'
import { pemBlocks, pemOf } from '../x509/pem.ts'
import { type AdminCall, type AdminRoute, type AdminServices, actorOf } from './admin-call.ts'
import { certificateAnswer, issueAnswer, refusedRequestAnswer } from './answer-schemas.ts'
import { describeKnown, isoOf } from './describe-life.ts'
import { issueBody } from './life-schemas.ts'
import { operatorRoles } from './operator.ts'
import { readJson, readQuery } from './request-body.ts'
import { emptyQuery } from './request-schemas.ts'

/** Certificates one by one, issuing in a user's place, and what was refused under which request id. */
export const certificateRoutes: readonly AdminRoute[] = [
  {
    method: 'POST',
    path: '/v1/certificates',
    roles: ['security'],
    handle: postCertificate,
    docs: {
      summary: 'Issues a certificate for a signing request in a user’s place',
      body: issueBody,
      answer: issueAnswer,
    },
  },
  {
    method: 'GET',
    path: '/v1/certificates/{issuer}/{serial}',
    roles: operatorRoles,
    handle: showCertificate,
    docs: { summary: 'What is recorded of a certificate', answer: certificateAnswer },
  },
  {
    method: 'GET',
    path: '/v1/requests/{requestId}',
    roles: operatorRoles,
    handle: showRequest,
    docs: { summary: 'What was refused under a request id, for seven days', answer: refusedRequestAnswer },
  },
]

/** As a first issue after the login password: R3 and R17 hold, and the operator is on record with the reason. */
async function postCertificate(call: AdminCall, { lifecycle }: AdminServices): Promise<z.infer<typeof issueAnswer>> {
  readQuery(call.query, emptyQuery)
  const { loginId, signingRequest, reason, dryRun } = await readJson(call.request, issueBody)
  // The label of Windows tools has one word more.
  const [requestDer] = pemBlocks(signingRequest.replaceAll(' NEW CERTIFICATE', ' CERTIFICATE'), 'CERTIFICATE REQUEST')
  if (requestDer === undefined) {
    throw new GatewayError('signing_request_invalid', 'Cannot read signingRequest as a PKCS #10 request in PEM', {
      path: 'signingRequest',
    })
  }
  await checkLoginId(loginId, { path: 'loginId', ports: lifecycle })
  if (dryRun) {
    const { outcome } = await foreseeIssue({ loginId, requestDer }, lifecycle)
    return { dryRun, loginId, outcome }
  }
  const issued = await issueCertificate(
    { loginId, proof: { kind: 'password' }, requestDer },
    {
      operator: { ...actorOf(call), reason },
      requestId: call.requestId,
      clientAddress: call.request.socket.remoteAddress ?? '',
    },
    lifecycle,
  )
  const { issuer, serial } = nameCertificate(issued.key, lifecycle.issuers)
  return {
    dryRun,
    loginId,
    outcome: issued.again ? 'given_again' : 'issued',
    issuer,
    serial,
    notBefore: isoOf(issued.notBeforeMs),
    notAfter: isoOf(issued.notAfterMs),
    certificate: pemOf(issued.der, 'CERTIFICATE'),
    chain: issued.chainDer.map((der) => pemOf(der, 'CERTIFICATE')).join(''),
  }
}

async function showCertificate(
  call: AdminCall,
  { lifecycle }: AdminServices,
): Promise<z.infer<typeof certificateAnswer>> {
  readQuery(call.query, emptyQuery)
  const [issuer = '', serial = ''] = call.parameters
  return describeKnown(await findCertificate({ issuer, serial }, lifecycle))
}

async function showRequest(
  call: AdminCall,
  { lifecycle }: AdminServices,
): Promise<z.infer<typeof refusedRequestAnswer>> {
  readQuery(call.query, emptyQuery)
  const [requestId = ''] = call.parameters
  const refused = await findRefused(requestId, lifecycle)
  if (refused === undefined) {
    const shown = JSON.stringify(requestId.slice(0, 100))
    throw new GatewayError(
      'admin_not_found',
      `Cannot find a request that was refused under this id within seven days: current value is ${shown}`,
      { path: 'requestId' },
    )
  }
  const { atMs, ...rest } = refused
  return { requestId: requestId.trim(), at: isoOf(atMs), ...rest }
}
