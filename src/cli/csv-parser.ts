import { splitCsvRecord } from '../base/csv-record.ts'
import { CommandError } from './command-context.ts'
import { type EntryParser, entryLengthMax, type ParsedEntry } from './entry-parser.ts'

/** Columns by their names without case, spaces, `-` and `_`. */
const columns: Readonly<Record<string, 'issuer' | 'serial' | 'loginId' | 'reason' | 'comment'>> = {
  issuer: 'issuer',
  serial: 'serial',
  serialnumber: 'serial',
  loginid: 'loginId',
  reason: 'reason',
  comment: 'comment',
}

/** Whether this line is a header: names of columns, `serial` or `loginId` among them. */
export function isCsvHeader(text: string): boolean {
  const names = (splitCsvRecord(text) ?? []).map(columnOf)
  return names.includes('serial') || names.includes('loginId')
}

/**
 * CSV with a header line (RFC 4180): columns serial and issuer, or loginId, and optionally reason and comment, in any order. Fields
 * may be quoted and then hold commas, quotes (doubled) and line ends.
 */
export class CsvParser implements EntryParser {
  readonly #issuer: string | undefined
  #header: readonly string[] | undefined
  /** A record whose quoted field has not ended yet. */
  #open: { text: string; readonly line: number } | undefined

  /** `issuer`: of serial numbers that have none of their own. */
  constructor(issuer: string | undefined) {
    this.#issuer = issuer
  }

  /** Throws CommandError for a header that cannot be used. */
  take(text: string, line: number): ParsedEntry | undefined {
    const record = this.#open === undefined ? text : `${this.#open.text}\n${text}`
    const begin = this.#open?.line ?? line
    if (hasOpenQuote(record)) {
      if (record.length <= entryLengthMax) {
        this.#open = { text: record, line: begin }
        return undefined
      }
      this.#open = undefined
      return rejected(begin, record, 'A quoted field does not end')
    }
    this.#open = undefined
    if (record.trim() === '') return undefined
    return this.#read(record, begin)
  }

  end(): ParsedEntry | undefined {
    return this.#open && rejected(this.#open.line, this.#open.text, 'A quoted field does not end')
  }

  #read(record: string, line: number): ParsedEntry | undefined {
    const fields = splitCsvRecord(record)
    if (this.#header === undefined) {
      this.#header = readHeader(fields, { line, issuer: this.#issuer })
      return undefined
    }
    if (fields === undefined) return rejected(line, record, 'Quotes must enclose a whole field, and be doubled inside')
    const width = this.#header.length
    if (fields.length !== width) {
      return rejected(line, record, `It has ${fields.length} fields where the header has ${width}`)
    }
    const entry: Record<string, string> = {}
    for (const [position, name] of this.#header.entries()) {
      const value = fields[position]?.trim() ?? ''
      if (value !== '') entry[name] = value
    }
    if (entry.serial !== undefined && entry.issuer === undefined && this.#issuer !== undefined) {
      entry.issuer = this.#issuer
    }
    // A column of issuers stands beside rows that name a login ID instead.
    if (entry.serial === undefined && entry.loginId !== undefined) delete entry.issuer
    return { line, json: JSON.stringify(entry) }
  }
}

function readHeader(
  fields: readonly string[] | undefined,
  { line, issuer }: { line: number; issuer: string | undefined },
): readonly string[] {
  const names = (fields ?? []).map((field) => ({ field: field.trim(), column: columnOf(field) }))
  const unknown = names.find(({ column }) => column === undefined)
  const known = names.flatMap(({ column }) => column ?? [])
  if (fields === undefined || unknown !== undefined) {
    throw unusable(line, `it has a column ${JSON.stringify(unknown?.field ?? '')}`)
  }
  if (new Set(known).size < known.length) throw unusable(line, 'it has a column twice')
  if (known.includes('loginId')) return known
  if (!known.includes('serial')) throw unusable(line, 'it has neither serial nor loginId')
  if (!known.includes('issuer') && issuer === undefined)
    throw unusable(line, 'it has no issuer; --issuer NAME gives one')
  return known
}

function unusable(line: number, why: string): CommandError {
  const expected = 'The columns are serial and issuer, or loginId, and optionally reason and comment.'
  return new CommandError(`Cannot use line ${line} as the header of a CSV file: ${why}. ${expected}`)
}

function columnOf(name: string): string | undefined {
  const plain = name.toLowerCase().replace(/[\s_-]/g, '')
  return Object.hasOwn(columns, plain) ? columns[plain] : undefined
}

/** Every quote opens or closes, a doubled one does both. */
function hasOpenQuote(text: string): boolean {
  let quotes = 0
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) quotes++
  return quotes % 2 === 1
}

function rejected(line: number, record: string, problem: string): ParsedEntry {
  return { line, rejected: { field: '', value: record.slice(0, 100), problem } }
}
