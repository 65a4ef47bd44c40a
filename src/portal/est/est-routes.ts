import { GatewayError } from '../../base/errors.ts'
import type { LifecyclePorts } from '../../lifecycle/ports.ts'
import { buildCertsOnly } from '../../x509/certs-only.ts'
import { buildCsrAttributes } from '../../x509/csr-attributes.ts'
import { pemBlocks } from '../../x509/pem.ts'
import type { PortalAnswer, PortalCall, PortalDoor, PortalRoute } from '../portal-call.ts'
import { enrolReportRoute } from './enrol-report.ts'
import { base64Answer, faultAnswer, textAnswer } from './est-answer.ts'
import { enrolWithCertificate, enrolWithPassword, issuingOf } from './est-enrol.ts'

/** What EST needs of the pages' services. */
export type EstServices = { readonly lifecycle: LifecyclePorts }

type Work = (call: PortalCall, ports: LifecyclePorts) => Promise<PortalAnswer> | PortalAnswer

/**
 * Enrolment over Secure Transport (RFC 7030) below `/.well-known/est/`, without labels and without the optional operations, and where
 * the enrolment script reports to. Whatever goes wrong is answered as text.
 */
export function estRoutes<Services extends EstServices>(): PortalRoute<Services>[] {
  const route = (method: 'GET' | 'POST', operation: string, [door, work]: [PortalDoor, Work]) => ({
    method,
    path: `/.well-known/est/${operation}`,
    door,
    programs: true,
    handle: (call: PortalCall, { lifecycle }: Services) => answer(call, () => work(call, lifecycle)),
  })
  return [
    route('GET', 'cacerts', ['both', (_call, ports) => caCertificates(ports)]),
    route('GET', 'csrattrs', ['both', (_call, ports) => csrAttributes(ports)]),
    route('POST', 'simpleenroll', ['public', enrolWithPassword]),
    route('POST', 'simpleenroll', [
      'certificate',
      (call, ports) => enrolWithCertificate(call, ports, { sameNames: false }),
    ]),
    route('POST', 'simplereenroll', [
      'certificate',
      (call, ports) => enrolWithCertificate(call, ports, { sameNames: true }),
    ]),
    route('POST', 'simplereenroll', ['public', refuseRenewal]),
    enrolReportRoute(),
  ]
}

async function answer(call: PortalCall, work: () => Promise<PortalAnswer> | PortalAnswer): Promise<PortalAnswer> {
  try {
    return await work()
  } catch (error) {
    // Nobody expected it: the server writes down what it was, and answers as little as we would.
    if (!(error instanceof GatewayError)) throw error
    return faultAnswer(error, call)
  }
}

/** RFC 7030 4.1.3: the CA that issues and those above it, the root too. */
function caCertificates(ports: LifecyclePorts): PortalAnswer {
  const { certificatePem, chainPems } = issuingOf(ports).ca
  const certificates = [certificatePem, ...chainPems].flatMap((pem) => pemBlocks(pem, 'CERTIFICATE'))
  return base64Answer(buildCertsOnly(certificates), 'application/pkcs7-mime; smime-type=certs-only')
}

function csrAttributes(ports: LifecyclePorts): PortalAnswer {
  const [preferred = 'P-256'] = issuingOf(ports).config.keyTypes
  return base64Answer(buildCsrAttributes(preferred), 'application/csrattrs')
}

/** Nobody shows a certificate on the public door. */
async function refuseRenewal(call: PortalCall, ports: LifecyclePorts): Promise<PortalAnswer> {
  await call.body()
  const authority = ports.portal()?.certificateAuthority
  const where = authority === undefined ? 'the certificate door' : `https://${authority}`
  return textAnswer(
    403,
    `Cannot renew here as no certificate is asked for: current certificates renew at ${where}`,
    call,
  )
}
