import { hash } from 'node:crypto'
import { GatewayError } from '../base/errors.ts'

declare const brand: unique symbol

/**
 * Identity of a certificate: `<issuerId>:<serial>`. A serial number alone is not one: every issuer counts for itself
 * (RFC 5280 4.1.2.2), and two issuers may share a name but not a key.
 */
export type CertificateKey = string & { readonly [brand]: 'CertificateKey' }

/** The key of no certificate: asks the directory about a user alone. */
export const noCertificateKey = '' as CertificateKey

/** Which issuer: the first 32 lower-case hex digits of the SHA-256 of its SubjectPublicKeyInfo (DER). */
export function issuerIdOf(publicKeyDer: Uint8Array): string {
  return hash('sha256', publicKeyDer, 'hex').slice(0, 32)
}

/** `serial` must be normal already: lower-case hex without leading zeros, as `ClientCertificate.serial` is. */
export function certificateKey(issuerId: string, serial: string): CertificateKey {
  return `${issuerId}:${serial}` as CertificateKey
}

/** Takes a key apart. Throws GatewayError `serial_invalid` when the text is not a key in normal spelling. */
export function parseCertificateKey(text: string): { readonly issuerId: string; readonly serial: string } {
  const match = /^([0-9a-f]{32}):([1-9a-f][0-9a-f]{0,39})$/.exec(text)
  if (match?.[1] === undefined || match[2] === undefined) {
    const shown = JSON.stringify(text.slice(0, 100))
    throw new GatewayError(
      'serial_invalid',
      `Cannot read the certificate key as it is malformed: current value is ${shown}`,
    )
  }
  return { issuerId: match[1], serial: match[2] }
}
