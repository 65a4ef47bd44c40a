// Goal: the reference of metrics, denials and faults is what the code does. Method: compare the tables of
// src/observe/README.md with those drawn from the code; `node scripts/reference-tables.ts` writes them again.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { mark, referenceTables } from '../../scripts/reference-tables.ts'
import { faults } from '../../src/base/errors.ts'
import { readFiles, readSource, root } from './source-files.ts'

/** Without what the formatter decides: widths of columns. */
const unpadded = (text: string) =>
  text
    .replace(/-{3,}/g, '---')
    .replace(/ *\| */g, '|')
    .trim()

t.test('src/observe/README.md lists every metric, denial and fault', async (t) => {
  const { text } = readSource('src/observe/README.md')
  for (const [name, table] of Object.entries(referenceTables)) {
    const { begin, end } = mark(name)
    t.equal(unpadded(text.slice(text.indexOf(begin) + begin.length, text.indexOf(end))), unpadded(table), name)
  }
})

t.test('fault codes stand in alphabetical order, so that a new one has one place', async (t) => {
  t.same(Object.keys(faults), Object.keys(faults).sort())
})

t.test('every link of a document leads to a file', async (t) => {
  const documents = ['src', 'test', 'config', '.github'].flatMap((folder) => readFiles(folder, ['.md']))
  for (const { path, text } of [...documents, readSource('README.md'), readSource('CHANGELOG.md')]) {
    const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)|<img [^>]*src="([^"]+)"/g)].map(
      ([, link = '', image]) => image ?? link,
    )
    const broken = links.filter((link) => !/^https?:/.test(link) && !existsSync(join(root, dirname(path), link)))
    t.same(broken, [], path)
  }
})
