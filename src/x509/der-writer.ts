import { tags } from './der-reader.ts'

/** One DER element (X.690): tag, minimal length, contents joined in order. Contents are below 4 GiB. */
export function derElement(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(contents)
  if (body.length < 0x80) return Buffer.concat([Uint8Array.of(tag, body.length), body])
  const length = octetsOf(body.length.toString(16))
  return Buffer.concat([Uint8Array.of(tag, 0x80 | length.length), length, body])
}

/** SEQUENCE of what is given, in order. */
export function derSequence(...contents: readonly Uint8Array[]): Uint8Array {
  return derElement(tags.sequence, ...contents)
}

/** INTEGER, from hex digits of a number that is not negative. */
export function derInteger(hex: string): Uint8Array {
  const octets = octetsOf(hex.replace(/^0+(?=.)/, ''))
  const padding = (octets[0] as number) >= 0x80 ? Uint8Array.of(0) : Uint8Array.of()
  return derElement(tags.integer, padding, octets)
}

/** BOOLEAN; where FALSE is the default, DER wants it left out. */
export function derBoolean(value: boolean): Uint8Array {
  return derElement(tags.boolean, Uint8Array.of(value ? 0xff : 0x00))
}

/** OBJECT IDENTIFIER from dotted form. */
export function derOid(oid: string): Uint8Array {
  const [first = 0n, second = 0n, ...rest] = oid.split('.').map(BigInt)
  const octets = [first * 40n + second, ...rest].flatMap((arc) => {
    const groups = [Number(arc & 0x7fn)]
    for (let left = arc >> 7n; left > 0n; left >>= 7n) groups.unshift(Number(left & 0x7fn) | 0x80)
    return groups
  })
  return derElement(tags.oid, Uint8Array.from(octets))
}

/** BIT STRING of whole octets. */
export function derBitString(octets: Uint8Array): Uint8Array {
  return derElement(tags.bitString, Uint8Array.of(0), octets)
}

/** BIT STRING of named bits: trailing zero bits are left out (X.690 11.2.2). Bits count from 0, below 16. */
export function derNamedBits(bits: readonly number[]): Uint8Array {
  const highest = Math.max(...bits)
  const octets = new Uint8Array(1 + (highest >> 3) + 1)
  octets[0] = 7 - (highest & 7)
  for (const bit of bits) octets[1 + (bit >> 3)] = (octets[1 + (bit >> 3)] as number) | (0x80 >> (bit & 7))
  return derElement(tags.bitString, octets)
}

/** Text with this tag: UTF-8, which for ASCII is what PrintableString and IA5String hold too. */
export function derText(tag: number, text: string): Uint8Array {
  return derElement(tag, Buffer.from(text, 'utf8'))
}

/**
 * Time of a validity window (RFC 5280 4.1.2.5): UTCTime through 2049. Unit: milliseconds; parts of a second are cut.
 */
export function derTime(timeMs: number): Uint8Array {
  const iso = new Date(timeMs).toISOString()
  const digits = `${iso.replace(/\.\d+Z$/, '').replace(/[-:T]/g, '')}Z`
  const year = Number(iso.slice(0, 4))
  if (year >= 1950 && year < 2050) return derText(tags.utcTime, digits.slice(2))
  return derText(tags.generalizedTime, digits)
}

function octetsOf(hex: string): Uint8Array {
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}
