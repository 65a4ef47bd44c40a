import { bits, explicit, integer, oid, sequence, smallInteger } from './der.ts'

/** The kind of key a browser makes: every browser has it, and its signatures are short. */
export const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const

/**
 * DER of a signing request (PKCS #10, RFC 2986) of an ECDSA P-256 key pair. Its subject is empty: what the certificate says is the
 * CA's to decide.
 */
export async function makeSigningRequest(keys: CryptoKeyPair): Promise<Uint8Array<ArrayBuffer>> {
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('spki', keys.publicKey))
  const info = sequence(smallInteger(0), sequence(), publicKey, explicit(0))
  const raw = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, keys.privateKey, info))
  // WebCrypto gives r and s side by side (IEEE P1363); X.509 wants a SEQUENCE of two numbers (RFC 3279 2.2.3).
  const signature = sequence(integer(raw.subarray(0, raw.length / 2)), integer(raw.subarray(raw.length / 2)))
  return sequence(info, sequence(oid('1.2.840.10045.4.3.2')), bits(signature))
}
