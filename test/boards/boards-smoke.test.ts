// Goal: boards can be looked at without Grafana. Method: `npm run boards` for a few seconds; each page has all panels with data, each
// picture is one; and drawing of what Prometheus may answer, from a Prometheus that is played.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { drawBoards } from '../../scripts/board-pictures.ts'
import { unitText } from '../../scripts/boards/unit-text.ts'
import { boards } from '../../scripts/grafana-boards.ts'
import { root } from '../tidy/source-files.ts'
import { runBoards } from './run-boards.ts'

const run = promisify(execFile)
const panelsOf = ({ rows }: (typeof boards)[number]) => rows.flatMap(({ panels }) => panels)

t.test('a short run draws every panel with data', async (t) => {
  const folder = t.testdir()
  const lines: string[] = []
  const pictures = await runBoards({ seconds: 12, folder, tell: (line) => void lines.push(line) })
  t.match(lines, [/^logins for 12 s/, /connections that stay/, /a push/, /breaks off/])
  t.equal(pictures.length, boards.length)
  for (const [at, { file, empty }] of pictures.entries()) {
    const page = readFileSync(file, 'utf8')
    t.same(empty, [], file)
    for (const { title } of panelsOf(boards[at] as (typeof boards)[number]))
      t.ok(page.includes(`<b>${title}</b>`), title)
    t.notMatch(page, /NaN|undefined|Infinity/, file)
    t.notMatch(page, /no live connection was cut|nobody is denied/, file)
    const png = readFileSync(file.replace(/html$/, 'png'))
    t.equal(png.toString('latin1', 1, 4), 'PNG')
    t.ok(png.length > 50_000, `${png.length} bytes`)
  }
})

/** Answers every query with this, as Prometheus does. */
async function playPrometheus(t: { teardown(end: () => void): void }, body: object): Promise<string> {
  const server = createServer((_request, response) => void response.end(JSON.stringify(body))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const span = { startSeconds: 1_000, endSeconds: 1_060, rateInterval: '1m' }

t.test('names are text and no markup, and what is not a number leaves a gap', async (t) => {
  const values = [
    [1_000, '1'],
    [1_001, 'NaN'],
    [1_060, '+Inf'],
  ]
  const labels = { instance: '<script>', door: '"a"&b', verdict: '<b>' }
  const url = await playPrometheus(t, { status: 'success', data: { result: [{ metric: labels, values }] } })
  const [overview] = await drawBoards({ url, folder: t.testdir(), ...span })
  const page = readFileSync(overview?.file ?? '', 'utf8')
  t.notMatch(page, /<script>|NaN|Infinity/)
  t.match(page, /&lt;script&gt;/)
  t.same(overview?.empty, [])
})

t.test('a panel without series says so, and is told where it should have some', async (t) => {
  const url = await playPrometheus(t, { status: 'success', data: { result: [] } })
  for (const [at, { file, empty }] of (await drawBoards({ url, folder: t.testdir(), ...span })).entries()) {
    const panels = panelsOf(boards[at] as (typeof boards)[number])
    t.same(
      empty,
      panels.filter(({ whenEmpty }) => whenEmpty === undefined).map(({ title }) => title),
    )
    t.equal(readFileSync(file, 'utf8').split('No data').length - 1, empty.length)
  }
})

t.test('a Prometheus that refuses is told in its own words', async (t) => {
  const url = await playPrometheus(t, { status: 'error', error: 'too many samples' })
  await t.rejects(drawBoards({ url, folder: t.testdir(), ...span }), { message: /too many samples/ })
})

t.test('a wrong command line ends with 2 and the usage', async (t) => {
  for (const [script, ...args] of [
    ['test/boards/run.ts', '--minutes', '0'],
    ['test/boards/run.ts', '--hours', '1'],
    ['scripts/board-pictures.ts'],
    ['scripts/board-pictures.ts', '--url', 'http://127.0.0.1:9090', '--minutes', 'x'],
  ]) {
    const ended = await run(process.execPath, [join(root, script ?? ''), ...args]).catch((error) => error)
    t.match(ended, { code: 2, stderr: /Usage: / }, `${script} ${args.join(' ')}`)
  }
})

t.test('values are written as people read them', async (t) => {
  for (const [value, unit, text] of [
    [0, 's', '0 s'],
    [0.0000123, 's', '12.3 µs'],
    [0.0123, 's', '12.3 ms'],
    [1.5, 's', '1.5 s'],
    [300, 's', '5 min'],
    [86_400, 's', '24 h'],
    [-172_800, 's', '-2 d'],
    [364.2, 'd', '364 d'],
    [1_536, 'bytes', '1.5 KiB'],
    [0, 'bytes', '0 B'],
    [0.985, 'percentunit', '98.5 %'],
    [12_345, 'short', '12.3 k'],
    [9_999_999, 'short', '10 M'],
    [2.5, 'suffix:/s', '2.5/s'],
    [0.31, 'suffix: cores', '0.31 cores'],
  ] as const) {
    t.equal(unitText(value, unit), text)
  }
})
