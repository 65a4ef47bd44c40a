import { type DerElement, type DerReader, tags, unreadable } from '../der-reader.ts'
import { oids } from '../oids.ts'
import { readGeneralName } from '../read-general-name.ts'
import { readTime } from '../read-time.ts'
import { type CrlExtension, eachExtension } from './each-extension.ts'

/** Longest CRL number. Unit: octets of its value (RFC 5280 5.2.3). */
const numberOctetsMax = 20

/** Which certificates a list is about (RFC 5280 5.2.5). Its name is not kept: whatever a list names is revoked. */
export type CrlDistributionPoint = {
  readonly onlyContainsUserCerts: boolean
  readonly onlyContainsCaCerts: boolean
  readonly onlyContainsAttributeCerts: boolean
  /** It may name certificates of other issuers too. */
  readonly indirect: boolean
  /** Certificates that were revoked for other reasons are not in it. */
  readonly onlySomeReasons: boolean
}

/** What the extensions of a list say; undefined where it does not have them. */
export type CrlListExtensions = {
  readonly number: bigint | undefined
  /** Of the complete list to which a delta list adds; defined means that this is a delta list. */
  readonly baseNumber: bigint | undefined
  readonly authorityKeyIdentifier: Uint8Array | undefined
  readonly distributionPoint: CrlDistributionPoint | undefined
  readonly unknownCriticalExtensions: readonly string[]
}

/** What a list without extensions has. */
export const noListExtensions: CrlListExtensions = {
  number: undefined,
  baseNumber: undefined,
  authorityKeyIdentifier: undefined,
  distributionPoint: undefined,
  unknownCriticalExtensions: [],
}

/**
 * Reads the extensions of a list (RFC 5280 5.2): `reader` stands before the SEQUENCE, which is its last element. Throws
 * `certificate_unreadable` for known ones that are malformed. freshestCRL and issuerAltName count as known and are not read further.
 */
export function readListExtensions(reader: DerReader): CrlListExtensions {
  const unknownCriticalExtensions: string[] = []
  let { number, baseNumber, authorityKeyIdentifier, distributionPoint } = noListExtensions
  eachExtension(reader, ({ oid, critical, value }: CrlExtension) => {
    switch (oid) {
      case oids.crlNumber:
        number = readNumber(value)
        break
      case oids.deltaCrlIndicator:
        baseNumber = readNumber(value)
        break
      case oids.authorityKeyIdentifier:
        authorityKeyIdentifier = readKeyIdentifier(value)
        break
      case oids.issuingDistributionPoint:
        distributionPoint = readDistributionPoint(value)
        break
      case oids.freshestCrl:
      case oids.issuerAltName:
        value.read(tags.sequence)
        value.finish()
        break
      case oids.expiredCertsOnCrl:
        readTime(value)
        value.finish()
        break
      default:
        if (critical) unknownCriticalExtensions.push(oid)
    }
  })
  return { number, baseNumber, authorityKeyIdentifier, distributionPoint, unknownCriticalExtensions }
}

/** CRLNumber and BaseCRLNumber (RFC 5280 5.2.3, 5.2.4). */
function readNumber(value: DerReader): bigint {
  const element = value.integer()
  value.finish()
  const contents = value.contents(element)
  if ((contents[0] as number) >= 0x80) throw unreadable(element.start, 'a negative CRL number')
  if (contents.length > numberOctetsMax + (contents[0] === 0 ? 1 : 0)) {
    throw unreadable(element.start, 'a CRL number over 20 octets')
  }
  return BigInt(`0x${Buffer.from(contents).toString('hex')}`)
}

/** AuthorityKeyIdentifier (RFC 5280 4.2.1.1); issuer and serial number beside it are not kept. */
function readKeyIdentifier(value: DerReader): Uint8Array | undefined {
  const fields = value.enter(tags.sequence)
  value.finish()
  const identifier = fields.optional(0x80)
  fields.optional(0xa1)
  fields.optional(0x82)
  fields.finish()
  return identifier === undefined ? undefined : Uint8Array.from(fields.contents(identifier))
}

/** IssuingDistributionPoint (RFC 5280 5.2.5). */
function readDistributionPoint(value: DerReader): CrlDistributionPoint {
  const fields = value.enter(tags.sequence)
  value.finish()
  const name = fields.optional(0xa0)
  if (name !== undefined) checkPointName(fields.inside(name))
  const onlyContainsUserCerts = readFlag(fields, 0x81)
  const onlyContainsCaCerts = readFlag(fields, 0x82)
  const reasons = fields.optional(0x83)
  if (reasons !== undefined) checkReasons(fields, reasons)
  const indirect = readFlag(fields, 0x84)
  const onlyContainsAttributeCerts = readFlag(fields, 0x85)
  fields.finish()
  const onlySomeReasons = reasons !== undefined
  return { onlyContainsUserCerts, onlyContainsCaCerts, onlyContainsAttributeCerts, indirect, onlySomeReasons }
}

/** An implicitly tagged BOOLEAN; FALSE where it is left out, and tolerated where it is not. */
function readFlag(fields: DerReader, tag: number): boolean {
  const element = fields.optional(tag)
  if (element === undefined) return false
  const octet = fields.bytes[element.contentStart]
  if (element.end - element.contentStart !== 1 || (octet !== 0x00 && octet !== 0xff)) {
    throw unreadable(element.start, 'a malformed BOOLEAN')
  }
  return octet === 0xff
}

/** ReasonFlags: a BIT STRING, of at most nine bits. */
function checkReasons({ bytes }: DerReader, { start, contentStart, end }: DerElement): void {
  const length = end - contentStart
  if (length < 2 || length > 3 || (bytes[contentStart] as number) > 7) throw unreadable(start, 'malformed reasons')
}

/** DistributionPointName: full names, or a relative one. Only its form counts here. */
function checkPointName(choice: DerReader): void {
  const element = choice.next()
  choice.finish()
  if (element.tag === 0xa1) return
  if (element.tag !== 0xa0) throw unreadable(element.start, 'a malformed distribution point')
  const names = choice.inside(element)
  do readGeneralName(names, 'name')
  while (!names.done)
}
