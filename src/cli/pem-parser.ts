import { type EntryParser, entryLengthMax, type ParsedEntry } from './entry-parser.ts'

const begin = /^-----BEGIN ([A-Z0-9 ]+)-----\s*$/
const end = /^-----END ([A-Z0-9 ]+)-----\s*$/

/** One or many certificates in PEM (RFC 7468); text around them is skipped, anything else in PEM is told. */
export class PemParser implements EntryParser {
  #block: { readonly label: string; readonly line: number; base64: string } | undefined

  take(text: string, line: number): ParsedEntry | undefined {
    const label = begin.exec(text)?.[1]
    const block = this.#block
    if (label !== undefined) {
      this.#block = { label, line, base64: '' }
      return block && unended(block.line)
    }
    if (block === undefined) return undefined
    if (end.test(text)) {
      this.#block = undefined
      return readBlock(block)
    }
    // Whatever it is, a certificate is not so long.
    if (block.base64.length <= entryLengthMax) block.base64 += text.trim()
    return undefined
  }

  end(): ParsedEntry | undefined {
    return this.#block && unended(this.#block.line)
  }
}

function readBlock({ label, line, base64 }: { label: string; line: number; base64: string }): ParsedEntry {
  if (label !== 'CERTIFICATE') return rejected(line, label, 'It is not a certificate')
  if (base64 === '') return rejected(line, '', 'It is empty')
  return { line, json: JSON.stringify({ certificate: base64 }) }
}

function unended(line: number): ParsedEntry {
  return rejected(line, '', 'It has no END line')
}

function rejected(line: number, value: string, problem: string): ParsedEntry {
  return { line, rejected: { field: 'certificate', value, problem } }
}
