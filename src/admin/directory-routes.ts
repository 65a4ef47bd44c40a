import { csvRecordOf } from '../base/csv-record.ts'
import { GatewayError } from '../base/errors.ts'
import { contractColumns, passwordColumns, userColumns } from '../lifecycle/directory-input.ts'
import { exportDirectory } from '../lifecycle/export-directory.ts'
import {
  type ImportItem,
  type ImportLine,
  type ImportOptions,
  type ImportResult,
  importDirectory,
  importLinesMax,
} from '../lifecycle/import-directory.ts'
import { type AdminCall, type AdminRoute, type AdminServices, actorOf } from './admin-call.ts'
import { importAnswer } from './answer-schemas.ts'
import { BodyLines } from './body-lines.ts'
import { type DirectoryFormat, DirectoryLines } from './directory-lines.ts'
import { exportQuery, importQuery } from './life-schemas.ts'
import type { Problem } from './problem.ts'
import { readQuery } from './request-body.ts'
import { StreamedAnswer, type StreamFormat } from './send-answer.ts'

/** Contracts and users as files. */
export const directoryRoutes: readonly AdminRoute[] = [
  {
    method: 'POST',
    path: '/v1/directory/import',
    roles: ['branch', 'security'],
    streams: true,
    handle: postImport,
    docs: {
      summary: 'Checks a file of contracts or users and, without dryRun, applies it whole or not at all',
      query: importQuery,
      bodyTypes: ['text/csv', 'application/x-ndjson'],
      answer: importAnswer,
      answerTypes: ['application/x-ndjson'],
    },
  },
  {
    method: 'GET',
    path: '/v1/directory/export',
    roles: ['branch', 'security', 'auditor'],
    handle: getExport,
    docs: {
      summary: 'All contracts or users as a file that an import takes; never with credentials',
      query: exportQuery,
      answerTypes: ['text/csv', 'application/x-ndjson'],
    },
  },
]

/** Last object of the answer of an import; those before are `ImportItem`. */
export type ImportEnd = (ImportResult & { readonly done: true }) | { readonly done: false; readonly problem: Problem }

async function postImport(call: AdminCall, { lifecycle }: AdminServices): Promise<unknown> {
  const { kind, dryRun } = readQuery(call.query, importQuery)
  const format = formatOf(call)
  const body = new BodyLines(call.request, { ...call.patience, linesMax: importLinesMax + 1 })
  const options = { kind, dryRun: dryRun === 'true' }
  return new StreamedAnswer(run(), (problem): ImportEnd => ({ done: false, problem }))

  async function* run(): AsyncGenerator<ImportItem | ImportEnd, void> {
    const lines = await readLines(body, { format, mayReadPasswords: call.operator.roles.includes('security') })
    yield* withEnd(lines, options)
  }

  async function* withEnd(
    lines: readonly ImportLine[],
    importOptions: ImportOptions,
  ): AsyncGenerator<ImportItem | ImportEnd, void> {
    const result = yield* importDirectory(lines, importOptions, { actor: actorOf(call), ports: lifecycle })
    yield { done: true, ...result }
  }
}

function formatOf({ request }: AdminCall): DirectoryFormat {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (type === 'text/csv') return 'csv'
  if (type === 'application/x-ndjson') return 'ndjson'
  throw new GatewayError(
    'admin_request_invalid',
    'Cannot read the body: Content-Type must be text/csv or application/x-ndjson',
  )
}

/** Whoever sets passwords could log in as anybody, so that takes the role security. */
async function readLines(
  body: BodyLines,
  { format, mayReadPasswords }: { format: DirectoryFormat; mayReadPasswords: boolean },
): Promise<readonly ImportLine[]> {
  const reader = new DirectoryLines(format)
  const lines: ImportLine[] = []
  for await (const line of body.read()) {
    const read = line === 'pause' ? undefined : reader.read(line)
    if (read === undefined) continue
    const password = 'fields' in read ? passwordColumns.find((name) => read.fields[name] !== undefined) : undefined
    if (password !== undefined && !mayReadPasswords) {
      throw new GatewayError('admin_role_missing', 'Cannot set passwords without the role security', { path: password })
    }
    lines.push(read)
  }
  return lines
}

async function getExport(call: AdminCall, { lifecycle }: AdminServices): Promise<unknown> {
  const { kind, format } = readQuery(call.query, exportQuery)
  const columns: readonly string[] = kind === 'contracts' ? contractColumns : userColumns
  const records = exportDirectory(kind, lifecycle.store)
  if (format === 'ndjson') return new StreamedAnswer(records, undefined)
  return new StreamedAnswer(withHeader(records, columns), undefined, csvFormat(columns))
}

async function* withHeader(records: AsyncGenerator<object>, columns: readonly string[]): AsyncGenerator<object> {
  yield Object.fromEntries(columns.map((name) => [name, name]))
  yield* records
}

/** One record a line; lists have blanks between their parts. */
function csvFormat(columns: readonly string[]): StreamFormat {
  const fieldOf = (value: unknown) => (Array.isArray(value) ? value.join(' ') : String(value ?? ''))
  return {
    contentType: 'text/csv; charset=utf-8',
    textOf: (item) => {
      const record = item as Readonly<Record<string, unknown>>
      return `${csvRecordOf(columns.map((name) => fieldOf(record[name])))}\r\n`
    },
  }
}
