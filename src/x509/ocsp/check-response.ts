import { createPublicKey } from 'node:crypto'
import { GatewayError } from '../../base/errors.ts'
import { issuerFault } from '../check-issuer.ts'
import type { ClientCertificate } from '../client-certificate.ts'
import type { EncodedExtension } from '../encode-extensions.ts'
import type { IssuingCa } from '../issuing-ca.ts'
import { weakHashReason, weakKeyReason } from '../key-strength.ts'
import { oids } from '../oids.ts'
import { readCertificate } from '../read-certificate.ts'
import { verifySignature } from '../verify-signature.ts'
import { isOfIssuer, publicKeyHash } from './cert-id.ts'
import type { BasicOcspResponse, CertificateAnswer, OcspResponse, ResponderId } from './read-response.ts'

/** What the answer must fit. */
export type OcspExpectation = {
  readonly issuer: IssuingCa
  /** Of the certificate that was asked about: lower-case hex without leading zeros. */
  readonly serial: string
  /** That was sent; undefined: none was. */
  readonly nonce: Uint8Array | undefined
  /** Wall time. Unit: milliseconds since the epoch. */
  readonly nowMs: number
  /** How far the responder's clock may be off. Unit: milliseconds. */
  readonly clockSkewMs: number
  /** How long an answer without nextUpdate counts from its thisUpdate on, and any from now on. Unit: milliseconds. */
  readonly validityMaxMs: number
  /** Whether a delegated responder's own certificate (serial of the same issuer) is known as revoked here. Left out: none is. */
  readonly isRevoked?: (serial: string) => boolean
}

/** An answer that may be relied on. Times: milliseconds since the epoch. */
export type CheckedOcspAnswer = Pick<CertificateAnswer, 'status' | 'revokedAtMs' | 'reasonCode' | 'thisUpdateMs'> & {
  /** The answer counts before this time. */
  readonly goodUntilMs: number
}

/** RSA keys of delegated responders below this are refused. */
const rsaBitsMin = 2_048

/** Nothing is checked that a responder may decide for itself; an extension that changes what an answer means must be known here. */
const knownExtensions: readonly string[] = [oids.ocspNonce]

/**
 * What a responder's answer says of one certificate, after everything that makes it worth believing (RFC 6960 3.2, RFC 5019 4): it is
 * about this certificate; signed, with a strong algorithm, by the issuer's own key or by a responder to which the issuer itself
 * delegated that (4.2.2.2); new enough; with the nonce that was sent, or none. Where it speaks of the certificate twice (under two
 * hashes), revoked counts.
 *
 * Anything else throws GatewayError `ocsp_response_refused`, whose message says what is wrong.
 */
export function checkOcspResponse(response: OcspResponse, expected: OcspExpectation): CheckedOcspAnswer {
  if (response.status !== 'successful') throw refused(`the responder says ${response.status}`)
  const { basic } = response
  const answer = answerAbout(basic, expected)
  refuseUnknownExtensions([...basic.extensions, ...answer.extensions])
  checkNonce(basic, expected)
  checkSigner(basic, expected)
  const { status, revokedAtMs, reasonCode, thisUpdateMs } = answer
  return { status, revokedAtMs, reasonCode, thisUpdateMs, goodUntilMs: endOf(answer, expected) }
}

function answerAbout({ answers }: BasicOcspResponse, { issuer, serial }: OcspExpectation): CertificateAnswer {
  const fitting = answers.filter(({ certId }) => certId.serial === serial && isOfIssuer(certId, issuer))
  const found = fitting.find(({ status }) => status === 'revoked') ?? fitting[0]
  if (found !== undefined) return found
  const isOther = answers.some(({ certId }) => certId.serial === serial)
  const about = isOther ? 'a certificate of another issuer' : `other certificates (${serialsOf(answers)})`
  throw refused(`it is about ${about}, not about serial number ${serial} of ${issuer.name}`)
}

function serialsOf(answers: readonly CertificateAnswer[]): string {
  const serials = answers.slice(0, 3).map(({ certId }) => certId.serial)
  return answers.length > 3 ? `${serials.join(', ')}, …` : serials.join(', ')
}

function refuseUnknownExtensions(extensions: readonly EncodedExtension[]): void {
  const unknown = extensions.filter(({ oid, critical }) => critical && !knownExtensions.includes(oid))
  if (unknown.length > 0) {
    throw refused(`it has unknown critical extensions ${unknown.map(({ oid }) => oid).join(', ')}`)
  }
}

/** Responders that sign in advance leave the nonce out (RFC 5019 4): then its dates alone tell how fresh the answer is. */
function checkNonce({ nonce }: BasicOcspResponse, { nonce: sent }: OcspExpectation): void {
  if (sent === undefined || nonce === undefined) return
  if (Buffer.compare(nonce, sent) !== 0) throw refused('it answers another question: its nonce is not the one sent')
}

