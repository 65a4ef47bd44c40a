// Goal: the file does not grow for ever: what ended is deleted when something like it is written, and nothing before its time.
// Method: the real store with a clock that the test moves, and the rows as another connection sees them.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { historyEntriesMax } from '../../../src/control-path/shared-notes-port.ts'
import { EmbeddedStore } from '../../../src/store/embedded/embedded-store.ts'
import { addPeople, dayMs, reservationOf, reserve } from '../samples.ts'

type Opened = { store: EmbeddedStore; rows: (table: string) => number; pass: (durationMs: number) => void }

/** A store whose time passes by hand. */
async function open(t: Test): Promise<Opened> {
  const file = join(t.testdir(), 'sekisho.db')
  let nowMs = 1_000_000
  const store = await EmbeddedStore.open(file, { clock: { ...systemClock, nowMs: () => nowMs } })
  const raw = new DatabaseSync(file, { readOnly: true })
  t.teardown(async () => {
    raw.close()
    await store.close()
  })
  return {
    store,
    rows: (table) => Number(raw.prepare(`SELECT count(*) AS rows FROM ${table}`).get()?.rows),
    pass: (durationMs) => {
      nowMs += durationMs
    },
  }
}

t.test('what was kept beside a certificate is deleted thirty days after its end, and not before', async (t) => {
  const { store, rows, pass } = await open(t)
  await addPeople(store)
  const ended = await reserve(t, store, reservationOf('1', { notAfterMs: 1_000_000 }))
  const lasting = await reserve(t, store, reservationOf('2'))
  const note = () => store.noteSightings([{ key: lasting, atMs: 6 }])
  await store.keepSigned(ended, Buffer.from('der'))
  await store.noteSightings([{ key: ended, atMs: 5 }])
  pass(30 * dayMs)
  await note()
  t.strictSame([rows('signed_certificates'), rows('sightings')], [1, 2])
  t.ok(await store.signedCertificate(ended))
  pass(1)
  await note()
  t.strictSame([rows('signed_certificates'), rows('sightings')], [0, 1])
  await store.keepSigned(ended, Buffer.from('der'))
  await store.keepSigned(lasting, Buffer.from('der'))
  t.equal(rows('signed_certificates'), 1, 'also when something is signed')
  t.strictSame(await store.sightings([lasting]), [{ firstMs: 6, lastMs: 6 }])
  t.equal(rows('certificates'), 2, 'the records stay')
})

t.test('expired notes and counts are deleted when others are written', async (t) => {
  const { store, rows, pass } = await open(t)
  await store.keepNote('code', 'value', 1_000)
  await store.countNote('wrong', 1_000)
  await store.keepNote('stays', 'value', 1_001)
  t.equal(rows('notes'), 3)
  pass(1_000)
  await store.countNote('another', 1_000)
  t.equal(rows('notes'), 2)
  t.equal(await store.readNote('stays'), 'value')
  pass(1)
  await store.keepNote('code', 'value', 1_000)
  t.equal(rows('notes'), 2)
})

t.test('a count that ended begins anew, however many notes ended before it', async (t) => {
  const { store, rows, pass } = await open(t)
  for (let number = 0; number < 150; number++) await store.keepNote(`code:${number}`, 'value', 1_000)
  await store.countNote('wrong', 2_000)
  pass(2_000)
  t.equal(await store.countNote('wrong', 1_000), 1)
  t.equal(rows('notes'), 51, 'a hundred at a time')
})

t.test('a history holds no more than it tells', async (t) => {
  const { store, rows } = await open(t)
  for (let number = 0; number < historyEntriesMax + 5; number++) await store.addHistory('login:user01', 'entry')
  t.equal(rows('history'), historyEntriesMax)
})

t.test('thousands of mails are forgotten at once, those that wait stay, and the counts agree', async (t) => {
  const { store, rows } = await open(t)
  const ids = Array.from({ length: 1_203 }, (_, index) => `mail-${index}`)
  const mails = ids.map((id) => ({ id, loginId: 'user01', to: 'a@b.example', body: '{}', dueMs: 0 }))
  await store.addMails([...mails, ...mails.map((mail) => ({ ...mail, id: `${mail.id}-waits` }))])
  for (const id of ids) await store.settleMail(id, { state: 'sent', atMs: 5 })
  t.strictSame(await store.mailCounts(), { waiting: 1_203, sent: 1_203, dead: 0 })
  t.equal(await store.forgetMails(6), 1_203)
  t.strictSame(await store.mailCounts(), { waiting: 1_203, sent: 0, dead: 0 })
  t.equal(rows('mails'), 1_203)
})
