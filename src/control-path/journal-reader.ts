import { closeSync, openSync, readSync } from 'node:fs'
import { bodyLength, decodeRecord, frameBytes, type JournalRecord } from './journal-record.ts'

/** Where reading ended. */
export type JournalEnd = {
  /** Length of the good records from the beginning of the file. Unit: bytes. */
  readonly bytes: number
  /**
   * What follows them. A record that was being written when its process or the machine died is torn, and was never applied; whatever
   * else cannot be read was changed on disk, and good records may stand behind it.
   */
  readonly rest: 'nothing' | 'torn' | 'damaged'
  readonly detail: string
}

/** Unit: bytes. */
const chunkBytes = 1_048_576

/**
 * Reads records from byte `from` on, where one begins, up to the first that is not whole. The file may grow meanwhile. Throws what the
 * file system throws.
 */
export function* readJournal(file: string, from: number): Generator<JournalRecord, JournalEnd> {
  const fd = openSync(file, 'r')
  try {
    return yield* readRecords(new Window(fd, from))
  } finally {
    closeSync(fd)
  }
}

function* readRecords(window: Window): Generator<JournalRecord, JournalEnd> {
  for (;;) {
    const head = window.look(frameBytes)
    if (head === undefined) return window.end(window.isEmpty ? 'nothing' : 'torn')
    const length = bodyLength(head)
    // Blocks that never reached the disk before a power cut read as zeros.
    if (length === undefined) return window.end(window.isZeroToEnd() ? 'torn' : 'damaged', 'no record begins here')
    const bytes = window.look(frameBytes + length)
    if (bytes === undefined) return window.end('torn')
    let record: JournalRecord
    try {
      record = decodeRecord(bytes)
    } catch (error) {
      return window.end('damaged', (error as Error).message)
    }
    window.pass(bytes.length)
    yield record
  }
}

/** The bytes of a file that have been read but not used yet. */
class Window {
  readonly #fd: number
  #bytes: Buffer = Buffer.alloc(0)
  /** Where they stand in the file. */
  #position: number

  constructor(fd: number, position: number) {
    this.#fd = fd
    this.#position = position
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0
  }

  /** The next so many bytes, which stay unused; undefined: the file has fewer. */
  look(length: number): Buffer | undefined {
    while (this.#bytes.length < length) {
      const end = this.#position + this.#bytes.length
      const more = this.#read(end, Math.max(chunkBytes, length - this.#bytes.length))
      if (more.length === 0) return undefined
      this.#bytes = this.#bytes.length === 0 ? more : Buffer.concat([this.#bytes, more])
    }
    return this.#bytes.subarray(0, length)
  }

  pass(length: number): void {
    this.#bytes = this.#bytes.subarray(length)
    this.#position += length
  }

  /** Whether nothing but zeros follows. */
  isZeroToEnd(): boolean {
    let position = this.#position
    for (let bytes = this.#bytes; bytes.length > 0; bytes = this.#read(position, chunkBytes)) {
      if (bytes.some((byte) => byte !== 0)) return false
      position += bytes.length
    }
    return true
  }

  end(rest: JournalEnd['rest'], detail = ''): JournalEnd {
    return { bytes: this.#position, rest, detail }
  }

  #read(position: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length)
    return bytes.subarray(0, readSync(this.#fd, bytes, 0, length, position))
  }
}
