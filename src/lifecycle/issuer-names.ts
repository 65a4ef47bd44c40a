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
 * The issuer that an operator names. Throws `admin_request_invalid`, with the path of the field, for one that is not configured.
 */
export function findIssuer(
  issuer: string,
  { issuers, path }: { issuers: readonly IssuerIdentity[]; path: string },
): IssuerIdentity {
  const found =
    issuers.find(({ name }) => name === issuer) ?? issuers.find(({ issuerId }) => issuerId === issuer.toLowerCase())
  if (found !== undefined) return found
  const names = issuers.slice(0, namesShownMax).map(({ name }) => name)
  const shown = JSON.stringify(issuer.slice(0, 100))
  throw new GatewayError(
    'admin_request_invalid',
    `Cannot use ${path} as a configured issuer (${names.join(', ')}): current value is ${shown}`,
    { path },
  )
}

/**
 * The key of a certificate named by an operator. Throws `admin_request_invalid` for an issuer that is not configured and
 * `serial_invalid` for a serial number that is none, both with the path of the field below `path` (none: the field alone).
 */
export function resolveCertificate(
  { issuer, serial }: CertificateName,
  { issuers, path }: { issuers: readonly IssuerIdentity[]; path?: string },
): CertificateKey {
  const below = path === undefined ? '' : `${path}.`
  const { issuerId } = findIssuer(issuer, { issuers, path: `${below}issuer` })
  try {
    return certificateKey(issuerId, normaliseSerial(serial))
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    throw new GatewayError(error.code, error.message, { cause: error, path: `${below}serial` })
  }
}

/** The configured name; the issuerId stands for a CA that is no longer configured. */
export function nameIssuer(issuerId: string, issuers: readonly IssuerIdentity[]): string {
  return issuers.find((candidate) => candidate.issuerId === issuerId)?.name ?? issuerId
}

/** The key taken apart for people. */
export function nameCertificate(
  key: CertificateKey,
  issuers: readonly IssuerIdentity[],
): CertificateName & { issuerId: string } {
  // Not parsed strictly: what somebody wrote into the store by hand must be shown, not hide the whole list.
  const colon = key.indexOf(':')
  const issuerId = key.slice(0, Math.max(0, colon))
  return { issuer: nameIssuer(issuerId, issuers), issuerId, serial: key.slice(colon + 1) }
}
