import { readFileSync, statSync } from 'node:fs'

/** How configuration reads files; tests give their own. */
export type FileAccess = {
  /** The whole content. Throws a Node error with `code` when it cannot be read. */
  readFile(path: string): Buffer
  /** Permission bits, for example 0o600. Throws like `readFile`. */
  fileMode(path: string): number
}

const fileBytesMax = 4 * 1_024 * 1_024

/** The files of this machine; refuses one too large to be a configuration, key or certificate. */
export const diskFiles: FileAccess = {
  readFile(path) {
    const { size } = statSync(path)
    if (size > fileBytesMax) throw Object.assign(new Error('File too large'), { code: 'EFBIG' })
    return readFileSync(path)
  },
  fileMode: (path) => statSync(path).mode & 0o777,
}

const reasons: Record<string, string> = {
  EACCES: 'this user may not read it',
  EFBIG: `it is larger than ${fileBytesMax} bytes`,
  EISDIR: 'it is a folder',
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
}

/** Why a file could not be read, in words without its path. */
export function unreadableReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  return reasons[code] ?? code
}

/** Whether the group or others may do anything with a file of this mode. */
export function isOpenToOthers(mode: number): boolean {
  return (mode & 0o077) !== 0
}

/** `0640` for 0o640. */
export function showMode(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0')
}
