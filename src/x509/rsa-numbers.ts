import { DerReader, tags } from './der-reader.ts'
import { readOid } from './object-identifier.ts'
import { oids } from './oids.ts'

/** The primes below 752, multiplied: a modulus that shares a factor with it was not made of two random primes. */
const smallPrimes = smallPrimesBelow(752).reduce((product, prime) => product * BigInt(prime), 1n)

/**
 * Why an RSA key must not be certified, whatever its size; undefined: nothing is wrong with it that can be seen cheaply.
 * The exponent must be odd, at least 65 537 and below 2^256; the size a whole number of octets; the modulus odd and
 * without a factor below 752 (NIST SP 800-56B 6.4, CA/Browser Forum BR 6.1.6). A key restricted to RSASSA-PSS is
 * refused: browsers' key stores do not know it. `publicKeyDer` is a SubjectPublicKeyInfo that `readPublicKey` has read.
 */
export function rsaKeyFault(publicKeyDer: Uint8Array): string | undefined {
  const { oid, modulus, exponent } = rsaNumbersOf(publicKeyDer)
  if (oid !== oids.rsaEncryption) return 'the key is restricted to RSASSA-PSS'
  const bits = modulus.toString(2).length
  if (bits % 8 !== 0) return `the modulus has ${bits} bits, which is no whole number of octets`
  if (exponent < 65_537n) return `the public exponent is ${exponent}, at least 65537 is required`
  if (exponent % 2n === 0n) return 'the public exponent is even'
  if (exponent >= 1n << 256n) return 'the public exponent has more than 256 bits'
  if (greatestCommonDivisor(smallPrimes, modulus % smallPrimes) !== 1n) return 'the modulus has a small factor'
  return undefined
}

function rsaNumbersOf(publicKeyDer: Uint8Array): { oid: string; modulus: bigint; exponent: bigint } {
  const key = new DerReader(publicKeyDer).enter(tags.sequence)
  const oid = readOid(key.enter(tags.sequence))
  const numbers = new DerReader(key.wholeOctets()).enter(tags.sequence)
  const number = () => BigInt(`0x${Buffer.from(numbers.contents(numbers.integer())).toString('hex')}`)
  return { oid, modulus: number(), exponent: number() }
}

function greatestCommonDivisor(left: bigint, right: bigint): bigint {
  let [high, low] = [left, right]
  while (low !== 0n) [high, low] = [low, high % low]
  return high
}

function smallPrimesBelow(limit: number): number[] {
  const numbers = Array.from({ length: limit - 2 }, (_, index) => index + 2)
  return numbers.filter((number) => numbers.every((other) => other >= number || number % other !== 0))
}
