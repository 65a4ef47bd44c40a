import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { GatewayError } from '../../base/errors.ts'
import { isPassing } from './database.ts'

export type StateLock = { release(): void }

/**
 * Makes the state folder (mode 0700) and takes it for this process alone. Throws `state_folder_locked`, naming the process
 * that holds it, or the one given as `holderPid` by then: the one to end if the folder is to be free.
 *
 * The lock is SQLite's exclusive lock on an empty file: the kernel lets go of it when the process ends, however it ends, so
 * there is no stale lock to take over. The file `lock.pid` only tells people who it is.
 */
export function lockStateFolder(folder: string, { holderPid = process.pid } = {}): StateLock {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const lock = new DatabaseSync(join(folder, 'lock.db'), { timeout: 0 })
  const holderFile = join(folder, 'lock.pid')
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (!isPassing(error)) throw error
    const holder = readHolder(holderFile)
    throw new GatewayError('state_folder_locked', `Cannot use ${folder} as state folder: ${holder} is using it`, {
      cause: error,
    })
  }
  writeFileSync(holderFile, `${holderPid}\n`, { mode: 0o600 })
  return { release: () => lock.close() }
}

function readHolder(file: string): string {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    return Number.isInteger(pid) && pid > 0 ? `process ${pid}` : 'another process'
  } catch {
    return 'another process'
  }
}
