import { rejectEntry } from '../lifecycle/bulk-entry.ts'
import type { BulkItem } from '../lifecycle/revoke-bulk.ts'
import type { BodyLine, BodyLines } from './body-lines.ts'
import { bulkEntry } from './request-schemas.ts'

/** Entries of a bulk revocation from the lines of a body; what is none comes as rejected. Throws what `BodyLines.read` throws. */
export async function* readBulkItems(lines: Pick<BodyLines, 'read'>): AsyncGenerator<BulkItem> {
  for await (const line of lines.read()) yield line === 'pause' ? line : readBulkItem(line)
}

function readBulkItem(line: BodyLine): BulkItem {
  const number = line.line
  if ('unreadable' in line) {
    return {
      line: number,
      rejected: rejectEntry(number, '', { value: '', problem: `Cannot read the line: ${line.unreadable}` }),
    }
  }
  const { text } = line
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    const problem = 'Cannot read the line as JSON'
    return { line: number, rejected: rejectEntry(number, '', { value: text, problem }) }
  }
  const result = bulkEntry.safeParse(value)
  if (result.success) return { line: number, entry: result.data }
  const [issue] = result.error.issues
  const field = fieldOf(issue)
  const wrong = field === '' ? value : (value as Readonly<Record<string, unknown>>)[field]
  const problem = `Cannot use the entry: ${issue?.message ?? 'it is malformed'}`
  return { line: number, rejected: rejectEntry(number, field, { value: textOf(wrong), problem }) }
}

type Issue = { readonly path: readonly PropertyKey[]; readonly keys?: readonly string[] }

function fieldOf(issue: Issue | undefined): string {
  return String(issue?.path[0] ?? issue?.keys?.[0] ?? '')
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}
