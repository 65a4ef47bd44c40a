// Goal: every event is in the chain and on disk once flushed, a crash or a full disk loses nothing silently, and
// secrets never appear. Method: real files in a temporary folder, and a sink that fails on demand.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { GatewayError } from '../../src/base/errors.ts'
import { type ChainLink, chainStart } from '../../src/observe/audit-chain.ts'
import { type AuditEvent, describeRefusal } from '../../src/observe/audit-event.ts'
import type { AuditSink } from '../../src/observe/audit-file.ts'
import { AuditLog } from '../../src/observe/audit-log.ts'
import { verifyAuditFile } from '../../src/observe/verify-audit.ts'

const clock = { nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5), monotonicMs: () => 0 }

function revoked(serial: string): AuditEvent {
  return {
    event: 'certificate_revoked',
    actor: { kind: 'operator', name: 'security' },
    target: { kind: 'certificate', name: `demo-issuing-ca/${serial}` },
    reason: 'keyCompromise',
    requestId: 'r-1',
    detail: { comment: '端末の紛失' },
  }
}

async function writeRecords(file: string, serials: readonly string[]): Promise<ChainLink> {
  const log = await AuditLog.open({ file, clock })
  for (const serial of serials) log.record(revoked(serial))
  await log.close()
  return log.head
}

type Line = { seq: number; event: string; detail: Record<string, unknown>; prev: string; hash: string }

