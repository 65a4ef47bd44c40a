import type { ClientCertificate, GeneralName, NameConstraints } from './client-certificate.ts'
import { type DerReader, tags, unreadable } from './der-reader.ts'
import { readOid } from './object-identifier.ts'
import { oids } from './oids.ts'
import { readGeneralName } from './read-general-name.ts'

/** Bounds on lists inside one certificate; real ones stay far below. */
const extensionsMax = 64
const purposesMax = 64
const generalNamesMax = 256

/** The part of a certificate that its extensions fill. */
export type Extensions = Pick<
  ClientCertificate,
  | 'keyUsage'
  | 'extendedKeyUsage'
  | 'basicConstraints'
  | 'subjectAltNames'
  | 'nameConstraints'
  | 'unknownCriticalExtensions'
>

/** What a certificate without extensions has. */
export const noExtensions: Extensions = {
  keyUsage: undefined,
  extendedKeyUsage: undefined,
  basicConstraints: undefined,
  subjectAltNames: [],
  nameConstraints: undefined,
  unknownCriticalExtensions: [],
}

/**
 * Reads the SEQUENCE OF Extension (RFC 5280 4.2). `reader` stands before the SEQUENCE and is finished afterwards.
 * An extension given twice, and a known one that is malformed, throw `certificate_unreadable`. Certificate policies
 * count as known and are not read: no policy is ever required here.
 *
 * FALSE written out where it is the default is against DER and tolerated, here and in basicConstraints: old issuers do
 * it, and it means one thing only.
 */
export function readExtensions(reader: DerReader): Extensions {
  const list = reader.enter(tags.sequence)
  reader.finish()
  if (list.done) throw unreadable(list.position, 'an empty list of extensions')
  const seen: string[] = []
  const unknownCriticalExtensions: string[] = []
  let { keyUsage, extendedKeyUsage, basicConstraints, subjectAltNames, nameConstraints } = noExtensions
  while (!list.done) {
    const extension = list.enter(tags.sequence)
    const oid = readOid(extension)
    if (seen.includes(oid)) throw unreadable(extension.position, `extension ${oid} given twice`)
    if (seen.push(oid) > extensionsMax) throw unreadable(extension.position, 'too many extensions')
    const critical = extension.peek() === tags.boolean && extension.boolean()
    const value = extension.enter(tags.octetString)
    extension.finish()
    switch (oid) {
      case oids.keyUsage:
        keyUsage = readKeyUsage(value)
        break
      case oids.extKeyUsage:
        extendedKeyUsage = readPurposes(value)
        break
      case oids.basicConstraints:
        basicConstraints = readBasicConstraints(value)
        break
      case oids.subjectAltName:
        subjectAltNames = readAltNames(value)
        break
      case oids.nameConstraints:
        nameConstraints = readNameConstraints(value)
        break
      case oids.certificatePolicies:
        break
      default:
        if (critical) unknownCriticalExtensions.push(oid)
    }
  }
  return { keyUsage, extendedKeyUsage, basicConstraints, subjectAltNames, nameConstraints, unknownCriticalExtensions }
}

/** KeyUsage (RFC 5280 4.2.1.3): a BIT STRING, bit 0 is the highest of the first octet. */
function readKeyUsage(value: DerReader): Extensions['keyUsage'] {
  const element = value.read(tags.bitString)
  value.finish()
  const { bytes } = value
  const length = element.end - element.contentStart
  const unused = bytes[element.contentStart] as number
  if (length === 0 || length > 3 || unused > 7 || (length === 1 && unused !== 0)) {
    throw unreadable(element.start, 'a malformed key usage')
  }
  if (((bytes[element.end - 1] as number) & ((1 << unused) - 1)) !== 0 && length > 1) {
    throw unreadable(element.start, 'a key usage with unused bits set')
  }
  const bits = length > 1 ? (bytes[element.contentStart + 1] as number) : 0
  return { digitalSignature: (bits & 0x80) !== 0, keyCertSign: (bits & 0x04) !== 0, cRLSign: (bits & 0x02) !== 0 }
}

/** ExtKeyUsageSyntax (RFC 5280 4.2.1.12). */
function readPurposes(value: DerReader): string[] {
  const list = value.enter(tags.sequence)
  value.finish()
  const purposes: string[] = []
  do {
    if (purposes.push(readOid(list)) > purposesMax) throw unreadable(list.position, 'too many key purposes')
  } while (!list.done)
  return purposes
}

/** BasicConstraints (RFC 5280 4.2.1.9); a path length without `ca` is refused. */
function readBasicConstraints(value: DerReader): Extensions['basicConstraints'] {
  const fields = value.enter(tags.sequence)
  value.finish()
  const ca = fields.peek() === tags.boolean && fields.boolean()
  const pathLength = fields.done ? undefined : fields.smallInteger()
  fields.finish()
  if (pathLength !== undefined && !ca) throw unreadable(fields.position, 'a path length without being a CA')
  return { ca, pathLength }
}

function readAltNames(value: DerReader): GeneralName[] {
  const list = value.enter(tags.sequence)
  value.finish()
  const names: GeneralName[] = []
  do {
    if (names.push(readGeneralName(list, 'name')) > generalNamesMax) {
      throw unreadable(list.position, 'too many alternative names')
    }
  } while (!list.done)
  return names
}

/** NameConstraints (RFC 5280 4.2.1.10); minimum and maximum must be left out, as the profile demands. */
function readNameConstraints(value: DerReader): NameConstraints {
  const fields = value.enter(tags.sequence)
  value.finish()
  if (fields.done) throw unreadable(fields.position, 'empty name constraints')
  const subtrees = (tag: number): GeneralName[] => {
    const element = fields.optional(tag)
    if (element === undefined) return []
    const list = fields.inside(element)
    const bases: GeneralName[] = []
    do {
      const subtree = list.enter(tags.sequence)
      if (bases.push(readGeneralName(subtree, 'constraint')) > generalNamesMax) {
        throw unreadable(list.position, 'too many name constraints')
      }
      subtree.finish()
    } while (!list.done)
    return bases
  }
  const permitted = subtrees(0xa0)
  const excluded = subtrees(0xa1)
  fields.finish()
  return { permitted, excluded }
}
