// Goal: the note beside a file is believed only for the push it belongs to, and the meter says how fast and how long. Method: notes
// written, changed and broken; a clock that the test moves.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { PushMeter } from '../../src/cli/push-meter.ts'
import { nothingPushed, type PushIdentity, PushRecord } from '../../src/cli/push-record.ts'

const identity: PushIdentity = {
  size: 1_000,
  beginHash: 'ab',
  format: 'csv',
  issuer: '',
  adminUrl: 'https://localhost:9443',
}
const totals = { ...nothingPushed, line: 500, revoked: 400 }

t.test('a note is read back, and is none of another file, format, issuer or door', (t) => {
  const file = join(t.testdir(), 'lost.csv')
  const record = new PushRecord(file, identity)
  t.equal(record.path, `${file}.sekisho-progress`)
  t.equal(record.read(), 'none')
  record.write(totals)
  t.strictSame(new PushRecord(file, { ...identity }).read(), totals)
  for (const change of [{ size: 1_001 }, { beginHash: 'ac' }, { format: 'pem' }, { issuer: 'x' }, { adminUrl: 'y' }]) {
    t.equal(new PushRecord(file, { ...identity, ...change }).read(), 'other', JSON.stringify(change))
  }
  const broken = ['', '{}', '[]', 'null', JSON.stringify({ layout: 1, identity, totals: { ...totals, line: -1 } })]
  for (const text of [...broken, JSON.stringify({ layout: 2, identity, totals })]) {
    writeFileSync(record.path, text)
    t.equal(record.read(), 'other', text)
  }
  record.remove()
  record.remove()
  t.equal(record.read(), 'none')
  t.end()
})

function startMeter(columns: number | undefined) {
  let nowMs = 1_000
  const written: string[] = []
  const write = (text: string) => void written.push(text)
  const meter = new PushMeter({ clock: { monotonicMs: () => nowMs }, write, columns })
  return { meter, written, pass: (ms: number) => (nowMs += ms) }
}

t.test('on a terminal: a bar with rate and time left, never wider than it, and taken away at the end', (t) => {
  const { meter, written, pass } = startMeter(80)
  pass(10)
  meter.show(10, 0.001)
  t.strictSame(written, [], 'not at every batch')
  pass(1_990)
  meter.show(30_000, 0.25)
  t.strictSame(written, ['\r[######..................] 25 %, 30,000 entries, 15,000/s, 0:06 left'])
  pass(2_000)
  meter.show(60_000, 0.5)
  t.match(written[1], /^\r\[#{12}\.{12}\] 50 %, 60,000 entries, 15,000\/s, 0:04 left *$/)
  meter.clear()
  t.match(written[2], /^\r +\r$/)
  t.equal(meter.seconds, 4)
  const narrow = startMeter(20)
  narrow.pass(1_000)
  narrow.meter.show(1, 0.5)
  t.equal(narrow.written[0], '\r[############......')
  t.end()
})

t.test('elsewhere: a plain line every few seconds; without a size no percentage', (t) => {
  const { meter, written, pass } = startMeter(undefined)
  for (let second = 1; second <= 11; second++) {
    pass(1_000)
    meter.show(second * 100, undefined)
  }
  meter.clear()
  t.strictSame(written, ['500 entries, 100/s\n', '1,000 entries, 100/s\n'])
  t.end()
})
