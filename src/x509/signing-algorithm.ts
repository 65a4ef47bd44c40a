import type { KeyObject } from 'node:crypto'
import { GatewayError } from '../base/errors.ts'
import { tags } from './der-reader.ts'
import { derElement, derOid, derSequence } from './der-writer.ts'
import { signatureSchemes } from './oids.ts'

/** Hashes that may be asked for; SHA-1 only for tests of its refusal. */
export type SigningHash = 'sha1' | 'sha256' | 'sha384' | 'sha512'

/** How something is signed. RSA means PKCS #1 v1.5. */
export type SigningAlgorithm = {
  readonly oid: string
  readonly keyType: 'rsa' | 'ec' | 'ed25519' | 'ed448'
  /** `intrinsic`: EdDSA, which hashes by itself. */
  readonly hash: SigningHash | 'intrinsic'
}

/**
 * What signs certificates: a key here, on a token, or somewhere else (`src/signing/`).
 *
 * `sign` gives the signature over `tbs` as it stands in a certificate (ECDSA: DER of r and s). It throws GatewayError
 * `signer_unavailable` when the key cannot be reached now; the same call may succeed later.
 */
export type Signer = {
  readonly algorithm: SigningAlgorithm
  /** DER of SubjectPublicKeyInfo: the issuing CA's. */
  readonly publicKeyDer: Uint8Array
  sign(tbs: Uint8Array): Promise<Uint8Array>
}

/**
 * How this key (private or public) signs with this hash. Left out, the hash fits the key: SHA-384 for P-384, SHA-512
 * for P-521, else SHA-256; EdDSA keys ignore it. Throws GatewayError `internal` for another kind of key.
 */
export function signingAlgorithmOf(key: KeyObject, hash: SigningHash = fittingHash(key)): SigningAlgorithm {
  const keyType = key.asymmetricKeyType
  const wanted = keyType === 'ed25519' || keyType === 'ed448' ? 'intrinsic' : hash
  const found = Object.entries(signatureSchemes).find(([, row]) => row.keyType === keyType && row.hash === wanted)
  if (found === undefined) {
    throw new GatewayError('internal', `Cannot sign a certificate as the key is of kind ${keyType} with hash ${hash}`)
  }
  return { oid: found[0], keyType: found[1].keyType as SigningAlgorithm['keyType'], hash: wanted }
}

/** What `node:crypto` wants as the algorithm of `sign` and `verify`. */
export function digestOf({ hash }: SigningAlgorithm): SigningHash | null {
  return hash === 'intrinsic' ? null : hash
}

/** DER of the AlgorithmIdentifier. */
export function encodeSigningAlgorithm({ oid, keyType }: SigningAlgorithm): Uint8Array {
  // RSA identifiers carry NULL parameters, the others none (RFC 4055 5, RFC 5758 3.2, RFC 8410 3).
  return derSequence(derOid(oid), ...(keyType === 'rsa' ? [derElement(tags.null)] : []))
}

function fittingHash(key: KeyObject): SigningHash {
  const curve = key.asymmetricKeyDetails?.namedCurve
  return curve === 'secp384r1' ? 'sha384' : curve === 'secp521r1' ? 'sha512' : 'sha256'
}
