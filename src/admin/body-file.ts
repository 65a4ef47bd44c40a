import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'

export type BodyFileOptions = {
  /** Absolute; made if it is not there. The file comes into a folder of its own in it, which is gone afterwards. */
  readonly folder: string
  /** Largest body. */
  readonly bytesMax: number
  /** Longest wait for bytes. Unit: milliseconds. */
  readonly idleMs: number
  readonly clock: Pick<Clock, 'nowMs'>
}

const prefix = 'upload-'
/** What is older was left by a process that ended in the middle; nobody reads a body for so long. */
const leftoverMs = 86_400_000

/**
 * Writes a body into a file as it comes, gives it to `use`, and takes it away, however that ends. Throws `body_too_large` above
 * `bytesMax`, before anything is read if the request says so, and `admin_request_invalid` for a body that is empty, ends early or stays away.
 */
export async function withBodyFile<T>(
  request: IncomingMessage,
  options: BodyFileOptions,
  use: (file: string) => Promise<T>,
): Promise<T> {
  const { folder, bytesMax, clock } = options
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await removeLeftovers(folder, clock.nowMs())
  const own = await mkdtemp(join(folder, prefix))
  try {
    const file = join(own, 'body')
    if ((await writeBody(request, file, options)) === 0) throw invalid('it is empty')
    return await use(file)
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}

/** Returns how many bytes came. */
async function writeBody(
  request: IncomingMessage,
  file: string,
  { bytesMax, idleMs }: BodyFileOptions,
): Promise<number> {
  let bytes = 0
  // The request outlives what goes wrong here: its sender is answered.
  const chunks = (request as AsyncIterable<Buffer> & IncomingMessage).iterator({ destroyOnReturn: false })
  await pipeline(async function* () {
    for (;;) {
      const next = await withinIdle(chunks.next(), idleMs)
      if (next.done === true) return
      bytes += next.value.length
      if (bytes > bytesMax) throw tooLarge(bytesMax)
      yield next.value
    }
  }, createWriteStream(file))
  return bytes
}

async function withinIdle(next: Promise<IteratorResult<Buffer>>, idleMs: number): Promise<IteratorResult<Buffer>> {
  const silence = Promise.withResolvers<never>()
  const timer = setTimeout(() => silence.reject(invalid(`nothing came for ${idleMs / 1_000} seconds`)), idleMs)
  const read = next.catch((cause: unknown) => {
    throw invalid('it ended early', cause)
  })
  try {
    return await Promise.race([read, silence.promise])
  } finally {
    clearTimeout(timer)
    read.catch(() => {})
  }
}

async function removeLeftovers(folder: string, nowMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix)) continue
    const path = join(folder, name)
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined && nowMs - found.mtimeMs > leftoverMs) await rm(path, { recursive: true, force: true })
  }
}

function tooLarge(bytesMax: number): GatewayError {
  return new GatewayError('body_too_large', `Cannot take a body above ${bytesMax} bytes`)
}

function invalid(why: string, cause?: unknown): GatewayError {
  return new GatewayError('admin_request_invalid', `Cannot read the body: ${why}`, { cause })
}
