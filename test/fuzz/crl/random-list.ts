import type { KeyObject } from 'node:crypto'
import type { CrlEntry } from '../../../src/x509/crl/crl-entries.ts'
import { tags } from '../../../src/x509/der-reader.ts'
import { derElement, derText, derTime } from '../../../src/x509/der-writer.ts'
import {
  certificateIssuerExtension,
  deltaExtension,
  entryOf,
  flag,
  invalidityExtension,
  keyExtension,
  type ListParts,
  numberExtension,
  pointExtension,
  reasonExtension,
  unknownExtension,
  writeList,
} from '../../x509/crl/written-list.ts'
import type { Random } from '../random.ts'
import { randomBytes } from './mutate-list.ts'

/** A list that is well made, and what reading it must give. */
export type RandomList = {
  readonly bytes: Buffer
  readonly entries: readonly CrlEntry[]
  readonly passedOver: number
}

const entriesMax = 40
/** Serial numbers that no certificate here has: zero, negative, over 20 octets. */
const oddSerials = ['020100', '0201ff', '02028001', `021501${'00'.repeat(20)}`].map((hex) => Buffer.from(hex, 'hex'))
const times = [
  Date.parse('1950-01-01T00:00:00Z'),
  Date.parse('2049-12-31T23:59:59Z'),
  Date.parse('2050-01-01T00:00:00Z'),
]

/** A list of this key with whatever a list may have. */
export function randomList(random: Random, privateKey: KeyObject): RandomList {
  const isOld = random.chance(0.15)
  const written = Array.from({ length: random.integer(entriesMax) }, () => randomEntry(random, isOld))
  const parts: ListParts = {
    entries: written.length === 0 && random.chance(0.5) ? null : written.map(({ der }) => der),
    ...(isOld ? { version: null, extensions: null } : { extensions: randomExtensions(random) }),
    ...(random.chance(0.1) ? { nextUpdate: null } : {}),
  }
  const entries = written.flatMap(({ entry }) => (entry === undefined ? [] : [entry]))
  return { bytes: writeList(parts, privateKey), entries, passedOver: written.length - entries.length }
}

function randomEntry(random: Random, isOld: boolean): { der: Uint8Array; entry: CrlEntry | undefined } {
  const revokedAtMs = random.chance(0.2) ? random.pick(times) : 1_000 * random.integer(2_000_000_000)
  const time = derTime(revokedAtMs)
  const reasonCode = random.pick([undefined, undefined, 0, 1, 2, 3, 4, 5, 6, 8, 9, 10])
  const isDated = random.chance(0.2)
  const extensions = [
    ...(reasonCode === undefined ? [] : [reasonExtension(reasonCode)]),
    ...(isDated ? [invalidityExtension('20010203040506Z')] : []),
    ...(random.chance(0.1) ? [unknownExtension(random.chance(0.3))] : []),
    ...(random.chance(0.05) ? [certificateIssuerExtension()] : []),
  ]
  const isPlain = isOld || extensions.length === 0
  const rest = isPlain ? { time } : { time, extensions }
  if (random.chance(0.05)) return { der: entryOf(random.pick(oddSerials), rest), entry: undefined }
  const octets = Uint8Array.from({ length: 1 + random.integer(20) }, () => random.integer(256))
  const serialHex = Buffer.from(octets).toString('hex').replace(/^0+/, '') || '1'
  const invalidityDateMs = isDated && !isPlain ? Date.parse('2001-02-03T04:05:06Z') : undefined
  const entry = { serialHex, revokedAtMs, reasonCode: isPlain ? undefined : reasonCode, invalidityDateMs }
  return { der: entryOf(serialHex, rest), entry }
}

function randomExtensions(random: Random): Uint8Array[] | null {
  const extensions = [
    ...(random.chance(0.8) ? [numberExtension(random.integer(100_000))] : []),
    ...(random.chance(0.5) ? [keyExtension()] : []),
    ...(random.chance(0.2) ? [deltaExtension(random.integer(100))] : []),
    ...(random.chance(0.2) ? [unknownExtension(random.chance(0.3))] : []),
    ...(random.chance(0.3) ? [randomPoint(random)] : []),
  ]
  return extensions.length === 0 ? null : extensions
}

function randomPoint(random: Random): Uint8Array {
  const name = derElement(0xa0, derElement(0xa0, derText(0x86, 'http://ca.example.jp/list.crl')))
  return pointExtension(...(random.chance(0.5) ? [name] : []), flag(random.pick([0x81, 0x82, 0x84, 0x85])))
}

/** Bytes that were never a list: elements within elements, with tags and lengths by chance. */
export function randomElements(random: Random, depth = 0): Buffer {
  const parts: Buffer[] = []
  for (let count = 1 + random.integer(5); count > 0; count--) {
    const tag = random.pick([...Object.values(tags), 0x30, 0x30, 0xa0, 0x0a])
    const isNested = (tag & 0x20) !== 0 && depth < 8
    const contents = isNested ? randomElements(random, depth + 1) : randomBytes(random, random.integer(24))
    parts.push(Buffer.from(derElement(tag, contents)))
  }
  const joined = Buffer.concat(parts)
  return depth === 0 ? Buffer.from(derElement(tags.sequence, joined)) : joined
}
