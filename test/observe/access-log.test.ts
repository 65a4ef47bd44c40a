// Goal: one whole JSON line a request, nothing secret in it, shared by threads, rotated without loss, and losses counted.
// Method: real files, worker threads and a pipe; /dev/full stands in for a full disk.
import { spawn } from 'node:child_process'
import { readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import type { AccessRecord } from '../../src/data-path/ports.ts'
import { createAccessLog, formatAccessLine } from '../../src/observe/access-log.ts'

const clock = { nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5), monotonicMs: () => 0 }
const moduleUrl = new URL('../../src/observe/access-log.ts', import.meta.url).href

const record: AccessRecord = {
  requestId: 'r-1',
  door: 'retail',
  clientAddress: '127.0.0.1',
  method: 'GET',
  host: 'localhost:8443',
  target: '/transfer?to=1234567&amount=90000',
  status: 200,
  bytesSent: 400,
  durationMs: 1.23456,
  upstreamMs: 0.5,
  loginId: 'user01',
  certificateSerial: '0a1b',
  route: 'app',
  outcome: 'completed',
  loginResult: 'accepted',
  traceId: '0af7651916cd43dd8448eb211c80319c',
}

function readLines(file: string): Record<string, unknown>[] {
  const text = readFileSync(file, 'utf8')
  if (text === '') return []
  if (!text.endsWith('\n')) throw new Error('the file ends within a line')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

t.test('a line holds the fields of the record, and no query string', async (t) => {
  const file = join(t.testdir(), 'access.log')
  const log = createAccessLog({ file, clock })
  log.write(record)
  const nothing = { upstreamMs: undefined, loginId: undefined, certificateSerial: undefined }
  log.write({ ...record, ...nothing, loginResult: undefined, traceId: undefined, target: '/a' })
  await log.close()
  const [first, second] = readLines(file)
  t.strictSame(first, { time: '2026-01-02T03:04:05.000Z', ...record, target: '/transfer', durationMs: 1.235 })
  for (const name of ['loginId', 'loginResult', 'traceId']) t.notOk(name in (second ?? {}), name)
  t.equal(statSync(file).mode & 0o007, 0)
})

t.test('query strings only when configured; passwords in a target and unknown members never', async (t) => {
  const line = (target: string, queryStrings: boolean) =>
    JSON.parse(formatAccessLine({ ...record, target }, { nowMs: 0, queryStrings })).target
  t.equal(line('/a?b=c', true), '/a?b=c')
  t.equal(line('/a?b=c', false), '/a')
  t.equal(line('http://user:hunter2@localhost/a?b', false), 'http://localhost/a')
  t.equal(line('*', false), '*')
  const smuggled = { ...record, cookie: 'BANKSESSION=abc', authorization: 'Bearer x' } as AccessRecord
  t.notMatch(formatAccessLine(smuggled, { nowMs: 0, queryStrings: true }), /BANKSESSION|Bearer/)
})

t.test('hostile texts stay within their line', async (t) => {
  const file = join(t.testdir(), 'access.log')
  const log = createAccessLog({ file, clock })
  const target = '/"\\\n\r\u0000\u2028\ud800日本'
  log.write({ ...record, target, host: '"},{"forged":"' })
  await log.close()
  const lines = readLines(file)
  t.equal(lines.length, 1)
  t.match(lines[0], { host: '"},{"forged":"', target })
  t.notOk('forged' in (lines[0] ?? {}))
})

t.test('lines are written without anyone flushing', async (t) => {
  const file = join(t.testdir(), 'access.log')
  const log = createAccessLog({ file, clock })
  log.write(record)
  for (let i = 0; i < 200 && statSync(file).size === 0; i += 1) await new Promise((resolve) => setTimeout(resolve, 10))
  t.equal(readLines(file).length, 1)
  await log.close()
})

t.test('several threads append whole lines to one file', async (t) => {
  const file = join(t.testdir(), 'access.log')
  const source = `
    import { workerData } from 'node:worker_threads'
    const { createAccessLog } = await import(${JSON.stringify(moduleUrl)})
    const log = createAccessLog({ file: workerData.file, clock: { nowMs: () => 0 } })
    for (let i = 0; i < 3000; i += 1) {
      log.write({ ...workerData.record, requestId: workerData.id + '-' + i, target: '/' + 'x'.repeat(i % 500) })
      if (i % 400 === 0) await new Promise(setImmediate)
    }
    await log.close()
    if (log.dropped > 0) throw new Error('dropped ' + log.dropped)
  `
  const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`)
  const codes = await Promise.all(
    ['a', 'b', 'c'].map(
      (id) =>
        new Promise((resolve, reject) => {
          const worker = new Worker(url, { workerData: { file, record, id } })
          worker.once('exit', resolve).once('error', reject)
        }),
    ),
  )
  t.strictSame(codes, [0, 0, 0])
  const lines = readLines(file)
  t.equal(lines.length, 9_000)
  t.equal(new Set(lines.map((line) => line.requestId)).size, 9_000)
})

t.test('after a rotation lines go to the new file, and none is lost', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'access.log')
  const moved = join(folder, 'access.log.1')
  const log = createAccessLog({ file, clock })
  for (let i = 0; i < 1_000; i += 1) log.write({ ...record, requestId: `${i}` })
  const flushing = log.flush()
  renameSync(file, moved)
  await Promise.all([log.reopen(), flushing])
  for (let i = 1_000; i < 1_100; i += 1) log.write({ ...record, requestId: `${i}` })
  await log.close()
  const requestIds = [...readLines(moved), ...readLines(file)].map((line) => Number(line.requestId))
  t.strictSame(
    requestIds,
    Array.from({ length: 1_100 }, (_, i) => i),
  )
  t.ok(readLines(file).length >= 100)
  t.equal(log.dropped, 0)
})

t.test('a log that cannot keep up drops lines and counts them', async (t) => {
  const file = join(t.testdir(), 'access.log')
  let told = 0
  const onDrop = (lines: number) => {
    told += lines
  }
  const log = createAccessLog({ file, clock, queueLengthMax: 10_000, onDrop })
  for (let i = 0; i < 1_000; i += 1) log.write(record)
  t.ok(log.dropped > 0 && log.dropped < 1_000)
  await log.flush()
  t.equal(readLines(file).length + log.dropped, 1_000)
  log.write(record)
  await log.close()
  t.equal(readLines(file).length + log.dropped, 1_001, 'it goes on once there is room')
  log.write(record)
  t.equal(log.dropped, told)
  t.equal(readLines(file).length + log.dropped, 1_002, 'a line after the end is counted too')
})

t.test('a full disk drops and counts, and does not throw', async (t) => {
  const log = createAccessLog({ file: '/dev/full', clock })
  for (let i = 0; i < 10; i += 1) log.write(record)
  await log.flush()
  t.equal(log.dropped, 10)
  await log.close()
})

t.test('a file that cannot be opened stops the start and names the field', async (t) => {
  const file = join(t.testdir(), 'absent', 'access.log')
  t.throws(() => createAccessLog({ file, clock }), { code: 'config_invalid', path: 'accessLog.file' })
})

t.test('a slow reader of standard output gets every line', async (t) => {
  const source = `
    const { createAccessLog } = await import(${JSON.stringify(moduleUrl)})
    const log = createAccessLog({ file: '-', clock: { nowMs: () => 0 } })
    for (let i = 0; i < 2000; i += 1) log.write({ ...${JSON.stringify(record)}, requestId: String(i) })
    await log.close()
    process.exitCode = log.dropped
  `
  const child = spawn(
    process.execPath,
    ['--input-type=module', '--disable-warning=ExperimentalWarning', '-e', source],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let text = ''
  for await (const chunk of child.stdout) {
    text += chunk
    await new Promise(setImmediate)
  }
  const code = child.exitCode ?? (await new Promise((resolve) => child.once('exit', resolve)))
  t.equal(code, 0)
  const requestIds = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).requestId)
  t.strictSame(
    requestIds,
    Array.from({ length: 2_000 }, (_, i) => String(i)),
  )
})
