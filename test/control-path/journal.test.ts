// Goal: what a journal says it has is what was appended, whole records only, whatever happened to the file. Method: real files, cut
// at every byte and with every bit flipped, and the records that come out of them.
import { appendFileSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { JournalFile } from '../../src/control-path/journal-file.ts'
import { packKeys, unpackKeys } from '../../src/control-path/journal-keys.ts'
import { type JournalEnd, readJournal } from '../../src/control-path/journal-reader.ts'
import { encodeEvents, encodeRecord, type JournalRecord } from '../../src/control-path/journal-record.ts'
import type { TrustEvent } from '../../src/control-path/ports.ts'
import type { CertificateKey } from '../../src/x509/certificate-key.ts'
import { archiveFolder, keyOf, revokedEvent } from './archive-played-memory.ts'

const opening = encodeRecord({
  kind: 'opening',
  opening: { schema: 1, bootId: 'b', base: 0, parts: [], gap: false, highestVersion: 0 },
})

const events: TrustEvent[] = [
  revokedEvent(1, 1, 2, 3),
  { kind: 'restored', version: 2, key: keyOf(2), actor: 'security', atMs: 5 },
  { kind: 'rule', version: 3, ruleId: 'login:u1', rule: { by: 'loginId', loginId: 'u1', notBeforeMaxMs: 9 }, atMs: 5 },
  { kind: 'rule_withdrawn', version: 4, ruleId: 'login:u1', atMs: 6 },
  { kind: 'superseded', version: 5, key: keyOf(1) },
  { kind: 'suspended', version: 6, loginId: '利用者', suspended: true },
  { kind: 'login_method', version: 7, contractId: 'c1', method: 'password' },
  revokedEvent(8, 4),
]

function recordsOf(file: string, from = 0): { records: JournalRecord[]; end: JournalEnd } {
  const reading = readJournal(file, from)
  const records: JournalRecord[] = []
  for (;;) {
    const next = reading.next()
    if (next.done === true) return { records, end: next.value }
    records.push(next.value)
  }
}

function eventsOf(records: readonly JournalRecord[]): TrustEvent[] {
  return records.flatMap((record) => (record.kind === 'events' ? record.events : []))
}

function fileFor(t: { teardown(end: () => void): void }): string {
  const folder = archiveFolder(t)
  mkdirSync(folder)
  return join(folder, 'journal-1.bin')
}

/** Three records: the opening and two of events. */
function writeSmall(file: string): { lengths: number[] } {
  const parts = [opening, ...encodeEvents([revokedEvent(1, 1, 2)], 1), ...encodeEvents([revokedEvent(2, 3)], 2)]
  writeFileSync(file, Buffer.concat(parts))
  return { lengths: parts.map(({ length }) => length) }
}

t.test('every kind of event comes out as it went in', async (t) => {
  const file = fileFor(t)
  writeFileSync(file, Buffer.concat([opening, ...encodeEvents(events, 8)]))
  const { records, end } = recordsOf(file)
  t.strictSame(eventsOf(records), events)
  t.match(end, { rest: 'nothing', bytes: statSync(file).size })
  t.equal(records[0]?.kind, 'opening')
})

t.test('keys in any spelling, and of more issuers than have a number, come out as they went in', async (t) => {
  const odd = [
    '',
    'x',
    `${'ab'.repeat(16)}:`,
    `${'ab'.repeat(16)}:0A:1B`,
    `${'AB'.repeat(16)}:1b`,
    '証明書',
    `${'ab'.repeat(16)}:${'f'.repeat(41)}`,
  ]
  const longest = `${'cd'.repeat(16)}:${'f'.repeat(40)}`
  const manyIssuers = Array.from(
    { length: 300 },
    (_, n) => `${n.toString(16).padStart(32, '0')}:${(n + 1).toString(16)}`,
  )
  const keys = [...odd, longest, ...manyIssuers, longest, ...odd] as CertificateKey[]
  const packed = packKeys(keys)
  t.equal(packed.issuers.length, 256)
  const list = unpackKeys(packed)
  t.strictSame([...list.next(10), ...list.next(keys.length - 10)], keys)
  t.throws(() => list.next(1), 'there are no more')
})

t.test('a thousand keys in one event take little more than their serial numbers', async (t) => {
  const keys = Array.from({ length: 1_000 }, (_, n) => keyOf(2 ** 40 + n))
  const bytes = [...encodeEvents([{ kind: 'revoked', version: 1, keys, atMs: 1 }], 1)].reduce(
    (sum, { length }) => sum + length,
    0,
  )
  t.ok(bytes < 1_000 * (6 + 2) + 300, `${bytes} bytes`)
})

t.test('many events become several records, all of which are read', async (t) => {
  const file = fileFor(t)
  const many = Array.from({ length: 10_000 }, (_, n) => revokedEvent(n + 1, n))
  const large = Array.from({ length: 100 }, (_, n) =>
    revokedEvent(n + 1, ...Array.from({ length: 1_000 }, (_, m) => n * 1_000 + m)),
  )
  for (const [list, records] of [
    [many, 3],
    [large, 4],
  ] as const) {
    writeFileSync(file, Buffer.concat([opening, ...encodeEvents(list, 1)]))
    const read = recordsOf(file)
    t.strictSame(eventsOf(read.records), list)
    t.equal(read.records.length, 1 + records)
  }
})

t.test('a journal cut at any byte gives the records before it, and is torn rather than damaged', async (t) => {
  const file = fileFor(t)
  const { lengths } = writeSmall(file)
  const whole = readFileSync(file)
  const wrong: unknown[] = []
  for (let size = whole.length; size >= 0; size--) {
    truncateSync(file, size)
    const { records, end } = recordsOf(file)
    let count = 0
    let bytes = 0
    for (const length of lengths) {
      if (bytes + length > size) break
      bytes += length
      count++
    }
    const rest = bytes === size ? 'nothing' : 'torn'
    if (records.length !== count || end.bytes !== bytes || end.rest !== rest) wrong.push({ size, records, end })
  }
  t.same(wrong, [])
})

t.test('no flipped bit gives another record: it ends the journal where it is', async (t) => {
  const file = fileFor(t)
  const { lengths } = writeSmall(file)
  const whole = readFileSync(file)
  const { records: good } = recordsOf(file)
  const starts = lengths.map((_, n) => lengths.slice(0, n).reduce((sum, length) => sum + length, 0))
  const wrong: unknown[] = []
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const bytes = Buffer.from(whole)
    bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    writeFileSync(file, bytes)
    const { records, end } = recordsOf(file)
    const hit = starts.filter((start) => start <= bit >> 3).length - 1
    const isRight = records.length === hit && end.bytes === starts[hit] && end.rest === 'damaged'
    if (!isRight || JSON.stringify(records) !== JSON.stringify(good.slice(0, hit))) wrong.push({ bit, records, end })
  }
  t.same(wrong, [])
})

t.test(
  'zeros at the end, which a power cut leaves, are a torn tail; zeros with something behind them are damage',
  async (t) => {
    const file = fileFor(t)
    const { lengths } = writeSmall(file)
    const bytes = lengths.reduce((sum, length) => sum + length, 0)
    appendFileSync(file, Buffer.alloc(3 * 1_048_576))
    t.match(recordsOf(file).end, { rest: 'torn', bytes })
    appendFileSync(file, 'x')
    t.match(recordsOf(file).end, { rest: 'damaged', bytes })
  },
)

t.test('reading goes on where it ended, when the file has grown', async (t) => {
  const folder = dirname(fileFor(t))
  const file = JournalFile.create({ folder, above: 6 }, opening)
  t.equal(file.number, 7)
  const path = join(folder, 'journal-7.bin')
  t.equal(statSync(path).mode & 0o777, 0o600)
  const first = recordsOf(path)
  for (const record of encodeEvents(events, 8)) file.append(record)
  t.strictSame(eventsOf(recordsOf(path, first.end.bytes).records), events)
  const second = JournalFile.create({ folder, above: 0 }, opening)
  t.equal(second.number, 8, 'above what is there')
  await Promise.all([file.close(), second.close()])
})
