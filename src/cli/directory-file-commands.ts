import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { type Command, Option } from 'commander'
import type { ImportEnd } from '../admin/directory-routes.ts'
import type { DirectoryKind, ImportItem } from '../lifecycle/import-directory.ts'
import { problemError } from './admin-client.ts'
import { dryRunHint } from './certificate-selection.ts'
import { CommandError, exitCodes } from './command-context.ts'
import { describeFields } from './describe-change.ts'
import { type EntryFile, openEntryFile, readLineBlocks } from './entry-file.ts'
import type { CommandTools } from './run-command.ts'
import { counted, printable, textTable } from './text-table.ts'

type FileFormat = 'csv' | 'ndjson'

/** The door checks everything before it says the first thing. Unit: milliseconds. */
const answerWithinMs = 600_000
const rowsMax = 200

/** `import` and `export` of contracts or users. */
export function addFileCommands(parent: Command, kind: DirectoryKind, tools: CommandTools): void {
  parent
    .command('import')
    .argument('<file>', 'CSV with a header line, or NDJSON; - for standard input')
    .description(`${kind} from a file, as export writes it: all of it, or nothing where a line is refused`)
    .option('--apply', 'do it; without this, only list what would change')
    .action((file: string, { apply }: { apply?: boolean }) => importFile(file, { kind, apply: apply === true }, tools))
  parent
    .command('export')
    .description(`all ${kind} as a file that import takes; never with passwords`)
    .addOption(new Option('--format <format>', 'of the file').choices(['csv', 'ndjson']).default('csv'))
    .option('--out <file>', 'where to write (default: standard output)')
    .action((options: { format: FileFormat; out?: string }) => exportFile(options, kind, tools))
}

async function importFile(
  path: string,
  { kind, apply }: { kind: DirectoryKind; apply: boolean },
  tools: CommandTools,
): Promise<void> {
  const client = tools.client()
  const file = await openEntryFile(path, tools.context.input)
  const items: ImportItem[] = []
  let end: ImportEnd | undefined
  try {
    const { contentType, blocks } = await readFormat(file)
    const query = new URLSearchParams({ kind, dryRun: String(!apply) })
    const stream = client.stream(`/v1/directory/import?${query}`, { answerWithinMs, contentType })
    try {
      const [told] = await Promise.all([
        collect(stream.answers(), items),
        (async () => {
          for await (const text of blocks) await stream.write(text)
          stream.end()
        })(),
      ])
      end = told
    } finally {
      stream.destroy()
    }
  } finally {
    file.close()
  }
  if (end === undefined) throw new CommandError('The answer of the admin door ended early: import the file again.')
  if (!end.done) throw problemError(end.problem, 'The import failed')
  tools.print({ items, ...end }, describeImport(items, end))
  if (end.refused > 0) tools.setExitCode(exitCodes.failed)
}

async function collect(answers: AsyncGenerator<unknown>, items: ImportItem[]): Promise<ImportEnd | undefined> {
  let end: ImportEnd | undefined
  for await (const answer of answers) {
    if (typeof answer === 'object' && answer !== null && 'done' in answer) end = answer as ImportEnd
    else items.push(answer as ImportItem)
  }
  return end
}

/** NDJSON begins with `{`. */
async function readFormat(file: EntryFile) {
  const blocks = readLineBlocks(file)
  const waiting: string[] = []
  let first: string | undefined
  for (;;) {
    const { done, value } = await blocks.next()
    if (done === true) break
    waiting.push(`${value.lines.join('\n')}\n`)
    first = value.lines.map((line) => line.replace(/^\ufeff/, '').trim()).find((line) => line !== '')
    if (first !== undefined) break
  }
  async function* all(): AsyncGenerator<string> {
    yield* waiting
    for await (const { lines } of blocks) yield `${lines.join('\n')}\n`
  }
  return { contentType: first?.startsWith('{') === true ? 'application/x-ndjson' : 'text/csv', blocks: all() }
}

function describeImport(items: readonly ImportItem[], end: ImportEnd & { done: true }): string {
  // What keeps the file from being applied comes first.
  const sorted = items.toSorted(
    (left, right) => Number(right.outcome === 'refused') - Number(left.outcome === 'refused'),
  )
  const rows = sorted
    .slice(0, rowsMax)
    .map((item) => [
      String(item.line),
      item.outcome,
      item.outcome === 'refused' ? item.field : item.id,
      item.outcome === 'refused' ? item.problem : describeFields(item.changes),
    ])
  const table = rows.length === 0 ? '' : textTable(['LINE', 'OUTCOME', 'WHAT', 'DETAIL'], rows)
  const rest = items.length > rowsMax ? `and ${counted(items.length - rowsMax, 'more line')}\n` : ''
  const { added, changed, unchanged, refused, dryRun, applied } = end
  const sum = `${added} added, ${changed} changed, ${unchanged} unchanged, ${refused} refused`
  if (applied) return `${table}${rest}Imported: ${sum}.\n`
  if (refused > 0) return `${table}${rest}Nothing was changed as lines are refused: ${sum}.\n`
  return `${table}${rest}${dryRun ? 'Would import' : 'Not imported'}: ${sum}.\n${dryRunHint}`
}

async function exportFile(
  { format, out }: { format: FileFormat; out?: string },
  kind: DirectoryKind,
  tools: CommandTools,
): Promise<void> {
  const path = `/v1/directory/export?${new URLSearchParams({ kind, format })}`
  const client = tools.client()
  if (out === undefined) {
    const decoder = new TextDecoder()
    await client.download(path, (bytes) => tools.context.write(decoder.decode(bytes, { stream: true })))
    return
  }
  const part = `${out}.part`
  const fd = openPart(part)
  try {
    await client.download(path, (bytes) => void writeSync(fd, bytes))
    renameSync(part, out)
  } catch (error) {
    rmSync(part, { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
  tools.print({ file: out, kind, format }, `Wrote ${printable(out)}.\n`)
}

/** People's addresses stand in it: others on the machine need not read them. */
function openPart(part: string): number {
  try {
    return openSync(part, 'w', 0o600)
  } catch (cause) {
    throw new CommandError(`Cannot write ${part}: ${(cause as Error).message}`, { cause })
  }
}
