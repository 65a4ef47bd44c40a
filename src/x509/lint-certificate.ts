import { GatewayError } from '../base/errors.ts'
import {
  altNamesFor,
  type CertificateOrder,
  type CertificateProfile,
  pointersOf,
  subjectFor,
} from './certificate-profile.ts'
import type { ClientCertificate } from './client-certificate.ts'
import { tags } from './der-reader.ts'
import { derElement, derOid, derSequence } from './der-writer.ts'
import { type EncodedExtension, encodeAltNames, encodeKeyUsage, keyIdentifierOf } from './encode-extensions.ts'
import { encodeName } from './encode-name.ts'
import type { IssuingCa } from './issuing-ca.ts'
import { weakKeyReason } from './key-strength.ts'
import { listExtensions } from './list-extensions.ts'
import { nameConstraintFault } from './name-constraints.ts'
import { oids } from './oids.ts'
import { pathLengthsObeyed } from './path-length.ts'
import { readCertificate } from './read-certificate.ts'
import { publicKeyKindOf } from './read-public-key.ts'
import type { SigningAlgorithm } from './signing-algorithm.ts'

/** What a certificate ought to be. */
export type LintExpectation = {
  readonly profile: CertificateProfile
  readonly order: CertificateOrder
  readonly issuer: IssuingCa
  /** As the issuer's certificate has it, or as this code makes it where that has none. */
  readonly issuerKeyIdentifier: Uint8Array
  readonly algorithm: SigningAlgorithm
}

const dayMs = 86_400_000
/** A certificate may begin this much before it was issued, for slow clocks. */
const backdateMaxMs = dayMs
const serialBitsMin = 64

/**
 * What is wrong with a certificate for a user, as sentences; empty: nothing. It is read back from its DER and compared
 * with what was ordered, and with what no certificate of a user may ever be, whatever was ordered: another version than
 * 3, a short serial number, a CA, good for anything but client authentication, with extensions nobody asked for or with
 * wrong criticality, beyond its issuer's validity or constraints, with a weak key or signature.
 * The signature itself is not looked at.
 */
export function lintCertificate(der: Uint8Array, expected: LintExpectation): string[] {
  let certificate: ClientCertificate
  try {
    certificate = readCertificate(der)
  } catch (fault) {
    if (fault instanceof GatewayError) return [fault.message]
    throw fault
  }
  return [
    ...lintNames(certificate, expected),
    ...lintValidity(certificate, expected),
    ...lintKey(certificate, expected),
    ...lintExtensions(der, expected),
    ...lintPowers(certificate),
  ]
}

/** Throws GatewayError `certificate_lint_failed` with all findings, unless there are none. */
export function refuseFindings(findings: readonly string[]): void {
  if (findings.length === 0) return
  throw new GatewayError('certificate_lint_failed', `Cannot sign the certificate as ${findings.join('; ')}`)
}

function lintNames(certificate: ClientCertificate, { profile, order, issuer }: LintExpectation): string[] {
  const findings: string[] = []
  if (certificate.serial !== order.serial) findings.push('the serial number is another one than was recorded')
  const bits = BigInt(`0x${certificate.serial}`).toString(2).length
  if (bits < serialBitsMin) findings.push(`the serial number has ${bits} bits, ${serialBitsMin} are required`)
  if (!same(certificate.subjectNameDer, encodeName(subjectFor(profile, order.holder)))) {
    findings.push('the subject is another one than the profile demands')
  }
  if (!same(certificate.issuerNameDer, issuer.subjectNameDer)) {
    findings.push('the issuer name is not that of the issuing CA, byte for byte')
  }
  const authorities = [issuer.certificate, ...issuer.chain]
  if (!pathLengthsObeyed(authorities)) findings.push('the path length of a CA above it is exceeded')
  for (const { nameConstraints } of authorities) {
    const fault = nameConstraints === undefined ? undefined : nameConstraintFault(certificate, nameConstraints)
    if (fault !== undefined) findings.push(`a name constraint above it is broken: ${fault}`)
  }
  return findings
}