function readLines(file: string): Line[] {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

t.test('R25: a record holds who, what, when, why and the request', async (t) => {
  const file = join(t.testdir(), 'audit.log')
  const head = await writeRecords(file, ['0a1b'])
  const [record] = readLines(file)
  t.strictSame(record, {
    seq: 1,
    time: '2026-01-02T03:04:05.000Z',
    event: 'certificate_revoked',
    actor: { kind: 'operator', name: 'security' },
    target: { kind: 'certificate', name: 'demo-issuing-ca/0a1b' },
    reason: 'keyCompromise',
    requestId: 'r-1',
    detail: { comment: '端末の紛失' },
    prev: chainStart.hash,
    hash: head.hash,
  })
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.strictSame(JSON.parse(readFileSync(`${file}.head`, 'utf8')), { seq: 1, hash: head.hash })
})

t.test('the serial numbers of a batch stand whole in one record, in texts of at most 2,048 characters', async (t) => {
  const file = join(t.testdir(), 'audit.log')
  const log = await AuditLog.open({ file, clock })
  // The longest there are: 20 octets (RFC 5280 4.1.2.2). 49 of them, each with a space after it, fill a text.
  const texts = Array.from({ length: 7 }, (_, text) =>
    Array.from({ length: 49 }, (_, position) => (text * 49 + position).toString(16).padStart(40, 'f')).join(' '),
  )
  const detail = Object.fromEntries(texts.map((text, position) => [`serials${position}`, text]))
  const record = (fields: Record<string, string | number>) =>
    log.record({
      event: 'certificates_revoked',
      actor: { kind: 'operator', name: 'security' },
      target: { kind: 'issuer', name: 'demo-issuing-ca' },
      reason: 'keyCompromise',
      requestId: 'r-1',
      detail: { revoked: 343, ...fields },
    })
  record(detail)
  record({ serials: 'f'.repeat(2_049) })
  record({ ...detail, serials7: texts[0] ?? '', serials8: texts[1] ?? '' })
  await log.close()
  const [whole, long, tooMuch] = readLines(file)
  t.strictSame(whole?.detail, { revoked: 343, ...detail })
  t.equal(long?.detail.serials, `${'f'.repeat(2_048)}…`, 'a longer text is shortened')
  t.strictSame(
    Object.keys(tooMuch?.detail ?? {}),
    ['omittedBytes'],
    'a longer record keeps the rest and loses its details',
  )
  t.match(await verifyAuditFile(file), { ok: true, records: 3 })
})

t.test('a restart continues the chain', async (t) => {
  const file = join(t.testdir(), 'audit.log')
  const first = await writeRecords(file, ['01', '02'])
  const log = await AuditLog.open({ file, clock })
  t.strictSame(log.head, first)
  log.record(revoked('03'))
  await log.flush()
  t.equal(log.head.seq, 3)
  await log.close()
  const verification = await verifyAuditFile(file)
  t.match(verification, { ok: true, records: 3, repairs: 0, head: 'agrees', findings: [] })
})

t.test('refused logins are written without anyone flushing', async (t) => {
  const chunks: string[] = []
  let confirmed = (_head: ChainLink) => {}
  const done = new Promise<ChainLink>((resolve) => {
    confirmed = resolve
  })
  const sink: AuditSink = {
    append: async (bytes) => {
      chunks.push(bytes.toString())
      return bytes.length
    },
    confirm: async (head) => confirmed(head),
    close: async () => {},
  }
  const log = new AuditLog(sink, chainStart, { clock })
  for (const requestId of ['a', 'b', 'c']) {
    log.record(
      describeRefusal({
        requestId,
        door: 'retail',
        clientAddress: '127.0.0.1',
        reason: 'certificate_expired',
        detail: 'expired',
        certificateSerial: '0a',
        loginId: 'user05',
      }),
    )
  }
  t.equal(chunks.length, 0, 'not in the same turn')
  t.equal((await done).seq, 3)
  t.equal(chunks.length, 1, 'one write for the three')
  await log.close()
})

t.test('a line torn by a crash stays, is described by a record, and the log verifies', async (t) => {
  for (const torn of ['{"seq":3,"time":"2026-01', '\u0000\u0000\u0000\u0000', '{"seq":3}\n{"se']) {
    const file = join(t.testdir(), 'audit.log')
    await writeRecords(file, ['01', '02'])
    appendFileSync(file, torn)
    t.match(await verifyAuditFile(file), torn.includes('\n') ? { ok: false } : { ok: true, tornTailBytes: torn.length })
    await writeRecords(file, ['03'])
    t.ok(readFileSync(file, 'utf8').includes(torn), 'nothing is cut')
    const verification = await verifyAuditFile(file)
    t.match(verification, { ok: true, records: 4, repairs: 1, head: 'agrees', findings: [] }, JSON.stringify(torn))
    const records = readFileSync(file, 'utf8').trimEnd().split('\n').slice(-2)
    t.match(JSON.parse(records[0] as string), {
      seq: 3,
      event: 'audit_log_repaired',
      detail: { tornBytes: torn.length },
    })
    rmSync(file)
  }
})

t.test('a record that lacks only its newline is whole', async (t) => {
  const file = join(t.testdir(), 'audit.log')
  await writeRecords(file, ['01', '02'])
  truncateSync(file, statSync(file).size - 1)
  await writeRecords(file, ['03'])
  t.match(await verifyAuditFile(file), { ok: true, records: 3, repairs: 0 })
})

t.test('a crash while the repair was written is repaired as well', async (t) => {
  const file = join(t.testdir(), 'audit.log')
  await writeRecords(file, ['01'])
  appendFileSync(file, '{"seq":2,"ti\n{"seq":2,"time":"20')
  await writeRecords(file, [])
  t.match(await verifyAuditFile(file), { ok: true, records: 2, repairs: 1 })
})

t.test('a file whose very first line was torn', async (t) => {
  const file = join(t.testdir(), 'audit.log')
  writeFileSync(file, '{"seq":1,"ti')
  await writeRecords(file, ['01'])
  t.match(await verifyAuditFile(file), { ok: true, records: 2, repairs: 1 })
})

t.test('a log that was moved away is continued, and the join can be checked', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'audit.log')
  const moved = join(folder, 'audit.log.1')
  const head = await writeRecords(file, ['01', '02'])
  renameSync(file, moved)
  await writeRecords(file, ['03'])
  t.match(readLines(file)[0], { seq: 3, event: 'audit_log_continued', detail: { lastSeq: 2 } })
  const verification = await verifyAuditFile(file)
  t.match(verification, { ok: true, records: 2, head: 'agrees', continuesFrom: head })
  t.match(verification.findings[0], /earlier file/)
  t.match(await verifyAuditFile(moved), { ok: true, last: head, head: 'missing' })
})

