// The tables of src/observe/README.md, drawn from the code. `node scripts/reference-tables.ts` writes them; a test compares.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { faults } from '../src/base/errors.ts'
import { metricTable } from '../src/observe/metric-table.ts'
import { denialReasons, denialStatus } from '../src/trust/denial.ts'

/** Opening and closing marks of a drawn table. */
export const mark = (name: string) => ({
  begin: `<!-- ${name}: drawn from the code -->`,
  end: `<!-- end of ${name} -->`,
})

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

const code = (text: string) => `\`${text}\``

/** Every metric, fault and denial, as Markdown tables by name. */
export const referenceTables: Readonly<Record<string, string>> = {
  metrics: table(
    ['Metric', 'Type', 'Labels', 'Meaning'],
    metricTable.map(({ name, type, labels, perThread, help }) => [
      code(name),
      type,
      [...labels, ...(perThread ? ['thread'] : [])].map(code).join(', '),
      help,
    ]),
  ),
  denials: table(
    ['Reason', 'Status'],
    denialReasons.map((reason) => [code(reason), String(denialStatus(reason))]),
  ),
  faults: table(
    ['Code', 'Status', 'Whose', 'Log level', 'Again may help'],
    Object.entries(faults).map(([name, { status, origin, logLevel, retryable }]) => [
      code(name),
      String(status),
      origin,
      logLevel,
      retryable ? 'yes' : 'no',
    ]),
  ),
}

/** The text with each marked table drawn anew. */
export function drawTables(text: string): string {
  return Object.entries(referenceTables).reduce((drawn, [name, content]) => {
    const { begin, end } = mark(name)
    const start = drawn.indexOf(begin)
    const stop = drawn.indexOf(end)
    if (start < 0 || stop < start) throw new Error(`Cannot draw the table as its marks are missing: ${name}`)
    return `${drawn.slice(0, start + begin.length)}\n\n${content}\n\n${drawn.slice(stop)}`
  }, text)
}

if (import.meta.main) {
  const file = fileURLToPath(new URL('../src/observe/README.md', import.meta.url))
  writeFileSync(file, drawTables(readFileSync(file, 'utf8')))
  const biome = fileURLToPath(new URL('../node_modules/.bin/biome', import.meta.url))
  execFileSync(biome, ['format', '--write', file], { stdio: ['ignore', 'ignore', 'inherit'] })
}
