// Goal: each mail ends as it should: sent once, tried again at growing intervals, given up, withdrawn; and people see which (R10).
// Method: the sender over an outbox in memory and an outlet that answers as the test says, with a clock that the test moves.
import t from 'tap'
import type { ControlAuditEvent } from '../../src/control-path/ports.ts'
import { writeBody } from '../../src/lifecycle/notice-body.ts'
import { bouncedAddresses, bounceNote, listMails, reviveMail } from '../../src/lifecycle/notice-desk.ts'
import type { MailOutcome, MailOutlet, OutgoingMail } from '../../src/mail/mail-outlet.ts'
import { type MailEnd, MailSender } from '../../src/mail/mail-sender.ts'
import { eventually } from '../helpers/eventually.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { certificateOf, FakeNoticeStore, userOf } from '../lifecycle/fake-notice-store.ts'

const minuteMs = 60_000
const dayMs = 86_400_000
const later: MailOutcome = { kind: 'later', error: 'busy' }
const down: MailOutcome = { kind: 'server', error: 'connection refused' }

function setUp({ width = 2 } = {}) {
  const clock = new FakeClock()
  const store = new FakeNoticeStore(() => clock.nowMs())
  const notAfterMs = clock.nowMs() + 30 * dayMs
  const sent: OutgoingMail[] = []
  const ends: MailEnd[] = []
  const kept: Record<string, number> = {}
  const audited: ControlAuditEvent[] = []
  const pauses: number[] = []
  const answers: { of(mail: OutgoingMail): MailOutcome | Promise<MailOutcome> } = { of: () => ({ kind: 'sent' }) }
  const outlet: MailOutlet = {
    width,
    attemptMsMax: 60_000,
    async send(mail) {
      const outcome = await answers.of(mail)
      if (outcome.kind === 'sent') sent.push(mail)
      return outcome
    },
    close() {},
  }
  const ports = {
    store: store.asStore,
    outlet: (): MailOutlet | undefined => outlet,
    notices: () => ({
      from: 'notice@bank.example',
      replyTo: undefined,
      attemptsMax: 4,
      retryMinutes: 5,
      retryMinutesMax: 15,
      keepDays: 400,
    }),
    write: () => ({ subject: 's', sender: 'bank', text: 't', html: 'h' }),
    audit: (event: ControlAuditEvent) => void audited.push(event),
    log: { info() {}, warn() {}, error() {} },
    metrics: {
      mailEnded: (end: MailEnd) => void ends.push(end),
      mailsKept(state: string, count: number) {
        kept[state] = count
      },
    },
    nowMs: () => clock.nowMs(),
    pause: (durationMs: number, signal: AbortSignal) =>
      new Promise<void>((resolve) => {
        pauses.push(durationMs)
        if (signal.aborted) resolve()
        else signal.addEventListener('abort', () => resolve())
      }),
  }
  const sender = new MailSender(ports)
  /** A mail to a user with a certificate. */
  const add = async (loginId = 'user01') => {
    const certificate = certificateOf({ loginId, serial: loginId.replace(/\D/g, '1'), notAfterMs })
    store.add(userOf({ loginId }), certificate)
    const { key } = certificate
    const body = { kind: 'expiry', loginId, key, serial: '1', notAfterMs, step: 30, language: 'ja', name: '' } as const
    const mail = { id: `expiry:${key}:30`, loginId, to: `${loginId}@shoji.example`, body: writeBody(body) }
    await store.addMails([{ ...mail, dueMs: clock.nowMs() }])
    return { id: mail.id, key }
  }
  const stateOf = (id: string) => store.outbox.get(id)
  return { clock, store, sent, ends, kept, audited, pauses, answers, sender, add, stateOf, ports }
}

t.test('R10: what is due is sent once and counted', async (t) => {
  const { sender, sent, ends, kept, add, stateOf } = setUp()
  const { id } = await add()
  t.equal(await sender.sendDue(), 1)
  t.match(sent, [{ id, to: 'user01@shoji.example', from: 'notice@bank.example', subject: 's' }])
  t.match(stateOf(id), { state: 'sent', attempts: 1 })
  t.equal(await sender.sendDue(), 0)
  t.same([sent.length, ends, kept], [1, ['sent'], { waiting: 0, dead: 0 }])
})

