import type { LoginIdSource } from '../config/gateway-config.ts'
import { type CertificateKey, certificateKey } from '../x509/certificate-key.ts'
import { issuerFault } from '../x509/check-issuer.ts'
import type { ClientCertificate } from '../x509/client-certificate.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import { weakKeyReason } from '../x509/key-strength.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import type { DenialReason, PresentedCertificate } from './denial.ts'
import { type Fingerprint, fingerprintOf } from './fingerprint.ts'
import { findLoginId } from './login-id.ts'
import type { RuleSubject } from './revocation-index.ts'

const clientAuthOid = '1.3.6.1.5.5.7.3.2'
const commonNameOid = '2.5.4.3'

/**
 * What can be said of a certificate for good, whatever the time and whatever gets revoked later: computed once for each
 * certificate and door, then remembered by its full DER. `fault` is the first failing check in judging order.
 */
export type CertificateOpinion = {
  readonly certificate: ClientCertificate
  readonly presented: PresentedCertificate
  readonly fault: { readonly reason: DenialReason; readonly detail: string } | undefined
  /** The configured issuing CA whose key signed it; defined unless `fault` says otherwise. */
  readonly issuer: IssuingCa | undefined
  readonly key: CertificateKey | undefined
  /** When issuer and chain are all valid. Unit: milliseconds since the epoch, both ends included. */
  readonly issuerValidFromMs: number
  readonly issuerValidToMs: number
  readonly loginId: string | undefined
  readonly loginIdMissing: string
  readonly revokedEntry: Fingerprint | undefined
  readonly supersededEntry: Fingerprint | undefined
  readonly suspendedEntry: Fingerprint | undefined
  /** What revocation rules look at; undefined: no configured CA issued it. */
  readonly ruleSubject: RuleSubject | undefined
}

export type OpinionRules = {
  readonly issuers: readonly IssuingCa[]
  readonly loginId: LoginIdSource
  readonly rsaBitsMin: number
}

/**
 * Reads a certificate and checks all that does not change with time: readable, signed by a configured issuing CA,
 * strong enough, usable for client authentication.
 * Throws GatewayError `certificate_unreadable` for bytes that are no certificate (RFC 5280 4.1).
 */
export function formOpinion(der: Uint8Array, rules: OpinionRules): CertificateOpinion {
  const certificate = readCertificate(der)
  const { issuer, fault: issuerDetail } = findIssuer(der, certificate, rules.issuers)
  const key = issuer === undefined ? undefined : certificateKey(issuer.issuerId, certificate.serial)
  const finding = findLoginId(certificate, rules.loginId)
  const loginId = 'loginId' in finding ? finding.loginId : undefined
  const chain = issuer === undefined ? [] : [issuer.certificate, ...issuer.chain]
  return {
    certificate,
    presented: presentedCertificate(certificate),
    fault: staticFault(certificate, issuer === undefined ? issuerDetail : undefined, rules),
    issuer,
    key,
    issuerValidFromMs: Math.max(...chain.map((ca) => ca.notBeforeMs)),
    issuerValidToMs: Math.min(...chain.map((ca) => ca.notAfterMs)),
    loginId,
    loginIdMissing: 'missing' in finding ? finding.missing : '',
    revokedEntry: key && fingerprintOf('revoked', key),
    supersededEntry: key && fingerprintOf('superseded', key),
    suspendedEntry: loginId === undefined ? undefined : fingerprintOf('suspended', loginId),
    ruleSubject: issuer && {
      issuerId: issuer.issuerId,
      loginEntry: loginId === undefined ? undefined : fingerprintOf('login_rule', loginId),
      notBeforeMs: certificate.notBeforeMs,
    },
  }
}

/**
 * Several configured CAs may carry the same name (a CA that changed its key): the one whose key signed it counts.
 */
function findIssuer(
  der: Uint8Array,
  certificate: ClientCertificate,
  issuers: readonly IssuingCa[],
): { issuer: IssuingCa | undefined; fault: string } {
  let fault = 'name'
  for (const issuer of issuers) {
    const found = issuerFault(der, certificate, issuer)
    if (found === undefined) return { issuer, fault: '' }
    if (found !== 'name') fault = found
  }
  return { issuer: undefined, fault }
}

function staticFault(
  certificate: ClientCertificate,
  issuerDetail: string | undefined,
  rules: OpinionRules,
): CertificateOpinion['fault'] {
  if (certificate.unknownCriticalExtensions.length > 0) {
    const oids = certificate.unknownCriticalExtensions.join(' ')
    return { reason: 'certificate_unreadable', detail: `unknown critical extension ${oids}` }
  }
  if (issuerDetail !== undefined)
    return { reason: 'issuer_not_trusted', detail: issuerDetails[issuerDetail] ?? issuerDetail }
  const weak = weakKeyReason(certificate, rules)
  if (weak !== undefined) return { reason: 'key_too_weak', detail: weak }
  const usage = usageFault(certificate)
  return usage === undefined ? undefined : { reason: 'usage_not_allowed', detail: usage }
}

const issuerDetails: Readonly<Record<string, string>> = {
  name: 'no configured issuing CA has the name of its issuer',
  signature: 'not signed by the key of the configured CA of that name',
  path_length: 'path length of its issuer or of a CA above does not allow it',
  name_constraints: 'outside the name constraints of its issuer or of a CA above',
}

/** RFC 5280 4.2.1.3 and 4.2.1.12: an absent extension restricts nothing, a present one must name client authentication. */
function usageFault(certificate: ClientCertificate): string | undefined {
  if (certificate.keyUsage !== undefined && !certificate.keyUsage.digitalSignature)
    return 'keyUsage lacks digitalSignature'
  if (certificate.extendedKeyUsage !== undefined && !certificate.extendedKeyUsage.includes(clientAuthOid)) {
    return 'extendedKeyUsage lacks clientAuth'
  }
  if (certificate.basicConstraints?.ca === true) return 'it is a CA certificate'
  return undefined
}

function presentedCertificate(certificate: ClientCertificate): PresentedCertificate {
  return {
    serial: certificate.serial,
    notAfterMs: certificate.notAfterMs,
    subjectCommonName: certificate.subject.find((attribute) => attribute.oid === commonNameOid)?.value,
    issuerCommonName: certificate.issuer.find((attribute) => attribute.oid === commonNameOid)?.value,
  }
}
