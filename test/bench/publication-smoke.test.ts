// Goal: `npm run bench -- publication --json` ends with its object, and only after lists of all entries were signed and downloaded.
// Method: the real program in tiny numbers; times are not judged.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { OptionsError } from './number-option.ts'
import { parseOptions } from './options.ts'
import { readReport, runBench } from './run-bench.ts'
import type { PublicationJson } from './sections/publication.ts'

t.test('in tiny numbers', { timeout: 110_000 }, async (t) => {
  // Not below the test's own folder: the path of the socket would be too long.
  const folder = mkdtempSync(join(tmpdir(), 'publish-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const ended = await runBench(['publication', '--quick', '--json', '--entries', '3000', '--rounds', '2'], folder)
  t.equal(ended.code, 0, `ends well: ${ended.stderr}`)
  t.strictSame(readdirSync(folder), [], 'leaves no file behind')
  const { publication } = readReport(ended) as { publication: PublicationJson }
  t.equal(publication.entries, 3_000)
  for (const quantity of ['load', 'sign', 'change', 'loadBlock', 'changeBlock', 'bytes', 'served', 'notModified']) {
    t.ok(Number(publication.publishing[quantity]?.sekisho) > 0, quantity)
  }
  for (const bar of ['loadBlock', 'changeBlock']) t.type(publication.bars[bar]?.met, 'boolean')
})

t.test('its command line', async (t) => {
  const { publication } = parseOptions(['publication'])
  t.strictSame(publication, { entries: 1_000_000, rounds: 20 })
  t.strictSame(parseOptions(['publication', '--quick']).publication, { entries: 50_000, rounds: 5 })
  t.equal(parseOptions([]).publication, undefined)
  t.throws(() => parseOptions(['publication', '--entries', '5']), OptionsError)
})
