import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { CommandError } from './command-context.ts'

/** A file that is read from its start, piece by piece; one piece is good until the next. */
export type PulledFile = Disposable & {
  /** Undefined at the end. */
  readonly pull: () => Uint8Array | undefined
}

const chunkBytes = 262_144
const smallFileBytesMax = 65_536

/** Opens a plain file to be read piece by piece. Throws CommandError. */
export function openPulled(path: string): PulledFile {
  const file = trying(path, () => {
    checkPlain(path)
    return openSync(path, 'r')
  })
  const chunk = new Uint8Array(chunkBytes)
  return {
    pull: () => {
      const bytes = trying(path, () => readSync(file, chunk))
      return bytes === 0 ? undefined : chunk.subarray(0, bytes)
    },
    [Symbol.dispose]: () => closeSync(file),
  }
}

/** The text of a file of at most 64 KiB. Throws CommandError. */
export function readSmallFile(path: string): string {
  return trying(path, () => {
    const size = checkPlain(path)
    if (size > smallFileBytesMax) throw new Error(`it is over ${smallFileBytesMax} bytes`)
    return readFileSync(path, 'latin1')
  })
}

/** Of a plain file. Unit: bytes. Throws CommandError. */
export function sizeOfFile(path: string): number {
  return trying(path, () => checkPlain(path))
}

/** Opening a pipe would wait for who writes into it. Returns the size. */
function checkPlain(path: string): number {
  const stat = statSync(path)
  if (!stat.isFile()) throw new Error('it is not a file')
  return stat.size
}

function trying<T>(path: string, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (cause as Error).message
    throw new CommandError(`Cannot read ${path}: ${why}`, { cause })
  }
}
