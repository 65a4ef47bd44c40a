import { tags } from '../der-reader.ts'
import { derBitString, derElement, derInteger, derSequence, derTime } from '../der-writer.ts'
import { crlDistributionPoints, type EncodedExtension, encodeExtension } from '../encode-extensions.ts'
import { issuerOf } from '../issue-certificate.ts'
import type { IssuingCa } from '../issuing-ca.ts'
import { oids } from '../oids.ts'
import { encodeSigningAlgorithm, type SigningAlgorithm } from '../signing-algorithm.ts'

/** One entry of a list, as it is written. */
export type CrlEntryFields = {
  /** Lower-case hex, at most 40 digits. */
  readonly serial: string
  /** Unit: milliseconds since the epoch; parts of a second are cut. */
  readonly revokedAtMs: number
  /** RFC 5280 5.3.1 CRLReason; 0: unspecified, and not written. */
  readonly reasonCode: number
}

/** What a list says beside its entries. */
export type CrlTemplate = {
  readonly issuer: IssuingCa
  readonly algorithm: SigningAlgorithm
  /** Unit: milliseconds since the epoch; parts of a second are cut. */
  readonly thisUpdateMs: number
  /** Unit: milliseconds since the epoch; parts of a second are cut. */
  readonly nextUpdateMs: number
  /** CRL number, which a complete and a delta list of the same moment share (RFC 5280 5.2.3). */
  readonly number: number
  /** DER of the entries, one after the other, cut wherever it suits. */
  readonly entryParts: readonly Uint8Array[]
  /** Length of all of them together. */
  readonly entryBytes: number
  /** Number of the complete list that a delta list goes on from; left out: this is a complete list. */
  readonly deltaBase?: number | undefined
  /** Where the delta list is, for a complete list; left out: nobody is told. */
  readonly freshestUrl?: string | undefined
}

/** Longest DER of an entry that is written here. Unit: bytes. */
export const crlEntryBytesMax = 64

const year2050Ms = Date.UTC(2050, 0, 1)
const year9999Ms = Date.UTC(9999, 11, 31, 23, 59, 59)
/** crlEntryExtensions with the reason alone, without the code at the end (RFC 5280 5.3.1). */
const reasonBytes = Uint8Array.of(0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01)

/** DER of one entry (RFC 5280 5.1.2.6): UTCTime through 2049; the reason unless it is unspecified. */
export function encodeCrlEntry(fields: CrlEntryFields): Uint8Array {
  const bytes = new Uint8Array(crlEntryBytesMax)
  return bytes.slice(0, writeCrlEntry(bytes, 0, fields))
}

/** Writes what `encodeCrlEntry` gives, and returns the position after it; `crlEntryBytesMax` must be free there. About 0.3 µs. */
export function writeCrlEntry(target: Uint8Array, start: number, fields: CrlEntryFields): number {
  target[start] = tags.sequence
  let at = writeTime(target, writeSerial(target, start + 2, fields.serial), fields.revokedAtMs)
  if (fields.reasonCode !== 0) {
    target.set(reasonBytes, at)
    at += reasonBytes.length
    target[at++] = fields.reasonCode
  }
  target[start + 1] = at - start - 2
  return at
}

/** Writes the serial number as INTEGER, and returns the position after it. */
export function writeSerial(target: Uint8Array, start: number, serial: string): number {
  target[start] = tags.integer
  let at = start + 2
  const { length } = serial
  if (length % 2 === 1) target[at++] = digitAt(serial, 0)
  else if (digitAt(serial, 0) >= 8) target[at++] = 0
  for (let digit = length % 2; digit < length; digit += 2) {
    target[at++] = digitAt(serial, digit) * 16 + digitAt(serial, digit + 1)
  }
  target[start + 1] = at - start - 2
  return at
}

/** Reads what `writeCrlEntry` wrote there; nothing else is understood. `end`: one past the entry. */
export function readWrittenEntry(
  bytes: Uint8Array,
  start: number,
): { readonly revokedAtMs: number; readonly reasonCode: number; readonly end: number } {
  const end = start + 2 + (bytes[start + 1] as number)
  const time = start + 4 + (bytes[start + 3] as number)
  const long = bytes[time] === tags.generalizedTime
  const pair = (index: number) => ((bytes[index] as number) - 48) * 10 + (bytes[index + 1] as number) - 48
  const digits = time + 2 + (long ? 2 : 0)
  const short = pair(digits)
  const year = long ? pair(time + 2) * 100 + short : short < 50 ? 2_000 + short : 1_900 + short
  const [month, day, hour] = [pair(digits + 2), pair(digits + 4), pair(digits + 6)]
  const revokedAtMs = Date.UTC(year, month - 1, day, hour, pair(digits + 8), pair(digits + 10))
  const afterTime = time + 2 + (bytes[time + 1] as number)
  return { revokedAtMs, reasonCode: afterTime === end ? 0 : (bytes[end - 1] as number), end }
}

