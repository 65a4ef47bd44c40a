import { hash } from 'node:crypto'
import { type FileHandle, open, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { GatewayError } from '../base/errors.ts'
import { type ChainLink, chainStart, readRecord } from './audit-chain.ts'
import { type AuditEvent, gatewayActor } from './audit-event.ts'

/** Where the audit log's bytes go. */
export type AuditSink = {
  /** Appends some or all of the bytes; returns how many. */
  append(bytes: Buffer): Promise<number>
  /** Puts everything appended on disk, then notes the last record in the head file. */
  confirm(head: ChainLink): Promise<void>
  close(): Promise<void>
}

/** An opened file: where its chain stands, and what has to be recorded first about how it was found. */
export type OpenedAuditFile = {
  readonly sink: AuditSink
  readonly after: ChainLink
  readonly openingEvent: AuditEvent | undefined
}

/** How much of the end of the file is searched for the last whole record. Unit: bytes. */
export const tailBytesMax = 1_048_576
const newline = 0x0a

/** The file beside the log that holds the last confirmed record, so that a shortened log shows. */
export function headFileOf(file: string): string {
  return `${file}.head`
}

/** The last confirmed record; undefined when the head file is missing or unreadable. */
export async function readHead(file: string): Promise<ChainLink | undefined> {
  try {
    const head: unknown = JSON.parse(await readFile(headFileOf(file), 'utf8'))
    if (typeof head !== 'object' || head === null) return undefined
    const { seq, hash: headHash } = head as Record<string, unknown>
    if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 0) return undefined
    return typeof headHash === 'string' && /^[0-9a-f]{64}$/.test(headHash) ? { seq, hash: headHash } : undefined
  } catch {
    return undefined
  }
}

/**
 * Opens the log for appending and finds the end of its chain. A line left torn by a crash stays where it is and is
 * described in the opening event. A file that was moved away is continued: its successor starts with the next number.
 *
 * Throws `audit_chain_broken` when confirmed records are missing or changed at the end, `audit_write_failed` when the
 * file cannot be opened.
 */
export async function openAuditFile(file: string): Promise<OpenedAuditFile> {
  const handle = await openHandle(file)
  try {
    const head = await readHead(file)
    const end = await readEnd(handle)
    const after = findEnd(file, { head, end })
    if (end.size > 0 && !end.terminated) await handle.write('\n')
    return { sink: createSink(file, handle), after, openingEvent: describeOpening(file, { head, end }) }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function openHandle(file: string): Promise<FileHandle> {
  try {
    const handle = await open(file, 'a+', 0o600)
    await syncFolder(file)
    return handle
  } catch (cause) {
    throw new GatewayError('audit_write_failed', `Cannot open the audit log ${file}: ${(cause as Error).message}`, {
      cause,
    })
  }
}

/** A new file survives a power cut only once its folder is on disk too. */
async function syncFolder(file: string): Promise<void> {
  const folder = await open(dirname(file), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

type FileEnd = {
  readonly size: number
  /** The last whole record, if there is one. */
  readonly last: ChainLink | undefined
  /** What follows it, without a final newline; empty when the file ends with a whole record. */
  readonly torn: Buffer
  /** Whether the file ends with a newline. */
  readonly terminated: boolean
}

async function readEnd(handle: FileHandle): Promise<FileEnd> {
  const { size } = await handle.stat()
  const length = Math.min(size, tailBytesMax)
  const bytes = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, size - length + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  const terminated = bytes.at(-1) === newline
  let end = terminated ? length - 1 : length
  const textEnd = end
  while (end > 0) {
    const start = bytes.lastIndexOf(newline, end - 1) + 1
    const record = readRecord(bytes.subarray(start, end))
    if (record !== undefined) {
      return { size, last: { seq: record.seq, hash: record.hash }, torn: bytes.subarray(end + 1, textEnd), terminated }
    }
    end = start - 1
  }
  return { size, last: undefined, torn: bytes.subarray(0, textEnd), terminated }
}

/** Where the chain goes on. Only bytes that were never confirmed may be torn; anything else was changed by someone. */
function findEnd(file: string, found: { readonly head: ChainLink | undefined; readonly end: FileEnd }): ChainLink {
  const { head, end } = found
  const oneFragment = !end.terminated && !end.torn.includes(newline)
  if (end.last === undefined) {
    if (end.size === 0 || oneFragment) return head ?? chainStart
    throw chainBroken(file, 'it holds no record that can be read')
  }
  if (head === undefined) {
    if (end.torn.length === 0 || oneFragment) return end.last
    throw chainBroken(file, `what follows record ${end.last.seq} cannot be read`)
  }
  if (head.seq > end.last.seq) {
    throw chainBroken(file, `its last readable record is ${end.last.seq}, but record ${head.seq} was on disk`)
  }
  if (head.seq === end.last.seq && head.hash !== end.last.hash) {
    throw chainBroken(file, `record ${head.seq} is not the one that was written`)
  }
  return end.last
}

function chainBroken(file: string, why: string): GatewayError {
  const advice = `Keep ${file} and ${headFileOf(file)} for investigation; moving both away starts a new chain`
  return new GatewayError('audit_chain_broken', `Cannot continue the audit log ${file}: ${why}. ${advice}`)
}

function describeOpening(
  file: string,
  found: { readonly head: ChainLink | undefined; readonly end: FileEnd },
): AuditEvent | undefined {
  const { head, end } = found
  const torn = end.torn.length > 0 ? { tornBytes: end.torn.length, tornSha256: hash('sha256', end.torn) } : undefined
  const target = { kind: 'audit_log', name: file } as const
  if (end.last === undefined && head !== undefined && head.seq > 0) {
    const reason = 'earlier records are in another file'
    return { event: 'audit_log_continued', actor: gatewayActor, target, reason, detail: { lastSeq: head.seq, ...torn } }
  }
  const headMissing = head === undefined && end.last !== undefined
  if (torn === undefined && !headMissing) return undefined
  const reason = torn === undefined ? 'head file missing' : 'line torn by a crash'
  return { event: 'audit_log_repaired', actor: gatewayActor, target, reason, detail: { headMissing, ...torn } }
}

function createSink(file: string, handle: FileHandle): AuditSink {
  const headFile = headFileOf(file)
  return {
    append: async (bytes) => (await handle.write(bytes)).bytesWritten,
    async confirm(head) {
      await handle.datasync()
      // Renamed into place after the records are on disk: the head file is never ahead of the log, and never half written.
      await writeFile(`${headFile}.new`, `${JSON.stringify(head)}\n`, { mode: 0o600 })
      await rename(`${headFile}.new`, headFile)
    },
    close: () => handle.close(),
  }
}
