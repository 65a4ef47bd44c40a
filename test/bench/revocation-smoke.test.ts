// Goal: `npm run bench -- revocation --json` ends with its object, and only after every push was refused everywhere, no other
// connection was lost, and no login failed. Method: every part of the real program in tiny numbers; times are not judged.
import { readdirSync } from 'node:fs'
import { delimiter } from 'node:path'
import t from 'tap'
import { addServerFolders, findInstallCommands } from './machine.ts'
import { readReport, runBench } from './run-bench.ts'
import type { RevocationJson } from './sections/revocation.ts'

const small = [
  '--entries',
  '2000',
  '--connections',
  '8',
  '--fleet',
  '2',
  '--pushes',
  '4',
  '--rounds',
  '1',
  '--turn',
  '100',
]

t.test('every part in tiny numbers', { timeout: 110_000 }, async (t) => {
  addServerFolders()
  const missing = findInstallCommands((process.env.PATH ?? '').split(delimiter), { redis: true })
  t.strictSame(missing, [], 'the packages are installed')
  const folder = t.testdir()
  const ended = await runBench(['revocation', '--quick', '--json', ...small], folder)
  t.equal(ended.code, 0, `ends well: ${ended.stderr}`)
  t.strictSame(readdirSync(folder), [], 'leaves no file behind')
  const { revocation } = readReport(ended) as { revocation: RevocationJson }
  t.match(revocation, { entries: 2_000, fleet: 2, connections: 8, pushes: 4 })
  const { parts, bars } = revocation
  t.strictSame(Object.keys(parts), ['memory', 'loading', 'cost', 'fleet', 'bulk'])
  for (const quantity of ['miss', 'hit', 'bytes', 'add']) t.ok(Number(parts.memory?.[quantity]?.at2000) >= 0, quantity)
  for (const start of ['none', 'redis', 'snapshot']) {
    t.ok(Number(parts.loading?.ready?.[start]) > 0, `a gateway became ready: ${start}`)
  }
  for (const name of ['sekisho', 'haproxy', 'nginx']) {
    t.ok(Number(parts.cost?.connectionRatio?.[name]) > 0, `${name} was measured with and without`)
    t.ok(Number(parts.cost?.memoryFull?.[name]) > 0, `memory of ${name} was read`)
  }
  t.ok(Number(parts.cost?.requestRatio?.sekisho) > 0)
  t.ok(Number(parts.cost?.reload?.nginx) > 0, 'nginx was reloaded')
  for (const quantity of ['p50', 'p99', 'max']) {
    for (const name of ['cut', 'answered']) t.ok(Number(parts.fleet?.[quantity]?.[name]) > 0, `${name}, ${quantity}`)
    t.ok(Number(parts.fleet?.[quantity]?.refused) >= 0, `refused, ${quantity}`)
  }
  t.ok(Number(parts.bulk?.logins?.sekisho) > 0, 'somebody logged in during the bulk push')
  for (const nothing of ['otherConnectionsLost', 'gatewaysBehind', 'failedLogins']) {
    t.match(bars[nothing], { value: 0, met: true }, nothing)
  }
  for (const quantity of [
    'cutP99',
    'cutMax',
    'refusedP99',
    'refusedMax',
    'connectionRatio',
    'requestRatio',
    'bulkSeconds',
  ]) {
    t.type(bars[quantity]?.met, 'boolean', quantity)
  }
  t.match(ended.stdout, /^## Bars, which are made for other numbers: here 2000 entries in place of 1000000, /m)
})

t.test('a wrong command line is refused before anything starts', async (t) => {
  const { code, stdout, stderr } = await runBench(['revocation', '--idle', '10'], t.testdir())
  t.equal(code, 2)
  t.equal(stdout, '')
  t.match(stderr, 'Cannot take --idle together with the word revocation')
})