function lintValidity(certificate: ClientCertificate, { profile, order, issuer }: LintExpectation): string[] {
  const { notBeforeMs, notAfterMs } = certificate
  const findings: string[] = []
  if (notBeforeMs !== order.notBeforeMs || notAfterMs !== order.notAfterMs) {
    findings.push('the validity is another one than was ordered')
  }
  if (notAfterMs <= notBeforeMs) findings.push('it ends before it begins')
  const days = (notAfterMs - notBeforeMs) / dayMs
  if (notAfterMs - notBeforeMs > profile.validityDays * dayMs + backdateMaxMs) {
    findings.push(`it is valid for ${days.toFixed(1)} days, ${profile.validityDays} are allowed`)
  }
  for (const authority of [issuer.certificate, ...issuer.chain]) {
    if (notBeforeMs < authority.notBeforeMs || notAfterMs > authority.notAfterMs) {
      const end = new Date(authority.notAfterMs).toISOString()
      findings.push(`it is valid outside the validity of a CA above it, which ends at ${end}`)
    }
  }
  return findings
}

function lintKey(certificate: ClientCertificate, { order, algorithm }: LintExpectation): string[] {
  const findings: string[] = []
  if (!same(certificate.publicKeyDer, order.publicKeyDer)) findings.push('the key is another one than was requested')
  const weakness = weakKeyReason(certificate, { rsaBitsMin: 2_048 })
  if (weakness !== undefined) findings.push(`it is too weak: ${weakness}`)
  if (certificate.signatureAlgorithm.oid !== algorithm.oid) {
    findings.push(`the signature algorithm is ${certificate.signatureAlgorithm.oid} where ${algorithm.oid} signs`)
  }
  return findings
}

/** Exactly what was ordered, no extension more or less, byte for byte. */
function lintExtensions(der: Uint8Array, expected: LintExpectation): string[] {
  const present = listExtensions(der)
  const wanted = wantedExtensions(expected)
  const findings = present
    .filter(({ oid }) => !wanted.some((extension) => extension.oid === oid))
    .map(({ oid }) => `extension ${oid} was not ordered`)
  for (const { oid, critical, valueDer } of wanted) {
    const found = present.find((extension) => extension.oid === oid)
    if (found === undefined) findings.push(`extension ${oid} is missing`)
    else if (found.critical !== critical) findings.push(`extension ${oid} must ${critical ? '' : 'not '}be critical`)
    else if (!same(found.valueDer, valueDer)) findings.push(`extension ${oid} has another value than was ordered`)
  }
  return findings
}

function wantedExtensions({ profile, order, issuerKeyIdentifier }: LintExpectation): EncodedExtension[] {
  const altNames = altNamesFor(profile, order.holder)
  const encipher = profile.rsaKeyEncipherment && publicKeyKindOf(order.publicKeyDer).algorithm === 'rsa'
  const subjectKey = derElement(tags.octetString, keyIdentifierOf(order.publicKeyDer))
  const issuerKey = derSequence(derElement(0x80, issuerKeyIdentifier))
  const usage = encodeKeyUsage(['digitalSignature', ...(encipher ? (['keyEncipherment'] as const) : [])])
  return [
    { oid: oids.basicConstraints, critical: true, valueDer: derSequence() },
    { oid: oids.keyUsage, critical: true, valueDer: usage },
    { oid: oids.extKeyUsage, critical: false, valueDer: derSequence(derOid(oids.clientAuth)) },
    ...(altNames.length === 0
      ? []
      : [{ oid: oids.subjectAltName, critical: profile.subject.length === 0, valueDer: encodeAltNames(altNames) }]),
    ...pointersOf(profile),
    { oid: oids.subjectKeyIdentifier, critical: false, valueDer: subjectKey },
    { oid: oids.authorityKeyIdentifier, critical: false, valueDer: issuerKey },
  ]
}

/** What no certificate of a user may do, read from the certificate alone: it does not depend on any order. */
function lintPowers(certificate: ClientCertificate): string[] {
  const { basicConstraints, keyUsage, extendedKeyUsage, unknownCriticalExtensions } = certificate
  const findings: string[] = []
  if (basicConstraints?.ca !== false) findings.push('it does not say that it is no CA')
  if (keyUsage?.digitalSignature !== true) findings.push('its key may not sign, so it cannot log in')
  if (keyUsage?.keyCertSign === true || keyUsage?.cRLSign === true) findings.push('its key may act as a CA')
  if (extendedKeyUsage?.length !== 1 || extendedKeyUsage[0] !== oids.clientAuth) {
    findings.push('it must be for client authentication and for nothing else')
  }
  if (certificate.nameConstraints !== undefined) findings.push('it has name constraints')
  if (unknownCriticalExtensions.length > 0) {
    findings.push(`it has unknown critical extensions ${unknownCriticalExtensions.join(', ')}`)
  }
  return findings
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0
}
