import { GatewayError } from '../base/errors.ts'
import { type CertificateKey, certificateKey } from '../x509/certificate-key.ts'
import { normaliseSerial } from '../x509/serial-number.ts'
import type { IssuerIdentity } from './ports.ts'

const namesShownMax = 10

/** A certificate as operators name it. */
export type CertificateName = {
  /** Configured name or issuerId. */
  readonly issuer: string
  /** In any common spelling; always hexadecimal. */
  readonly serial: string
}

/**
 * The key of a certificate named by an operator. Throws `admin_request_invalid` for an issuer that is not configured and
 * `serial_invalid` for a serial number that is none, both with the path of the field below `path`.
 */
export function resolveCertificate(
  { issuer, serial }: CertificateName,
  options: { issuers: readonly IssuerIdentity[]; path: string },
): CertificateKey {
  const { issuers, path } = options
  const found =
    issuers.find(({ name }) => name === issuer) ?? issuers.find(({ issuerId }) => issuerId === issuer.toLowerCase())
  if (found === undefined) {
    const names = issuers.slice(0, namesShownMax).map(({ name }) => name)
    const shown = JSON.stringify(issuer.slice(0, 100))
    throw new GatewayError(
      'admin_request_invalid',
      `Cannot use ${path}.issuer as a configured issuer (${names.join(', ')}): current value is ${shown}`,
      { path: `${path}.issuer` },
    )
  }
  try {
    return certificateKey(found.issuerId, normaliseSerial(serial))
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    throw new GatewayError(error.code, error.message, { cause: error, path: `${path}.serial` })
  }
}

/** The key taken apart for people; the issuerId stands for a CA that is no longer configured. */
export function nameCertificate(
  key: CertificateKey,
  issuers: readonly IssuerIdentity[],
): CertificateName & { issuerId: string } {
  // Not parsed strictly: what somebody wrote into the store by hand must be shown, not hide the whole list.
  const colon = key.indexOf(':')
  const issuerId = key.slice(0, Math.max(0, colon))
  const issuer = issuers.find((candidate) => candidate.issuerId === issuerId)?.name ?? issuerId
  return { issuer, issuerId, serial: key.slice(colon + 1) }
}
