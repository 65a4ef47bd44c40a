import type { AccessRecord } from '../../data-path/ports.ts'
import type { AuditEvent } from '../../observe/audit-event.ts'
import { reasonOf } from '../doctor/finding.ts'
import { linesOf, openLog } from './log-files.ts'

/** A line of the access log as it is read back. Older versions wrote fewer fields. */
export type AccessLine = Partial<AccessRecord> & { readonly requestId: string; readonly time: string }

/** A record of the audit log as it is read back; `event` may be one that a newer version added. */
export type AuditLine = Omit<AuditEvent, 'event'> & {
  readonly seq: number
  readonly time: string
  readonly event: string
}

/** One log that was looked through, for whoever wonders why nothing was found. */
export type Searched = {
  readonly file: string
  readonly lines: number
  /** Of its first line, where that tells one. */
  readonly since: string | undefined
  /** Why it was not read to its end; undefined: it was, or what was wanted was found. */
  readonly fault: string | undefined
}

export type LogSearch<T> = { readonly found: readonly T[]; readonly searched: readonly Searched[] }

type Options<T> = {
  /** Newest first. */
  readonly files: readonly string[]
  /** Lines that hold none of these are not read. */
  readonly texts: readonly string[]
  readonly wanted: (line: T) => boolean
  /** How many are kept of each file: the last ones. */
  readonly keep: number
  /** Default: the files themselves. */
  readonly open?: (file: string) => AsyncIterable<Uint8Array>
}

/** Looks through logs, newest first, up to the first that holds what is wanted. Never throws: what cannot be read is told. */
export async function searchLogs<T extends { readonly time: string }>(options: Options<T>): Promise<LogSearch<T>> {
  const searched: Searched[] = []
  for (const file of options.files) {
    const { found, ...rest } = await searchFile(file, options)
    searched.push(rest)
    if (found.length > 0) return { found, searched }
  }
  return { found: [], searched }
}

async function searchFile<T extends { readonly time: string }>(
  file: string,
  { texts, wanted, keep, open = openLog }: Options<T>,
): Promise<Searched & { found: T[] }> {
  const found: T[] = []
  let lines = 0
  let since: string | undefined
  try {
    for await (const bytes of linesOf(open(file))) {
      if (lines++ === 0) since = readLine<T>(bytes)?.time
      if (!texts.some((text) => bytes.includes(text))) continue
      const line = readLine<T>(bytes)
      if (line === undefined || !wanted(line)) continue
      found.push(line)
      if (found.length > keep) found.shift()
    }
    return { file, lines, since, fault: undefined, found }
  } catch (error) {
    return { file, lines, since, fault: reasonOf(error), found }
  }
}

function readLine<T extends { readonly time: string }>(bytes: Buffer): T | undefined {
  try {
    const line: unknown = JSON.parse(bytes.toString('utf8'))
    if (typeof line !== 'object' || line === null) return undefined
    return typeof (line as Record<string, unknown>).time === 'string' ? (line as T) : undefined
  } catch {
    // Torn by a crash, or of somebody else.
    return undefined
  }
}
