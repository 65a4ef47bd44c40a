import type { GeneralName } from './client-certificate.ts'
import { type DerReader, tags, unreadable } from './der-reader.ts'
import { oidOf, readOid } from './object-identifier.ts'
import { ia5Of, nameInside, textOf } from './read-name.ts'

/**
 * Reads one GeneralName (RFC 5280 4.2.1.6). An address has 4 or 16 octets in a name, 8 or 32 in a constraint
 * (address and mask, RFC 5280 4.2.1.10). Throws `certificate_unreadable`.
 */
export function readGeneralName(reader: DerReader, use: 'name' | 'constraint'): GeneralName {
  const element = reader.next()
  switch (element.tag) {
    case 0xa0: {
      const other = reader.inside(element)
      const oid = readOid(other)
      const wrapped = other.enter(0xa0)
      const value = textOf(wrapped, wrapped.next())
      wrapped.finish()
      other.finish()
      return { kind: 'otherName', oid, value }
    }
    case 0x81:
      return { kind: 'email', value: ia5Of(reader, element) }
    case 0x82:
      return { kind: 'dns', value: ia5Of(reader, element) }
    case 0x86:
      return { kind: 'uri', value: ia5Of(reader, element) }
    case 0xa4: {
      const explicit = reader.inside(element)
      const name = explicit.read(tags.sequence)
      explicit.finish()
      nameInside(explicit, name)
      return { kind: 'directoryName', der: explicit.whole(name) }
    }
    case 0x87: {
      const bytes = reader.contents(element)
      const sizes = use === 'name' ? [4, 16] : [8, 32]
      if (!sizes.includes(bytes.length)) throw unreadable(element.start, 'an address of wrong size')
      return { kind: 'ip', bytes }
    }
    case 0x88:
      oidOf(reader, element)
      return { kind: 'other', tag: 8 }
    case 0xa3:
    case 0xa5:
      return { kind: 'other', tag: element.tag & 0x1f }
    default:
      throw unreadable(element.start, `tag ${element.tag} where a general name belongs`)
  }
}
