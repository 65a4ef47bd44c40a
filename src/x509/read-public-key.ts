import type { PublicKeyKind } from './client-certificate.ts'
import { DerReader, tags, unreadable } from './der-reader.ts'
import { readOid } from './object-identifier.ts'
import { curves, oids } from './oids.ts'

/**
 * Reads what kind of key a SubjectPublicKeyInfo holds (RFC 5280 4.1.2.7, RFC 3279 2.3, RFC 8410). `reader` is a level
 * inside the SubjectPublicKeyInfo. A curve without a name of ours is named by its OID, one given by explicit
 * parameters is `explicit`. Throws `certificate_unreadable`.
 */
export function readPublicKey(reader: DerReader): PublicKeyKind {
  const algorithm = reader.enter(tags.sequence)
  const oid = readOid(algorithm)
  switch (oid) {
    case oids.rsaEncryption:
    case oids.rsassaPss:
      return { algorithm: 'rsa', bits: modulusBits(reader) }
    case oids.ecPublicKey: {
      const name = algorithm.peek() === tags.oid ? readOid(algorithm) : undefined
      const point = reader.wholeOctets()
      reader.finish()
      const known = name === undefined ? undefined : curves[name]
      // 0x04 is the uncompressed form, two coordinates; 0x02 and 0x03 hold one (SEC 1 2.3.3).
      const bits = known?.bits ?? Math.floor(((point.length - 1) * 8) / (point[0] === 0x04 ? 2 : 1))
      return { algorithm: 'ec', curve: known?.curve ?? name ?? 'explicit', bits }
    }
    case oids.ed25519:
    case oids.ed448:
      return { algorithm: oid === oids.ed25519 ? 'ed25519' : 'ed448' }
    default:
      return { algorithm: 'unknown', oid }
  }
}

/** The same from a whole SubjectPublicKeyInfo. */
export function publicKeyKindOf(publicKeyDer: Uint8Array): PublicKeyKind {
  return readPublicKey(new DerReader(publicKeyDer).enter(tags.sequence))
}

/** Length in bits of the modulus of an RSAPublicKey inside the BIT STRING that comes next. */
function modulusBits(reader: DerReader): number {
  const element = reader.read(tags.bitString)
  reader.finish()
  if (reader.bytes[element.contentStart] !== 0) throw unreadable(element.start, 'a BIT STRING with unused bits')
  const wrapped = reader.inside({ ...element, contentStart: element.contentStart + 1 })
  const numbers = wrapped.enter(tags.sequence)
  wrapped.finish()
  const modulus = numbers.integer()
  numbers.integer()
  numbers.finish()
  const { bytes } = reader
  if ((bytes[modulus.contentStart] as number) >= 0x80) throw unreadable(modulus.start, 'a negative modulus')
  const padding = bytes[modulus.contentStart] === 0 ? 1 : 0
  const octets = modulus.end - modulus.contentStart - padding
  return octets === 0 ? 0 : octets * 8 - Math.clz32(bytes[modulus.contentStart + padding] as number) + 24
}
