import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { GatewayError } from '../base/errors.ts'
import { assembleSigned, buildTbs } from '../x509/build-certificate.ts'
import { issuerFault } from '../x509/check-issuer.ts'
import type { ClientCertificate, NameAttribute } from '../x509/client-certificate.ts'
import { tags } from '../x509/der-reader.ts'
import { derElement } from '../x509/der-writer.ts'
import { issuerOf } from '../x509/issue-certificate.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import { listExtensions } from '../x509/list-extensions.ts'
import { type OcspSigner, ocspSigner } from '../x509/ocsp/build-response.ts'
import { oids } from '../x509/oids.ts'
import { randomSerial } from '../x509/random-serial.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import type { Signer } from '../x509/signing-algorithm.ts'

/** A key that may sign OCSP answers for the CA, until its certificate ends. */
export type ResponderCertificate = {
  readonly der: Uint8Array
  readonly signer: OcspSigner
  /** Lower-case hex. */
  readonly serial: string
  /** Unit: milliseconds since the epoch. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** When a new one is to be made; Infinity: it lasts as long as the CA, so a new one would gain nothing. */
  readonly renewAtMs: number
}

const dayMs = 86_400_000
/** For relying parties whose clocks are slow. */
const backdatedMs = 300_000
/** Longest common name (RFC 5280 appendix A). Unit: characters. */
const commonNameMax = 64

/**
 * Makes a P-256 key and has the CA delegate OCSP to it (RFC 6960 4.2.2.2): for signing OCSP responses and for nothing else, without
 * anybody asking about itself (`id-pkix-ocsp-nocheck`). What the signer gives is verified before it is handed out.
 *
 * Throws GatewayError `signer_unavailable` (the same call may succeed later), `config_invalid` when the signer's key is not the
 * issuer's or the issuer has ended, `certificate_lint_failed` when relying parties would refuse the certificate.
 */
export async function makeResponderCertificate(
  authority: { readonly issuer: IssuingCa; readonly signer: Signer },
  { nowMs, responderDays }: { readonly nowMs: number; readonly responderDays: number },
): Promise<ResponderCertificate> {
  const { issuer, signer } = authority
  if (Buffer.compare(signer.publicKeyDer, issuer.certificate.publicKeyDer) !== 0) throw unfit(issuer, 'not its own')
  const { privateKey, publicKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
  const publicKeyDer = publicKey.export({ type: 'spki', format: 'der' })
  const serial = randomSerial()
  const validity = validityOf(issuer, { nowMs, responderDays })
  const template = {
    subject: subjectOf(issuer, nowMs),
    serial,
    ...validity,
    publicKeyDer,
    basicConstraints: { ca: false },
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [oids.ocspSigning],
    otherExtensions: [{ oid: oids.ocspNoCheck, critical: false, valueDer: derElement(tags.null) }],
  } as const
  const { algorithm } = signer
  const tbs = buildTbs(template, { issuer: issuerOf(issuer), algorithm })
  const der = assembleSigned(tbs, { algorithm, signature: await signer.sign(tbs) })
  refuseFault(der, { issuer, serial })
  const { notBeforeMs, notAfterMs } = validity
  const endsWithIssuer = notAfterMs === latestOf(issuer)
  return {
    der,
    signer: ocspSigner(privateKey, { der, publicKeyDer }),
    serial,
    notBeforeMs,
    notAfterMs,
    renewAtMs: endsWithIssuer ? Number.POSITIVE_INFINITY : notBeforeMs + (notAfterMs - notBeforeMs) / 2,
  }
}

function validityOf(issuer: IssuingCa, { nowMs, responderDays }: { nowMs: number; responderDays: number }) {
  const nowSecondMs = Math.floor(nowMs / 1_000) * 1_000
  const notBeforeMs = Math.max(nowSecondMs - backdatedMs, issuer.certificate.notBeforeMs)
  const notAfterMs = Math.min(nowSecondMs + responderDays * dayMs, latestOf(issuer))
  if (notAfterMs <= nowMs) throw unfit(issuer, `of a CA that ended at ${new Date(notAfterMs).toISOString()}`)
  return { notBeforeMs, notAfterMs }
}

/** When the first of the CA and those above it ends. */
function latestOf({ certificate, chain }: IssuingCa): number {
  return Math.min(...[certificate, ...chain].map(({ notAfterMs }) => notAfterMs))
}

/** Country and organisation of the CA, which its name constraints may demand; the name says whose it is, and since when. */
function subjectOf(issuer: IssuingCa, nowMs: number): NameAttribute[] {
  const suffix = ` OCSP ${new Date(nowMs).toISOString().slice(0, 10)}`
  const name = [...issuer.commonName].slice(0, commonNameMax - suffix.length).join('')
  const above = issuer.certificate.subject.filter(
    ({ oid }) => oid === oids.countryName || oid === oids.organizationName,
  )
  return [...above, { oid: oids.commonName, value: `${name}${suffix}` }]
}

/** Read back from its bytes, as relying parties will: the answer to what it may do must not depend on how it was made. */
function refuseFault(der: Uint8Array, { issuer, serial }: { issuer: IssuingCa; serial: string }): void {
  const certificate = readCertificate(der)
  const fault = issuerFault(der, certificate, issuer)
  if (fault === 'signature') {
    throw new GatewayError(
      'signer_unavailable',
      `Cannot use the signature as it was not made with the key of ${issuer.name}`,
    )
  }
  const findings = [...(fault === undefined ? [] : [`its issuer does not permit it (${fault})`])]
  if (certificate.serial !== serial) findings.push('it has another serial number than was ordered')
  findings.push(...powersBeyond(certificate))
  if (!listExtensions(der).some(({ oid }) => oid === oids.ocspNoCheck)) findings.push('it lacks id-pkix-ocsp-nocheck')
  if (findings.length === 0) return
  throw new GatewayError('certificate_lint_failed', `Cannot answer OCSP with the certificate as ${findings.join('; ')}`)
}

function powersBeyond({ basicConstraints, keyUsage, extendedKeyUsage }: ClientCertificate): string[] {
  const findings: string[] = []
  if (basicConstraints?.ca !== false) findings.push('it does not say that it is no CA')
  if (keyUsage?.digitalSignature !== true || keyUsage.keyCertSign || keyUsage.cRLSign) {
    findings.push('its key must be for signatures and for nothing else')
  }
  if (extendedKeyUsage?.length !== 1 || extendedKeyUsage[0] !== oids.ocspSigning) {
    findings.push('it must be for OCSP and for nothing else')
  }
  return findings
}

function unfit({ name }: IssuingCa, what: string): GatewayError {
  return new GatewayError('config_invalid', `Cannot answer OCSP for ${name} as the signing key is ${what}`)
}
