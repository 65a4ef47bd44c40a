import { randomBytes } from 'node:crypto'

/**
 * A new serial number: 128 bits from the system's random source, lower-case hex without leading zeros. Positive, and
 * far below 20 octets (RFC 5280 4.1.2.2); zero comes up once in 2^128 times and is not special-cased but made one.
 */
export function randomSerial(): string {
  return randomBytes(16).toString('hex').replace(/^0+/, '') || '1'
}
