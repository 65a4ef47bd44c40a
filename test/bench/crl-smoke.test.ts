// Goal: `npm run bench -- crl --json` ends with its object, after every list was read whole and its signature verified. Method: the
// section in tiny numbers; times are not judged.
import { readdirSync } from 'node:fs'
import t from 'tap'
import { addServerFolders } from './machine.ts'
import { parseOptions } from './options.ts'
import { readReport, runBench } from './run-bench.ts'
import type { CrlJson } from './sections/crl.ts'

t.test('the section in tiny numbers', { timeout: 110_000 }, async (t) => {
  addServerFolders()
  const folder = t.testdir()
  const ended = await runBench(['crl', '--json', '--entries', '2000', '--rounds', '1'], folder)
  t.equal(ended.code, 0, `ends well: ${ended.stderr}`)
  t.strictSame(readdirSync(folder), [], 'leaves no file behind')
  const { crl } = readReport(ended) as { crl: CrlJson }
  t.equal(crl.entries, 2_000)
  for (const quantity of ['read', 'perEntry', 'packed', 'iterate', 'file']) {
    for (const kind of ['plain', 'reasons', 'pem'])
      t.ok(Number(crl.reading[quantity]?.[kind]) > 0, `${quantity}, ${kind}`)
  }
  t.type(crl.reading.grown?.plain, 'number')
  t.ok(Number(crl.reading.file?.reasons) > Number(crl.reading.file?.plain), 'a list with reasons is longer')
  t.strictSame(Object.keys(crl.bars), ['readSeconds', 'grownMb'])
  t.match(ended.stdout, /^## Bars, which are made for 1000000 entries$/m)
})

t.test('the word crl asks for the section, with options of its own', async (t) => {
  t.equal(parseOptions(['life']).crl, undefined)
  t.strictSame(parseOptions(['crl']).crl, { entries: 1_000_000, rounds: 5 })
  t.strictSame(parseOptions(['crl', '--quick']).crl, { entries: 100_000, rounds: 2 })
  t.strictSame(parseOptions(['crl', '--entries', '5000']).crl, { entries: 5_000, rounds: 5 })
  for (const [args, message] of [
    [['crl', '--fleet', '4'], 'Cannot take --fleet together with the word crl'],
    [['crl', '--entries', '999'], /^Cannot take --entries as a whole number from 1000 to 5000000/],
  ] as const) {
    t.throws(() => parseOptions(args), { name: 'OptionsError', message }, args.join(' '))
  }
})
