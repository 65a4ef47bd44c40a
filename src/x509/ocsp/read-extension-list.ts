import { type DerReader, tags, unreadable } from '../der-reader.ts'
import type { EncodedExtension } from '../encode-extensions.ts'
import { readOid } from '../object-identifier.ts'

/** Most extensions in one list of a question or an answer. */
const extensionsMax = 16

/**
 * Reads a SEQUENCE OF Extension (RFC 5280 4.1) as OCSP has them, for the whole message and for each certificate; values are views.
 * Throws `certificate_unreadable`, also for an empty list and an extension given twice.
 */
export function readExtensionList(reader: DerReader): EncodedExtension[] {
  const list = reader.enter(tags.sequence)
  const found: EncodedExtension[] = []
  do {
    const extension = list.enter(tags.sequence)
    const oid = readOid(extension)
    // FALSE written out is against DER and means one thing only; certificates are read in the same way.
    const critical = extension.peek() === tags.boolean && extension.boolean()
    const valueDer = extension.contents(extension.read(tags.octetString))
    extension.finish()
    if (found.some((earlier) => earlier.oid === oid)) {
      throw unreadable(extension.position, `extension ${oid} given twice`)
    }
    if (found.push({ oid, critical, valueDer }) > extensionsMax) {
      throw unreadable(extension.position, 'too many extensions')
    }
  } while (!list.done)
  return found
}
