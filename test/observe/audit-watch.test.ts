// Goal: an audit log that was changed after it was written shows in a metric and in the log within the hour, one that is as it was written
// never does, and reading it leaves the thread to others. Method: real logs, read by the watcher itself, with pauses that the test ends.
import { appendFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AuditLog } from '../../src/observe/audit-log.ts'
import { watchAuditChain } from '../../src/observe/audit-watch.ts'

const clock = { nowMs: () => Date.UTC(2026, 0, 2), monotonicMs: () => 0 }

function record(log: AuditLog, name: string): void {
  const target = { kind: 'login_id', name } as const
  log.record({ event: 'login_refused', actor: { kind: 'user', name }, target, reason: 'certificate_revoked' })
}

async function setUp(t: Test, records = 10) {
  const file = join(t.testdir(), 'audit.log')
  const log = await AuditLog.open({ file, clock })
  for (let i = 1; i <= records; i += 1) record(log, `user${i}`)
  await log.flush()
  const results: boolean[] = []
  const lines: unknown[] = []
  const rests: number[] = []
  let paused = Promise.withResolvers<void>()
  let wake = () => {}
  const watch = watchAuditChain({
    file,
    log: { error: (message, fields) => void lines.push(message, fields), info: (message) => void lines.push(message) },
    metrics: { auditChainRead: (intact) => void results.push(intact) },
    async pause(durationMs, signal) {
      if (durationMs < 3_600_000) {
        rests.push(durationMs)
        return
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      signal.addEventListener('abort', () => resolve())
      paused.resolve()
      await promise
    },
  })
  // Its own timers let a program end; a gateway has others.
  const alive = setInterval(() => {}, 1_000)
  t.teardown(async () => {
    clearInterval(alive)
    await watch.close()
    await log.close()
  })
  /** The next reading has ended. */
  const readAgain = async () => {
    paused = Promise.withResolvers<void>()
    wake()
    await paused.promise
  }
  const first = paused.promise
  return { file, log, results, lines, rests, first, readAgain, watch }
}

t.test('a log that goes on growing stays intact', async (t) => {
  const { log, results, lines, first, readAgain } = await setUp(t)
  await first
  for (let i = 0; i < 3; i += 1) {
    record(log, 'user99')
    await log.flush()
    await readAgain()
  }
  t.strictSame(results, [true, true, true, true])
  t.strictSame(lines, [])
})

t.test('a line that is being written is no break', async (t) => {
  const { file, results, first, readAgain } = await setUp(t)
  await first
  appendFileSync(file, '{"seq":11,"ti')
  await readAgain()
  t.strictSame(results, [true, true])
})

t.test('what was changed far up shows, until it is as it was', async (t) => {
  const { file, results, lines, first, readAgain } = await setUp(t)
  await first
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace('user3', 'user4'))
  await readAgain()
  t.strictSame(results, [true, false])
  t.match(lines, ['the audit log is not as it was written', { file, findings: [/^Line 3: edited/] }])
  writeFileSync(file, text)
  await readAgain()
  t.strictSame(results, [true, false, true])
  t.match(lines, { 2: 'the audit log is as it was written again' })
})

t.test('records cut off at the end show against the head file', async (t) => {
  const { file, results, first, readAgain } = await setUp(t)
  await first
  writeFileSync(file, `${readFileSync(file, 'utf8').trimEnd().split('\n').slice(0, -2).join('\n')}\n`)
  await readAgain()
  t.strictSame(results, [true, false])
})

t.test('a log that is not where it was opened is not intact', async (t) => {
  const { file, results, lines, first, readAgain } = await setUp(t)
  await first
  renameSync(file, `${file}.away`)
  await readAgain()
  t.strictSame(results, [true, false])
  t.match(lines, [String, { findings: [/^It cannot be read: ENOENT/] }])
  rmSync(`${file}.away`)
})

t.test('a long log is read in slices, after each of which four times as long belongs to others', async (t) => {
  const { results, rests, first } = await setUp(t, 20_000)
  await first
  t.strictSame(results, [true])
  t.ok(rests.length > 5, `${rests.length} rests while 7 MB were read`)
  t.ok(Math.min(...rests) >= 8, `${Math.min(...rests)} ms after at least 2 ms`)
})

t.test('an end breaks a reading off and says nothing of the log', async (t) => {
  const { results, lines, watch } = await setUp(t, 20_000)
  await watch.close()
  t.strictSame(results, [])
  t.strictSame(lines, [])
})