t.test('confirmed records that are gone or changed stop the start', async (t) => {
  const tamper: Record<string, (file: string) => void> = {
    'last record cut off': (file) => truncateSync(file, readFileSync(file).lastIndexOf('\n', -2) + 1),
    'cut within the last record': (file) => truncateSync(file, statSync(file).size - 20),
    'last record edited': (file) => writeFileSync(file, readFileSync(file, 'utf8').replace('/02', '/99')),
    'replaced by something else': (file) => writeFileSync(file, 'nothing\nto see\n'),
    'edited, and the head removed': (file) => {
      writeFileSync(file, readFileSync(file, 'utf8').replace('/02', '/99'))
      rmSync(`${file}.head`)
    },
  }
  for (const [name, act] of Object.entries(tamper)) {
    const file = join(t.testdir(), 'audit.log')
    await writeRecords(file, ['01', '02'])
    act(file)
    const before = readFileSync(file)
    await t.rejects(AuditLog.open({ file, clock }), { code: 'audit_chain_broken' }, name)
    t.ok(readFileSync(file).equals(before), `${name}: the evidence is left alone`)
    rmSync(file)
    rmSync(`${file}.head`, { force: true })
  }
})

t.test('a removed head file is recorded', async (t) => {
  const file = join(t.testdir(), 'audit.log')
  await writeRecords(file, ['01'])
  rmSync(`${file}.head`)
  await writeRecords(file, [])
  t.match(readLines(file)[1], { event: 'audit_log_repaired', detail: { headMissing: true } })
  t.match(await verifyAuditFile(file), { ok: true, records: 2, head: 'agrees' })
})

t.test('a file that cannot be opened is a fault', async (t) => {
  await t.rejects(AuditLog.open({ file: join(t.testdir(), 'absent', 'audit.log'), clock }), {
    code: 'audit_write_failed',
  })
})

/** Keeps bytes in memory; takes a few at a time; fails while told to. */
function createFailingSink() {
  const state = { written: '', failing: false, confirmedSeq: 0, closed: false }
  const sink: AuditSink = {
    append: async (bytes) => {
      if (state.failing) throw new Error('ENOSPC: no space left on device')
      const part = bytes.subarray(0, 100)
      state.written += part.toString('latin1')
      return part.length
    },
    confirm: async (head) => {
      if (state.failing) throw new Error('EIO: i/o error')
      state.confirmedSeq = head.seq
    },
    close: async () => {
      state.closed = true
    },
  }
  return { sink, state }
}

t.test('a full disk loses nothing that fits the queue, and drops are counted and recorded', async (t) => {
  const { sink, state } = createFailingSink()
  const counts = { recorded: 0, dropped: 0 }
  const faults: GatewayError[] = []
  const log = new AuditLog(sink, chainStart, {
    clock,
    queueBytesMax: 2_000,
    onFault: (fault) => faults.push(fault),
    observer: {
      auditRecorded: () => {
        counts.recorded += 1
      },
      auditDropped: (records) => {
        counts.dropped += records
      },
    },
  })
  log.record(revoked('00'))
  await log.flush()
  state.failing = true
  for (let i = 1; i <= 50; i += 1) log.record(revoked(`${i}`))
  await t.rejects(log.flush(), { code: 'audit_write_failed' })
  await t.rejects(log.flush(), { code: 'audit_write_failed' })
  t.equal(faults.length, 1, 'told once')
  t.ok(counts.dropped > 0 && counts.dropped < 50)
  t.equal(counts.recorded + counts.dropped, 51)
  t.equal(state.confirmedSeq, 1)
  t.equal(log.head.seq, 1)

  state.failing = false
  const dropped = counts.dropped
  await log.flush()
  await log.close()
  const file = join(t.testdir(), 'audit.log')
  writeFileSync(file, Buffer.from(state.written, 'latin1'))
  const verification = await verifyAuditFile(file, { expectedHead: log.head })
  t.match(verification, { ok: true, records: counts.recorded })
  const lines = readLines(file)
  t.match(lines.at(-1), { event: 'audit_records_dropped', detail: { records: dropped } })
  t.ok(state.closed)
})

