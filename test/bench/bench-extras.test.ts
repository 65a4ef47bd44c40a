// Goal: the parts of the benchmark that run only when asked for end with their objects, and only after their own checks:
// every answer over HTTP/2, every body whole, every idle connection alive. Method: one tiny round of each; figures are not judged.
import { readdirSync } from 'node:fs'
import { delimiter } from 'node:path'
import t, { type Test } from 'tap'
import { addServerFolders, findInstallCommands } from './machine.ts'
import type { SectionJson } from './report.ts'
import { readReport, runBench } from './run-bench.ts'

const short = ['--rounds', '1', '--turn', '100', '--json']

async function runParts(t: Test, args: readonly string[]): Promise<Readonly<Record<string, SectionJson>>> {
  addServerFolders()
  t.strictSame(findInstallCommands((process.env.PATH ?? '').split(delimiter)), [], 'the packages are installed')
  const folder = t.testdir()
  const ended = await runBench([...args, ...short], folder)
  t.equal(ended.code, 0, `ends well: ${ended.stderr}`)
  t.strictSame(readdirSync(folder), [], 'leaves no file behind')
  return readReport(ended) as Readonly<Record<string, SectionJson>>
}

function checkPositive(
  t: Test,
  part: SectionJson | undefined,
  expected: { names: string[]; quantities: string[] },
): void {
  for (const quantity of expected.quantities) {
    const figures = part?.[quantity]
    for (const name of expected.names) t.ok(Number(figures?.[name]) > 0, `${quantity} of ${name} is positive`)
  }
}

t.test('HTTP/2 and workers', { timeout: 110_000 }, async (t) => {
  const report = await runParts(t, ['--http2', '--workers'])
  t.strictSame(Object.keys(report), ['http2', 'workers'], 'and nothing that was not asked for')
  checkPositive(t, report.http2, { names: ['sekisho', 'haproxy', 'nginx'], quantities: ['request', 'p99'] })
  // 64 requests at a time, eight on a connection.
  for (const name of ['sekisho', 'haproxy', 'nginx']) {
    t.ok(Number(report.http2?.connections?.[name]) >= 8, `the injector made connections to ${name}`)
  }
  t.match(report.http2?.request?.ratio, { haproxy: Number, nginx: Number })
  checkPositive(t, report.workers, { names: ['oneWorker', 'twoWorkers'], quantities: ['request', 'connection'] })
  t.match(report.workers?.request?.ratio, { oneWorker: Number })
})

t.test('bulk, idle connections, slow clients', { timeout: 110_000 }, async (t) => {
  const report = await runParts(t, ['--bulk', '--transfer-mib', '8', '--idle', '50', '--slow', '30'])
  t.strictSame(Object.keys(report), ['bulk', 'idle', 'slow'])
  const names = ['sekisho', 'haproxy', 'nginx']
  checkPositive(t, report.bulk, {
    names: [...names, 'nginxBuffering'],
    quantities: ['download', 'upload', 'memoryBefore', 'memoryAfter'],
  })
  for (const name of names) {
    t.type(report.bulk?.downGrowth?.[name], 'number', `memory of ${name} was watched`)
    t.type(report.slow?.added?.[name], 'number', `${name} was measured without and beside slow clients`)
    t.ok(Number(report.slow?.open?.[name]) >= 15, `slow clients stayed with ${name}`)
  }
  for (const name of [...names, 'httpProxy']) {
    t.equal(report.idle?.held?.[name], 50, `${name} held all idle connections`)
    t.equal(report.idle?.used?.[name], 50, `${name} answered on each of them`)
  }
})
