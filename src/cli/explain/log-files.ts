import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { createGunzip } from 'node:zlib'

/** Longer lines are passed over: neither log writes any. Unit: bytes. */
const lineBytesMax = 1_048_576
const newline = 0x0a

/** A log and what rotation made of it (`log.1`, `log.2.gz`, `log-20270401.gz`), newest first. Empty where none of them is there. */
export async function withRotations(file: string): Promise<readonly string[]> {
  const base = basename(file)
  const names = await readdir(dirname(file)).catch(() => [] as string[])
  const own = names.filter((name) => {
    const rest = name.startsWith(base) ? name.slice(base.length) : undefined
    return rest === '' || (rest !== undefined && /^[.-]\d[\d.TZ:_-]*(?:\.gz)?$/.test(rest))
  })
  const dated = await Promise.all(
    own.map(async (name) => {
      const path = join(dirname(file), name)
      return { path, changedMs: (await stat(path)).mtimeMs }
    }),
  )
  // The one that is written to is the newest, whatever the clock says.
  return dated
    .toSorted(
      (left, right) => Number(right.path === file) - Number(left.path === file) || right.changedMs - left.changedMs,
    )
    .map(({ path }) => path)
}

/** The bytes of a log, unpacked where its name says that it is packed. */
export function openLog(file: string): AsyncIterable<Uint8Array> {
  const bytes = createReadStream(file)
  if (!file.endsWith('.gz')) return bytes
  const unpacked = createGunzip()
  bytes.on('error', (error) => void unpacked.destroy(error))
  // Whoever stops reading early ends both.
  unpacked.on('close', () => void bytes.destroy())
  return bytes.pipe(unpacked)
}

/** Each line without its newline, as bytes; memory stays bounded whatever the log holds. */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest: Buffer[] = []
  let restBytes = 0
  for await (const piece of bytes) {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const part = chunk.subarray(start, end)
      if (restBytes + part.length <= lineBytesMax) yield rest.length === 0 ? part : Buffer.concat([...rest, part])
      rest = []
      restBytes = 0
      start = end + 1
    }
    restBytes += chunk.length - start
    if (restBytes <= lineBytesMax) rest.push(Buffer.from(chunk.subarray(start)))
    else rest = []
  }
  if (restBytes > 0 && restBytes <= lineBytesMax) yield Buffer.concat(rest)
}
