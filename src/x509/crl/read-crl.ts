import type { KeyObject } from 'node:crypto'
import { type DerReader, tags } from '../der-reader.ts'
import { nameInside } from '../read-name.ts'
import { readTime } from '../read-time.ts'
import { readSignatureAlgorithm, type SignatureAlgorithm } from '../signature-algorithm.ts'
import { CrlEntries } from './crl-entries.ts'
import { crlTooLarge, crlUnreadable } from './crl-fault.ts'
import { CrlSignature } from './crl-signature.ts'
import { CrlWindow, type PullBytes } from './crl-window.ts'
import { CrlEntryReader } from './read-crl-entry.ts'
import { type CrlListExtensions, noListExtensions, readListExtensions } from './read-list-extensions.ts'

/** A certificate revocation list (RFC 5280 5.1), read and not judged: see `checkCrl`. Times: milliseconds since the epoch. */
export type CrlReading = CrlListExtensions & {
  readonly version: 1 | 2
  readonly signatureAlgorithm: SignatureAlgorithm
  /** The whole name, to be compared byte for byte. */
  readonly issuerNameDer: Uint8Array
  readonly thisUpdateMs: number
  /** RFC 5280 demands it, X.509 does not. */
  readonly nextUpdateMs: number | undefined
  /** Of any entry, each once, at most 16; certificateIssuer is known, see `hasOtherIssuers`. */
  readonly unknownCriticalEntryExtensions: readonly string[]
  /** An entry names another issuer (certificateIssuer): the list is an indirect one, and `entries` mixes issuers. */
  readonly hasOtherIssuers: boolean
  readonly entries: CrlEntries
  /** Entries left out of `entries`: no certificate taken here can have a serial number of zero, negative or over 20 octets. */
  readonly passedOver: number
  /** Length of the list (DER). */
  readonly bytes: number
  /** Whether the signature is the key's; undefined when no key was given. How strong it is, is another question. */
  readonly signatureValid: boolean | undefined
}

/** What bounds the reading of a list. */
export type CrlReadOptions = {
  /** Most entries, with those that are passed over. */
  readonly entriesMax: number
  /** Longest list. Unit: bytes of DER. */
  readonly bytesMax: number
  /** The key that should have signed it. */
  readonly publicKey?: KeyObject | undefined
}

/**
 * Reads a list (DER) in one pass, from chunks of any size; `pull` is not called again after its end. Takes the memory of `CrlEntries`
 * and a few hundred KB, but for EdDSA, whose signature needs the whole list once more, twice for a moment.
 *
 * Strict, so that nothing is understood two ways: surplus bytes, non-minimal lengths, two different signature algorithms, times that do
 * not exist, an extension given twice, extensions in version 1 and unknown reason codes all throw GatewayError `crl_unreadable`, whose
 * `path` is `byte N` of the list. Throws `crl_refused` beyond a limit, `path` is its name. A list of entries that is there and empty
 * (which RFC 5280 5.1.2.6 forbids) means one thing only and is read.
 */
export function readCrl(pull: PullBytes, options: CrlReadOptions): CrlReading {
  const window = new CrlWindow(pull, options.bytesMax)
  try {
    return readList(window, options)
  } catch (fault) {
    throw window.faultOf(fault)
  }
}

function readList(window: CrlWindow, options: CrlReadOptions): CrlReading {
  const end = window.enterList(tags.sequence)
  if (options.publicKey !== undefined) window.keep()
  const signedEnd = window.enter(tags.sequence, end)
  const version = readVersion(window, signedEnd)
  const algorithm = readAlgorithm(window, signedEnd)
  const signature = options.publicKey && new CrlSignature(algorithm.read, options.publicKey)
  if (signature !== undefined) window.feed(signature.update)
  const issuerNameDer = readIssuer(window.take(signedEnd))
  const thisUpdateMs = readTime(window.take(signedEnd))
  const nextTag = window.peek(signedEnd)
  const hasNext = nextTag === tags.utcTime || nextTag === tags.generalizedTime
  const nextUpdateMs = hasNext ? readTime(window.take(signedEnd)) : undefined
  const entries = new CrlEntries()
  const reader = new CrlEntryReader(entries, version)
  if (window.peek(signedEnd) === tags.sequence) {
    readEntries(window, { end: window.enter(tags.sequence, signedEnd), reader, entriesMax: options.entriesMax })
  }
  const extensions = readExtensions(window, { end: signedEnd, version })
  if (window.position !== signedEnd) throw crlUnreadable(window.position, 'surplus bytes')
  if (signature !== undefined) window.feedNoMore()

  const outerStart = window.position
  if (Buffer.compare(readAlgorithm(window, end).der, algorithm.der) !== 0) {
    throw crlUnreadable(outerStart, 'two different signature algorithms')
  }
  const signatureOctets = Uint8Array.from(window.take(end).wholeOctets())
  if (window.position !== end) throw crlUnreadable(window.position, 'surplus bytes')
  window.finish()
  return {
    version,
    signatureAlgorithm: algorithm.read,
    issuerNameDer,
    thisUpdateMs,
    nextUpdateMs,
    ...extensions,
    unknownCriticalEntryExtensions: reader.unknownCriticalExtensions,
    hasOtherIssuers: reader.hasOtherIssuers,
    entries,
    passedOver: reader.passedOver,
    bytes: end,
    signatureValid: signature?.isMadeBy(signatureOctets),
  }
}

/** Left out means 1; written, it must be 2 (RFC 5280 5.1.2.1). */
function readVersion(window: CrlWindow, end: number): 1 | 2 {
  if (window.peek(end) !== tags.integer) return 1
  const start = window.position
  const version = window.take(end).smallInteger() + 1
  if (version !== 2) throw crlUnreadable(start, `version ${version}`)
  return version
}

function readAlgorithm(window: CrlWindow, end: number): { read: SignatureAlgorithm; der: Uint8Array } {
  const reader = window.take(end)
  const element = reader.read(tags.sequence)
  return { read: readSignatureAlgorithm(reader, element), der: Uint8Array.from(reader.whole(element)) }
}

function readIssuer(reader: DerReader): Uint8Array {
  const element = reader.read(tags.sequence)
  nameInside(reader, element)
  return Uint8Array.from(reader.whole(element))
}

function readEntries(
  window: CrlWindow,
  { end, reader, entriesMax }: { end: number; reader: CrlEntryReader; entriesMax: number },
): void {
  for (let count = 1; window.position < end; count++) {
    if (count > entriesMax) throw crlTooLarge('entriesMax', entriesMax, `at least ${count} entries`)
    reader.read(window.take(end))
  }
}

function readExtensions(window: CrlWindow, list: { end: number; version: 1 | 2 }): CrlListExtensions {
  if (window.peek(list.end) !== 0xa0) return noListExtensions
  const start = window.position
  const explicit = window.take(list.end).enter(0xa0)
  if (list.version === 1) throw crlUnreadable(start, 'extensions in a list of version 1')
  return readListExtensions(explicit)
}
