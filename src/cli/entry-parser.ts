/** What is wrong with an entry of a file. */
export type EntryProblem = { readonly field: string; readonly value: string; readonly problem: string }

/** An entry as the admin door takes it (one JSON text), or why it is none. `line`: where it begins, from 1. */
export type ParsedEntry =
  | { readonly line: number; readonly json: string }
  | { readonly line: number; readonly rejected: EntryProblem }

/** Reads one format, line by line. */
export type EntryParser = {
  take(text: string, line: number): ParsedEntry | undefined
  /** The file has ended. */
  end(): ParsedEntry | undefined
}

/** Longest entry over several lines; the door takes 64 KiB. Unit: characters. */
export const entryLengthMax = 98_304

/** One serial number a line, in any common spelling of hex; `#` begins a comment. */
export class SerialParser implements EntryParser {
  readonly #issuer: string

  constructor(issuer: string) {
    this.#issuer = issuer
  }

  take(text: string, line: number): ParsedEntry | undefined {
    const serial = text.replace(/(^|\s)#.*$/, '').trim()
    return serial === '' ? undefined : { line, json: JSON.stringify({ issuer: this.#issuer, serial }) }
  }

  end(): undefined {}
}

/** One JSON object a line, as the admin door takes it. */
export class NdjsonParser implements EntryParser {
  take(text: string, line: number): ParsedEntry | undefined {
    const json = text.trim()
    return json === '' ? undefined : { line, json }
  }

  end(): undefined {}
}
