import { GatewayError } from '../base/errors.ts'
import { signingRequestBytesMax, signingRequestDer } from '../x509/signing-request.ts'
import { windowsScript } from './est/windows-script.ts'
import { scriptFileName, showIssuePage, tryUrl } from './issue-page.ts'
import { callerOf, findVisit, requireVisit } from './issue-visit.ts'
import type { PortalAnswer, PortalCall } from './portal-call.ts'
import { dayOf, institutionNames, jsonAnswer, seeOther } from './portal-page.ts'
import type { PortalServices } from './portal-services.ts'
import { writeSerial } from './serial-text.ts'

/** `POST /.sekisho/issue/request`: a signing request in (DER, `application/pkcs10`), certificate and chain out, as JSON (R8). */
export async function issueInBrowser(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const visit = await requireVisit(call, services)
  const requestDer = await readRequest(call)
  const issued = await services.acts.issue({ ...visit, requestDer }, callerOf(call))
  return jsonAnswer(200, {
    certificate: base64(issued.der),
    chain: issued.chainDer.map(base64),
    serial: writeSerial(issued.serial),
    notAfter: new Date(issued.notAfterMs).toISOString(),
    expiry: dayOf(services, call, issued.notAfterMs),
    again: issued.again,
    tryUrl: tryUrl(call, services, issued.serial),
  })
}

/** `POST /.sekisho/enrol-script`: the enrolment script for Windows with a new one-time code in it (R7). */
export async function downloadScript(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const visit = await findVisit(call, services)
  if (visit === undefined) return seeOther('/.sekisho/issue?ended')
  const { code } = await services.acts.makeEnrolmentCode(visit)
  await services.acts.openReport({ loginId: visit.loginId, code })
  const script = windowsScript({
    publicAuthority: services.authorities().public,
    loginId: visit.loginId,
    code,
    serviceName: institutionNames(services, call.language).service,
    keyType: services.lifecycle.issuing()?.config.keyTypes[0] ?? 'P-256',
  })
  return {
    status: 200,
    contentType: 'application/octet-stream',
    headers: [
      ['Content-Disposition', `attachment; filename="${scriptFileName}"`],
      ['Cache-Control', 'no-store'],
      ['Referrer-Policy', 'same-origin'],
      ['X-Content-Type-Options', 'nosniff'],
    ],
    body: script,
  }
}

/** `POST /.sekisho/issue/code`: the page once more, with a one-time code for the command line. */
export async function showCode(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const visit = await findVisit(call, services)
  if (visit === undefined) return seeOther('/.sekisho/issue?ended')
  const { code } = await services.acts.makeEnrolmentCode(visit)
  return await showIssuePage(call, services, { visit, code })
}

async function readRequest(call: PortalCall): Promise<Uint8Array> {
  const body = await call.body()
  const type = call.header('content-type') ?? 'none'
  if (!/^application\/pkcs10 *(;|$)/i.test(type)) {
    const shown = JSON.stringify(type.slice(0, 60))
    throw new GatewayError(
      'signing_request_invalid',
      `Cannot use the signing request as its type has to be application/pkcs10: current value is ${shown}`,
    )
  }
  if (body.length > signingRequestBytesMax) {
    throw new GatewayError(
      'body_too_large',
      `Cannot take a signing request of more than ${signingRequestBytesMax} bytes`,
    )
  }
  return signingRequestDer(body)
}

function base64(der: Uint8Array): string {
  return Buffer.from(der).toString('base64')
}
