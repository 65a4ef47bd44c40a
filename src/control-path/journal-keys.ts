import type { CertificateKey } from '../x509/certificate-key.ts'

/**
 * Keys in few bytes: a million of them may pass through a journal at once. One after another: number of hex digits of the serial
 * number, number of the issuer in the list, the serial number as bytes. A key in any other spelling, or of an issuer
 * beyond the list, has 0 digits and then its length and text.
 */
export type PackedKeys = { readonly issuers: readonly string[]; readonly bytes: Buffer }

/** Keys taken from the front, so many at a time. Throws when there are fewer. */
export type KeyList = { next(count: number): CertificateKey[] }

const normalKey = /^[0-9a-f]{32}:[1-9a-f][0-9a-f]{0,39}$/
const issuersMax = 256
const issuerDigits = 32

/** Packs keys; their order stays. */
export function packKeys(keys: readonly CertificateKey[]): PackedKeys {
  const issuers = new Map<string, string>()
  // One conversion from hex for all is several times as fast as one a key.
  let hex = ''
  for (const key of keys) {
    const issuer = normalKey.test(key) ? issuerNumber(key.slice(0, issuerDigits), issuers) : undefined
    if (issuer === undefined) {
      const text = Buffer.from(key)
      hex += `00${text.length.toString(16).padStart(8, '0')}${text.toString('hex')}`
      continue
    }
    const digits = key.length - issuerDigits - 1
    hex += hexByte(digits) + issuer + (digits % 2 === 0 ? '' : '0') + key.slice(issuerDigits + 1)
  }
  return { issuers: [...issuers.keys()], bytes: Buffer.from(hex, 'hex') }
}

function issuerNumber(issuerId: string, issuers: Map<string, string>): string | undefined {
  const known = issuers.get(issuerId)
  if (known !== undefined || issuers.size === issuersMax) return known
  const number = hexByte(issuers.size)
  issuers.set(issuerId, number)
  return number
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0')
}

/** The keys again. */
export function unpackKeys({ issuers, bytes }: PackedKeys): KeyList {
  const hex = bytes.toString('hex')
  let position = 0
  const nextKey = (): string => {
    const digits = bytes.readUInt8(position)
    if (digits === 0) {
      const start = position + 5
      position = start + bytes.readUInt32BE(position + 1)
      if (position > bytes.length) throw new Error('keys are missing')
      return bytes.toString('utf8', start, position)
    }
    const issuerId = issuers[bytes.readUInt8(position + 1)]
    const start = position + 2
    position = start + ((digits + 1) >> 1)
    if (issuerId === undefined || position > bytes.length) throw new Error('keys are missing')
    return `${issuerId}:${hex.slice(2 * start + (digits % 2), 2 * position)}`
  }
  return { next: (count) => Array.from({ length: count }, () => nextKey() as CertificateKey) }
}
