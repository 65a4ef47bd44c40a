import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { assembleSigned, type CertificateTemplate } from './build-certificate.ts'
import type { NameAttribute } from './client-certificate.ts'
import { tags } from './der-reader.ts'
import { derElement, derInteger, derOid, derSequence, derText } from './der-writer.ts'
import { encodeExtension, extensionsOf } from './encode-extensions.ts'
import { encodeName } from './encode-name.ts'
import { oids } from './oids.ts'
import { pemOf } from './pem.ts'
import { digestOf, type SigningHash, signingAlgorithmOf } from './signing-algorithm.ts'

/** What a request asks for. Everything but the key may be left out: the CA decides what the certificate says. */
export type SigningRequestTemplate = {
  readonly privateKey: KeyObject
  /** Default: empty. */
  readonly subject?: readonly NameAttribute[]
  /** Extensions to ask for. */
  readonly extensions?: Pick<
    CertificateTemplate,
    'basicConstraints' | 'keyUsage' | 'extendedKeyUsage' | 'subjectAltNames' | 'nameConstraints' | 'otherExtensions'
  >
  readonly challengePassword?: string
  /** Anything else: one value, as DER. */
  readonly otherAttributes?: readonly { readonly oid: string; readonly valueDer: Uint8Array }[]
  /** Default: what fits the key. SHA-1 only for tests of its refusal. */
  readonly hash?: SigningHash
}

/**
 * Builds and signs a PKCS #10 request (RFC 2986). Throws GatewayError `internal` for a key that cannot sign.
 */
export function buildSigningRequest(template: SigningRequestTemplate): {
  readonly der: Uint8Array
  readonly pem: string
} {
  const { privateKey, subject = [], extensions, challengePassword, otherAttributes = [] } = template
  const algorithm = signingAlgorithmOf(privateKey, template.hash)
  const attribute = (oid: string, valueDer: Uint8Array) => derSequence(derOid(oid), derElement(tags.set, valueDer))
  const asked = extensions === undefined ? [] : extensionsOf({ ...extensions, subjectIsEmpty: subject.length === 0 })
  const attributes = [
    ...(challengePassword === undefined
      ? []
      : [attribute(oids.challengePassword, derText(tags.utf8String, challengePassword))]),
    ...(asked.length === 0 ? [] : [attribute(oids.extensionRequest, derSequence(...asked.map(encodeExtension)))]),
    ...otherAttributes.map(({ oid, valueDer }) => attribute(oid, valueDer)),
  ]
  const info = derSequence(
    derInteger('0'),
    encodeName(subject),
    createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    // A SET OF is ordered by its encodings (X.690 11.6).
    derElement(0xa0, ...attributes.sort(Buffer.compare)),
  )
  const der = assembleSigned(info, { algorithm, signature: sign(digestOf(algorithm), info, privateKey) })
  return { der, pem: pemOf(der, 'CERTIFICATE REQUEST') }
}
