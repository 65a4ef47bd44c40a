import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from './machine.ts'

/** Who uses the state folder. */
export type Holder = {
  readonly processId: number
  /** False: the kernel does not tell who holds the lock, so this is what `lock.pid` says of a process that lives. */
  readonly proven: boolean
}

/**
 * The process that holds the lock of a state folder, found without touching it: taking the lock, were it only for a moment, could keep a
 * gateway from starting. Undefined: nobody does.
 */
export function findHolder(stateFolder: string, machine: Machine): Holder | undefined {
  const noted = Number(machine.readText(join(stateFolder, 'lock.pid')))
  const locks = machine.readText('/proc/locks')
  const inode = inodeOf(join(stateFolder, 'lock.db'))
  if (inode === undefined) return undefined
  // Where there is not one lock the table is not shown, as in some sandboxes.
  if (locks === undefined || locks.trim() === '') {
    const lives = Number.isInteger(noted) && noted > 0 && machine.isAlive(noted)
    return lives ? { processId: noted, proven: false } : undefined
  }
  // `1: POSIX  ADVISORY  WRITE 4711 fd:01:393226 1073741824 1073742335` (proc_locks(5))
  for (const [, processId, file] of locks.matchAll(/\bWRITE\s+(-?\d+)\s+\w+:\w+:(\d+)\b/g)) {
    if (Number(file) === inode) return { processId: Number(processId), proven: true }
  }
  return undefined
}

function inodeOf(file: string): number | undefined {
  try {
    return statSync(file).ino
  } catch {
    return undefined
  }
}
