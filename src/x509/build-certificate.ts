import { hash, type KeyObject, sign } from 'node:crypto'
import { GatewayError } from '../base/errors.ts'
import type { GeneralName, NameAttribute } from './client-certificate.ts'
import { DerReader, tags } from './der-reader.ts'
import {
  derBitString,
  derBoolean,
  derElement,
  derInteger,
  derNamedBits,
  derOid,
  derSequence,
  derTime,
} from './der-writer.ts'
import { encodeGeneralName, encodeName } from './encode-name.ts'
import { oids, signatureSchemes } from './oids.ts'
import { pemOf } from './pem.ts'

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
/** A general name that can be written: all but those whose contents were not kept. */
export type WritableName = Exclude<GeneralName, { kind: 'other' }>

/** What a new certificate says. Extensions left out are not written; key identifiers are always written. */
export type CertificateTemplate = {
  /** In the order in which they stand in the name. */
  readonly subject: readonly NameAttribute[]
  /** Lower-case hex, see `randomSerial`. */
  readonly serial: string
  /** Unit: milliseconds since the epoch; parts of a second are cut. */
  readonly notBeforeMs: number
  /** Unit: milliseconds since the epoch; parts of a second are cut. */
  readonly notAfterMs: number
  /** DER of SubjectPublicKeyInfo. */
  readonly publicKeyDer: Uint8Array
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number | undefined } | undefined
  readonly keyUsage?: readonly KeyUsageBit[] | undefined
  /** OIDs of purposes. */
  readonly extendedKeyUsage?: readonly string[] | undefined
  readonly subjectAltNames?: readonly WritableName[] | undefined
  readonly nameConstraints?:
    | { readonly permitted: readonly WritableName[]; readonly excluded: readonly WritableName[] }
    | undefined
  /** Anything else, written as it is: DER of the value. */
  readonly otherExtensions?: readonly {
    readonly oid: string
    readonly critical: boolean
    readonly valueDer: Uint8Array
  }[]
}

/** Who signs: a CA, or the subject itself. */
export type CertificateSigner = {
  /** DER of the issuer name, copied byte for byte. */
  readonly nameDer: Uint8Array
  readonly privateKey: KeyObject
  /** DER of the issuer's SubjectPublicKeyInfo, from which its key identifier is made. */
  readonly publicKeyDer: Uint8Array
  /** Hash of the signature; SHA-1 only for tests of its refusal. Default `sha256`; ignored by EdDSA keys. */
  readonly hash?: 'sha1' | 'sha256' | 'sha384' | 'sha512'
}

/**
 * Builds and signs a certificate (RFC 5280 4.1, version 3). RSA keys sign with PKCS #1 v1.5.
 * Throws GatewayError `internal` for a signing key of another kind than RSA, EC, Ed25519, Ed448.
 */
export function buildCertificate(
  template: CertificateTemplate,
  signer: CertificateSigner,
): { readonly der: Uint8Array; readonly pem: string } {
  const algorithm = signatureAlgorithm(signer)
  const signed = derSequence(
    derElement(0xa0, derInteger('2')),
    derInteger(template.serial),
    algorithm.der,
    signer.nameDer,
    derSequence(derTime(template.notBeforeMs), derTime(template.notAfterMs)),
    encodeName(template.subject),
    template.publicKeyDer,
    derElement(0xa3, derSequence(...extensionsOf(template, signer))),
  )
  const signature = sign(algorithm.digest, signed, signer.privateKey)
  const der = new Uint8Array(derSequence(signed, algorithm.der, derBitString(signature)))
  return { der, pem: pemOf(der, 'CERTIFICATE') }
}

function signatureAlgorithm({ privateKey, hash = 'sha256' }: CertificateSigner) {
  const keyType = privateKey.asymmetricKeyType
  const wanted = keyType === 'ed25519' || keyType === 'ed448' ? 'intrinsic' : hash
  const found = Object.entries(signatureSchemes).find(([, row]) => row.keyType === keyType && row.hash === wanted)
  if (found === undefined) {
    throw new GatewayError('internal', `Cannot sign a certificate as the key is of kind ${keyType} with hash ${hash}`)
  }
  // RSA identifiers carry NULL parameters, the others none (RFC 4055 5, RFC 5758 3.2, RFC 8410 3).
  const parameters = keyType === 'rsa' ? [derElement(tags.null)] : []
  return { der: derSequence(derOid(found[0]), ...parameters), digest: wanted === 'intrinsic' ? null : hash }
}

function extensionsOf(template: CertificateTemplate, signer: CertificateSigner): Uint8Array[] {
  const { basicConstraints, keyUsage, extendedKeyUsage, subjectAltNames, nameConstraints } = template
  const list: Uint8Array[] = []
  if (basicConstraints !== undefined) {
    const { ca, pathLength } = basicConstraints
    const limit = pathLength === undefined ? [] : [derInteger(pathLength.toString(16))]
    list.push(extension(oids.basicConstraints, true, derSequence(...(ca ? [derBoolean(true)] : []), ...limit)))
  }
  if (keyUsage !== undefined && keyUsage.length > 0) {
    list.push(extension(oids.keyUsage, true, derNamedBits(keyUsage.map((bit) => keyUsageBits.indexOf(bit)))))
  }
  if (extendedKeyUsage !== undefined) {
    list.push(extension(oids.extKeyUsage, false, derSequence(...extendedKeyUsage.map(derOid))))
  }
  if (subjectAltNames !== undefined && subjectAltNames.length > 0) {
    // With an empty subject the alternative name is all there is and must be critical (RFC 5280 4.2.1.6).
    const critical = template.subject.length === 0
    list.push(extension(oids.subjectAltName, critical, derSequence(...subjectAltNames.map(encodeGeneralName))))
  }
  if (nameConstraints !== undefined) {
    const subtrees = (tag: number, names: readonly WritableName[]) =>
      names.length === 0 ? [] : [derElement(tag, ...names.map((name) => derSequence(encodeGeneralName(name))))]
    const value = derSequence(...subtrees(0xa0, nameConstraints.permitted), ...subtrees(0xa1, nameConstraints.excluded))
    list.push(extension(oids.nameConstraints, true, value))
  }
  for (const { oid, critical, valueDer } of template.otherExtensions ?? [])
    list.push(extension(oid, critical, valueDer))
  const subjectKey = derElement(tags.octetString, keyIdentifierOf(template.publicKeyDer))
  list.push(extension(oids.subjectKeyIdentifier, false, subjectKey))
  const issuerKey = derSequence(derElement(0x80, keyIdentifierOf(signer.publicKeyDer)))
  list.push(extension(oids.authorityKeyIdentifier, false, issuerKey))
  return list
}

function extension(oid: string, critical: boolean, valueDer: Uint8Array): Uint8Array {
  const flag = critical ? [derBoolean(true)] : []
  return derSequence(derOid(oid), ...flag, derElement(tags.octetString, valueDer))
}

/** The first 160 bits of the SHA-256 of the key itself (RFC 7093 2, method 1). */
function keyIdentifierOf(publicKeyDer: Uint8Array): Uint8Array {
  const fields = new DerReader(publicKeyDer).enter(tags.sequence)
  fields.read(tags.sequence)
  return hash('sha256', fields.wholeOctets(), 'buffer').subarray(0, 20)
}
