import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { GatewayError } from '../base/errors.ts'
import { isMissing, listFiles, snapshotName } from './archive-files.ts'
import type { Moment } from './archive-moment.ts'
import { JournalReplay } from './journal-replay.ts'
import type { TrustEvent } from './ports.ts'
import { CheckedSnapshot, SnapshotUnusable } from './snapshot-reader.ts'

/** Takes raw parts as the like of it gave them. */
type PartTarget = { reserve(entries: number): void; takePart(bytes: Uint8Array): void }

/** The memory that is filled. Its fields are read anew at each use: `reset` may put others in their place. */
export type ArchiveTarget = {
  readonly ledger: PartTarget & { readonly revoked: number }
  readonly index: PartTarget
  /** Called after all parts of ledger and index. */
  takeNames(names: unknown): void
  /** Events as they were appended; some may be older than what is known already. */
  replay(events: readonly TrustEvent[]): void
  /** Forgets everything taken so far: it has to be loaded from other files. */
  reset(): void
}

export type LoadOptions = {
  readonly folder: string
  readonly unusable: (name: string, detail: string, isDamaged: boolean) => void
}

/** What was read, and how it may be gone on with. */
export type Loaded = {
  readonly replay: JournalReplay
  /** Whether every journal was there, from the one that completes the snapshot on. */
  readonly isWhole: boolean
  readonly snapshot: { readonly saved: Moment; readonly bytes: number; readonly entries: number } | undefined
}

/** Another process that owns the folder replaces its files at most every few seconds. */
const attemptsMax = 20
/** Records taken in one turn of the event loop. */
const recordsAtOnce = 64

/**
 * Fills the target from the newest snapshot that is good and every journal that follows it; without one from the journals alone. Another
 * process may be writing in the folder: where files vanish underneath it begins again, and journals that appear meanwhile are read as
 * well. Rejects with GatewayError where what is known does not fit into memory, or with what the file system throws.
 */
export async function loadArchive(options: LoadOptions, target: ArchiveTarget): Promise<Loaded> {
  for (let attempt = 1; ; attempt++) {
    try {
      const newest = newestSnapshot(options.folder)
      const loaded = await loadOnce(options, target)
      const isReplaced = newestSnapshot(options.folder) > newest && !loaded.isWhole
      if (!isReplaced || attempt === attemptsMax) return loaded
    } catch (error) {
      if (!isMissing(error) || attempt === attemptsMax) {
        target.reset()
        throw error
      }
    }
    target.reset()
  }
}

async function loadOnce(options: LoadOptions, target: ArchiveTarget): Promise<Loaded> {
  const { folder, unusable } = options
  const snapshot = await loadSnapshot(options, target)
  const { number = 0, header } = snapshot ?? {}
  const replay = new JournalReplay({
    folder,
    base: number,
    current: header?.current ?? undefined,
    highestVersion: header?.highestVersion ?? 0,
    damaged: (name, detail) => unusable(name, detail, false),
  })
  const read = new Set<number>()
  for (let found = true; found; ) {
    found = false
    for (const journal of replay.journals()) {
      if (read.has(journal)) continue
      read.add(journal)
      found = true
      await replayJournal(replay, { journal, target, unusable })
    }
  }
  const isWhole = !replay.isPatchy && (number === 0 || read.has(number))
  if (snapshot === undefined) return { replay, isWhole, snapshot }
  const { bytes } = snapshot
  const { saved, revocations } = snapshot.header
  return { replay, isWhole, snapshot: { saved, bytes, entries: revocations } }
}

function newestSnapshot(folder: string): number {
  return Math.max(0, ...listFiles(folder).flatMap(({ kind, number }) => (kind === 'snapshot' ? [number] : [])))
}

async function replayJournal(
  replay: JournalReplay,
  options: { journal: number; target: ArchiveTarget; unusable: LoadOptions['unusable'] },
): Promise<void> {
  let records = 0
  for (const events of replay.read(options.journal)) {
    options.target.replay(events)
    if (++records % recordsAtOnce === 0) await nextTurn()
  }
}

type LoadedSnapshot = Pick<CheckedSnapshot, 'header' | 'bytes'> & { readonly number: number }

async function loadSnapshot(options: LoadOptions, target: ArchiveTarget): Promise<LoadedSnapshot | undefined> {
  const { folder, unusable } = options
  for (const { kind, number } of listFiles(folder).reverse()) {
    if (kind !== 'snapshot') continue
    const name = snapshotName(number)
    try {
      const snapshot = await CheckedSnapshot.open(join(folder, name))
      await fill(target, snapshot)
      return { number, header: snapshot.header, bytes: snapshot.bytes }
    } catch (error) {
      // Where memory is too small for what is known, an older snapshot would only be one that knows less.
      if (isMissing(error) || error instanceof GatewayError) throw error
      target.reset()
      unusable(name, (error as Error).message, error instanceof SnapshotUnusable && error.isDamaged)
    }
  }
  return undefined
}

async function fill(target: ArchiveTarget, snapshot: CheckedSnapshot): Promise<void> {
  try {
    target.ledger.reserve(snapshot.header.revocations)
    target.index.reserve(snapshot.header.entries)
    const names: Uint8Array[] = []
    for await (const { kind, bytes } of snapshot.blocks()) {
      if (kind === 'names') names.push(bytes)
      else target[kind].takePart(bytes)
    }
    target.takeNames(JSON.parse(Buffer.concat(names).toString()))
  } finally {
    await snapshot.close()
  }
}
