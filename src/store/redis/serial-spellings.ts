import { normaliseSerial } from '../../x509/serial-number.ts'

const normalSerial = /^[1-9a-f][0-9a-f]{0,39}$/

/**
 * How people and their scripts write a serial number that is given in normal spelling, which comes first: in upper case, padded
 * to whole octets, with colons between them. Each once. The change scripts have the same list.
 */
export function serialSpellings(serial: string): string[] {
  const padded = serial.length % 2 === 1 ? `0${serial}` : serial
  const colons = padded.replace(/..(?=.)/g, '$&:')
  const lower = [serial, padded, colons]
  return [...new Set([...lower, ...lower.map((text) => text.toUpperCase())])]
}

/** Member of a set of revoked serial numbers in normal spelling; undefined if it is no serial number. */
export function readSerial(member: string): string | undefined {
  if (normalSerial.test(member)) return member
  try {
    return normaliseSerial(member)
  } catch {
    return undefined
  }
}
