import { splitCsvRecord } from '../base/csv-record.ts'
import { GatewayError } from '../base/errors.ts'
import type { ImportLine } from '../lifecycle/import-directory.ts'
import type { BodyLine } from './body-lines.ts'

export type DirectoryFormat = 'csv' | 'ndjson'

/** Most columns of a header; a file has fewer. */
const columnsMax = 64

/** Reads the lines of a CSV or NDJSON file as fields. */
export class DirectoryLines {
  readonly #format: DirectoryFormat
  #header: readonly string[] | undefined

  constructor(format: DirectoryFormat) {
    this.#format = format
  }

  /**
   * What the line says; undefined for the header of a CSV file. In CSV an empty field says nothing, and a record is one line. Throws
   * GatewayError `admin_request_invalid` for a header that cannot be used.
   */
  read(line: BodyLine): ImportLine | undefined {
    const number = line.line
    if ('unreadable' in line) return { line: number, fault: line.unreadable }
    if (this.#format === 'ndjson') return readJsonLine(number, line.text)
    const fields = splitCsvRecord(line.text)
    if (this.#header === undefined) {
      this.#header = checkHeader(fields, number)
      return undefined
    }
    if (fields === undefined) return { line: number, fault: 'quotes must enclose a whole field on one line' }
    const { length } = this.#header
    if (fields.length !== length) {
      return { line: number, fault: `it has ${fields.length} fields where the header has ${length}` }
    }
    const named = this.#header.map((name, position) => [name, fields[position]?.trim() ?? ''] as const)
    return { line: number, fields: Object.fromEntries(named.filter(([, value]) => value !== '')) }
  }
}

function readJsonLine(line: number, text: string): ImportLine {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { line, fault: 'it is not JSON' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { line, fault: 'it is not a JSON object' }
  }
  return { line, fields: value as Record<string, unknown> }
}

function checkHeader(fields: readonly string[] | undefined, line: number): readonly string[] {
  const names = fields?.map((field) => field.trim()) ?? []
  const isUsable =
    names.length > 0 && names.length <= columnsMax && names.every((name) => /^[A-Za-z]{1,40}$/.test(name))
  if (isUsable && new Set(names).size === names.length) return names
  throw new GatewayError(
    'admin_request_invalid',
    `Cannot use line ${line} as the header of a CSV file: it must name columns such as loginId,contractId,role, each once`,
    { path: `line ${line}` },
  )
}
