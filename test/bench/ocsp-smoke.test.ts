// Goal: `npm run bench -- ocsp --json` ends with its object, after every request got a good answer. Method: the section in tiny numbers;
// times are not judged.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { addServerFolders } from './machine.ts'
import { parseOptions } from './options.ts'
import { readReport, runBench } from './run-bench.ts'
import type { OcspJson } from './sections/ocsp.ts'

t.test('the section in tiny numbers', { timeout: 110_000 }, async (t) => {
  addServerFolders()
  const folder = mkdtempSync(join(tmpdir(), 'ocsp-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const ended = await runBench(
    ['ocsp', '--quick', '--json', '--certificates', '200', '--rounds', '1', '--turn', '50'],
    folder,
  )
  t.equal(ended.code, 0, `ends well: ${ended.stderr}`)
  t.strictSame(readdirSync(folder), [], 'leaves no file behind')
  const { ocsp } = readReport(ended) as { ocsp: OcspJson }
  t.equal(ocsp.certificates, 200)
  for (const quantity of ['kept', 'keptGet', 'signed', 'callCached', 'callNonce', 'callFirst']) {
    t.ok(Number(ocsp.answers[quantity]?.sekisho) > 0, quantity)
  }
  t.type(ocsp.bars.kept?.met, 'boolean')
})

t.test('the word ocsp asks for the section, with options of its own', async (t) => {
  t.equal(parseOptions(['life']).ocsp, undefined)
  t.match(parseOptions(['ocsp']).ocsp, { certificates: 100_000, rounds: 5, turnMs: 5_000 })
  t.match(parseOptions(['ocsp', '--quick']).ocsp, { certificates: 5_000, rounds: 2, turnMs: 1_000 })
  for (const [args, message] of [
    [['ocsp', '--users', '5000'], 'Cannot take --users together with the word ocsp'],
    [['--certificates', '5000'], 'Cannot take --certificates without the word ocsp'],
  ] as const) {
    t.throws(() => parseOptions(args), { name: 'OptionsError', message }, args.join(' '))
  }
})
