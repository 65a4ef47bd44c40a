// Goal: whoever uses an export finds its contract beside it. Method: the line above every export of src ends a docstring; a type
// may do without when it stands on one line or only groups named fields.
import t from 'tap'
import { readFiles, type SourceFile } from './source-files.ts'

const exported = /^export (?:async |abstract )*(function|class|const|type|interface) (\w+)/

function undocumented({ path, lines }: Pick<SourceFile, 'path' | 'lines'>): string[] {
  return lines.flatMap((line, position) => {
    const [, kind, name] = exported.exec(line) ?? []
    if (name === undefined || /\*\/\s*$/.test(lines[position - 1] ?? '')) return []
    return kind === 'type' && saysItself(lines, position) ? [] : [`${path}:${position + 1}: ${name}`]
  })
}

/** A type on one line, or one that only groups named fields: its name and theirs say it all. */
function saysItself(lines: readonly string[], position: number): boolean {
  const line = lines[position] ?? ''
  if (!/[={]$/.test(line)) return true
  return line.endsWith('{') && /^\s+(readonly |\/\*\*|[\w?]+\()/.test(lines[position + 1] ?? '')
}

t.test('every export of src has a docstring', async (t) => {
  t.same(
    readFiles('src', ['.ts']).flatMap((file) => undocumented(file)),
    [],
  )
})

t.test('an export without a docstring is found', async (t) => {
  const lines = [
    '/** Does. */',
    'export function a() {',
    '}',
    'export const b = 1',
    'export type C = {',
    '  readonly d: 1',
    '}',
  ]
  t.same(undocumented({ path: 'x.ts', lines }), ['x.ts:4: b'])
})
