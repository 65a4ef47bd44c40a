import type { KeyType } from './certificate-profile.ts'
import { tags } from './der-reader.ts'
import { derElement, derInteger, derOid, derSequence } from './der-writer.ts'
import { encodeExtension, extensionsOf } from './encode-extensions.ts'
import { oids } from './oids.ts'

const curveOids = { 'P-256': '1.2.840.10045.3.1.7', 'P-384': '1.3.132.0.34' } as const
const signatureOids = {
  'P-256': '1.2.840.10045.4.3.2',
  'P-384': '1.2.840.10045.4.3.3',
  'RSA-2048': '1.2.840.113549.1.1.11',
} as const

/**
 * What a request ought to hold (RFC 7030 4.5.2, CsrAttrs): a key of the preferred kind, signed with the hash that fits,
 * for client authentication and digital signatures. Subject and names are left to the CA.
 */
export function buildCsrAttributes(keyType: KeyType): Uint8Array {
  const extensions = extensionsOf({
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [oids.clientAuth],
    subjectIsEmpty: true,
  })
  const attribute = (oid: string, value: Uint8Array) => derSequence(derOid(oid), derElement(tags.set, value))
  const key =
    keyType === 'RSA-2048'
      ? attribute(oids.rsaEncryption, derInteger((2_048).toString(16)))
      : attribute(oids.ecPublicKey, derOid(curveOids[keyType]))
  const request = attribute(oids.extensionRequest, derSequence(...extensions.map(encodeExtension)))
  return new Uint8Array(derSequence(key, request, derOid(signatureOids[keyType])))
}
