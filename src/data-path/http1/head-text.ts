import type { FieldList } from './field-list.ts'

/**
 * Head of a request to the application, to be written as latin1. The caller owns the list: hop-by-hop fields are gone,
 * framing fields are its own. Method, target, names and values must be ones the parser accepted or `isFieldValue` allows.
 */
export function requestHeadText(method: string, target: string, fields: FieldList): string {
  return `${method} ${target} HTTP/1.1\r\n${fieldLines(fields)}\r\n`
}

/** Head of a response to the client, to be written as latin1. The same conditions hold as for `requestHeadText`. */
export function responseHeadText(status: number, reason: string, fields: FieldList): string {
  return `HTTP/1.1 ${status} ${reason}\r\n${fieldLines(fields)}\r\n`
}

/** Field lines, each with its CRLF. */
export function fieldLines(fields: FieldList): string {
  let text = ''
  for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`
  return text
}

/**
 * Whether a text may stand as a field value when written as latin1: no control byte but HTAB, nothing beyond 0xff, no
 * surrounding blank. Ask it for every value that does not come from a parsed head, such as a name in a certificate.
 */
export function isFieldValue(text: string): boolean {
  return /^(?:[!-~\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[!-~\x80-\xff])?)?$/.test(text)
}
