import type { ClientCertificate } from './client-certificate.ts'

/**
 * Whether the path lengths of these CAs permit one end certificate below the first of them (RFC 5280 4.2.1.9).
 * `authorities` goes upwards, the issuer of the end certificate first. Self-issued CAs are not counted.
 */
export function pathLengthsObeyed(authorities: readonly ClientCertificate[]): boolean {
  let below = 0
  for (const authority of authorities) {
    const limit = authority.basicConstraints?.pathLength
    if (limit !== undefined && below > limit) return false
    if (!isSelfIssued(authority)) below++
  }
  return true
}

/** Whether subject and issuer are the same name, byte for byte (RFC 5280 3.2). */
export function isSelfIssued(certificate: ClientCertificate): boolean {
  return Buffer.compare(certificate.subjectNameDer, certificate.issuerNameDer) === 0
}
