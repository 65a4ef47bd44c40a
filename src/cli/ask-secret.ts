import { CommandError } from './command-context.ts'

/** The part of a terminal's input that is needed; `process.stdin` fits. */
export type SecretTerminal = {
  setRawMode(raw: boolean): unknown
  on(event: 'data', listener: (bytes: Buffer) => void): unknown
  off(event: 'data', listener: (bytes: Buffer) => void): unknown
  resume(): unknown
  pause(): unknown
}

const charactersMax = 1_024

/**
 * Asks at the terminal for something that must not be seen: nothing of it is shown, not even its length. Rejects with CommandError when
 * it is cancelled (Control-C, Control-D on an empty line) or longer than 1 024 characters.
 */
export async function askSecret(
  question: string,
  terminal: SecretTerminal,
  write: (text: string) => void,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const line = new HiddenLine()
  const take = (bytes: Buffer): void => {
    const end = line.take(bytes)
    if (end === 'done') resolve(line.text)
    if (end === 'cancelled') reject(new CommandError('Cancelled: nothing was entered.'))
    if (end === 'too_long') reject(new CommandError(`Cannot take more than ${charactersMax} characters.`))
  }
  write(question)
  terminal.setRawMode(true)
  terminal.on('data', take)
  terminal.resume()
  try {
    return await promise
  } finally {
    terminal.off('data', take)
    terminal.setRawMode(false)
    terminal.pause()
    write('\n')
  }
}

class HiddenLine {
  /** Bytes, because a character may come in two pieces. */
  #bytes: number[] = []
  #ended = false

  get text(): string {
    return Buffer.from(this.#bytes).toString('utf8')
  }

  take(bytes: Buffer): 'more' | 'done' | 'cancelled' | 'too_long' {
    for (const byte of bytes) {
      if (this.#ended) break
      const end = this.#takeByte(byte)
      if (end === 'more') continue
      this.#ended = true
      return end
    }
    return 'more'
  }

  #takeByte(byte: number): ReturnType<HiddenLine['take']> {
    switch (byte) {
      case 0x0a:
      case 0x0d:
        return 'done'
      case 0x03:
        return 'cancelled'
      case 0x04:
        return this.#bytes.length === 0 ? 'cancelled' : 'done'
      case 0x08:
      case 0x7f:
        // A character is its first byte and what continues it.
        while (((this.#bytes.pop() ?? 0) & 0xc0) === 0x80);
        return 'more'
      case 0x15:
        this.#bytes = []
        return 'more'
      default:
        this.#bytes.push(byte)
        return this.#bytes.length > charactersMax ? 'too_long' : 'more'
    }
  }
}
