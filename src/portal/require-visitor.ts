import { GatewayError } from '../base/errors.ts'
import type { CertificateVisitor, PortalCall } from './portal-call.ts'

/** Who came through the certificate door. Throws GatewayError `request_not_found` elsewhere; routes of that door never see it. */
export function requireVisitor(call: PortalCall): CertificateVisitor {
  if (call.visitor === undefined) throw new GatewayError('request_not_found', 'Cannot show this without a certificate')
  return call.visitor
}
