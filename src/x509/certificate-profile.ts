import { GatewayError } from '../base/errors.ts'
import type { CertificateTemplate, WritableName } from './build-certificate.ts'
import type { NameAttribute } from './client-certificate.ts'
import {
  authorityInfoAccess,
  certificatePolicies,
  crlDistributionPoints,
  type EncodedExtension,
} from './encode-extensions.ts'
import {
  type Holder,
  type NameTemplate,
  parseAltName,
  parseAttribute,
  renderAltName,
  renderAttribute,
} from './name-template.ts'
import { oids } from './oids.ts'
import { publicKeyKindOf } from './read-public-key.ts'

/** Kinds of keys that a user's certificate may have. RSA-2048 means 2 048 to 4 096 bits. */
export type KeyType = 'P-256' | 'P-384' | 'RSA-2048'

/** What the certificates of users say, as it is configured (`issuing`). */
export type ProfileSettings = {
  /** The most general first, such as `C=JP`, `O=…`, `OU={contractId}`, `CN={loginId}` (R12). */
  readonly subject: readonly string[]
  /** `uri:…`, `email:…`, `upn:…` (a Windows user principal name), with the same placeholders. */
  readonly subjectAltNames: readonly string[]
  /** The preferred one first. */
  readonly keyTypes: readonly KeyType[]
  /** Unit: days of 24 hours. */
  readonly validityDays: number
  readonly crlUrls: readonly string[]
  readonly caIssuersUrls: readonly string[]
  readonly ocspUrls: readonly string[]
  readonly policyOids: readonly string[]
  /** Also permit RSA keys to decrypt keys (TLS 1.2 without forward secrecy; no client needs it). Default false. */
  readonly rsaKeyEncipherment?: boolean
}

/** The settings, parsed once. */
export type CertificateProfile = Omit<ProfileSettings, 'subject' | 'subjectAltNames' | 'rsaKeyEncipherment'> & {
  readonly subject: readonly NameTemplate[]
  readonly subjectAltNames: readonly NameTemplate[]
  readonly rsaKeyEncipherment: boolean
}

const dayMs = 86_400_000

/**
 * Parses and checks the settings. Throws GatewayError `config_invalid` whose path is the field (`subject[1]`): an
 * attribute that is not known, a placeholder other than `{loginId}` and `{contractId}`, a fixed text that is too long
 * (RFC 5280 upper bounds) or does not fit its string type, a country that is not two capital letters, no `{loginId}`
 * anywhere.
 */
export function parseCertificateProfile(settings: ProfileSettings): CertificateProfile {
  const subject = settings.subject.map((text, index) => parseAttribute(text, `subject[${index}]`))
  const subjectAltNames = settings.subjectAltNames.map((text, index) => parseAltName(text, `subjectAltNames[${index}]`))
  if (![...subject, ...subjectAltNames].some(({ text }) => text.includes('{loginId}'))) {
    throw new GatewayError('config_invalid', 'Cannot use the subject as nothing in it names the login ID', {
      path: 'subject',
    })
  }
  return { ...settings, subject, subjectAltNames, rsaKeyEncipherment: settings.rsaKeyEncipherment ?? false }
}

/**
 * The subject of this user's certificate. Throws GatewayError `login_id_invalid` when a value made from the login ID or
 * the contract is too long or does not fit its string type.
 */
export function subjectFor(profile: CertificateProfile, holder: Holder): NameAttribute[] {
  return profile.subject.map((template) => renderAttribute(template, holder))
}

/** The same for the subject alternative names. */
export function altNamesFor(profile: CertificateProfile, holder: Holder): WritableName[] {
  return profile.subjectAltNames.map((template) => renderAltName(template, holder))
}

/**
 * From when until when a certificate issued at `issuedAtMs` is valid (R5), never beyond its issuer. Times are whole
 * seconds. `notBeforeMs`: given where a certificate must not begin earlier, for example after a revocation.
 * Unit: milliseconds since the epoch.
 */
export function validityFor(
  { validityDays }: CertificateProfile,
  moment: {
    readonly issuedAtMs: number
    readonly backdateSeconds: number
    readonly issuer: { readonly notBeforeMs: number; readonly notAfterMs: number }
    readonly notBeforeMs?: number | undefined
  },
): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  const { issuedAtMs, backdateSeconds, issuer } = moment
  const wholeSecond = (timeMs: number) => Math.floor(timeMs / 1_000) * 1_000
  const backdatedMs = wholeSecond(issuedAtMs) - backdateSeconds * 1_000
  return {
    notBeforeMs: Math.max(backdatedMs, issuer.notBeforeMs, Math.ceil((moment.notBeforeMs ?? 0) / 1_000) * 1_000),
    notAfterMs: Math.min(wholeSecond(issuedAtMs) + validityDays * dayMs, issuer.notAfterMs),
  }
}

/** What one certificate is made from, beside the profile. */
export type CertificateOrder = {
  readonly holder: Holder
  /** DER of SubjectPublicKeyInfo. */
  readonly publicKeyDer: Uint8Array
  /** See `randomSerial`. */
  readonly serial: string
  /** Unit: milliseconds since the epoch; see `validityFor`. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** What the certificate will say. Throws as `subjectFor` does. */
export function certificateTemplate(profile: CertificateProfile, order: CertificateOrder): CertificateTemplate {
  const { holder, publicKeyDer, serial, notBeforeMs, notAfterMs } = order
  return {
    subject: subjectFor(profile, holder),
    serial,
    notBeforeMs,
    notAfterMs,
    publicKeyDer,
    basicConstraints: { ca: false },
    keyUsage:
      profile.rsaKeyEncipherment && publicKeyKindOf(publicKeyDer).algorithm === 'rsa'
        ? ['digitalSignature', 'keyEncipherment']
        : ['digitalSignature'],
    extendedKeyUsage: [oids.clientAuth],
    subjectAltNames: altNamesFor(profile, holder),
    otherExtensions: pointersOf(profile),
  }
}

/** Where to ask about the certificate, and under which policy it was issued; left out where nothing is configured. */
export function pointersOf(profile: CertificateProfile): EncodedExtension[] {
  const { policyOids, crlUrls, ocspUrls, caIssuersUrls } = profile
  return [
    ...(policyOids.length === 0 ? [] : [certificatePolicies(policyOids)]),
    ...(crlUrls.length === 0 ? [] : [crlDistributionPoints(crlUrls)]),
    ...(ocspUrls.length + caIssuersUrls.length === 0 ? [] : [authorityInfoAccess({ ocspUrls, caIssuersUrls })]),
  ]
}
