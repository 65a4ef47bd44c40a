import { type DerReader, tags, unreadable } from '../der-reader.ts'
import { readOid } from '../object-identifier.ts'

/** Most extensions of a list, and of an entry; real ones have below ten. */
const extensionsMax = 32

/** One extension (RFC 5280 4.1); `value` stands at the start of its contents. */
export type CrlExtension = { readonly oid: string; readonly critical: boolean; readonly value: DerReader }

/**
 * Reads a SEQUENCE OF Extension that is next and the last of `reader`. Throws `certificate_unreadable`, also for an empty one and an
 * extension given twice. FALSE written out is against DER and means one thing only; certificates are read in the same way.
 */
export function eachExtension(reader: DerReader, visit: (extension: CrlExtension) => void): void {
  const list = reader.enter(tags.sequence)
  reader.finish()
  if (list.done) throw unreadable(list.position, 'an empty list of extensions')
  const seen: string[] = []
  while (!list.done) {
    const extension = list.enter(tags.sequence)
    const oid = readOid(extension)
    if (seen.includes(oid)) throw unreadable(extension.position, `extension ${oid} given twice`)
    if (seen.push(oid) > extensionsMax) throw unreadable(extension.position, 'too many extensions')
    const critical = extension.peek() === tags.boolean && extension.boolean()
    const value = extension.enter(tags.octetString)
    extension.finish()
    visit({ oid, critical, value })
  }
}
