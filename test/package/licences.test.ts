// Goal: whoever passes the gateway on knows each package's licence and where its text is, and none comes in by chance. Method: rows of this
// tree, and of trees with a package that has another licence, none, or no text.
import { join } from 'node:path'
import t from 'tap'
import { root } from '../tidy/source-files.ts'

type Row = { name: string; version: string; licence: string; texts: string[]; isHere: boolean; isOptional: boolean }
const { licenceRows, licenceFaults, licenceTable } = (await import(join(root, 'scripts/licences.js'))) as {
  licenceRows(root: string): Row[]
  licenceFaults(rows: Row[]): string[]
  licenceTable(rows: Row[]): string
}

t.test('every package a gateway runs with has an allowed licence, whose text is there', async (t) => {
  const rows = licenceRows(root)
  t.same(licenceFaults(rows), [])
  t.ok(rows.length > 20)
  const table = licenceTable(rows)
  t.match(table, /^Package +Version +Licence +Text\n/)
  t.match(table, /^zod +[\d.]+ +MIT +node_modules\/zod\/LICENSE$/m)
  t.equal(table.trimEnd().split('\n').length, rows.length + 1)
})

const entry = { version: '1.0.0', license: 'MIT' }
const treeOf = (packages: object, node_modules: object) => ({
  'package-lock.json': JSON.stringify({ packages: { '': {}, ...packages } }),
  node_modules: node_modules as Record<string, Record<string, string>>,
})
const cases: [what: string, packages: object, node_modules: object, faults: RegExp[]][] = [
  ['an allowed one with its text is fine', { 'node_modules/a': entry }, { a: { 'LICENSE.txt': '' } }, []],
  ['one for development is not asked about', { 'node_modules/a': { version: '1.0.0', dev: true } }, {}, []],
  ['one for another system is known by its entry', { 'node_modules/a': { ...entry, optional: true } }, {}, []],
  [
    'another licence is refused',
    { 'node_modules/a': { ...entry, license: 'GPL-3.0' } },
    { a: { COPYING: '' } },
    [/GPL-3\.0/],
  ],
  [
    'a choice that is not decided is refused',
    { 'node_modules/a': { ...entry, license: '(MIT OR X)' } },
    { a: { COPYING: '' } },
    [/OR X/],
  ],
  ['no licence is refused', { 'node_modules/a': { version: '1.0.0' } }, { a: { LICENSE: '' } }, [/licence unknown/]],
  ['a missing text is refused', { 'node_modules/a': entry }, { a: { 'README.md': '' } }, [/no text/]],
  ['what is not installed is refused', { 'node_modules/a': entry }, {}, [/not installed/]],
]
for (const [what, packages, node_modules, faults] of cases) {
  t.test(what, async (t) => {
    const found = licenceFaults(licenceRows(t.testdir(treeOf(packages, node_modules))))
    t.equal(found.length, faults.length)
    for (const [position, fault] of faults.entries()) t.match(found[position], fault)
  })
}
