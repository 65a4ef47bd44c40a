import type { FieldList } from './field-list.ts'

/**
 * Field lines, each with its CRLF, to be written as latin1. Names and values must be ones the parser accepted, or the gateway's own.
 */
export function fieldLines(fields: FieldList): string {
  let text = ''
  for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`
  return text
}