function checkSigner(basic: BasicOcspResponse, expected: OcspExpectation): void {
  const weak = weakHashReason(basic.algorithm)
  if (weak !== undefined) throw refused(`it is ${weak}`)
  const { issuer } = expected
  const isIssuer = fits(basic.responderId, issuer.certificate)
  if (isIssuer && verifySignature(basic, issuer.publicKey)) return
  let fault = isIssuer ? `it is not signed by the key of ${issuer.name}` : undefined
  for (const der of basic.certificates) {
    const certificate = readableCertificate(der)
    if (certificate === undefined || !fits(basic.responderId, certificate)) continue
    const delegationFault = faultOfDelegation(der, certificate, expected)
    if (delegationFault === undefined && isSignedWith(basic, certificate)) return
    fault = delegationFault ?? 'its signature does not fit its contents'
  }
  throw refused(fault ?? 'its responder ID is neither of the issuer nor of a certificate that comes with it')
}

/** Other certificates may come along, and do not matter. */
function readableCertificate(der: Uint8Array): ClientCertificate | undefined {
  try {
    return readCertificate(der)
  } catch {
    return undefined
  }
}

function fits(responderId: ResponderId, { subjectNameDer, publicKeyDer }: ClientCertificate): boolean {
  if (responderId.by === 'name') return Buffer.compare(responderId.nameDer, subjectNameDer) === 0
  return Buffer.compare(responderId.keyHash, publicKeyHash(publicKeyDer, 'sha1')) === 0
}

/** Why the issuer has not delegated answering to the bearer of this certificate (RFC 6960 4.2.2.2); undefined: it has. */
function faultOfDelegation(der: Uint8Array, certificate: ClientCertificate, expected: OcspExpectation) {
  const { issuer, nowMs, clockSkewMs, isRevoked } = expected
  const { serial, extendedKeyUsage, keyUsage, notBeforeMs, notAfterMs } = certificate
  const signer = `its signer’s certificate (${serial})`
  const notIssued = issuerFault(der, certificate, issuer)
  if (notIssued !== undefined) {
    return `${signer} was not issued by ${issuer.name} itself: ${notIssued.replaceAll('_', ' ')}`
  }
  // anyExtendedKeyUsage does not delegate: RFC 6960 wants the purpose itself.
  if (extendedKeyUsage?.includes(oids.ocspSigning) !== true) return `${signer} is not for signing OCSP responses`
  if (keyUsage?.digitalSignature === false) return `${signer} may not sign (key usage)`
  const unknown = certificate.unknownCriticalExtensions.filter((oid) => oid !== oids.ocspNoCheck)
  if (unknown.length > 0) return `${signer} has unknown critical extensions ${unknown.join(', ')}`
  // Its last second counts (RFC 5280 4.1.2.5). A new one may be younger than this clock knows.
  if (nowMs + clockSkewMs < notBeforeMs || nowMs >= notAfterMs + 1_000) {
    return `${signer} is valid from ${iso(notBeforeMs)} to ${iso(notAfterMs)} only`
  }
  const weak = weakKeyReason(certificate, { rsaBitsMin })
  if (weak !== undefined) return `${signer} is too weak: ${weak}`
  return isRevoked?.(serial) === true ? `${signer} is revoked` : undefined
}

function isSignedWith(basic: BasicOcspResponse, { publicKeyDer }: ClientCertificate): boolean {
  try {
    const publicKey = createPublicKey({ key: Buffer.from(publicKeyDer), format: 'der', type: 'spki' })
    return verifySignature(basic, publicKey)
  } catch {
    // A point that is on no curve.
    return false
  }
}

/** Until when the answer counts; refuses one that does not count now (RFC 6960 4.2.2.1). */
function endOf({ thisUpdateMs, nextUpdateMs }: CertificateAnswer, expected: OcspExpectation): number {
  const { nowMs, clockSkewMs, validityMaxMs } = expected
  if (thisUpdateMs > nowMs + clockSkewMs) throw refused(`its thisUpdate is in the future: ${iso(thisUpdateMs)}`)
  if (nextUpdateMs === undefined) {
    const endMs = Math.min(thisUpdateMs, nowMs) + validityMaxMs
    if (nowMs >= endMs) throw refused(`it has no nextUpdate and its thisUpdate is too old: ${iso(thisUpdateMs)}`)
    return endMs
  }
  if (nextUpdateMs < thisUpdateMs) throw refused('its nextUpdate is before its thisUpdate')
  if (nowMs >= nextUpdateMs + clockSkewMs) throw refused(`it has expired: its nextUpdate is ${iso(nextUpdateMs)}`)
  return Math.min(nextUpdateMs + clockSkewMs, nowMs + validityMaxMs)
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString()
}

function refused(reason: string): GatewayError {
  return new GatewayError('ocsp_response_refused', `Cannot use the OCSP response as ${reason}`)
}
