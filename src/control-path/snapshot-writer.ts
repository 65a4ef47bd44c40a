import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  type BlockKind,
  blockHeadBytes,
  blockKinds,
  preambleBytes,
  type SnapshotHeader,
  snapshotMagic,
  snapshotSchema,
} from './snapshot-format.ts'

export type SnapshotBlock = { readonly kind: BlockKind; readonly bytes: Uint8Array }

/** Copied, hashed and written in one turn. Unit: bytes. */
const sliceBytes = 262_144

/**
 * Writes a snapshot under a new name and puts it on disk, a quarter of a megabyte in a turn of the event loop; blocks are taken from `blocks`
 * as they are needed. `check` is called in each turn, and ends the writing by throwing. Returns the length. Unit: bytes. Rejects with
 * what the file system or `check` throws.
 */
export async function writeSnapshot(
  file: string,
  options: { readonly header: SnapshotHeader; readonly blocks: Iterable<SnapshotBlock>; readonly check: () => void },
): Promise<number> {
  const handle = await open(file, 'wx', 0o600)
  try {
    const output = new HashedOutput(handle, options.check)
    const header = Buffer.from(JSON.stringify(options.header))
    await output.write(preamble(header.length))
    await output.write(header)
    for (const { kind, bytes } of options.blocks) {
      const head = Buffer.alloc(blockHeadBytes)
      head.writeUInt8(blockKinds[kind], 0)
      head.writeUInt32LE(bytes.length, 1)
      await output.write(head)
      await output.write(bytes)
    }
    const bytes = await output.end()
    await handle.sync()
    return bytes
  } finally {
    await handle.close()
  }
}

function preamble(headerBytes: number): Buffer {
  const bytes = Buffer.alloc(preambleBytes)
  snapshotMagic.copy(bytes)
  bytes.writeUInt32LE(snapshotSchema, snapshotMagic.length)
  bytes.writeUInt32LE(headerBytes, snapshotMagic.length + 4)
  return bytes
}

class HashedOutput {
  readonly #handle: FileHandle
  readonly #check: () => void
  readonly #hash: Hash = createHash('sha256')
  readonly #slice = Buffer.allocUnsafeSlow(sliceBytes)
  #filled = 0
  #bytes = 0

  constructor(handle: FileHandle, check: () => void) {
    this.#handle = handle
    this.#check = check
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let first = 0; first < bytes.length; ) {
      const part = bytes.subarray(first, first + sliceBytes - this.#filled)
      this.#slice.set(part, this.#filled)
      this.#filled += part.length
      first += part.length
      if (this.#filled === sliceBytes) await this.#flush()
    }
  }

  /** Writes what is left, and the checksum. */
  async end(): Promise<number> {
    await this.#flush()
    await this.#append(this.#hash.digest())
    return this.#bytes
  }

  async #flush(): Promise<void> {
    this.#check()
    const slice = this.#slice.subarray(0, this.#filled)
    this.#hash.update(slice)
    await this.#append(slice)
    this.#filled = 0
    // A finished write may come back in the same turn as others: whoever else waits comes in between.
    await nextTurn()
  }

  async #append(bytes: Uint8Array): Promise<void> {
    for (let first = 0; first < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, first)
      first += bytesWritten
    }
    this.#bytes += bytes.length
  }
}
