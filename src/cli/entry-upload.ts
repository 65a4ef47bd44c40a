import type { RejectedEntry } from '../lifecycle/bulk-entry.ts'
import type { AdminStream } from './admin-stream.ts'
import type { LineBlock } from './entry-file.ts'
import type { EntryParser, ParsedEntry } from './entry-parser.ts'

export type EntryUploadOptions = {
  readonly stream: Pick<AdminStream, 'isOpen' | 'write'>
  readonly parser: EntryParser
  /** Entries that begin in so many lines at the beginning are left out. */
  readonly skipLines: number
  readonly skipInvalid: boolean
  rejected(entry: RejectedEntry): void
}

const sendLength = 32_768

/**
 * Sends the entries of a file, each in the line it has in the file, less the lines that are left out: so the door's numbers are those
 * of the file. What cannot be read as an entry is told here and not sent; without `skipInvalid` it is the end.
 */
export class EntryUpload {
  readonly #options: EntryUploadOptions
  readonly #marks: { readonly line: number; readonly offset: number }[] = []
  #offset = 0
  #sentLine: number
  #text = ''
  #stopped = false

  constructor(options: EntryUploadOptions) {
    this.#options = options
    this.#sentLine = options.skipLines
  }

  /** Sends everything, as long as the stream takes it. Rejects with what `blocks` and the parser throw. */
  async run(blocks: AsyncIterable<LineBlock>): Promise<void> {
    let line = 0
    for await (const { lines, endOffset } of blocks) {
      for (const text of lines) {
        line++
        this.#take(this.#options.parser.take(text, line))
        if (this.#text.length >= sendLength) await this.#send()
        if (this.#stopped) break
      }
      this.#marks.push({ line, offset: endOffset })
      // What comes slowly is sent as it comes.
      await this.#send()
      if (this.#stopped || !this.#options.stream.isOpen) return
    }
    this.#take(this.#options.parser.end())
    await this.#send()
  }

  /** How far into the file this line is, roughly. Unit: bytes. Lines must be asked for in order. */
  offsetOf(line: number): number {
    while (this.#marks[0] !== undefined && this.#marks[0].line <= line) this.#offset = this.#marks.shift()?.offset ?? 0
    return this.#offset
  }

  #take(parsed: ParsedEntry | undefined): void {
    const { skipLines, skipInvalid, rejected } = this.#options
    if (parsed === undefined || parsed.line <= skipLines || this.#stopped) return
    if ('rejected' in parsed) {
      rejected({ line: parsed.line, ...parsed.rejected })
      this.#stopped = !skipInvalid
      return
    }
    this.#text += `${'\n'.repeat(parsed.line - 1 - this.#sentLine)}${parsed.json}\n`
    this.#sentLine = parsed.line
  }

  async #send(): Promise<void> {
    const text = this.#text
    this.#text = ''
    if (text !== '') await this.#options.stream.write(text)
  }
}
