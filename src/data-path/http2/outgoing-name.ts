import { HpackOutput } from './hpack-output.ts'
import { staticTable } from './static-table.ts'

/** When a field with this name enters the dynamic table. */
export const indexing = {
  /** Never, and nobody on the way may (RFC 7541 7.1.3): secrets. */
  never: 0,
  /** When the same value comes twice in a row; and once for a name that the static table lacks, so that the name gets an index. */
  whenRepeated: 1,
  /** At once: the value rarely changes. */
  atOnce: 2,
} as const

/** A field name of an answer, with all that its encoding needs. */
export type OutgoingName = {
  /** Bytes of the name. */
  readonly length: number
  /** One of `indexing`. */
  readonly indexing: number
  /** An entry of the static table with this name; 0: none. */
  readonly staticIndex: number
  /** Entries of the static table with this name and a value of use, by value. */
  readonly staticValues: readonly (readonly [value: string, index: number])[]
  /** The lower-case name as a string literal (RFC 7541 5.2). */
  readonly literal: Uint8Array
}

const secretNames: ReadonlySet<string> = new Set([
  'authentication-info',
  'authorization',
  'cookie',
  'csrf-token',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'set-cookie',
  'www-authenticate',
  'x-csrf-token',
  'x-xsrf-token',
])
const steadyNames: ReadonlySet<string> = new Set([
  'accept-ranges',
  'access-control-allow-origin',
  'allow',
  'cache-control',
  'content-encoding',
  'content-language',
  'content-type',
  'server',
  'strict-transport-security',
  'vary',
  'via',
])

// Names come from the application: bounded, so that one that makes them up costs a moment of time and never memory.
const namesMax = 2_048
const cachedNameBytesMax = 64
const nameBySpelling = new Map<string, OutgoingName>()

/** What is known of a name in any case. */
export function outgoingName(spelling: string): OutgoingName {
  return nameBySpelling.get(spelling) ?? newOutgoingName(spelling)
}

function newOutgoingName(spelling: string): OutgoingName {
  // Copies: `spelling` may be a slice that keeps a whole head in memory.
  const own = Buffer.from(spelling, 'latin1').toString('latin1')
  const lower = own.toLowerCase()
  // All spellings share one object: what a connection remembers of a name, it remembers by the object.
  const name = nameBySpelling.get(lower) ?? makeName(lower)
  if (own.length <= cachedNameBytesMax) {
    if (nameBySpelling.size + 2 > namesMax) nameBySpelling.clear()
    nameBySpelling.set(lower, name)
    nameBySpelling.set(own, name)
  }
  return name
}

function makeName(lower: string): OutgoingName {
  const output = new HpackOutput(lower.length + 8)
  output.shortString(lower)
  return {
    length: lower.length,
    indexing: indexingOf(lower),
    staticIndex: staticTable.findIndex(([name]) => name === lower) + 1,
    staticValues: staticTable.flatMap(([name, value], at) =>
      name === lower && value !== '' ? [[value, at + 1] as const] : [],
    ),
    literal: output.view(),
  }
}

function indexingOf(lower: string): number {
  if (secretNames.has(lower)) return indexing.never
  return steadyNames.has(lower) ? indexing.atOnce : indexing.whenRepeated
}
