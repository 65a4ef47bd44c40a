import { hash } from 'node:crypto'
import type { CertificateTemplate, WritableName } from './build-certificate.ts'
import { DerReader, tags } from './der-reader.ts'
import { derBoolean, derElement, derInteger, derNamedBits, derOid, derSequence, derText } from './der-writer.ts'
import { encodeGeneralName } from './encode-name.ts'
import { oids } from './oids.ts'

/** The bits of the key usage extension, in the order of RFC 5280 4.2.1.3. */
const keyUsageBits = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
] as const

/** One bit of the key usage extension, as RFC 5280 names it. */
export type KeyUsageBit = (typeof keyUsageBits)[number]

/** One extension; `valueDer` is what stands inside its OCTET STRING. */
export type EncodedExtension = { readonly oid: string; readonly critical: boolean; readonly valueDer: Uint8Array }

/** What the extensions of a certificate or of a request for one are made from. */
export type ExtensionTemplate = Pick<
  CertificateTemplate,
  'basicConstraints' | 'keyUsage' | 'extendedKeyUsage' | 'subjectAltNames' | 'nameConstraints' | 'otherExtensions'
> & {
  /** With an empty subject the alternative name is all there is and must be critical (RFC 5280 4.2.1.6). */
  readonly subjectIsEmpty: boolean
}

/** The extensions that were asked for, without key identifiers, in the order in which they are written. */
export function extensionsOf(template: ExtensionTemplate): EncodedExtension[] {
  const { basicConstraints, keyUsage, extendedKeyUsage, subjectAltNames, nameConstraints } = template
  const list: EncodedExtension[] = []
  const add = (oid: string, critical: boolean, valueDer: Uint8Array) => list.push({ oid, critical, valueDer })
  if (basicConstraints !== undefined) {
    const { ca, pathLength } = basicConstraints
    const limit = pathLength === undefined ? [] : [derInteger(pathLength.toString(16))]
    add(oids.basicConstraints, true, derSequence(...(ca ? [derBoolean(true)] : []), ...limit))
  }
  if (keyUsage !== undefined && keyUsage.length > 0) add(oids.keyUsage, true, encodeKeyUsage(keyUsage))
  if (extendedKeyUsage !== undefined) {
    add(oids.extKeyUsage, false, derSequence(...extendedKeyUsage.map(derOid)))
  }
  if (subjectAltNames !== undefined && subjectAltNames.length > 0) {
    add(oids.subjectAltName, template.subjectIsEmpty, encodeAltNames(subjectAltNames))
  }
  if (nameConstraints !== undefined) {
    const subtrees = (tag: number, names: readonly WritableName[]) =>
      names.length === 0 ? [] : [derElement(tag, ...names.map((name) => derSequence(encodeGeneralName(name))))]
    const value = derSequence(...subtrees(0xa0, nameConstraints.permitted), ...subtrees(0xa1, nameConstraints.excluded))
    add(oids.nameConstraints, true, value)
  }
  return [...list, ...(template.otherExtensions ?? [])]
}

/** DER of one Extension (RFC 5280 4.1). */
export function encodeExtension({ oid, critical, valueDer }: EncodedExtension): Uint8Array {
  const flag = critical ? [derBoolean(true)] : []
  return derSequence(derOid(oid), ...flag, derElement(tags.octetString, valueDer))
}

/** Value of the key usage extension (RFC 5280 4.2.1.3). */
export function encodeKeyUsage(bits: readonly KeyUsageBit[]): Uint8Array {
  return derNamedBits(bits.map((bit) => keyUsageBits.indexOf(bit)))
}

/** Value of the subject alternative name extension (RFC 5280 4.2.1.6). */
export function encodeAltNames(names: readonly WritableName[]): Uint8Array {
  return derSequence(...names.map(encodeGeneralName))
}

/** The two key identifiers: of the certificate's own key (4.2.1.2), and of the key that signs it (4.2.1.1). */
export function keyIdentifierExtensions(publicKeyDer: Uint8Array, issuerKeyIdentifier: Uint8Array): EncodedExtension[] {
  const own = derElement(tags.octetString, keyIdentifierOf(publicKeyDer))
  const issuer = derSequence(derElement(0x80, issuerKeyIdentifier))
  return [
    { oid: oids.subjectKeyIdentifier, critical: false, valueDer: own },
    { oid: oids.authorityKeyIdentifier, critical: false, valueDer: issuer },
  ]
}

/** One CRL distribution point for each URL (RFC 5280 4.2.1.13). */
export function crlDistributionPoints(urls: readonly string[]): EncodedExtension {
  const points = urls.map((url) => derSequence(derElement(0xa0, derElement(0xa0, derText(0x86, url)))))
  return { oid: oids.crlDistributionPoints, critical: false, valueDer: derSequence(...points) }
}

/** Where the issuer's certificate and its OCSP responders are (RFC 5280 4.2.2.1). */
export function authorityInfoAccess(places: {
  readonly ocspUrls: readonly string[]
  readonly caIssuersUrls: readonly string[]
}): EncodedExtension {
  const entry = (method: string) => (url: string) => derSequence(derOid(method), derText(0x86, url))
  const entries = [...places.ocspUrls.map(entry(oids.ocsp)), ...places.caIssuersUrls.map(entry(oids.caIssuers))]
  return { oid: oids.authorityInfoAccess, critical: false, valueDer: derSequence(...entries) }
}

/** Certificate policies without qualifiers (RFC 5280 4.2.1.4). */
export function certificatePolicies(policyOids: readonly string[]): EncodedExtension {
  const valueDer = derSequence(...policyOids.map((oid) => derSequence(derOid(oid))))
  return { oid: oids.certificatePolicies, critical: false, valueDer }
}

/** The first 160 bits of the SHA-256 of the key itself (RFC 7093 2, method 1). */
export function keyIdentifierOf(publicKeyDer: Uint8Array): Uint8Array {
  const fields = new DerReader(publicKeyDer).enter(tags.sequence)
  fields.read(tags.sequence)
  return hash('sha256', fields.wholeOctets(), 'buffer').subarray(0, 20)
}
