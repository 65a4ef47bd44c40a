import { GatewayError } from '../base/errors.ts'
import { type CertificateOpinion, formOpinion } from '../trust/certificate-opinion.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'

/** What an operator may do; the words stand in the OU of the operator's certificate, spelled exactly so. */
export const operatorRoles = ['security', 'branch', 'helpdesk', 'auditor'] as const
export type OperatorRole = (typeof operatorRoles)[number]

/** A person, named by their own certificate (R23). */
export type Operator = { readonly name: string; readonly roles: readonly OperatorRole[] }

const commonNameOid = '2.5.4.3'
const organizationalUnitOid = '2.5.4.11'
const rsaBitsMin = 2_048
const nameLengthMax = 128

/** What one connection presented. `opensslFault`: what OpenSSL said of the chain, if it refused it. */
export type OperatorCertificate = { readonly der: Uint8Array; readonly opensslFault: string | undefined }

/** A certificate that one of the operator CAs issued; how long it counts is asked on every request. */
export type OperatorOpinion = { readonly operator: Operator; readonly opinion: CertificateOpinion }

/**
 * OpenSSL wants a self-signed root; where the configured operator CA is an intermediate it misses one. Which CA
 * signed the certificate is checked here, against the configured ones alone.
 */
const rootMissing = 'UNABLE_TO_GET_ISSUER_CERT'

/** Expiry is not OpenSSL's to say once: the window is asked on every request. */
const windowFaults: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

/** Throws `admin_unauthenticated` if it was not issued by an operator CA, is too weak, or names no person. */
export function readOperator(certificate: OperatorCertificate, issuers: readonly IssuingCa[]): OperatorOpinion {
  const opinion = readOpinion(certificate.der, issuers)
  const { fault } = opinion
  if (fault !== undefined) throw unauthenticated(`${fault.reason}: ${fault.detail}`)
  const { opensslFault } = certificate
  if (opensslFault !== undefined && opensslFault !== rootMissing && !windowFaults.has(opensslFault)) {
    throw unauthenticated(`its chain was refused: ${opensslFault}`)
  }
  const { subject } = opinion.certificate
  const names = subject.filter(({ oid }) => oid === commonNameOid).map(({ value }) => value)
  const name = names[0]
  if (name === undefined || names.length > 1 || !/^[^\p{C}]+$/u.test(name) || name.length > nameLengthMax) {
    throw unauthenticated('its subject does not name one person in CN')
  }
  const units = subject.filter(({ oid }) => oid === organizationalUnitOid).map(({ value }) => value)
  return { operator: { name, roles: operatorRoles.filter((role) => units.includes(role)) }, opinion }
}

/** Throws `admin_unauthenticated` outside the validity period of the certificate or of its CA. */
export function checkWindow({ opinion }: OperatorOpinion, nowMs: number): void {
  const { notBeforeMs, notAfterMs } = opinion.certificate
  // notAfter names a whole second that still counts (RFC 5280 4.1.2.5).
  if (nowMs < notBeforeMs) throw unauthenticated('it is not valid yet')
  if (nowMs >= notAfterMs + 1_000) throw unauthenticated(`it expired at ${new Date(notAfterMs).toISOString()}`)
  if (nowMs < opinion.issuerValidFromMs || nowMs > opinion.issuerValidToMs) {
    throw unauthenticated('its CA is outside its own validity period')
  }
}

/** The fault of a certificate that names no operator; `why` never quotes the certificate. */
export function unauthenticated(why: string): GatewayError {
  return new GatewayError('admin_unauthenticated', `Cannot take the certificate as an operator's: ${why}`)
}

function readOpinion(der: Uint8Array, issuers: readonly IssuingCa[]): CertificateOpinion {
  try {
    return formOpinion(der, { issuers, loginId: { from: 'commonName' }, rsaBitsMin })
  } catch (error) {
    if (error instanceof GatewayError) throw unauthenticated(error.message)
    throw error
  }
}
