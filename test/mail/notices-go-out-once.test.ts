// Goal: from the daily run and from acts to a mail that a person reads, once, though two gateways do it all (R10, R11, R12). Method: two
// gateways' notices on one store in memory, a real SMTP server that is fine, down, or refuses one; time is moved by the test.
import t, { type Test } from 'tap'
import { type NoticeOptions, startNotices } from '../../src/assemble-notices.ts'
import type { GatewayConfig } from '../../src/config/gateway-config.ts'
import { bouncedAddresses } from '../../src/lifecycle/notice-desk.ts'
import { foreseeNotices } from '../../src/lifecycle/notice-run.ts'
import { parseSample } from '../config/sample-config.ts'
import { eventually } from '../helpers/eventually.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { certificateOf, FakeNoticeStore, userOf } from '../lifecycle/fake-notice-store.ts'
import { smtpConfig } from './mail-samples.ts'
import { type CaughtMail, readMail, type SmtpCatcherOptions, startSmtpCatcher } from './smtp-catcher.ts'

const notAfterMs = Date.parse('2026-12-24T23:59:59+09:00')
const morning = (date: string) => Date.parse(`${date}T08:30:00+09:00`)
const sample = parseSample({ set: { notices: { from: 'notice@bank.example', outboxFolder: 'outbox' } } }).config
const both = (ja: string, en: string) => ({ ja, en })
const institution: GatewayConfig['institution'] = {
  name: both('サンプル銀行', 'Sample Bank'),
  selfReference: both('当行', 'the bank'),
  contact: both('ヘルプデスク 0120-000-000', 'Helpdesk 0120-000-000'),
  hours: both('平日 9:00～17:00', 'weekdays, 9:00 to 17:00'),
}

/** Pauses that end when the test lets them. */
class Pauses {
  readonly #waiting = new Set<() => void>()
  readonly pause: NonNullable<NoticeOptions['pause']> = (_, signal) =>
    new Promise<void>((resolve) => {
      const end = () => {
        this.#waiting.delete(end)
        resolve()
      }
      this.#waiting.add(end)
      if (signal.aborted) end()
      else signal.addEventListener('abort', end)
    })

