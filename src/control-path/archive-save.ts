import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { removeOlder, snapshotName, syncFolder, temporaryName } from './archive-files.ts'
import type { ControlLog } from './ports.ts'
import { memoryLayout, type SnapshotHeader } from './snapshot-format.ts'
import { jsonPieces } from './snapshot-names.ts'
import { type SnapshotBlock, writeSnapshot } from './snapshot-writer.ts'

/** Gives its memory in parts, each copied in one go. A subject stands in the same part always. */
type PartSource = { readonly parts: number; readPart(part: number): Uint8Array }

/** The memory that is saved. */
export type ArchiveSource = {
  readonly ledger: PartSource & { readonly revoked: number }
  readonly index: PartSource & { readonly size: number }
  /** What is kept by name, as plain JSON that does not change any more. */
  names(): unknown
}

/** The process may not write any more. */
export class SaveCancelled extends Error {
  override readonly name = 'SaveCancelled'
}

export type SaveOptions = {
  readonly folder: string
  /** Number of the journal into which everything goes that is applied from the turn of this call on. */
  readonly number: number
  /** Number of the snapshot before, which stays: older files are removed at the end. */
  readonly keepFrom: number
  readonly known: Pick<SnapshotHeader, 'highestVersion' | 'current' | 'saved'>
  readonly source: ArchiveSource
  /** Throws where the saving should end. */
  readonly check: () => void
  readonly log: ControlLog
}

/**
 * Writes snapshot `number`: under another name first, and under its own once every byte is on disk. Rejects with what the file system or
 * `check` throws; nothing has changed then.
 *
 * Parts are copied one after another while events go on being applied, so the copy as a whole never existed. It is sound
 * nevertheless: a subject never changes its part, so each is copied once, as it was at some time after the journal was opened;
 * everything that happened to it since then is in that journal, and taking an event again changes nothing. Names come first, then the
 * ledger, then the index, and that order matters: an event that finds its subject settled in names or ledger must find it settled
 * in the index too.
 */
export async function saveSnapshot(options: SaveOptions): Promise<{ bytes: number; entries: number }> {
  const { folder, number, keepFrom, known, source, check, log } = options
  const temporary = join(folder, temporaryName(number))
  const entries = source.ledger.revoked
  const header = { ...known, layout: memoryLayout, revocations: entries, entries: source.index.size }
  let bytes: number
  try {
    bytes = await writeSnapshot(temporary, { header, blocks: blocksOf(source), check })
    check()
    await rename(temporary, join(folder, snapshotName(number)))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
  await syncFolder(folder)
  await removeOlder(folder, { number: keepFrom, nowMs: known.saved.wallMs }).catch((error: unknown) => {
    log.warn('old snapshots cannot be removed', { error })
  })
  return { bytes, entries }
}

function* blocksOf(source: ArchiveSource): Generator<SnapshotBlock> {
  for (const piece of jsonPieces(source.names())) yield { kind: 'names', bytes: Buffer.from(piece) }
  for (const kind of ['ledger', 'index'] as const) {
    const { parts } = source[kind]
    for (let part = 0; part < parts; part++) yield { kind, bytes: source[kind].readPart(part) }
  }
}
