// Goal: `npm run bench -- life --json` ends with its object, and only after every certificate was issued, every user stood in the list
// and every notice was written. Method: every part of the real program in tiny numbers; times are not judged.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import t from 'tap'
import { addServerFolders, findInstallCommands } from './machine.ts'
import { parseOptions } from './options.ts'
import { readReport, runBench } from './run-bench.ts'
import type { LifeJson } from './sections/life.ts'

const small = ['--users', '1000', '--issues', '4', '--rate', '5', '--requests', '50', '--rounds', '1', '--turn', '300']
const stores = ['embedded', 'redis']

t.test('every part in tiny numbers', { timeout: 110_000 }, async (t) => {
  addServerFolders()
  const missing = findInstallCommands((process.env.PATH ?? '').split(delimiter), { redis: true })
  t.strictSame(missing, [], 'the packages are installed')
  // Not below the test's own folder: the path of the pages' socket would be too long.
  const folder = mkdtempSync(join(tmpdir(), 'life-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const ended = await runBench(['life', '--quick', '--json', ...small], folder)
  t.equal(ended.code, 0, `ends well: ${ended.stderr}`)
  t.strictSame(readdirSync(folder), [], 'leaves no file behind')
  const { life } = readReport(ended) as { life: LifeJson }
  t.match(life, { users: 1_000, issues: 4, rate: 5 })
  const { parts, bars } = life
  t.strictSame(Object.keys(parts), ['issue', 'load', 'page', 'directory'])
  for (const store of stores) {
    for (const way of ['code', 'call', 'password']) t.ok(Number(parts.issue?.[`${way}P99`]?.[store]) > 0, way)
    t.ok(Number(parts.load?.issues?.[store]) > 0, 'certificates were issued beside load')
    t.type(parts.load?.fullAdded?.[store], 'number')
    t.ok(Number(parts.page?.bytes?.[store]) > 10_000, 'the page is a long one')
    t.ok(Number(parts.directory?.userP99?.[store]) > 0, 'users were found')
    const { firstMails, dailyMails } = parts.directory ?? {}
    t.ok(Number(firstMails?.[store]) > Number(dailyMails?.[store]), 'nobody was told twice')
    t.ok(Number(dailyMails?.[store]) > 0, 'on the next day others were told')
    for (const bar of ['codeP99', 'callP99', 'added', 'pageP99', 'userP99', 'admitP99', 'firstRun', 'dailyRun']) {
      t.type(bars[`${bar}-${store}`]?.met, 'boolean', `${bar} ${store}`)
    }
  }
  t.match(ended.stdout, /^## Bars, which are made for other numbers: here 1000 users in place of 1000000, /m)
})

t.test('the word life asks for the section, with options of its own', async (t) => {
  t.equal(parseOptions(['revocation']).life, undefined)
  t.match(parseOptions(['life']).life, { users: 1_000_000, issues: 500, rate: 100, rounds: 5, turnMs: 10_000 })
  t.match(parseOptions(['life', '--quick']).life, { users: 50_000, rounds: 2, turnMs: 3_000, quick: true })
  t.strictSame(parseOptions(['life', '--parts', 'page,issue']).life?.parts, ['issue', 'page'])
  for (const [args, message] of [
    [['life', '--entries', '5000'], 'Cannot take --entries together with the word life'],
    [['revocation', '--users', '5000'], 'Cannot take --users together with the word revocation'],
    [['--users', '5000'], 'Cannot take --users without the word life'],
    [['life', '--parts', 'fleet'], /^Cannot take --parts as a list of issue, .*: current value is fleet$/],
  ] as const) {
    t.throws(() => parseOptions(args), { name: 'OptionsError', message }, args.join(' '))
  }
})
