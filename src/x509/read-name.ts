import type { NameAttribute } from './client-certificate.ts'
import { type DerElement, DerReader, tags, unreadable } from './der-reader.ts'
import { readOid } from './object-identifier.ts'

/** Most attributes in one distinguished name, and most octets in one value. */
const attributesMax = 64
const valueOctetsMax = 4_096

/** One attribute of a relative distinguished name; `text` is undefined where the value is not a character string. */
export type RdnAttribute = {
  readonly oid: string
  readonly text: string | undefined
  /** DER of the value, with tag and length. */
  readonly valueDer: Uint8Array
}

/** A distinguished name in the order of its DER (RFC 5280 4.1.2.4), one list per relative distinguished name. */
export type DistinguishedName = readonly (readonly RdnAttribute[])[]

/** Reads a Name from its own bytes. Throws `certificate_unreadable`. */
export function readName(der: Uint8Array): DistinguishedName {
  const reader = new DerReader(der)
  const name = nameInside(reader, reader.read(tags.sequence))
  reader.finish()
  return name
}

/** Reads a Name that is an element (SEQUENCE) of `reader`. */
export function nameInside(reader: DerReader, element: DerElement): DistinguishedName {
  const name: RdnAttribute[][] = []
  const rdns = reader.inside(element)
  let count = 0
  while (!rdns.done) {
    const rdn = rdns.enter(tags.set)
    if (rdn.done) throw unreadable(rdn.position, 'an empty relative name')
    const attributes: RdnAttribute[] = []
    while (!rdn.done) {
      if (++count > attributesMax) throw unreadable(rdn.position, 'too many attributes in a name')
      const attribute = rdn.enter(tags.sequence)
      const oid = readOid(attribute)
      const value = attribute.next()
      attribute.finish()
      attributes.push({ oid, text: textOf(attribute, value), valueDer: attribute.whole(value) })
    }
    name.push(attributes)
  }
  return name
}

/**
 * The attributes as text, in order, several-valued relative names flattened. Values that are not character strings
 * (a BIT STRING as x500UniqueIdentifier) are left out: any spelling of them could equal someone's real name.
 */
export function nameAttributes(name: DistinguishedName): NameAttribute[] {
  const attributes: NameAttribute[] = []
  for (const rdn of name) {
    for (const { oid, text } of rdn) if (text !== undefined) attributes.push({ oid, value: text })
  }
  return attributes
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Text of a character string, decoded by its own type (X.690 8.23); undefined for any other type. NUL and control
 * characters stay in the text. Octets that the type cannot hold throw `certificate_unreadable`; only the alphabet of
 * PrintableString is not enforced beyond ASCII, because `@` and `_` in it are common and read one way.
 */
export function textOf(reader: DerReader, element: DerElement): string | undefined {
  const length = element.end - element.contentStart
  switch (element.tag) {
    case tags.utf8String:
    case tags.printableString:
    case tags.ia5String:
    case tags.numericString:
    case tags.visibleString:
    case tags.teletexString:
    case tags.bmpString:
    case tags.universalString:
      break
    default:
      return undefined
  }
  if (length > valueOctetsMax) throw unreadable(element.start, 'an over-long character string')
  if (element.tag === tags.bmpString) return wideText(reader, element, 2)
  if (element.tag === tags.universalString) return wideText(reader, element, 4)
  const text = asciiOf(reader, element)
  if (text !== undefined) return text
  if (element.tag === tags.teletexString) return latin1Of(reader, element)
  if (element.tag !== tags.utf8String) throw unreadable(element.start, 'a character string with octets above 127')
  try {
    return utf8.decode(reader.contents(element))
  } catch {
    throw unreadable(element.start, 'malformed UTF-8')
  }
}

/** Text of an element whose contents are an IA5String, whatever its (implicit) tag. Throws on octets above 127. */
export function ia5Of(reader: DerReader, element: DerElement): string {
  if (element.end - element.contentStart > valueOctetsMax)
    throw unreadable(element.start, 'an over-long character string')
  const text = asciiOf(reader, element)
  if (text === undefined) throw unreadable(element.start, 'an IA5String with octets above 127')
  return text
}

function asciiOf({ bytes }: DerReader, { contentStart, end }: DerElement): string | undefined {
  for (let index = contentStart; index < end; index++) if ((bytes[index] as number) >= 0x80) return undefined
  // Names are short: adding characters beats a decoder's fixed cost.
  if (end - contentStart > 64) return utf8.decode(bytes.subarray(contentStart, end))
  let text = ''
  for (let index = contentStart; index < end; index++) text += String.fromCharCode(bytes[index] as number)
  return text
}

function latin1Of(reader: DerReader, element: DerElement): string {
  return Buffer.from(reader.contents(element)).toString('latin1')
}

function wideText({ bytes }: DerReader, { start, contentStart, end }: DerElement, width: 2 | 4): string {
  if ((end - contentStart) % width !== 0) throw unreadable(start, 'half a character')
  let text = ''
  for (let index = contentStart; index < end; index += width) {
    let point = 0
    for (let octet = 0; octet < width; octet++) point = point * 256 + (bytes[index + octet] as number)
    // Surrogates are no characters, in BMPString as little as in UniversalString (X.680 41.15 note).
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) throw unreadable(index, 'not a character')
    text += String.fromCodePoint(point)
  }
  return text
}
