import type { Test } from 'tap'
import type { Mail, NewMail } from '../../src/control-path/outbox-port.ts'
import type { TrustStore } from '../../src/control-path/store-port.ts'
import { type ContractSetting, givenNowMs, nowMs, storeNowMs } from './samples.ts'

const dueMs = 5_000
const leaseMs = 1_000

function mailOf(id: string, changes: Partial<NewMail> = {}): NewMail {
  return { id, loginId: 'user01', to: 'user01@shoji.example', body: '{"notice":"expiry"}', dueMs, ...changes }
}

const idsOf = (mails: readonly Mail[]): string[] => mails.map(({ id }) => id)

async function leasedIds(store: TrustStore, atMs: number, limit = 10): Promise<string[]> {
  return idsOf(await store.leaseMails(atMs, leaseMs, limit))
}

/** Mails on their way (R10: each is sent once, whoever sends it). */
export function testOutbox(t: Test, setting: ContractSetting): void {
  testSending(t, setting)
  testLooking(t, setting)
}

function testSending(t: Test, { open, clock }: ContractSetting): void {
  t.test('R10: a mail is added once, whatever became of it since', async (t) => {
    const store = await open(t, { nowMs })
    t.strictSame(await store.addMails([]), [])
    t.strictSame(await store.addMails([mailOf('a'), mailOf('b'), mailOf('a', { body: '{}' })]), [true, true, false])
    t.strictSame(await store.addMails([mailOf('b', { dueMs: 0 }), mailOf('c')]), [false, true])
    t.strictSame((await leasedIds(store, dueMs)).toSorted(), ['a', 'b', 'c'])
    await store.settleMail('a', { state: 'sent', atMs: dueMs })
    await store.settleMail('b', { state: 'dead', error: 'mailbox unknown', atMs: dueMs })
    t.strictSame(await store.addMails([mailOf('a'), mailOf('b')]), [false, false])
    t.strictSame(await store.mailCounts(), { waiting: 1, sent: 1, dead: 1 })
  })

  t.test(
    'R10: a mail that is due is leased to one, whole, oldest first; and again when the lease has ended',
    async (t) => {
      const store = await open(t, { nowMs })
      const beforeMs = await storeNowMs(store)
      const odd = mailOf('odd', {
        dueMs: 100,
        to: '"o\'brien 日本 😀"@x.example',
        body: '{"a":"\\n\'); --"}',
        loginId: 'ユーザ',
      })
      await store.addMails([mailOf('late', { dueMs: 300 }), odd, mailOf('later', { dueMs: 400 }), mailOf('not yet')])
      t.strictSame(await store.leaseMails(99, leaseMs, 10), [])
      const [first, ...rest] = await store.leaseMails(500, leaseMs, 1)
      t.strictSame(rest, [])
      const { changedMs, dueMs: leasedUntilMs, ...whole } = first ?? { changedMs: 0, dueMs: 0 }
      const { dueMs: _, ...added } = odd
      t.strictSame(whole, { ...added, state: 'waiting', attempts: 1, lastError: '' })
      t.equal(leasedUntilMs, 1_500, 'when it is due again')
      t.ok(changedMs >= beforeMs && changedMs <= (await storeNowMs(store)))
      if (clock === 'given') t.equal(changedMs, givenNowMs)
      t.strictSame(await leasedIds(store, 600), ['late', 'later'])
      t.strictSame(await leasedIds(store, 1_499), [], 'nobody else gets them meanwhile')
      t.match(await store.leaseMails(1_500, leaseMs, 10), [{ id: 'odd', attempts: 2 }])
      t.strictSame(await leasedIds(store, 5_000), ['late', 'later', 'odd', 'not yet'])
    },
  )

  t.test('R10: two that lease at the same time never get the same mail', async (t) => {
    const store = await open(t, { nowMs })
    const ids = Array.from({ length: 30 }, (_, index) => `mail-${index}`)
    await store.addMails(ids.map((id) => mailOf(id)))
    const leases = await Promise.all([1, 2, 3, 4].map(() => leasedIds(store, dueMs)))
    t.strictSame(leases.flat().toSorted(), ids.toSorted())
  })

  t.test('what became of a mail is kept: sent, to be tried again, given up', async (t) => {
    const store = await open(t, { nowMs })
    await store.addMails([mailOf('a'), mailOf('b')])
    await store.leaseMails(dueMs, leaseMs, 10)
    await store.settleMail('a', { state: 'waiting', dueMs: 9_000, error: 'server busy', atMs: 6_000 })
    await store.settleMail('b', { state: 'sent', atMs: 6_001 })
    t.strictSame(await leasedIds(store, 8_999), [])
    t.match(await store.leaseMails(9_000, leaseMs, 10), [{ id: 'a', attempts: 2, lastError: 'server busy' }])
    await store.settleMail('a', { state: 'dead', error: 'mailbox unknown', atMs: 9_500 })
    t.strictSame(await leasedIds(store, 1e12), [], 'nothing to send any more')
    t.match(await store.mails({ state: 'dead', limit: 9 }), [
      { id: 'a', state: 'dead', attempts: 2, lastError: 'mailbox unknown', changedMs: 9_500 },
    ])
    t.match(await store.mails({ state: 'sent', limit: 9 }), [
      { id: 'b', state: 'sent', attempts: 1, lastError: '', changedMs: 6_001 },
    ])
    await store.settleMail('nobody', { state: 'sent', atMs: 1 })
    t.strictSame(await store.mailCounts(), { waiting: 0, sent: 1, dead: 1 })
  })

  t.test('R10: a mail that was sent is never sent again, though another sender failed or was slower', async (t) => {
    const store = await open(t, { nowMs })
    await store.addMails([mailOf('a'), mailOf('b')])
    await store.leaseMails(dueMs, leaseMs, 10)
    await store.settleMail('a', { state: 'sent', atMs: 6_000 })
    await store.settleMail('a', { state: 'waiting', dueMs: 7_000, error: 'timed out', atMs: 6_500 })
    await store.settleMail('a', { state: 'dead', error: 'timed out', atMs: 6_600 })
    await store.settleMail('a', { state: 'sent', atMs: 6_700 })
    await store.settleMail('b', { state: 'dead', error: 'mailbox unknown', atMs: 6_000 })
    await store.settleMail('b', { state: 'waiting', dueMs: 7_000, error: 'timed out', atMs: 6_500 })
    t.strictSame(await leasedIds(store, 1e12), [])
    t.match(await store.mails({ state: 'sent', limit: 9 }), [{ id: 'a', lastError: '', changedMs: 6_000 }])
    t.match(await store.mails({ state: 'dead', limit: 9 }), [{ id: 'b', lastError: 'mailbox unknown' }])
    await store.settleMail('b', { state: 'sent', atMs: 8_000 })
    t.match(await store.mails({ state: 'sent', limit: 9 }), [{ id: 'b', lastError: 'mailbox unknown' }, { id: 'a' }])
  })
}

