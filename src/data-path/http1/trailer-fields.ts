import { classifyField, fieldClass } from './field-class.ts'
import type { FieldList } from './field-list.ts'
import type { HeadFault } from './head-fault.ts'

/** What becomes of a trailer field: passed on, left out, or reason to refuse the message. */
export type TrailerVerdict = 'keep' | 'drop' | 'refuse'

// RFC 9110 6.5.1: fields that govern how a message is routed, authenticated, cached or decoded mean nothing behind it.
const neverTrailing: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'cache-control',
  'expires',
  'location',
  'max-forwards',
  'pragma',
  'range',
  'retry-after',
  'vary',
  'warning',
  'www-authenticate',
])

/**
 * Judges one trailer field by its name. Framing fields and Host refuse: they exist in trailers only to deceive. So does Connection,
 * which some readers obey even there.
 */
export function judgeTrailer(name: string): TrailerVerdict {
  const kind = classifyField(name)
  if (kind >= fieldClass.host && kind <= fieldClass.connection) return 'refuse'
  if (kind !== fieldClass.other && kind !== fieldClass.date && kind !== fieldClass.server) return 'drop'
  const lower = name.toLowerCase()
  return neverTrailing.has(lower) || lower.startsWith('content-') || lower.startsWith('if-') ? 'drop' : 'keep'
}

const trailerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)$/

/** Reads one trailer line without its CRLF and adds the field to `trailers`, unless it is one to drop. */
export function readTrailer(line: string, trailers: FieldList): HeadFault | undefined {
  const match = trailerLine.exec(line)
  if (match === null) return { fault: 'body_malformed', detail: 'A trailer line is not "name: value"' }
  const name = match[1] as string
  const verdict = judgeTrailer(name)
  if (verdict === 'refuse') return { fault: 'body_malformed', detail: 'A framing field or Host stands in the trailers' }
  if (verdict === 'keep') trailers.push(name, (match[2] as string).replace(/[\t ]+$/, ''))
  return undefined
}

/** Trailer fields without those the message's Connection field nominated: they end here (RFC 9110 7.6.1). */
export function endToEndTrailers(trailers: FieldList, connectionNominated: readonly string[]): FieldList {
  if (trailers.length === 0 || connectionNominated.length === 0) return trailers
  const kept: FieldList = []
  for (let at = 0; at < trailers.length; at += 2) {
    const name = trailers[at] as string
    if (!connectionNominated.includes(name.toLowerCase())) kept.push(name, trailers[at + 1] as string)
  }
  return kept
}
