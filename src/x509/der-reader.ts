import { GatewayError } from '../base/errors.ts'

/** Tags used in certificates (X.690 8.1.2, low-tag-number form). */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** One tag-length-value. Positions count from the start of `bytes`. */
export type DerElement = {
  readonly tag: number
  /** First byte of the tag. */
  readonly start: number
  /** First byte of the contents. */
  readonly contentStart: number
  /** One past the last byte of the contents. */
  readonly end: number
}

const depthMax = 24

/**
 * Walks one level of DER (X.690) from front to back. Nothing is copied; a level inside is a reader of its own.
 *
 * Refuses what DER forbids or a certificate never has: indefinite and non-minimal lengths, contents that reach beyond
 * their surroundings, high tag numbers, more than 24 levels. Every refusal is a GatewayError `certificate_unreadable`
 * whose `path` is `byte N`.
 */
export class DerReader {
  readonly bytes: Uint8Array
  readonly end: number
  position: number
  readonly #depth: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length, depth = 0) {
    this.bytes = bytes
    this.position = start
    this.end = end
    this.#depth = depth
  }

  get done(): boolean {
    return this.position === this.end
  }

  /** Tag of the next element, or -1 at the end. */
  peek(): number {
    return this.position < this.end ? (this.bytes[this.position] as number) : -1
  }

  /** The next element, whatever its tag. */
  next(): DerElement {
    const { bytes, end, position: start } = this
    if (end - start < 2) throw unreadable(start, 'an element is cut off')
    const tag = bytes[start] as number
    if ((tag & 0x1f) === 0x1f) throw unreadable(start, 'a high tag number')
    let length = bytes[start + 1] as number
    let contentStart = start + 2
    if (length >= 0x80) {
      const octets = length & 0x7f
      // 0x80 alone is the indefinite form; four octets already reach 4 GiB.
      if (octets === 0 || octets > 4) throw unreadable(start, 'an indefinite or over-long length')
      if (end - contentStart < octets) throw unreadable(start, 'a length is cut off')
      length = 0
      for (let index = 0; index < octets; index++) length = length * 256 + (bytes[contentStart + index] as number)
      if (length < 0x80 || (octets > 1 && length < 256 ** (octets - 1))) throw unreadable(start, 'a non-minimal length')
      contentStart += octets
    }
    if (length > end - contentStart) throw unreadable(start, 'contents reach beyond their surroundings')
    this.position = contentStart + length
    return { tag, start, contentStart, end: this.position }
  }

  /** The next element, which must have this tag. */
  read(tag: number): DerElement {
    if (this.peek() !== tag) throw unreadable(this.position, `tag ${this.peek()} where ${tag} belongs`)
    return this.next()
  }

  /** The next element if it has this tag; else nothing is consumed. */
  optional(tag: number): DerElement | undefined {
    return this.peek() === tag ? this.next() : undefined
  }

  /** A reader for the contents of an element of this reader's bytes. */
  inside(element: DerElement): DerReader {
    if (this.#depth >= depthMax) throw unreadable(element.start, 'too many levels')
    return new DerReader(this.bytes, element.contentStart, element.end, this.#depth + 1)
  }

  /** `read(tag)` and `inside()` in one. */
  enter(tag: number): DerReader {
    return this.inside(this.read(tag))
  }

  /** Must be called when a level is read: surplus elements are refused. */
  finish(): void {
    if (this.position !== this.end) throw unreadable(this.position, 'surplus bytes')
  }

  /** Contents of an element, as a view. */
  contents(element: DerElement): Uint8Array {
    return this.bytes.subarray(element.contentStart, element.end)
  }

  /** The whole element with tag and length, as a view. */
  whole(element: DerElement): Uint8Array {
    return this.bytes.subarray(element.start, element.end)
  }

  /** BOOLEAN: 0x00 or 0xff, nothing else (X.690 11.1). */
  boolean(): boolean {
    const element = this.read(tags.boolean)
    const value = this.bytes[element.contentStart]
    if (element.end - element.contentStart !== 1 || (value !== 0x00 && value !== 0xff)) {
      throw unreadable(element.start, 'a malformed BOOLEAN')
    }
    return value === 0xff
  }

  /** INTEGER, minimally encoded (X.690 8.3.2); the contents are two's complement. */
  integer(): DerElement {
    const element = this.read(tags.integer)
    const first = this.bytes[element.contentStart] as number
    const length = element.end - element.contentStart
    if (length === 0) throw unreadable(element.start, 'an empty INTEGER')
    if (length > 1) {
      const second = this.bytes[element.contentStart + 1] as number
      const padded = (first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80)
      if (padded) throw unreadable(element.start, 'a non-minimal INTEGER')
    }
    return element
  }

  /** An INTEGER from 0 to 2^31 - 1. */
  smallInteger(): number {
    const element = this.integer()
    if (element.end - element.contentStart > 4 || (this.bytes[element.contentStart] as number) >= 0x80) {
      throw unreadable(element.start, 'an INTEGER out of range')
    }
    let value = 0
    for (let index = element.contentStart; index < element.end; index++)
      value = value * 256 + (this.bytes[index] as number)
    return value
  }

  /** Contents of a BIT STRING that is a whole number of octets, as a view. */
  wholeOctets(): Uint8Array {
    const element = this.read(tags.bitString)
    if (element.end === element.contentStart || this.bytes[element.contentStart] !== 0) {
      throw unreadable(element.start, 'a BIT STRING with unused bits')
    }
    return this.bytes.subarray(element.contentStart + 1, element.end)
  }
}

/** The fault of every reader in this folder. `position` counts bytes from the start of what is read. */
export function unreadable(position: number, reason: string): GatewayError {
  return new GatewayError('certificate_unreadable', `Cannot read the certificate: ${reason} at byte ${position}`, {
    path: `byte ${position}`,
  })
}
