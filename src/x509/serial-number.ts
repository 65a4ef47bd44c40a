import { GatewayError } from '../base/errors.ts'

/** Longest text taken for a serial number; 20 octets with separators need 59 characters. */
const textLengthMax = 128
const hexDigitsMax = 40

/**
 * Normalises a serial number as people copy it: lower-case hex without leading zeros.
 *
 * Takes upper and lower case, a `serial=` or `0x` in front, single colons or white space between digits (browsers,
 * `openssl x509`, the Windows certificate window with its invisible mark in front), leading zeros. The digits are
 * always read as hexadecimal: `4096` means 0x4096, because a spelling must not change its meaning with its digits.
 * Throws GatewayError `serial_invalid` on anything else, on zero, and above 20 octets (RFC 5280 4.1.2.2).
 */
export function normaliseSerial(text: string): string {
  if (text.length > textLengthMax) throw invalid(`${text.length} characters`, 'it is too long')
  const shown = JSON.stringify(text)
  const digits = text
    // Left-to-right mark and byte order mark: what Windows puts on the clipboard before the first digit.
    .replace(/^[\u200e\ufeff\s]+/, '')
    .replace(/^serial\s*=\s*/i, '')
    .replace(/^0x/i, '')
    .trimEnd()
  if (digits.startsWith('-')) throw invalid(shown, 'it is negative')
  if (!/^[0-9a-f]+(?:(?::|\s+)[0-9a-f]+)*$/i.test(digits)) throw invalid(shown, 'it is not hexadecimal')
  const serial = digits.replace(/[:\s]/g, '').replace(/^0+/, '').toLowerCase()
  if (serial === '') throw invalid(shown, 'it is zero')
  if (serial.length > hexDigitsMax) throw invalid(shown, 'it is over 20 octets')
  return serial
}

function invalid(shown: string, reason: string): GatewayError {
  return new GatewayError('serial_invalid', `Cannot read the serial number as ${reason}: current value is ${shown}`)
}
