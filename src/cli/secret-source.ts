import { readFileSync } from 'node:fs'
import { type CommandContext, CommandError, exitCodes } from './command-context.ts'

const secretBytesMax = 4_096

/**
 * Where a command's secrets come from: a file, the terminal, or, where there is none, the lines of standard input in the order in which
 * they are asked for. None is ever written anywhere.
 */
export class SecretSource {
  readonly #context: CommandContext
  #lines: Promise<string[]> | undefined

  constructor(context: CommandContext) {
    this.#context = context
  }

  /** Whether a person is asked, who may mistype. */
  get isTerminal(): boolean {
    return this.#context.askSecret !== undefined
  }

  /** The first line of a file. Throws CommandError when there is none, or nothing in it. */
  fromFile(file: string, option: string): string {
    let text: string
    try {
      text = readFileSync(file, 'utf8')
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(cause)
      throw new CommandError(`Cannot read ${option} ${file}: ${why}`, { exitCode: exitCodes.usage, cause })
    }
    const [line = ''] = text.replace(/^\uFEFF/, '').split(/\r?\n/, 1)
    if (line === '') throw new CommandError(`Cannot use ${option} ${file}: its first line is empty.`)
    return line
  }

  /** Undefined: nothing was entered, or standard input has no more lines. */
  async ask(question: string): Promise<string | undefined> {
    const { askSecret } = this.#context
    if (askSecret !== undefined) return (await askSecret(question)) || undefined
    this.#lines ??= this.#readLines()
    return (await this.#lines).shift() || undefined
  }

  async #readLines(): Promise<string[]> {
    const parts: Uint8Array[] = []
    let bytes = 0
    for await (const part of this.#context.input ?? []) {
      bytes += part.length
      if (bytes > secretBytesMax) throw new CommandError('Cannot take secrets from standard input: it is too long.')
      parts.push(part)
    }
    return Buffer.concat(parts).toString('utf8').split(/\r?\n/)
  }
}
