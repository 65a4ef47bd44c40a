import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * A file of the archive. Snapshots and journals share one row of numbers, in the order in which they were begun: snapshot n
 * holds all that the journals below n say, and is completed by journal n and those above it.
 */
export type ArchiveFile = {
  readonly name: string
  readonly kind: 'snapshot' | 'journal' | 'temporary' | 'unusable'
  readonly number: number
}

/**
 * Journals stay so long although a snapshot has taken their place: whoever loads meanwhile, or takes the folder back from a process that
 * failed, finds there what it has not read yet. Unit: milliseconds.
 */
const journalsKeptMs = 120_000
/** Damaged snapshots kept for whoever wants to know what happened. */
const unusableKept = 3
const namePattern = /^(?:(snapshot|journal)-(\d{1,15})\.bin(\.unusable)?|snapshot-(\d{1,15})\.(tmp))$/

/** The name of a whole snapshot. */
export function snapshotName(number: number): string {
  return `snapshot-${number}.bin`
}

/** The name of a snapshot while it is written. */
export function temporaryName(number: number): string {
  return `snapshot-${number}.tmp`
}

/** The name of a journal. */
export function journalName(number: number): string {
  return `journal-${number}.bin`
}

/** The archive's files by rising number; other files are not looked at. Empty where the folder does not exist. */
export function listFiles(folder: string): ArchiveFile[] {
  return namesIn(folder)
    .flatMap((name): ArchiveFile[] => {
      const [, kind, number, unusable, temporaryNumber] = namePattern.exec(name) ?? []
      if (temporaryNumber !== undefined) return [{ name, kind: 'temporary', number: Number(temporaryNumber) }]
      if (kind !== 'snapshot' && kind !== 'journal') return []
      return [{ name, kind: unusable === undefined ? kind : 'unusable', number: Number(number) }]
    })
    .sort((a, b) => a.number - b.number)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** Whether a file or folder was not there. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
}

/** Makes the folder, for its owner only; false: it was there. */
export function makeFolder(folder: string): boolean {
  if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) return true
  // Whoever does not own it but may write in it cannot change that; the files are closed to others in any case.
  try {
    chmodSync(folder, 0o700)
  } catch {}
  return false
}

/** Puts the names in the folder on disk: a new or renamed file survives a power cut only after that. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * What a process does first when the folder is its own: removes what a killed one was writing, and sets damaged snapshots aside,
 * of which the newest few stay.
 */
export function tidyFolder(folder: string, damaged: ReadonlySet<string>): void {
  for (const { name, kind } of listFiles(folder)) {
    if (kind === 'temporary') rmSync(join(folder, name), { force: true })
    if (damaged.has(name)) renameSync(join(folder, name), join(folder, `${name}.unusable`))
  }
  const unusable = listFiles(folder).filter(({ kind }) => kind === 'unusable')
  for (const { name } of unusable.slice(0, -unusableKept)) rmSync(join(folder, name), { force: true })
}

/**
 * Removes snapshots and journals with a lower number, but leaves journals that were written within the last two minutes by the wall
 * clock, to and fro.
 */
export async function removeOlder(
  folder: string,
  { number: limit, nowMs }: { readonly number: number; readonly nowMs: number },
): Promise<void> {
  for (const { name, kind, number } of listFiles(folder)) {
    if ((kind !== 'snapshot' && kind !== 'journal') || number >= limit) continue
    const file = join(folder, name)
    if (kind === 'journal' && Math.abs(nowMs - (await stat(file)).mtimeMs) < journalsKeptMs) continue
    await rm(file, { force: true })
  }
}
