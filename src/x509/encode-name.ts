import type { GeneralName, NameAttribute } from './client-certificate.ts'
import { tags } from './der-reader.ts'
import { derElement, derOid, derSequence, derText } from './der-writer.ts'
import { oids } from './oids.ts'

/**
 * DER of a distinguished name, one attribute in each relative name, in the order given. Country and serial number are
 * PrintableStrings (RFC 5280 appendix A), e-mail an IA5String, everything else a UTF8String.
 */
export function encodeName(attributes: readonly NameAttribute[]): Uint8Array {
  return derSequence(
    ...attributes.map(({ oid, value }) => {
      return derElement(tags.set, derSequence(derOid(oid), derText(stringTag(oid), value)))
    }),
  )
}

function stringTag(oid: string): number {
  switch (oid) {
    case oids.countryName:
    case oids.serialNumber:
      return tags.printableString
    case oids.emailAddress:
      return tags.ia5String
    default:
      return tags.utf8String
  }
}

/**
 * DER of one general name (RFC 5280 4.2.1.6); the value of an otherName becomes a UTF8String.
 * The kind `other` cannot be written: what it held was not kept.
 */
export function encodeGeneralName(name: Exclude<GeneralName, { kind: 'other' }>): Uint8Array {
  switch (name.kind) {
    case 'email':
      return derText(0x81, name.value)
    case 'dns':
      return derText(0x82, name.value)
    case 'uri':
      return derText(0x86, name.value)
    case 'ip':
      return derElement(0x87, name.bytes)
    case 'directoryName':
      return derElement(0xa4, name.der)
    case 'otherName':
      return derElement(0xa0, derOid(name.oid), derElement(0xa0, derText(tags.utf8String, name.value ?? '')))
  }
}
