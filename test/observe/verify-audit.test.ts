// Goal: whatever is done to an audit log shows, with the right line and the right word.
// Method: a log of ten records, tampered with in every way of the matrix, also by someone who recomputes hashes.
import { hash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { AuditLog } from '../../src/observe/audit-log.ts'
import { verifyAuditFile } from '../../src/observe/verify-audit.ts'

const clock = { nowMs: () => Date.UTC(2026, 0, 2), monotonicMs: () => 0 }
const recordCount = 10

async function createLog(folder: string) {
  const file = join(folder, 'audit.log')
  rmSync(file, { force: true })
  rmSync(`${file}.head`, { force: true })
  const log = await AuditLog.open({ file, clock })
  for (let i = 1; i <= recordCount; i += 1) {
    const target = { kind: 'login_id', name: `user${i}` } as const
    log.record({
      event: 'login_refused',
      actor: { kind: 'user', name: `user${i}` },
      target,
      reason: 'certificate_revoked',
    })
  }
  await log.close()
  return { file, head: log.head, lines: readFileSync(file, 'utf8').trimEnd().split('\n') }
}

/** Edits a line and makes its own hash right again, as someone who knows the format would. */
function forge(line: string, from: string, to: string): string {
  const body = `${line.slice(0, line.lastIndexOf(',"hash"'))}}`.replace(from, to)
  return `${body.slice(0, -1)},"hash":"${hash('sha256', body)}"}`
}

type Case = {
  readonly name: string
  readonly act: (lines: string[]) => string[]
  readonly line: number
  readonly problem: string
}

const swap = (lines: string[], a: number, b: number) =>
  lines.map((line, index) => (index === a ? lines[b] : index === b ? lines[a] : line) as string)
const edit = (lines: string[], at: number, change: (line: string) => string) =>
  lines.map((line, index) => (index === at ? change(line) : line))

const cases: readonly Case[] = [
  { name: 'one word edited', act: (l) => edit(l, 4, (x) => x.replace('user5', 'user6')), line: 5, problem: 'edited' },
  { name: 'white space added', act: (l) => edit(l, 4, (x) => x.replace('{', '{ ')), line: 5, problem: 'edited' },
  { name: 'first line edited', act: (l) => edit(l, 0, (x) => x.replace('user1', 'user9')), line: 1, problem: 'edited' },
  {
    name: 'last line edited',
    act: (l) => edit(l, 9, (x) => x.replace('user10', 'user1')),
    line: 10,
    problem: 'edited',
  },
  { name: 'a line blanked', act: (l) => edit(l, 4, () => ''), line: 5, problem: 'edited' },
  {
    name: 'edited, hash recomputed',
    act: (l) => edit(l, 4, (x) => forge(x, 'user5', 'user6')),
    line: 6,
    problem: 'edited',
  },
  { name: 'a line deleted', act: (l) => l.toSpliced(4, 1), line: 5, problem: 'removed' },
  { name: 'several lines deleted', act: (l) => l.toSpliced(2, 3), line: 3, problem: 'removed' },
  { name: 'first line deleted', act: (l) => l.slice(1), line: 1, problem: 'removed' },
  { name: 'garbage inserted', act: (l) => l.toSpliced(4, 0, 'not a record'), line: 5, problem: 'inserted' },
  { name: 'empty line inserted', act: (l) => l.toSpliced(4, 0, ''), line: 5, problem: 'inserted' },
  { name: 'garbage before the first line', act: (l) => ['{}', ...l], line: 1, problem: 'inserted' },
  { name: 'an earlier line repeated', act: (l) => l.toSpliced(4, 0, l[1] as string), line: 5, problem: 'inserted' },
  { name: 'a line doubled', act: (l) => l.toSpliced(4, 0, l[3] as string), line: 5, problem: 'inserted' },
  { name: 'the first line repeated at the end', act: (l) => [...l, l[0] as string], line: 11, problem: 'inserted' },
  {
    name: 'a forged record inserted, chained and hashed right',
    act: (l) => l.toSpliced(4, 0, forge(l[4] as string, 'user5', 'admin')),
    line: 6,
    problem: 'inserted',
  },
  { name: 'neighbours swapped', act: (l) => swap(l, 3, 4), line: 4, problem: 'reordered' },
  { name: 'distant lines swapped', act: (l) => swap(l, 1, 7), line: 2, problem: 'reordered' },
  { name: 'last lines swapped', act: (l) => swap(l, 8, 9), line: 9, problem: 'reordered' },
]

for (const tampering of cases) {
  t.test(`${tampering.name}: line ${tampering.line}, ${tampering.problem}`, async (t) => {
    const { file, lines } = await createLog(t.testdir())
    writeFileSync(file, `${tampering.act(lines).join('\n')}\n`)
    const verification = await verifyAuditFile(file)
    t.match(verification, { ok: false, firstBadLine: { line: tampering.line, problem: tampering.problem } })
    t.match(verification.findings[0], new RegExp(`^Line ${tampering.line}: ${tampering.problem}: .`))
    t.equal(verification.records, tampering.line - 1)
  })
}

t.test('an untouched log verifies, and again against a head kept elsewhere', async (t) => {
  const { file, head } = await createLog(t.testdir())
  t.match(await verifyAuditFile(file, { expectedHead: head }), {
    ok: true,
    records: recordCount,
    first: { seq: 1 },
    last: head,
    head: 'agrees',
    findings: [],
  })
})

t.test('records cut off at the end show by the head file, or by a head kept elsewhere', async (t) => {
  const { file, head, lines } = await createLog(t.testdir())
  writeFileSync(file, `${lines.slice(0, 7).join('\n')}\n`)
  t.match(await verifyAuditFile(file), { ok: false, firstBadLine: undefined, records: 7, head: 'log_shortened' })
  rmSync(`${file}.head`)
  t.match(await verifyAuditFile(file), { ok: true, head: 'missing', findings: [/missing/] })
  t.match(await verifyAuditFile(file, { expectedHead: head }), { ok: false, findings: [/missing/, /cut off/] })
  writeFileSync(file, '')
  t.match(await verifyAuditFile(file, { expectedHead: head }), { ok: false, records: 0 })
})

t.test('a cut within the last record shows', async (t) => {
  const { file, lines } = await createLog(t.testdir())
  const text = lines.join('\n')
  writeFileSync(file, text.slice(0, -30))
  const verification = await verifyAuditFile(file)
  t.match(verification, { ok: false, records: 9, head: 'log_shortened' })
  t.ok(verification.tornTailBytes > 0)
})

t.test('a last record replaced together with its hash shows by the head file', async (t) => {
  const { file, lines } = await createLog(t.testdir())
  writeFileSync(file, `${edit(lines, 9, (line) => forge(line, 'user10', 'user1')).join('\n')}\n`)
  t.match(await verifyAuditFile(file), { ok: false, firstBadLine: undefined, head: 'differs', findings: [/rewritten/] })
})

t.test('a line may not pass as torn unless a record in the chain says so', async (t) => {
  const { file, lines } = await createLog(t.testdir())
  const torn = hash('sha256', 'hidden')
  const repair = JSON.stringify({
    seq: 6,
    event: 'audit_log_repaired',
    detail: { tornSha256: torn },
    prev: '0'.repeat(64),
  })
  writeFileSync(
    file,
    `${lines.toSpliced(5, 0, 'hidden', forge(`${repair.slice(0, -1)},"hash":""}`, '', '')).join('\n')}\n`,
  )
  t.match(await verifyAuditFile(file), { ok: false, firstBadLine: { line: 6 } })
})

t.test('lines longer than the reading buffer and binary rubbish do not stop the check', async (t) => {
  const { file, lines } = await createLog(t.testdir())
  const rubbish = Buffer.alloc(3_000_000, 0xff)
  writeFileSync(file, Buffer.concat([Buffer.from(`${lines.slice(0, 5).join('\n')}\n`), rubbish, Buffer.from('\n')]))
  t.match(await verifyAuditFile(file), { ok: false, records: 5, firstBadLine: { line: 6, problem: 'edited' } })
})

t.test('a log that does not exist is an error, not an empty log', async (t) => {
  await t.rejects(verifyAuditFile(join(t.testdir(), 'absent.log')), { code: 'ENOENT' })
})