t.test(
  'R10: after a failure it is tried again at growing intervals, then given up, on record and on a list',
  async (t) => {
    const { clock, sender, answers, ends, audited, store, add, stateOf } = setUp()
    const { id } = await add()
    answers.of = () => later
    for (const minutes of [5, 10, 15]) {
      t.equal(await sender.sendDue(), 1)
      t.match(stateOf(id), { state: 'waiting', lastError: 'busy', dueMs: clock.nowMs() + minutes * minuteMs })
      clock.advance(minutes * minuteMs - 1)
      t.equal(await sender.sendDue(), 0, 'not before')
      clock.advance(1)
    }
    t.same(audited, [])
    await sender.sendDue()
    t.match(stateOf(id), { state: 'dead', attempts: 4, lastError: 'busy' })
    t.same(ends, ['failed', 'failed', 'failed', 'dead'])
    t.match(audited, [
      { event: 'mail_failed', target: { kind: 'login_id', name: 'user01' }, detail: { mail: id, error: 'busy' } },
    ])
    const [listed] = await listMails({ state: 'dead', limit: 10 }, store.asStore)
    t.match(listed, { id, kind: 'expiry', error: 'busy', bounced: false, withdrawn: false })
    answers.of = () => ({ kind: 'sent' })
    t.equal(await reviveMail(id, store.asStore), true)
    t.equal(await reviveMail(id, store.asStore), false)
    await sender.sendDue()
    t.match(stateOf(id), { state: 'sent' })
  },
)

t.test('R10: a refused address ends its mail at once and is shown until it takes one; the others go out', async (t) => {
  const { sender, answers, sent, audited, store, add, stateOf, clock } = setUp({ width: 3 })
  const gone = await add('user02')
  await add('user01')
  await add('user03')
  answers.of = ({ to }) =>
    to.startsWith('user02') ? { kind: 'address', error: '5.1.1 no such user' } : { kind: 'sent' }
  await sender.sendDue()
  t.same(sent.map(({ to }) => to).toSorted(), ['user01@shoji.example', 'user03@shoji.example'])
  t.match(stateOf(gone.id), { state: 'dead', attempts: 1, lastError: 'bounced: 5.1.1 no such user' })
  t.match(audited, [{ event: 'mail_failed', reason: 'address_refused', target: { name: 'user02' } }])
  t.match(store.entries, [['login:user02', /"what":"mail_bounced".*user02@shoji\.example/]])
  const [bounced, ...rest] = await bouncedAddresses(100, store.asStore)
  t.same(rest, [])
  t.same(bounced, {
    loginId: 'user02',
    contractId: 'shoji',
    address: 'user02@shoji.example',
    error: '5.1.1 no such user',
    sinceMs: clock.nowMs(),
  })
  t.equal(await store.readNote(bounceNote('user02')), 'user02@shoji.example')

  store.add(userOf({ loginId: 'user02', email: 'new@shoji.example' }))
  t.same(await bouncedAddresses(100, store.asStore), [], 'another address by now')
  await reviveMail(gone.id, store.asStore)
  await sender.sendDue()
  t.equal(sent.at(-1)?.to, 'new@shoji.example', 'revived, it goes to the address of today')
  t.equal(await store.readNote(bounceNote('user02')), undefined)
})

t.test('a mail that is refused for good is given up at once, but its address is not marked', async (t) => {
  const { sender, answers, store, add, stateOf } = setUp()
  const { id } = await add()
  answers.of = () => ({ kind: 'mail', error: '5.6.0' })
  await sender.sendDue()
  t.match(stateOf(id), { state: 'dead', attempts: 1, lastError: '5.6.0' })
  t.same(await bouncedAddresses(100, store.asStore), [])
})

