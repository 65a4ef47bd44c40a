import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import {
  type BlockKind,
  blockHeadBytes,
  blockKinds,
  digestBytes,
  memoryLayout,
  preambleBytes,
  type SnapshotHeader,
  snapshotMagic,
  snapshotSchema,
} from './snapshot-format.ts'
import type { SnapshotBlock } from './snapshot-writer.ts'

/** A snapshot that cannot be used. */
export class SnapshotUnusable extends Error {
  override readonly name = 'SnapshotUnusable'
  /** False: another version of the program can use it. */
  readonly isDamaged: boolean

  constructor(message: string, options: { readonly isDamaged: boolean }) {
    super(message)
    this.isDamaged = options.isDamaged
  }
}

/** Unit: bytes. */
const chunkBytes = 4 * 1_048_576
const kindsByNumber = new Map<number, BlockKind>(
  Object.entries(blockKinds).map(([kind, number]) => [number, kind as BlockKind]),
)

/** A snapshot whose every byte has been found to be what was written. */
export class CheckedSnapshot {
  readonly header: SnapshotHeader
  /** Length of the file. Unit: bytes. */
  readonly bytes: number
  readonly #handle: FileHandle
  readonly #blocksAt: number

  private constructor(handle: FileHandle, found: { header: SnapshotHeader; bytes: number; blocksAt: number }) {
    this.#handle = handle
    this.header = found.header
    this.bytes = found.bytes
    this.#blocksAt = found.blocksAt
  }

  /**
   * Reads the whole file once for its checksum, so that nothing of a damaged one is ever taken; from then on the file stays readable
   * even if it is removed. Rejects with SnapshotUnusable, or with what the file system throws.
   */
  static async open(file: string): Promise<CheckedSnapshot> {
    const handle = await open(file, 'r')
    try {
      return new CheckedSnapshot(handle, await check(handle))
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** The blocks in the order in which they were written. */
  async *blocks(): AsyncGenerator<SnapshotBlock> {
    const end = this.bytes - digestBytes
    const input = new ChunkedInput(this.#handle, { position: this.#blocksAt, end })
    while (input.position < end) {
      const head = await input.read(blockHeadBytes)
      const kind = kindsByNumber.get(head.readUInt8(0))
      if (kind === undefined) throw damaged(`unknown kind of block ${head.readUInt8(0)}`)
      yield { kind, bytes: await input.read(head.readUInt32LE(1)) }
    }
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}

/** Reads one thing after another out of large chunks: parts may be small and many. */
class ChunkedInput {
  readonly #handle: FileHandle
  readonly #end: number
  #chunk: Buffer = Buffer.alloc(0)
  /** Where what is read next stands in the file, and in the chunk. */
  #position: number
  #used = 0

  constructor(handle: FileHandle, { position, end }: { readonly position: number; readonly end: number }) {
    this.#handle = handle
    this.#position = position
    this.#end = end
  }

  get position(): number {
    return this.#position
  }

  /** The next bytes, in memory of their own: whoever reads them as words needs them aligned. */
  async read(length: number): Promise<Buffer> {
    if (length > this.#end - this.#position) throw damaged('a block is cut off')
    const bytes = Buffer.allocUnsafeSlow(length)
    for (let filled = 0; filled < length; ) {
      if (this.#used === this.#chunk.length) await this.#next()
      const copied = this.#chunk.copy(bytes, filled, this.#used)
      filled += copied
      this.#used += copied
      this.#position += copied
    }
    return bytes
  }

  async #next(): Promise<void> {
    const length = Math.min(chunkBytes, this.#end - this.#position)
    this.#chunk = await readExactly(this.#handle, { position: this.#position, length })
    this.#used = 0
  }
}

async function check(handle: FileHandle): Promise<{ header: SnapshotHeader; bytes: number; blocksAt: number }> {
  const { size: bytes } = await handle.stat()
  if (bytes < preambleBytes + digestBytes) throw damaged(`it has ${bytes} bytes`)
  const preamble = await readExactly(handle, { position: 0, length: preambleBytes })
  const magic = preamble.subarray(0, snapshotMagic.length)
  if (!magic.equals(snapshotMagic)) throw damaged('it does not begin like a snapshot')
  const schema = preamble.readUInt32LE(snapshotMagic.length)
  // Another schema may end in another way, so this comes before the checksum.
  if (schema !== snapshotSchema) throw foreign(`schema ${snapshotSchema}: current value is ${schema}`)
  await verifyDigest(handle, bytes - digestBytes)
  const headerBytes = preamble.readUInt32LE(snapshotMagic.length + 4)
  const json = await readExactly(handle, { position: preambleBytes, length: headerBytes })
  const header: SnapshotHeader = JSON.parse(json.toString())
  if (header.layout !== memoryLayout) throw foreign(`layout "${memoryLayout}": current value is "${header.layout}"`)
  return { header, bytes, blocksAt: preambleBytes + headerBytes }
}

async function verifyDigest(handle: FileHandle, end: number): Promise<void> {
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, end))
  for (let position = 0; position < end; ) {
    const { bytesRead } = await handle.read(chunk, 0, Math.min(chunk.length, end - position), position)
    if (bytesRead === 0) throw damaged('it ends too early')
    hash.update(chunk.subarray(0, bytesRead))
    position += bytesRead
  }
  const written = await readExactly(handle, { position: end, length: digestBytes })
  if (!hash.digest().equals(written)) throw damaged('wrong checksum')
}

async function readExactly(
  handle: FileHandle,
  { position, length }: { readonly position: number; readonly length: number },
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length)
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, position + filled)
    if (bytesRead === 0) throw damaged('it ends too early')
    filled += bytesRead
  }
  return bytes
}

function damaged(why: string): SnapshotUnusable {
  return new SnapshotUnusable(`Cannot read the snapshot as it is damaged: ${why}`, { isDamaged: true })
}

function foreign(what: string): SnapshotUnusable {
  return new SnapshotUnusable(`Cannot read the snapshot as it is not of ${what}`, { isDamaged: false })
}
