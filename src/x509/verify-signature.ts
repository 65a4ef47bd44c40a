import { constants, type KeyObject, verify } from 'node:crypto'
import { DerReader, tags } from './der-reader.ts'
import { readSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts'

const keyTypes: Readonly<Record<NonNullable<SignatureAlgorithm['keyType']>, readonly string[]>> = {
  rsa: ['rsa'],
  pss: ['rsa', 'rsa-pss'],
  ec: ['ec'],
  ed25519: ['ed25519'],
  ed448: ['ed448'],
}

/** What was signed, how, and the signature. */
export type SignedBytes = {
  readonly algorithm: SignatureAlgorithm
  readonly signed: Uint8Array
  readonly signature: Uint8Array
}

/**
 * Whether this key made the signature of a certificate, given by its DER (RFC 5280 4.1.1.3). About 70 µs with a P-256
 * key. False for an algorithm this code does not know and for a key of another kind. How strong the algorithm is, is
 * another question (`weakKeyReason`). Throws `certificate_unreadable`.
 *
 * Verified over the same bytes that `readCertificate` reads: no second parser has a say in what was signed.
 */
export function isSignedBy(der: Uint8Array, publicKey: KeyObject): boolean {
  const file = new DerReader(der)
  const certificate = file.enter(tags.sequence)
  const signed = certificate.whole(certificate.read(tags.sequence))
  const algorithm = readSignatureAlgorithm(certificate, certificate.read(tags.sequence))
  const signature = certificate.wholeOctets()
  return verifySignature({ algorithm, signed, signature }, publicKey)
}

/** Whether this key made the signature; false for an algorithm this code does not know and for a key of another kind. */
export function verifySignature({ algorithm, signed, signature }: SignedBytes, publicKey: KeyObject): boolean {
  if (!isKeyFor(algorithm, publicKey)) return false
  const digest = algorithm.hash === 'intrinsic' ? null : algorithm.hash
  try {
    if (algorithm.saltLength === undefined) return verify(digest, signed, publicKey, signature)
    const key = { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: algorithm.saltLength }
    return verify(digest, signed, key, signature)
  } catch {
    // OpenSSL throws, instead of saying no, when a key and a digest can never go together (RSA-512 with SHA-512).
    return false
  }
}

/** Whether the algorithm is one that this code knows, and the key of the kind that it takes. */
export function isKeyFor({ keyType }: SignatureAlgorithm, publicKey: KeyObject): boolean {
  return keyType !== undefined && keyTypes[keyType].includes(publicKey.asymmetricKeyType ?? '')
}