/**
 * DER of the TBSCertList (RFC 5280 5.1.2), version 2, in parts to be read one after the other: those of the entries are the ones that
 * were given, so that a million entries are never copied. There is no issuingDistributionPoint: the list is about every
 * certificate of the issuer.
 */
export function buildCrlTbs(template: CrlTemplate): readonly Uint8Array[] {
  const { issuer, algorithm, entryParts, entryBytes } = template
  const before = Buffer.concat([
    derInteger('1'),
    encodeSigningAlgorithm(algorithm),
    issuer.subjectNameDer,
    derTime(template.thisUpdateMs),
    derTime(template.nextUpdateMs),
    // Without entries the whole field is left out (RFC 5280 5.1.2.6).
    ...(entryBytes === 0 ? [] : [elementHead(tags.sequence, entryBytes)]),
  ])
  const after = derElement(0xa0, derSequence(...extensionsOf(template).map(encodeExtension)))
  const head = elementHead(tags.sequence, before.length + entryBytes + after.length)
  return [Buffer.concat([head, before]), ...entryParts, after]
}

/** The signed list (RFC 5280 5.1.1), in parts like those that were signed. */
export function assembleCrl(
  tbs: readonly Uint8Array[],
  algorithm: SigningAlgorithm,
  signature: Uint8Array,
): readonly Uint8Array[] {
  const after = Buffer.concat([encodeSigningAlgorithm(algorithm), derBitString(signature)])
  const length = tbs.reduce((sum, part) => sum + part.length, after.length)
  return [elementHead(tags.sequence, length), ...tbs, after]
}

function extensionsOf({ issuer, number, deltaBase, freshestUrl }: CrlTemplate): EncodedExtension[] {
  const { keyIdentifier } = issuerOf(issuer)
  const integer = (value: number) => derInteger(value.toString(16))
  const extensions: EncodedExtension[] = [
    { oid: oids.authorityKeyIdentifier, critical: false, valueDer: derSequence(derElement(0x80, keyIdentifier)) },
    { oid: oids.crlNumber, critical: false, valueDer: integer(number) },
  ]
  if (deltaBase !== undefined) {
    extensions.push({ oid: oids.deltaCrlIndicator, critical: true, valueDer: integer(deltaBase) })
  } else if (freshestUrl !== undefined) {
    // RFC 5280 5.2.6: never in a delta list.
    extensions.push({ ...crlDistributionPoints([freshestUrl]), oid: oids.freshestCrl })
  }
  return extensions
}

/** Tag and length of an element whose contents come separately. */
function elementHead(tag: number, length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(tag, length)
  const octets: number[] = []
  for (let left = length; left > 0; left = Math.floor(left / 256)) octets.unshift(left % 256)
  return Uint8Array.of(tag, 0x80 | octets.length, ...octets)
}

function writeTime(target: Uint8Array, start: number, timeMs: number): number {
  // A time that somebody wrote into the store by hand must not take the whole list away.
  const time = new Date(Math.min(Math.max(0, Number.isFinite(timeMs) ? timeMs : 0), year9999Ms))
  const long = time.getTime() >= year2050Ms
  const year = time.getUTCFullYear()
  target[start] = long ? tags.generalizedTime : tags.utcTime
  target[start + 1] = long ? 15 : 13
  let at = start + 2
  if (long) at = writePair(target, at, Math.floor(year / 100))
  at = writePair(target, at, year % 100)
  at = writePair(target, at, time.getUTCMonth() + 1)
  at = writePair(target, at, time.getUTCDate())
  at = writePair(target, at, time.getUTCHours())
  at = writePair(target, at, time.getUTCMinutes())
  at = writePair(target, at, time.getUTCSeconds())
  target[at] = 0x5a
  return at + 1
}

function writePair(target: Uint8Array, at: number, value: number): number {
  target[at] = 48 + Math.floor(value / 10)
  target[at + 1] = 48 + (value % 10)
  return at + 2
}

function digitAt(text: string, index: number): number {
  const code = text.charCodeAt(index)
  return code < 58 ? code - 48 : code - 87
}
