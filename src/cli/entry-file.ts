import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { CommandError, type CommandInput } from './command-context.ts'

/** Lines that came together, without their ends, and how far into the file they reach. Unit of `endOffset`: bytes. */
export type LineBlock = { readonly lines: readonly string[]; readonly endOffset: number }

/** A file of what is to be revoked, read piece by piece. */
export type EntryFile = {
  /** For people. */
  readonly name: string
  /** Unit: bytes. Undefined: nobody knows how much is coming. */
  readonly size: number | undefined
  /** SHA-256 (hex) of how it begins; undefined for what cannot be read again. */
  readonly beginHash: string | undefined
  readonly chunks: AsyncIterable<Uint8Array>
  /** Reads no more. */
  close(): void
}

const beginBytes = 65_536
const lineLengthMax = 1_048_576

/** Opens a file, or standard input as `-`. Throws CommandError. */
export async function openEntryFile(path: string, input: CommandInput = emptyInput()): Promise<EntryFile> {
  if (path === '-') {
    const close = () => void input.destroy?.()
    return { name: 'standard input', size: undefined, beginHash: undefined, chunks: input, close }
  }
  let file: FileHandle | undefined
  try {
    file = await open(path)
    const stat = await file.stat()
    if (!stat.isFile()) throw new Error('it is not a file')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(beginBytes), 0, beginBytes, 0)
    const beginHash = createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex')
    const chunks = createReadStream(path)
    return { name: path, size: stat.size, beginHash, chunks, close: () => void chunks.destroy() }
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (cause as Error).message
    throw new CommandError(`Cannot read ${path}: ${why}`, { cause })
  } finally {
    await file?.close()
  }
}

async function* emptyInput(): AsyncGenerator<Uint8Array> {}

/** The lines of a file as they come. Throws CommandError for what is not UTF-8, or a line above a million characters. */
export async function* readLineBlocks({ name, chunks }: Pick<EntryFile, 'name' | 'chunks'>): AsyncGenerator<LineBlock> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  let line = 1
  let endOffset = 0
  for await (const chunk of reading(chunks, name)) {
    if (endOffset === 0) checkBeginning(chunk, name)
    endOffset += chunk.length
    const text = rest + decode(decoder, chunk, { name, line })
    const end = text.lastIndexOf('\n')
    if (end >= 0) {
      const lines = text.slice(0, end).split('\n').map(withoutReturn)
      line += lines.length
      yield { lines, endOffset }
    }
    rest = text.slice(end + 1)
    if (rest.length > lineLengthMax) throw unreadable(name, `line ${line} is too long`)
  }
  decode(decoder, undefined, { name, line })
  if (rest !== '') yield { lines: [withoutReturn(rest)], endOffset }
}

async function* reading(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } catch (cause) {
    throw new CommandError(`Cannot read ${name}: ${(cause as Error).message}`, { cause })
  }
}

function decode(
  decoder: TextDecoder,
  chunk: Uint8Array | undefined,
  { name, line }: { name: string; line: number },
): string {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
  } catch {
    throw unreadable(name, `it is not UTF-8, somewhere after line ${line - 1}; save it as UTF-8`)
  }
}

/** Says more of two things that are no UTF-8 than that. */
function checkBeginning([first, second]: Uint8Array, name: string): void {
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw unreadable(name, 'it is UTF-16; save it as UTF-8')
  }
  // A long SEQUENCE (X.690 8.1.3.5).
  if (first === 0x30 && second !== undefined && second > 0x80 && second < 0x85) {
    throw unreadable(name, 'it is DER; PEM is taken (openssl x509 -inform DER)')
  }
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

function unreadable(name: string, why: string): CommandError {
  return new CommandError(`Cannot use ${name}: ${why}.`)
}
