import { createPublicKey, type KeyObject } from 'node:crypto'
import { GatewayError } from '../base/errors.ts'
import type { IssuerConfig } from '../config/gateway-config.ts'
import { issuerIdOf } from './certificate-key.ts'
import type { ClientCertificate } from './client-certificate.ts'
import { nameConstraintFault } from './name-constraints.ts'
import { oids } from './oids.ts'
import { isSelfIssued, pathLengthsObeyed } from './path-length.ts'
import { pemBlocks } from './pem.ts'
import { readCertificate } from './read-certificate.ts'
import { isSignedBy } from './verify-signature.ts'

/** A configured CA whose certificates may be presented, checked once when it was read. */
export type IssuingCa = {
  /** Name in configuration, CLI and API. */
  readonly name: string
  /** See `issuerIdOf`. */
  readonly issuerId: string
  readonly certificate: ClientCertificate
  /** DER of its subject, which must be the issuer name of what it issued, byte for byte. */
  readonly subjectNameDer: Uint8Array
  readonly publicKey: KeyObject
  readonly certificatePem: string
  /** The CAs above it, nearest first, the self-signed root last; empty where none are configured. */
  readonly chain: readonly ClientCertificate[]
  readonly chainPems: readonly string[]
  /** Its subject CN as browsers show it; the configured name where it has none. */
  readonly commonName: string
}

type Authority = { readonly der: Uint8Array; readonly certificate: ClientCertificate; readonly label: string }

/**
 * Reads an issuing CA and the chain above it, and checks what does not change while the program runs: every one is a
 * CA that may sign certificates, is valid at `nowMs` (milliseconds since the epoch) and has no critical extension
 * unknown here; each is named and signed by the next, up to a self-signed root where a chain is given; path lengths
 * and name constraints of each hold for the CAs below it. Throws GatewayError `config_invalid`, path `issuers.<name>`.
 */
export function readIssuingCa(issuer: IssuerConfig, nowMs: number): IssuingCa {
  const { name, certificatePem, chainPems } = issuer
  const [first, ...surplus] = readAuthorities(issuer, [certificatePem], 'certificate')
  if (first === undefined || surplus.length > 0) {
    throw invalid(name, `its certificate file must hold one certificate and holds ${first ? 1 + surplus.length : 0}`)
  }
  const above = readAuthorities(issuer, chainPems, 'chain')
  const authorities = [first, ...above]
  for (const authority of authorities) checkAuthority(name, authority, nowMs)
  checkLinks(name, authorities)
  if (!pathLengthsObeyed(authorities.map(({ certificate }) => certificate))) {
    throw invalid(name, 'the path length of a CA in its chain is exceeded')
  }
  const { certificate } = first
  return {
    name,
    issuerId: issuerIdOf(certificate.publicKeyDer),
    certificate,
    subjectNameDer: certificate.subjectNameDer,
    publicKey: publicKeyOf(name, first),
    certificatePem,
    chain: above.map(({ certificate }) => certificate),
    chainPems,
    commonName: certificate.subject.findLast(({ oid }) => oid === oids.commonName)?.value ?? name,
  }
}

function readAuthorities({ name }: IssuerConfig, pems: readonly string[], label: string): Authority[] {
  return pems.flatMap((pem, index) => {
    const shown = label === 'chain' ? `chain[${index}]` : label
    const blocks = pemBlocks(pem, 'CERTIFICATE')
    if (blocks.length === 0) throw invalid(name, `${shown} holds no PEM certificate`)
    return blocks.map((der) => {
      try {
        return { der, certificate: readCertificate(der), label: shown }
      } catch (cause) {
        throw invalid(name, `${shown} is unreadable`, cause)
      }
    })
  })
}

function checkAuthority(name: string, { certificate, label }: Authority, nowMs: number): void {
  const { basicConstraints, keyUsage, unknownCriticalExtensions, notBeforeMs, notAfterMs } = certificate
  if (basicConstraints?.ca !== true) throw invalid(name, `${label} is not a CA certificate`)
  // Key usage may be absent (RFC 5280 4.2.1.3 binds only issuers that follow the profile); present, it must permit.
  if (keyUsage?.keyCertSign === false) throw invalid(name, `${label} may not sign certificates (key usage)`)
  if (unknownCriticalExtensions.length > 0) {
    throw invalid(name, `${label} has unknown critical extensions ${unknownCriticalExtensions.join(', ')}`)
  }
  if (!isWithinValidity(certificate, nowMs)) {
    const window = `${new Date(notBeforeMs).toISOString()} to ${new Date(notAfterMs).toISOString()}`
    throw invalid(name, `${label} is valid from ${window} only`)
  }
}

function checkLinks(name: string, authorities: readonly Authority[]): void {
  for (const [index, { der, certificate, label }] of authorities.entries()) {
    const next = authorities[index + 1]
    if (next === undefined) {
      const isRoot = isSelfIssued(certificate) && isSignedBy(der, publicKeyOf(name, { der, certificate, label }))
      if (index > 0 && !isRoot) throw invalid(name, `${label} ends the chain and is no self-signed root`)
      continue
    }
    if (Buffer.compare(certificate.issuerNameDer, next.certificate.subjectNameDer) !== 0) {
      throw invalid(name, `${label} was not issued by the CA configured above it (names differ)`)
    }
    if (!isSignedBy(der, publicKeyOf(name, next))) {
      throw invalid(name, `${label} was not signed by the CA configured above it`)
    }
    for (const upper of authorities.slice(index + 1)) {
      const constraints = upper.certificate.nameConstraints
      if (constraints === undefined || isSelfIssued(certificate)) continue
      const fault = nameConstraintFault(certificate, constraints)
      if (fault !== undefined) throw invalid(name, `${label} breaks a name constraint above it: ${fault}`)
    }
  }
}

function publicKeyOf(name: string, { certificate, label }: Authority): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(certificate.publicKeyDer), format: 'der', type: 'spki' })
  } catch (cause) {
    throw invalid(name, `${label} has a public key that cannot be used`, cause)
  }
}

/** Whether `nowMs` lies in the validity window; its last second counts (RFC 5280 4.1.2.5). Unit: milliseconds. */
function isWithinValidity({ notBeforeMs, notAfterMs }: ClientCertificate, nowMs: number): boolean {
  return nowMs >= notBeforeMs && nowMs < notAfterMs + 1_000
}

function invalid(name: string, reason: string, cause?: unknown): GatewayError {
  const path = `issuers.${name}`
  return new GatewayError('config_invalid', `Cannot use issuer ${name} as configured: ${reason}`, { cause, path })
}
