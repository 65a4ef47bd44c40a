import { GatewayError } from '../../base/errors.ts'
import type { Caller } from '../../lifecycle/caller.ts'
import { checkLogin } from '../../lifecycle/check-password.ts'
import { takeEnrolmentCode } from '../../lifecycle/enrolment-code.ts'
import { type IssueRequest, issueCertificate } from '../../lifecycle/issue.ts'
import type { LifecyclePorts } from '../../lifecycle/ports.ts'
import { buildCertsOnly } from '../../x509/certs-only.ts'
import type { PortalAnswer, PortalCall } from '../portal-call.ts'
import { type BasicLogin, readBasicLogin } from './basic-login.ts'
import { base64Answer } from './est-answer.ts'
import { readEstRequest } from './est-request.ts'

/**
 * 発行 (RFC 7030 4.2.1): a certificate for whoever shows the login password or a one-time code. The request is read first, so that one
 * that cannot be used costs no code, and the whole body has arrived before anything is answered.
 */
export async function enrolWithPassword(call: PortalCall, ports: LifecyclePorts): Promise<PortalAnswer> {
  const basic = readBasicLogin(call.header('authorization'))
  // A program that has shown nothing yet is asked for it, whatever else is wrong.
  if (basic === undefined) {
    await call.body()
    throw new GatewayError('login_refused', 'Cannot enrol as no login ID was given')
  }
  const enrolment = await readEstRequest(call)
  const shown = { call, ports, publicKeyHash: enrolment.request.publicKeyHash }
  const admitted = basic.kind === 'code' ? await admitCode(basic, shown) : await admitPassword(basic, shown)
  return await issue({ ...admitted, requestDer: enrolment.der }, call, ports)
}

type Admitted = Pick<IssueRequest, 'loginId' | 'proof'>
type Shown = { readonly call: PortalCall; readonly ports: LifecyclePorts; readonly publicKeyHash: string }

async function admitCode(
  { loginId, secret: code }: BasicLogin,
  { call, ports, publicKeyHash }: Shown,
): Promise<Admitted> {
  const { proof } = await takeEnrolmentCode({ loginId, code, publicKeyHash }, callerOf(call), ports)
  return { loginId, proof }
}

async function admitPassword({ loginId, secret: password }: BasicLogin, { call, ports }: Shown): Promise<Admitted> {
  const user = await checkLogin({ loginId, password }, callerOf(call), ports)
  return { loginId: user.loginId, proof: { kind: 'password' } }
}

/** 更新: the certificate that was presented is the proof, and its login ID the one the new certificate is for. */
export async function enrolWithCertificate(
  call: PortalCall,
  ports: LifecyclePorts,
  { sameNames }: { readonly sameNames: boolean },
): Promise<PortalAnswer> {
  const { visitor } = call
  if (visitor === undefined) throw new GatewayError('internal', 'Cannot renew as nobody is vouched for')
  const { der: requestDer, request } = await readEstRequest(call)
  const { loginId, certificateKey: key } = visitor
  const names = sameNames ? { renewsDer: presentedDer(call) } : {}
  if (sameNames && request.unknownAttributes.includes(changeSubjectName)) {
    throw new GatewayError(
      'signing_request_refused',
      'Cannot renew with this signing request as it asks for other names (ChangeSubjectName)',
    )
  }
  return await issue({ loginId, proof: { kind: 'certificate', key }, requestDer, ...names }, call, ports)
}

/** id-cmc-changeSubjectName (RFC 6402 2.8), by which a renewal may ask for other names: here it may not. */
const changeSubjectName = '1.3.6.1.5.5.7.7.36'

/** The certificate of the visitor, as the worker has written it (RFC 9440) and `readCall` has read it. */
function presentedDer(call: PortalCall): Uint8Array {
  return new Uint8Array(Buffer.from((call.header('client-cert') ?? '').replace(/[:\s]/g, ''), 'base64'))
}

/** The CA that issues. Throws GatewayError `issuing_disabled`. */
export function issuingOf(ports: LifecyclePorts) {
  const issuing = ports.issuing()
  if (issuing === undefined) {
    throw new GatewayError('issuing_disabled', 'Cannot enrol as no certificates are issued here')
  }
  return issuing
}

/** RFC 7030 4.2.3: the issued certificate and no other. */
async function issue(request: IssueRequest, call: PortalCall, ports: LifecyclePorts): Promise<PortalAnswer> {
  const { der } = await issueCertificate(request, callerOf(call), ports)
  return base64Answer(buildCertsOnly([der]), 'application/pkcs7-mime; smime-type=certs-only')
}

function callerOf({ requestId, clientAddress }: PortalCall): Caller {
  return { requestId, clientAddress }
}
