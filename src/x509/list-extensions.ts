import { DerReader, tags } from './der-reader.ts'
import type { EncodedExtension } from './encode-extensions.ts'
import { readOid } from './object-identifier.ts'
import { oids } from './oids.ts'

/**
 * The extensions of a certificate as they stand in it, in order; empty for versions 1 and 2, which have none. `der` is
 * one that `readCertificate` has read: it refuses what is malformed or given twice. Throws `certificate_unreadable`.
 */
export function listExtensions(der: Uint8Array): EncodedExtension[] {
  const fields = new DerReader(der).enter(tags.sequence).enter(tags.sequence)
  while (!fields.done) {
    const element = fields.next()
    if (element.tag === 0xa3) return entriesOf(fields.inside(element).enter(tags.sequence))
  }
  return []
}

function entriesOf(list: DerReader): EncodedExtension[] {
  const found: EncodedExtension[] = []
  while (!list.done) {
    const extension = list.enter(tags.sequence)
    const oid = readOid(extension)
    const critical = extension.peek() === tags.boolean && extension.boolean()
    found.push({ oid, critical, valueDer: extension.contents(extension.read(tags.octetString)) })
  }
  return found
}

/** The subject key identifier of a certificate (RFC 5280 4.2.1.2); undefined where it has none. */
export function subjectKeyIdentifierOf(der: Uint8Array): Uint8Array | undefined {
  const found = listExtensions(der).find(({ oid }) => oid === oids.subjectKeyIdentifier)
  if (found === undefined) return undefined
  const reader = new DerReader(found.valueDer)
  return reader.contents(reader.read(tags.octetString))
}
