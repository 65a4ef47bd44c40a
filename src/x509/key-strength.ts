import type { ClientCertificate } from './client-certificate.ts'

const strongCurves: readonly string[] = ['P-256', 'P-384', 'P-521']
const strongHashes: readonly string[] = ['sha256', 'sha384', 'sha512', 'intrinsic']

/**
 * Why the key of a certificate, or the algorithm that signed it, is too weak; undefined where both are strong enough:
 * RSA of at least `rsaBitsMin` bits, P-256, P-384, P-521, Ed25519 or Ed448, signed with SHA-2 of at least 256 bits or
 * EdDSA. Kinds this code does not know count as weak. OpenSSL reports all of these only as `UNSPECIFIED`.
 */
export function weakKeyReason(
  { publicKey, signatureAlgorithm }: ClientCertificate,
  { rsaBitsMin }: { readonly rsaBitsMin: number },
): string | undefined {
  switch (publicKey.algorithm) {
    case 'rsa':
      if (publicKey.bits < rsaBitsMin) return `RSA key of ${publicKey.bits} bits, ${rsaBitsMin} are required`
      break
    case 'ec':
      if (!strongCurves.includes(publicKey.curve)) return `key on curve ${publicKey.curve}`
      break
    case 'ed25519':
    case 'ed448':
      break
    case 'unknown':
      return `key of unknown kind ${publicKey.oid}`
  }
  return weakHashReason(signatureAlgorithm)
}

/** Why a signature made in this way is too weak; undefined: its hash is SHA-2 of at least 256 bits, or EdDSA's own. */
export function weakHashReason({ hash, oid }: ClientCertificate['signatureAlgorithm']): string | undefined {
  return strongHashes.includes(hash) ? undefined : `signed with hash ${hash} (${oid})`
}
