import { type CertificateKey, certificateKey } from '../x509/certificate-key.ts'

/** Words of a key: issuer number and length of the serial number in the first, the serial number (20 octets) in five. */
export const ledgerKeyWords = 6

const serialDigitsMax = 40
const issuerDigits = 32
/** Issuer numbers have 16 bits. */
const issuersMax = 65_536
const colon = 58

/**
 * Certificate keys as words of fixed number, and back. Issuers are numbered in the order in which they are met; the numbers mean
 * something only together with this table of them.
 */
export class LedgerKeys {
  /** The key read last. */
  readonly words = new Uint32Array(ledgerKeyWords)
  readonly #numbers = new Map<string, number>()
  readonly #issuerIds: string[] = []
  /** Most keys have the issuer of the one before. */
  #lastIssuerId = ''
  #lastNumber = 0

  /**
   * Reads a key into `words`. `odd`: it is not in normal spelling, so it has none. `unknown`: its issuer has no number, and
   * `shouldNumber` does not ask for one.
   */
  read(key: string, shouldNumber: boolean): 'read' | 'odd' | 'unknown' {
    const digits = key.length - issuerDigits - 1
    if (digits < 1 || digits > serialDigitsMax || key.charCodeAt(issuerDigits) !== colon) return 'odd'
    if (!this.#readSerial(key, digits)) return 'odd'
    const number = this.#numberOf(key, shouldNumber)
    if (typeof number === 'string') return number
    this.words[0] = (number << 16) | digits
    return 'read'
  }

  /** Takes the words of a key that begin at `start`, with another number for the issuer. */
  take(words: Uint32Array, start: number, issuerNumber: number): void {
    for (let at = 1; at < ledgerKeyWords; at++) this.words[at] = words[start + at] as number
    this.words[0] = (issuerNumber << 16) | ((words[start] as number) & 0xffff)
  }

  /** The number of an issuer, given to it if it has none; undefined: it is not spelled normally, or there are too many. */
  number(issuerId: string): number | undefined {
    const known = this.#numbers.get(issuerId)
    if (known !== undefined) return known
    if (!/^[0-9a-f]{32}$/.test(issuerId) || this.#issuerIds.length >= issuersMax) return undefined
    this.#numbers.set(issuerId, this.#issuerIds.length)
    return this.#issuerIds.push(issuerId) - 1
  }

  /** The issuer of a number that was given. */
  issuerId(number: number): string {
    return this.#issuerIds[number] as string
  }

  /** The key whose words begin at `start`. */
  write(words: Uint32Array, start: number): CertificateKey {
    const first = words[start] as number
    let serial = ''
    for (let at = 1; at < ledgerKeyWords; at++) serial += (words[start + at] as number).toString(16).padStart(8, '0')
    return certificateKey(this.issuerId(first >>> 16), serial.slice(serialDigitsMax - (first & 0xffff)))
  }

  #readSerial(key: string, digits: number): boolean {
    const { words } = this
    words.fill(0)
    let end = key.length
    for (let at = ledgerKeyWords - 1; end > issuerDigits + 1; at--) {
      const begin = Math.max(issuerDigits + 1, end - 8)
      let word = 0
      for (let place = begin; place < end; place++) {
        const digit = hexDigit(key.charCodeAt(place))
        if (digit < 0) return false
        word = (word << 4) | digit
      }
      words[at] = word
      end = begin
    }
    return hexDigit(key.charCodeAt(key.length - digits)) !== 0
  }

  #numberOf(key: string, shouldNumber: boolean): number | 'odd' | 'unknown' {
    if (this.#lastIssuerId !== '' && key.startsWith(this.#lastIssuerId)) return this.#lastNumber
    const issuerId = key.slice(0, issuerDigits)
    const number = shouldNumber ? this.number(issuerId) : this.#numbers.get(issuerId)
    if (number === undefined) return shouldNumber ? 'odd' : 'unknown'
    this.#lastIssuerId = this.issuerId(number)
    this.#lastNumber = number
    return number
  }
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  return code >= 97 && code <= 102 ? code - 87 : -1
}