t.test('R10: a notice that is no longer true when it would be sent is withdrawn', async (t) => {
  const { sender, sent, ends, audited, store, add, stateOf } = setUp({ width: 10 })
  const superseded = await add('user01')
  const revoked = await add('user02')
  const suspended = await add('user03')
  const removed = await add('user04')
  const silent = await add('user05')
  const fine = await add('user06')
  store.change(superseded.key, { state: 'superseded' })
  store.change(revoked.key, { revoked: true })
  store.add(userOf({ loginId: 'user03', state: 'suspended' }))
  store.users.delete('user04')
  store.add(userOf({ loginId: 'user05', email: '' }))
  await sender.sendDue()
  t.same(
    sent.map(({ id }) => id),
    [fine.id],
  )
  for (const { id } of [superseded, revoked, suspended, removed, silent]) {
    t.match(stateOf(id), { state: 'dead', lastError: /^withdrawn: / })
  }
  t.same(ends.toSorted(), ['sent', ...Array(5).fill('withdrawn')])
  t.same(audited, [], 'nothing failed')
  t.ok((await listMails({ state: 'dead', limit: 10 }, store.asStore)).every(({ withdrawn }) => withdrawn))
})

t.test('a text that this program does not know is given up, not sent', async (t) => {
  const { sender, sent, store, stateOf } = setUp()
  store.add(userOf())
  await store.addMails([
    { id: 'new:1', loginId: 'user01', to: 'user01@shoji.example', body: '{"kind":"new"}', dueMs: 0 },
  ])
  await sender.sendDue()
  t.same(sent, [])
  t.match(stateOf('new:1'), { state: 'dead' })
})

t.test('R10: what was sent while the store was away is told later, and not sent again', async (t) => {
  const { clock, sender, sent, store, add, stateOf } = setUp()
  const { id } = await add()
  store.failing.add('settleMail')
  await sender.sendDue()
  t.equal(sent.length, 1)
  clock.advance(dayMs)
  await sender.sendDue()
  t.equal(sent.length, 1, 'though its lease has ended')
  t.match(stateOf(id), { state: 'waiting' })
  store.failing.clear()
  await sender.close()
  t.match(stateOf(id), { state: 'sent' })
})

t.test('R10: while the server is down only a few are tried, with growing pauses; then all go out', async (t) => {
  const { clock, sender, answers, sent, pauses, add, stateOf } = setUp({ width: 2 })
  const ids: string[] = []
  for (let number = 1; number <= 6; number += 1) ids.push((await add(`user0${number}`)).id)
  answers.of = () => down
  t.equal(await sender.sendDue(), 2)
  const tried = ids.filter((id) => stateOf(id)?.attempts === 1)
  t.equal(tried.length, 2, 'the others keep their attempts')
  t.teardown(() => sender.close())
  sender.start()
  await eventually(
    () => pauses.length,
    (count) => count === 1,
  )
  t.equal(pauses[0], 10_000, 'the second trouble in a row')
  sender.wake()
  t.equal(pauses.length, 1, 'new mails do not shorten it')
  await sender.close()

  answers.of = () => ({ kind: 'sent' })
  clock.advance(10 * minuteMs)
  for (let round = 0; round < 3; round += 1) await sender.sendDue()
  t.equal(sent.length, 6)
})

t.test('the loop sends what is there, waits, and is woken', async (t) => {
  const { sender, sent, pauses, add } = setUp({ width: 1 })
  t.teardown(() => sender.close())
  await add('user01')
  await add('user02')
  sender.start()
  await eventually(
    () => pauses.length,
    (count) => count === 1,
  )
  t.equal(sent.length, 2, 'without a pause in between')
  await add('user03')
  sender.wake()
  await eventually(
    () => sent.length,
    (count) => count === 3,
  )
})

t.test('the end waits for what is under way, and begins nothing more', async (t) => {
  const { sender, answers, sent, add, stateOf } = setUp({ width: 1 })
  const first = await add('user01')
  const second = await add('user02')
  const { promise, resolve: finish } = Promise.withResolvers<MailOutcome>()
  const begun = Promise.withResolvers<void>()
  answers.of = () => {
    begun.resolve()
    return promise
  }
  sender.start()
  await begun.promise
  const closed = sender.close()
  finish({ kind: 'sent' })
  await closed
  t.equal(sent.length, 1)
  t.match(stateOf(first.id), { state: 'sent' })
  t.match(stateOf(second.id), { state: 'waiting', attempts: 0 })
})

t.test('where nothing is delivered the outbox is left alone', async (t) => {
  const { ports, store, add, stateOf } = setUp()
  const { id } = await add()
  const idle = new MailSender({ ...ports, outlet: () => undefined })
  store.calls.length = 0
  t.equal(await idle.sendDue(), 0)
  t.same(store.calls, [])
  t.match(stateOf(id), { state: 'waiting', attempts: 0 })
})
