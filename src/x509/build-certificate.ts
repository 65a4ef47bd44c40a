import { type KeyObject, sign } from 'node:crypto'
import type { GeneralName, NameAttribute } from './client-certificate.ts'
import { derBitString, derElement, derInteger, derSequence, derTime } from './der-writer.ts'
import {
  type EncodedExtension,
  encodeExtension,
  extensionsOf,
  type KeyUsageBit,
  keyIdentifierExtensions,
  keyIdentifierOf,
} from './encode-extensions.ts'
import { encodeName } from './encode-name.ts'
import { pemOf } from './pem.ts'
import {
  digestOf,
  encodeSigningAlgorithm,
  type SigningAlgorithm,
  type SigningHash,
  signingAlgorithmOf,
} from './signing-algorithm.ts'

export type { KeyUsageBit } from './encode-extensions.ts'
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
  readonly otherExtensions?: readonly EncodedExtension[]
}

/** Whose certificate it will be signed by. */
export type CertificateIssuer = {
  /** DER of the issuer name, copied byte for byte. */
  readonly nameDer: Uint8Array
  /** DER of the issuer's SubjectPublicKeyInfo. */
  readonly publicKeyDer: Uint8Array
  /** As the issuer's own certificate has it; left out: made from its key, as this code makes it for its CAs. */
  readonly keyIdentifier?: Uint8Array | undefined
}

/** Who signs: a CA, or the subject itself. */
export type CertificateSigner = CertificateIssuer & {
  readonly privateKey: KeyObject
  /** Hash of the signature; SHA-1 only for tests of its refusal. Default `sha256`; ignored by EdDSA keys. */
  readonly hash?: SigningHash
}

/**
 * Builds and signs a certificate (RFC 5280 4.1, version 3). RSA keys sign with PKCS #1 v1.5. For certificates of users
 * see `issueCertificate`, which looks before it signs.
 * Throws GatewayError `internal` for a signing key of another kind than RSA, EC, Ed25519, Ed448.
 */
export function buildCertificate(
  template: CertificateTemplate,
  signer: CertificateSigner,
): { readonly der: Uint8Array; readonly pem: string } {
  const algorithm = signingAlgorithmOf(signer.privateKey, signer.hash ?? 'sha256')
  const tbs = buildTbs(template, { issuer: signer, algorithm })
  const der = assembleSigned(tbs, { algorithm, signature: sign(digestOf(algorithm), tbs, signer.privateKey) })
  return { der, pem: pemOf(der, 'CERTIFICATE') }
}

/** DER of the TBSCertificate (RFC 5280 4.1.2): what is signed. */
export function buildTbs(
  template: CertificateTemplate,
  { issuer, algorithm }: { readonly issuer: CertificateIssuer; readonly algorithm: SigningAlgorithm },
): Uint8Array {
  const keyIdentifier = issuer.keyIdentifier ?? keyIdentifierOf(issuer.publicKeyDer)
  const extensions = [
    ...extensionsOf({ ...template, subjectIsEmpty: template.subject.length === 0 }),
    ...keyIdentifierExtensions(template.publicKeyDer, keyIdentifier),
  ]
  return derSequence(
    derElement(0xa0, derInteger('2')),
    derInteger(template.serial),
    encodeSigningAlgorithm(algorithm),
    issuer.nameDer,
    derSequence(derTime(template.notBeforeMs), derTime(template.notAfterMs)),
    encodeName(template.subject),
    template.publicKeyDer,
    derElement(0xa3, derSequence(...extensions.map(encodeExtension))),
  )
}

/** Puts a signed part, its algorithm and its signature together: a certificate, or a signing request (RFC 2986 4.2). */
export function assembleSigned(
  signed: Uint8Array,
  { algorithm, signature }: { readonly algorithm: SigningAlgorithm; readonly signature: Uint8Array },
): Uint8Array {
  return new Uint8Array(derSequence(signed, encodeSigningAlgorithm(algorithm), derBitString(signature)))
}