function testLooking(t: Test, { open, clock }: ContractSetting): void {
  t.test('mails are listed newest first, a page after the other', async (t) => {
    const store = await open(t, { nowMs })
    const ids = ['a', 'b', 'c', 'd', 'e']
    await store.addMails(ids.map((id) => mailOf(id)))
    await store.leaseMails(dueMs, leaseMs, 10)
    // Two of them in the same millisecond.
    const timesMs = [6_000, 6_001, 6_001, 6_002, 6_003]
    for (const [index, id] of ids.entries()) {
      await store.settleMail(id, { state: 'dead', error: 'no', atMs: timesMs[index] ?? 0 })
    }
    t.strictSame(idsOf(await store.mails({ state: 'dead', limit: 9 })), ['e', 'd', 'c', 'b', 'a'])
    const listed: string[] = []
    for (let after: string | undefined; ; after = listed.at(-1)) {
      const page = await store.mails({ state: 'dead', limit: 3, ...(after === undefined ? {} : { after }) })
      listed.push(...idsOf(page))
      if (page.length < 3) break
    }
    t.strictSame(listed, ['e', 'd', 'c', 'b', 'a'])
    t.strictSame(
      await store.mails({ state: 'dead', after: 'nobody', limit: 2 }),
      [],
      'after what is not there is nothing',
    )
    t.strictSame(await store.mails({ state: 'sent', limit: 9 }), [])
    t.strictSame(await store.mails({ state: 'waiting', limit: 9 }), [])
  })

  t.test('an operator revives a dead mail: due at once, no attempts counted', async (t) => {
    const store = await open(t, { nowMs })
    await store.addMails([mailOf('a'), mailOf('b')])
    await store.leaseMails(dueMs, leaseMs, 10)
    await store.settleMail('a', { state: 'dead', error: 'mailbox unknown', atMs: dueMs })
    t.equal(await store.reviveMail('a'), true)
    t.equal(await store.reviveMail('a'), false, 'it is not dead any more')
    t.equal(await store.reviveMail('b'), false)
    t.equal(await store.reviveMail('nobody'), false)
    t.strictSame(await store.mailCounts(), { waiting: 2, sent: 0, dead: 0 })
    const atMs = await storeNowMs(store)
    if (clock === 'given') t.strictSame(await leasedIds(store, givenNowMs - 1), ['b'], 'not due before')
    t.ok((await store.leaseMails(atMs, leaseMs, 10)).some(({ id, attempts }) => id === 'a' && attempts === 1))
  })

  t.test('mails that ended long ago are forgotten; those that wait stay, however old', async (t) => {
    const store = await open(t, { nowMs })
    await store.addMails(['a', 'b', 'c', 'waits'].map((id) => mailOf(id)))
    await store.leaseMails(dueMs, leaseMs, 10)
    await store.settleMail('a', { state: 'sent', atMs: 6_000 })
    await store.settleMail('b', { state: 'dead', error: 'no', atMs: 6_999 })
    await store.settleMail('c', { state: 'sent', atMs: 7_000 })
    await store.settleMail('waits', { state: 'waiting', dueMs: 6_000, error: 'busy', atMs: 6_000 })
    t.equal(await store.forgetMails(7_000), 2)
    t.equal(await store.forgetMails(7_000), 0)
    t.strictSame(await store.mailCounts(), { waiting: 1, sent: 1, dead: 0 })
    t.strictSame(await store.addMails([mailOf('a'), mailOf('c')]), [true, false])
  })
}
