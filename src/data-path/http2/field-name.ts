import { classifyField, type FieldClass } from '../http1/field-class.ts'

/** What RFC 9113 8.2 and 8.3 say of a field name, as a small integer. */
export const nameForm = {
  /** An ordinary field, lower-case. */
  plain: 0,
  /** Not a field name of HTTP/2: upper case, or a byte that is no token. */
  malformed: 1,
  /** Connection-specific (RFC 9113 8.2.2): makes the message malformed. */
  connection: 2,
  te: 3,
  method: 4,
  scheme: 5,
  authority: 6,
  path: 7,
  /** RFC 8441. */
  protocol: 8,
  /** Any other pseudo-header. */
  pseudoUnknown: 9,
} as const

/** A field name with what is known of it. */
export type FieldName = {
  readonly text: string
  /** One of `nameForm`. */
  readonly form: number
  readonly found: FieldClass
}

const connectionNames: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])
const pseudoForms: ReadonlyMap<string, number> = new Map([
  [':method', nameForm.method],
  [':scheme', nameForm.scheme],
  [':authority', nameForm.authority],
  [':path', nameForm.path],
  [':protocol', nameForm.protocol],
])
const lowerToken = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/

// Bounded as the cache of field classes is: names made up by a client cost a moment of time and never memory.
const namesMax = 2_048
const cachedNameBytesMax = 64
const nameByText = new Map<string, FieldName>()

/** The facts of a name as it was received. */
export function fieldName(text: string): FieldName {
  return nameByText.get(text) ?? newFieldName(text)
}

function newFieldName(received: string): FieldName {
  // A copy: what was received may be a slice that keeps a whole field block, cookies included, in memory.
  const text = Buffer.from(received, 'latin1').toString('latin1')
  const form = formOf(text)
  const name: FieldName = { text, form, found: classifyField(text) }
  if (text.length <= cachedNameBytesMax) {
    if (nameByText.size >= namesMax) nameByText.clear()
    nameByText.set(text, name)
  }
  return name
}

function formOf(text: string): number {
  if (text.startsWith(':')) return pseudoForms.get(text) ?? nameForm.pseudoUnknown
  if (!lowerToken.test(text)) return nameForm.malformed
  if (connectionNames.has(text)) return nameForm.connection
  return text === 'te' ? nameForm.te : nameForm.plain
}
