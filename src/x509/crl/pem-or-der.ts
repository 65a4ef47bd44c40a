import { tags } from '../der-reader.ts'
import { crlUnreadable } from './crl-fault.ts'
import type { PullBytes } from './crl-window.ts'

const begin = '-----BEGIN '
const beginLine = '-----BEGIN X509 CRL-----'
const endLine = '-----END X509 CRL-----'
/** Most text before and after the block, each, and most white space within it beyond what its lines need. Unit: bytes. */
const textBytesMax = 65_536
/** Lines of one character, ended by CRLF: more white space than that is no way of writing a block. */
const whitePerCharacter = 2

/**
 * The bytes of a list (DER) from those of a file that holds it as DER or as PEM (RFC 7468): PEM when the first byte is not the tag of
 * a list. Text around the block is passed over, up to 64 KiB before and after; lines may be of any length and end in any way.
 *
 * What it gives throws GatewayError `crl_unreadable` for a file that is neither, for a block of another kind or a second one, and for
 * base64 that is malformed; `byte N` counts in the file. Keeps no more than a chunk.
 */
export function pemOrDer(pull: PullBytes): PullBytes {
  let source: PullBytes | undefined
  return () => {
    if (source !== undefined) return source()
    const first = pull()
    if (first === undefined || first.length === 0 || first[0] === tags.sequence) {
      source = pull
      return first
    }
    const pem = new PemSource(pull, first)
    source = () => pem.next()
    return source()
  }
}

/**
 * `before`: looking for the line that begins the block. `inside`: decoding it. `after`: its last line was read, nothing but text may
 * follow. `ended`: the file was read to its end.
 */
type PemState = 'before' | 'inside' | 'after' | 'ended'

class PemSource {
  readonly #pull: PullBytes
  #state: PemState = 'before'
  /** Read, and not passed yet; and where it begins in the file. */
  #text: string
  #textAt = 0
  /** Up to three characters that wait for the fourth. */
  #carried = ''
  #padded = false
  #characters = 0
  #white = 0

  constructor(pull: PullBytes, first: Uint8Array) {
    this.#pull = pull
    this.#text = Buffer.from(first.buffer, first.byteOffset, first.length).toString('latin1')
  }

  next(): Uint8Array | undefined {
    if (this.#state === 'before') this.#findBlock()
    while (this.#state === 'inside') {
      const decoded = this.#decodeSome()
      if (decoded.length > 0) return decoded
    }
    if (this.#state === 'after') this.#passRest()
    return undefined
  }

  #findBlock(): void {
    let found = this.#text.indexOf(begin)
    while (found < 0 || this.#text.length < found + beginLine.length) {
      if (this.#text.length > textBytesMax) throw this.#fault(0, 'neither DER nor PEM')
      const from = Math.max(0, this.#text.length - begin.length)
      if (!this.#readMore()) throw this.#fault(0, 'neither DER nor PEM')
      if (found < 0) found = this.#text.indexOf(begin, from)
    }
    if (found > textBytesMax) throw this.#fault(0, 'neither DER nor PEM')
    if (!this.#text.startsWith(beginLine, found)) throw this.#fault(found, 'a PEM block of another kind')
    this.#pass(found + beginLine.length)
    this.#state = 'inside'
  }

  /** What can be decoded of the text that is here; nothing while there is too little of it. */
  #decodeSome(): Uint8Array {
    const dash = this.#text.indexOf('-')
    if (dash === 0) {
      this.#readEnd()
      return new Uint8Array()
    }
    const part = dash < 0 ? this.#text : this.#text.slice(0, dash)
    const wrong = part.search(/[^A-Za-z0-9+/=\t\n\r ]/)
    if (wrong >= 0) throw this.#fault(wrong, 'a character that is not base64')
    const digits = part.replace(/[\t\n\r ]+/g, '')
    this.#characters += digits.length
    this.#white += part.length - digits.length
    if (this.#white > textBytesMax + whitePerCharacter * this.#characters) throw this.#fault(0, 'too much white space')
    if (this.#padded && digits !== '') throw this.#fault(0, 'base64 after its padding')
    const decoded = this.#decode(this.#carried + digits)
    this.#pass(part.length)
    if (dash < 0 && !this.#readMore()) throw this.#fault(0, 'the PEM block has no end')
    return decoded
  }

  #decode(digits: string): Uint8Array {
    const whole = digits.length - (digits.length % 4)
    const groups = digits.slice(0, whole)
    this.#carried = digits.slice(whole)
    const padding = groups.indexOf('=')
    if (padding >= 0) {
      this.#padded = true
      if (!/^==?$/.test(groups.slice(padding)) || this.#carried !== '') throw this.#fault(0, 'misplaced base64 padding')
    }
    return Buffer.from(groups, 'base64')
  }

  #readEnd(): void {
    while (this.#text.length < endLine.length && this.#readMore());
    if (/^-{1,4}[^-]/.test(this.#text)) throw this.#fault(0, 'a character that is not base64')
    if (!this.#text.startsWith(endLine)) throw this.#fault(0, 'the PEM block has no end')
    if (this.#carried !== '') throw this.#fault(0, 'base64 is cut off')
    this.#pass(endLine.length)
    this.#state = 'after'
  }

  #passRest(): void {
    const endAt = this.#textAt
    do {
      const second = this.#text.indexOf(begin)
      if (second >= 0) throw this.#fault(second, 'a second PEM block')
      this.#pass(Math.max(0, this.#text.length - begin.length))
      if (this.#textAt - endAt > textBytesMax) throw this.#fault(0, 'too much text after the PEM block')
    } while (this.#readMore())
    this.#state = 'ended'
  }

  #pass(characters: number): void {
    this.#text = this.#text.slice(characters)
    this.#textAt += characters
  }

  #readMore(): boolean {
    const chunk = this.#pull()
    if (chunk === undefined || chunk.length === 0) return false
    this.#text += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1')
    return true
  }

  #fault(at: number, reason: string): Error {
    return crlUnreadable(this.#textAt + at, reason)
  }
}