  end(): void {
    for (const end of [...this.#waiting]) end()
  }
}

async function setUp(t: Test, date: string, catching: SmtpCatcherOptions = {}) {
  const clock = new FakeClock(morning(date))
  const store = new FakeNoticeStore(() => clock.nowMs())
  const catcher = await startSmtpCatcher(t, catching)
  const counted = { sent: 0, added: 0, written: 0, failed: 0 }
  const pauses = new Pauses()
  let config: GatewayConfig = {
    ...sample,
    institution,
    notices: { ...sample.notices, delivery: smtpConfig({ port: catcher.port }) },
  }
  const start = () => {
    const notices = startNotices({
      config: () => config,
      store: store.asStore,
      audit() {},
      log: { info() {}, warn() {}, error() {} },
      metrics: {
        mailEnded(end) {
          if (end === 'sent') counted.sent += 1
        },
        mailsKept() {},
        noticeRunEnded(result) {
          if (result !== 'not_needed') counted[result] += 1
        },
        noticesAdded(count) {
          counted.added += count
        },
        noticesLost() {},
      },
      clock,
      pause: pauses.pause,
    })
    t.teardown(() => notices.close())
    return notices
  }
  const reload = (changes: Partial<GatewayConfig['notices']>) => {
    config = { ...config, notices: { ...config.notices, ...changes } }
  }
  return { clock, store, catcher, counted, pauses, start, reload }
}

const caught = (mails: readonly CaughtMail[], count: number) =>
  eventually(
    () => mails.length,
    (length) => length >= count,
  )

t.test('R10: two gateways on one store send each notice once, and it is read in Japanese', async (t) => {
  const { clock, store, catcher, counted, pauses, start } = await setUp(t, '2026-11-24')
  for (let number = 1; number <= 20; number += 1) {
    const loginId = `user${String(number).padStart(2, '0')}`
    store.add(userOf({ loginId, name: '加藤 大輔' }), certificateOf({ loginId, serial: `a${number}`, notAfterMs }))
  }
  const gateways = [start(), start()]
  await caught(catcher.mails, 20)
  await Promise.all(gateways.map((gateway) => gateway.runNow()))
  await eventually(
    () => counted.sent,
    (sent) => sent === 20,
  )
  t.equal(new Set(catcher.mails.map(({ to }) => to[0])).size, 20)
  const { headers, text, html } = readMail(catcher.mails.find(({ to }) => to[0] === 'user01@shoji.example')?.raw ?? '')
  t.equal(headers.get('subject'), '【サンプル銀行】電子証明書 有効期限のお知らせ（あと30日）')
  t.match(text, '加藤 大輔 様')
  t.match(text, '有効期限：2026年12月24日(木)（あと30日）')
  t.match(text, 'シリアル番号：a1')
  t.match(html, '2026年12月24日(木)（あと30日）')
  t.match(counted, { added: 20 })

  clock.wallMs = morning('2026-12-23')
  await eventually(
    () => {
      pauses.end()
      return catcher.mails.length
    },
    (length) => length >= 40,
  )
  t.equal(counted.added, 40, 'the missed step is left out')
  t.ok(catcher.mails.slice(20).every(({ raw }) => readMail(raw).headers.get('subject')?.includes('あと1日')))
})

t.test('R10: issue, renewal and revocation reach the user and the master', async (t) => {
  const { store, catcher, start } = await setUp(t, '2026-06-01')
  store.add(userOf({ language: '' }))
  store.add(userOf({ loginId: 'master01', role: 'master' }))
  const gateway = start()
  const certificate = { serial: '1f', notAfterMs }
  for (const kind of ['issued', 'renewed', 'revoked'] as const) {
    gateway.noticeAct({ kind, loginId: 'user01', certificate, by: 'master01' })
  }
  await caught(catcher.mails, 6)
  const subjects = catcher.mails.map(({ to, raw }) => `${to[0]} ${readMail(raw).headers.get('subject')}`).toSorted()
  t.same(
    subjects,
    [
      'master01@shoji.example 【サンプル銀行】ユーザの電子証明書 失効のお知らせ',
      'master01@shoji.example 【サンプル銀行】ユーザの電子証明書 更新のお知らせ',
      'master01@shoji.example 【サンプル銀行】ユーザの電子証明書 発行のお知らせ',
      'user01@shoji.example 【サンプル銀行】電子証明書 失効のお知らせ / [Sample Bank] Your certificate was revoked',
      'user01@shoji.example 【サンプル銀行】電子証明書 更新のお知らせ / [Sample Bank] Your certificate was renewed',
      'user01@shoji.example 【サンプル銀行】電子証明書 発行のお知らせ / [Sample Bank] Your certificate was issued',
    ].toSorted(),
  )
})

t.test('R11, R12: a notice names the way to renew and tells the certificate by what the browser shows', async (t) => {
  const { store, catcher, start } = await setUp(t, '2026-11-24')
  store.add(userOf({ language: '' }), certificateOf({ notAfterMs }))
  start()
  await caught(catcher.mails, 1)
  const { text } = readMail(catcher.mails[0]?.raw ?? '')
  t.match(text, '「電子証明書更新」')
  t.match(text, 'Renew the certificate')
  for (const shown of ['user01', '1f', '2026年12月24日', '24 Dec 2026']) t.match(text, shown)
})

t.test('R10: while the mail server is down nothing is lost; when it is back each mail goes out once', async (t) => {
  const { clock, store, catcher, counted, pauses, start, reload } = await setUp(t, '2026-11-24')
  const other = await startSmtpCatcher(t)
  await catcher.close()
  store.add(userOf(), certificateOf({ notAfterMs }))
  start()
  await eventually(
    () => [...store.outbox.values()],
    ([mail]) => mail?.lastError !== undefined && mail.lastError !== '',
  )
  t.match([...store.outbox.values()], [{ state: 'waiting', attempts: 1, lastError: /ECONNREFUSED/ }])
  reload({ delivery: smtpConfig({ port: other.port }) })
  clock.advance(10 * 60_000)
  // The failure is noted before its pause begins.
  await eventually(
    () => {
      pauses.end()
      return counted.sent
    },
    (sent) => sent === 1,
  )
  t.equal(other.mails.length, 1, 'by the configuration of a reload')
})

t.test('R10: one refused recipient is shown to operators and holds nobody up', async (t) => {
  const refuse = (address: string) =>
    address.startsWith('user02') ? ([550, '5.1.1 no such user'] as const) : undefined
  const { store, catcher, start } = await setUp(t, '2026-11-24', { refuse })
  for (const loginId of ['user01', 'user02', 'user03']) {
    store.add(userOf({ loginId }), certificateOf({ loginId, serial: loginId.slice(-1), notAfterMs }))
  }
  const { ports } = start()
  await caught(catcher.mails, 2)
  const list = await eventually(
    () => bouncedAddresses(10, store.asStore),
    ({ length }) => length === 1,
  )
  t.match(list, [{ loginId: 'user02', address: 'user02@shoji.example', error: /no such user/ }])
  t.same(
    (await foreseeNotices('2026-11-24', ports)).map(({ alreadySent }) => alreadySent),
    [true, true, true],
  )
})

t.test('where no mails are configured nothing is planned, taken down or sent', async (t) => {
  const { store, catcher, pauses, start, reload } = await setUp(t, '2026-11-24')
  reload({ delivery: undefined })
  store.add(userOf(), certificateOf({ notAfterMs }))
  const gateway = start()
  gateway.noticeAct({ kind: 'issued', loginId: 'user01', by: 'user01' })
  pauses.end()
  await gateway.close()
  t.same([store.outbox.size, catcher.mails.length, store.calls.length], [0, 0, 0])
})

t.test('the end breaks off what takes too long; the mail goes out another time', async (t) => {
  const { promise: never, resolve } = Promise.withResolvers<void>()
  t.teardown(() => resolve())
  const { store, start, pauses } = await setUp(t, '2026-11-24', { greetAfter: never })
  store.add(userOf(), certificateOf({ notAfterMs }))
  const gateway = start()
  await eventually(
    () => store.outbox.values().next().value?.attempts,
    (attempts) => attempts === 1,
  )
  let closed = false
  const closing = gateway.close().then(() => (closed = true))
  await eventually(
    () => {
      pauses.end()
      return closed
    },
    (ended) => ended,
  )
  await closing
  t.match([...store.outbox.values()], [{ state: 'waiting', attempts: 1 }])
})
