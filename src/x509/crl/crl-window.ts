import { GatewayError } from '../../base/errors.ts'
import { DerReader } from '../der-reader.ts'
import { crlTooLarge, crlUnreadable } from './crl-fault.ts'

/** Gives the next bytes of a list; undefined, or none, at its end. They may be overwritten by the next call. */
export type PullBytes = () => Uint8Array | undefined

/** Largest element that is read in one piece: a name, the extensions, an entry. Unit: bytes. */
const pieceBytesMax = 65_536
/** Most that is copied at a time, whatever the size of the chunks pulled. Unit: bytes. */
const stepBytes = 65_536
const lengthOctetsMax = 4

/**
 * The part of a list that is being read. Large elements are entered, and their contents read one after the other; small ones are
 * taken as a whole. It holds no more than two pieces, whatever the lengths in the list claim.
 *
 * Elements are read as strictly as `DerReader` does. Faults are GatewayError `crl_unreadable` with the position in the list, and
 * `crl_refused` for one that is longer than `bytesMax`.
 */
export class CrlWindow {
  readonly #pull: PullBytes
  readonly #bytesMax: number
  #bytes = new Uint8Array(stepBytes)
  /** Position in the list of the first of `#bytes`. */
  #base = 0
  /** Where the next element begins in `#bytes`, and where they end. */
  #at = 0
  #filled = 0
  /** Of the chunk last pulled, what was not copied yet. */
  #chunk: Uint8Array = new Uint8Array()
  #ended = false
  /** Of the element whose head was read last. */
  #headBytes = 0
  #length = 0
  /** First byte of `#bytes` that the sink has not been given; undefined while nobody wants any. */
  #unfed: number | undefined
  #sink: ((bytes: Uint8Array) => void) | undefined

  constructor(pull: PullBytes, bytesMax: number) {
    this.#pull = pull
    this.#bytesMax = bytesMax
  }

  /** Of the next element, from the start of the list. */
  get position(): number {
    return this.#base + this.#at
  }

  /** Tag of the next element before `end`, or -1 at `end`. */
  peek(end: number): number {
    if (this.position >= end) return -1
    this.#need(1)
    return this.#bytes[this.#at] as number
  }

  /** Steps into an element of any size, which must have this tag and end by `end`; gives where its contents end. */
  enter(tag: number, end: number): number {
    this.#readHead(end)
    const found = this.#bytes[this.#at] as number
    if (found !== tag) throw crlUnreadable(this.position, `tag ${found} where ${tag} belongs`)
    this.#at += this.#headBytes
    return this.position + this.#length
  }

  /** Steps into the element that is the whole list. */
  enterList(tag: number): number {
    const end = this.enter(tag, Number.MAX_SAFE_INTEGER)
    if (end > this.#bytesMax) throw crlTooLarge('bytesMax', this.#bytesMax, `${end} bytes`)
    return end
  }

  /** The next element as a whole, which must end by `end`. The reader, and views of its bytes, hold until the next call. */
  take(end: number): DerReader {
    this.#readHead(end)
    const length = this.#headBytes + this.#length
    if (length > pieceBytesMax) throw crlUnreadable(this.position, `an element of ${length} bytes`)
    this.#need(length)
    const start = this.#at
    this.#at += length
    return new DerReader(this.#bytes, start, this.#at)
  }

  /** Nothing may follow the list. */
  finish(): void {
    if (this.#fill(1)) throw crlUnreadable(this.position, 'surplus bytes')
  }

  /** Whatever is passed from here on is kept for `feed`. */
  keep(): void {
    this.#unfed = this.#at
  }

  /** Gives the sink what was kept, and all that is passed until `feedNoMore`. The sink must not keep the bytes. */
  feed(sink: (bytes: Uint8Array) => void): void {
    this.#sink = sink
  }

  feedNoMore(): void {
    this.#feedUp()
    this.#unfed = undefined
    this.#sink = undefined
  }

  /** The fault of a reader from `take`, as one of this list. */
  faultOf(fault: unknown): unknown {
    if (!(fault instanceof GatewayError) || fault.code !== 'certificate_unreadable') return fault
    const reason = fault.message.replace(/^Cannot read the certificate: /, '').replace(/ at byte \d+$/, '')
    return crlUnreadable(this.#base + Number(/^byte (\d+)$/.exec(fault.path ?? '')?.[1] ?? 0), reason, fault)
  }

  /** Tag and length (X.690 8.1): definite, minimal, and the contents end by `end`. */
  #readHead(end: number): void {
    const start = this.position
    if (end - start < 2) throw crlUnreadable(start, 'an element is cut off')
    this.#need(2)
    if (((this.#bytes[this.#at] as number) & 0x1f) === 0x1f) throw crlUnreadable(start, 'a high tag number')
    let length = this.#bytes[this.#at + 1] as number
    let headBytes = 2
    if (length >= 0x80) {
      const octets = length & 0x7f
      if (octets === 0 || octets > lengthOctetsMax) throw crlUnreadable(start, 'an indefinite or over-long length')
      headBytes += octets
      if (end - start < headBytes) throw crlUnreadable(start, 'a length is cut off')
      this.#need(headBytes)
      length = 0
      for (let index = 2; index < headBytes; index++) length = length * 256 + (this.#bytes[this.#at + index] as number)
      if (length < 0x80 || (octets > 1 && length < 256 ** (octets - 1))) {
        throw crlUnreadable(start, 'a non-minimal length')
      }
    }
    if (length > end - start - headBytes) throw crlUnreadable(start, 'contents reach beyond their surroundings')
    this.#headBytes = headBytes
    this.#length = length
  }

  #need(bytes: number): void {
    if (!this.#fill(bytes)) throw crlUnreadable(this.#base + this.#filled, 'the list is cut off')
  }

  /** Whether so many bytes are here, or could be had. */
  #fill(bytes: number): boolean {
    while (this.#filled - this.#at < bytes) {
      if (this.#chunk.length === 0 && !this.#pullChunk()) return false
      this.#append(this.#chunk.subarray(0, stepBytes))
      this.#chunk = this.#chunk.subarray(stepBytes)
    }
    return true
  }

  #pullChunk(): boolean {
    const chunk = this.#ended ? undefined : this.#pull()
    this.#ended = chunk === undefined || chunk.length === 0
    if (chunk === undefined || this.#ended) return false
    this.#chunk = chunk
    return true
  }

  #append(step: Uint8Array): void {
    if (this.#filled + step.length > this.#bytes.length) this.#makeRoom(step.length)
    this.#bytes.set(step, this.#filled)
    this.#filled += step.length
  }

  /** Drops what was passed and fed, and grows only where that gives too little. */
  #makeRoom(bytes: number): void {
    this.#feedUp()
    const from = this.#unfed ?? this.#at
    const left = this.#filled - from
    if (left + bytes > this.#bytes.length) {
      const larger = new Uint8Array(left + Math.max(bytes, stepBytes))
      larger.set(this.#bytes.subarray(from, this.#filled))
      this.#bytes = larger
    } else {
      this.#bytes.copyWithin(0, from, this.#filled)
    }
    this.#base += from
    this.#at -= from
    this.#filled = left
    if (this.#unfed !== undefined) this.#unfed = 0
  }

  #feedUp(): void {
    if (this.#sink === undefined || this.#unfed === undefined) return
    if (this.#at > this.#unfed) this.#sink(this.#bytes.subarray(this.#unfed, this.#at))
    this.#unfed = this.#at
  }
}