t.test('closing fails loudly when records could not be written, and later records are counted as lost', async (t) => {
  const { sink, state } = createFailingSink()
  let dropped = 0
  const observer = {
    auditRecorded: () => {},
    auditDropped: (records: number) => {
      dropped += records
    },
  }
  const log = new AuditLog(sink, chainStart, { clock, observer })
  state.failing = true
  log.record(revoked('01'))
  await t.rejects(log.close(), { code: 'audit_write_failed' })
  t.ok(state.closed)
  log.record(revoked('02'))
  t.equal(dropped, 1)
})

t.test('records made while a write runs are written too', async (t) => {
  const { sink, state } = createFailingSink()
  const log = new AuditLog(sink, chainStart, { clock })
  for (let i = 0; i < 200; i += 1) {
    log.record(revoked(`${i}`))
    if (i % 7 === 0) await Promise.resolve()
    if (i % 50 === 0) await new Promise(setImmediate)
  }
  await log.flush()
  t.equal(state.confirmedSeq, 200)
  await log.close()
})

t.test('secrets and floods do not get into the log', async (t) => {
  const file = join(t.testdir(), 'audit.log')
  const log = await AuditLog.open({ file, clock })
  log.record({
    event: 'operator_refused',
    actor: { kind: 'operator', name: 'x'.repeat(100_000) },
    reason: 'line\nbreak "quoted" \u2028',
    detail: {
      loginPassword: 'sekisho-demo',
      sessionCookie: 'BANKSESSION=abc',
      url: 'redis://sekisho:hunter2@redis:6379/0',
      pem: '-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----',
      header: 'Bearer eyJhbGciOi.payload.signature',
      note: 'y'.repeat(50_000),
    },
  })
  log.record({
    event: 'operator_refused',
    actor: { kind: 'operator', name: 'branch' },
    detail: Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`f${i}`, 'z'.repeat(2_000)])),
  })
  await log.close()
  const text = readFileSync(file, 'utf8')
  for (const secret of ['sekisho-demo', 'BANKSESSION', 'hunter2', 'MIIEvQ', 'eyJhbGci'])
    t.notOk(text.includes(secret), secret)
  t.ok(text.split('\n').every((line) => Buffer.byteLength(line) <= 16_384))
  t.equal(text.split('\n').length, 3)
  t.ok((readLines(file)[1]?.detail.omittedBytes as number) > 16_384)
  t.match(await verifyAuditFile(file), { ok: true, records: 2 })
})

t.test('a writer killed in the middle leaves a log that goes on and verifies', async (t) => {
  const file = join(t.testdir(), 'audit.log')
  const moduleUrl = new URL('../../src/observe/audit-log.ts', import.meta.url).href
  const source = `
    const { AuditLog } = await import(${JSON.stringify(moduleUrl)})
    const log = await AuditLog.open({ file: process.argv[1], clock: { nowMs: () => 0 } })
    for (let i = 0; ; i += 1) {
      log.record({ event: 'login_refused', actor: { kind: 'user', name: 'user' + i }, detail: { note: 'x'.repeat(i % 900) } })
      if (i % 100 === 99) await log.flush()
      if (i === 999) process.stdout.write(String(log.head.seq))
    }
  `
  for (let round = 1; round <= 3; round += 1) {
    const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', source, file]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const [confirmed] = await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    await writeRecords(file, [`${round}`])
    const verification = await verifyAuditFile(file)
    t.match(verification, { ok: true, head: 'agrees', firstBadLine: undefined }, `round ${round}`)
    t.ok(verification.records > Number(confirmed), 'every confirmed record is there')
  }
})
