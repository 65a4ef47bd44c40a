import { randomUUID } from 'node:crypto'
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, rmSync, statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError } from '../base/errors.ts'

/** Bytes read at a time. */
const chunkBytes = 262_144
const ending = '.part'

/** Makes the folder for what is being transferred (0700), and removes what a killed process has left in it. Returns its path. */
export function crlFolder(stateFolder: string): string {
  const folder = join(stateFolder, 'crl')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const name of readdirSync(folder)) if (name.endsWith(ending)) rmSync(join(folder, name), { force: true })
  return folder
}

/**
 * Opens an empty file (0600) that has no name any more: it is gone with its last user, whatever becomes of them. Returns its descriptor.
 */
export function openNameless(folder: string): number {
  const path = join(folder, `${randomUUID()}${ending}`)
  const file = openSync(path, 'wx+', 0o600)
  try {
    unlinkSync(path)
  } catch (error) {
    // Another process of this state folder may have tidied up already.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      closeSync(file)
      throw error
    }
  }
  return file
}

/** Opens a list that lies here. Throws `crl_unavailable`: it is not there, no plain file, or larger than `bytesMax`. */
export function openList(path: string, bytesMax: number): number {
  const file = openPlain(path)
  const { size } = fstatSync(file)
  if (size <= bytesMax) return file
  closeSync(file)
  throw unavailable(`it has ${size} bytes and at most ${bytesMax} are taken`)
}

/** Gives the contents of an open file piece by piece, from its start, undefined at its end; one piece is good until the next. */
export function pullFrom(file: number): () => Uint8Array | undefined {
  const chunk = new Uint8Array(chunkBytes)
  let position = 0
  return () => {
    const bytes = readSync(file, chunk, 0, chunk.length, position)
    position += bytes
    return bytes === 0 ? undefined : chunk.subarray(0, bytes)
  }
}

function openPlain(path: string): number {
  try {
    // Opening a pipe would wait for who writes into it.
    if (!statSync(path).isFile()) throw unavailable('it is no plain file')
    return openSync(path, 'r')
  } catch (error) {
    if (error instanceof GatewayError) throw error
    throw unavailable(`its file cannot be opened (${(error as NodeJS.ErrnoException).code})`, error)
  }
}

function unavailable(reason: string, cause?: unknown): GatewayError {
  return new GatewayError('crl_unavailable', `Cannot read the CRL as ${reason}`, { cause })
}
