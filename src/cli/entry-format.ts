import { CommandError, exitCodes } from './command-context.ts'
import { CsvParser, isCsvHeader } from './csv-parser.ts'
import { type EntryParser, NdjsonParser, SerialParser } from './entry-parser.ts'
import { PemParser } from './pem-parser.ts'

/** Formats of files of what is to be revoked. */
export const entryFormats = ['serials', 'csv', 'ndjson', 'pem'] as const
export type EntryFormat = (typeof entryFormats)[number]

/**
 * The format of a file by its first lines; undefined while none of them tells. `ended`: there are no more. Throws CommandError for
 * one that is none of the formats.
 */
export function guessFormat(lines: readonly string[], ended: boolean): EntryFormat | undefined {
  if (lines.some((line) => line.includes('\0'))) throw unusable('it is not text')
  // Tools put a description in front.
  if (lines.some((line) => line.startsWith('-----BEGIN '))) return 'pem'
  const first = lines.map((line) => line.trim()).find((line) => line !== '' && !line.startsWith('#'))
  if (first === undefined) return ended ? 'serials' : undefined
  if (first.startsWith('[')) {
    throw unusable('it is a JSON array; NDJSON is one object a line, without brackets and commas around them')
  }
  if (first.startsWith('{')) return 'ndjson'
  return isCsvHeader(first) ? 'csv' : 'serials'
}

/** Throws CommandError where the format needs an issuer and has none, or takes none and has one. */
export function createParser(format: EntryFormat, issuer: string | undefined): EntryParser {
  if (format === 'csv') return new CsvParser(issuer)
  if (format === 'serials') {
    if (issuer !== undefined) return new SerialParser(issuer)
    throw unusable(
      'a list of serial numbers needs --issuer NAME; if it is something else, say so with --format',
      exitCodes.usage,
    )
  }
  if (issuer !== undefined)
    throw unusable(`--issuer goes with serial numbers and CSV, and this is ${format}`, exitCodes.usage)
  return format === 'pem' ? new PemParser() : new NdjsonParser()
}

function unusable(why: string, exitCode: number = exitCodes.failed): CommandError {
  return new CommandError(`Cannot use the file: ${why}.`, { exitCode })
}
