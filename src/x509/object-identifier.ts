import { type DerElement, type DerReader, tags, unreadable } from './der-reader.ts'

/** Longest OBJECT IDENTIFIER read, in octets. Longer ones exist only in attacks: printing one costs quadratic time. */
const oidOctetsMax = 64

// Certificates use few identifiers; the bound keeps hostile ones from filling memory.
const known = new Map<string, string>()
const knownMax = 512

/** Reads an OBJECT IDENTIFIER into dotted form, for example `2.5.4.3`. Throws `certificate_unreadable`. */
export function readOid(reader: DerReader): string {
  return oidOf(reader, reader.read(tags.oid))
}

/** The same for an element already read, whatever its tag (an implicitly tagged identifier). */
export function oidOf(reader: DerReader, element: DerElement): string {
  const { bytes } = reader
  const { contentStart, end } = element
  if (end === contentStart || end - contentStart > oidOctetsMax) throw unreadable(element.start, 'an OID of wrong size')
  let key = ''
  for (let index = contentStart; index < end; index++) key += String.fromCharCode(bytes[index] as number)
  const found = known.get(key)
  if (found !== undefined) return found
  const text = decode(bytes, element)
  if (known.size < knownMax) known.set(key, text)
  return text
}

function decode(bytes: Uint8Array, element: DerElement): string {
  const arcs: bigint[] = []
  let arc = 0n
  let begins = true
  for (let index = element.contentStart; index < element.end; index++) {
    const octet = bytes[index] as number
    if (begins && octet === 0x80) throw unreadable(index, 'an OID arc with padding')
    arc = arc * 128n + BigInt(octet & 0x7f)
    begins = octet < 0x80
    if (!begins) continue
    arcs.push(arc)
    arc = 0n
  }
  if (!begins) throw unreadable(element.start, 'an OID arc is cut off')
  // The first number holds two arcs: 40 × first + second, the first at most 2 (X.690 8.19.4).
  const [joined = 0n, ...rest] = arcs
  const first = joined < 80n ? joined / 40n : 2n
  return [first, joined - first * 40n, ...rest].join('.')
}
