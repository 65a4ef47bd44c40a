import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'

/**
 * An entry's own file by the path that it was started with, symbolic links in it and all: where such a link has been pointed to a
 * new version, what is looked up from this path is the new one. `own` where it was started by some other file.
 */
export function startedFile(started: string | undefined, own: string): string {
  if (started === undefined) return own
  try {
    return realpathSync(started) === realpathSync(own) ? resolve(started) : own
  } catch {
    return own
  }
}
