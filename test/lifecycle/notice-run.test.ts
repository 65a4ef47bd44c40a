// Goal: who is told of an expiry, at which step, and once over all gateways (R10). Method: the daily run over a store in memory that two
// gateways share, with a clock that the test moves.
import t, { type Test } from 'tap'
import { readBody } from '../../src/lifecycle/notice-body.ts'
import { planNotices } from '../../src/lifecycle/notice-plan.ts'
import { foreseeNotices, type NoticePorts, runNotices } from '../../src/lifecycle/notice-run.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { certificateOf, FakeNoticeStore, issuerId, userOf } from './fake-notice-store.ts'

const dayMs = 86_400_000
const days = [40, 30, 10, 1]
const timeZone = 'Asia/Tokyo'
const notAfterMs = Date.parse('2026-12-24T23:59:59+09:00')
const morning = (date: string, time = '08:00:00') => Date.parse(`${date}T${time}+09:00`)
const log = { info() {}, warn() {}, error() {} }

/** One store; as many gateways as wanted, all with the same clock. */
function setUp(_t: Test, date: string, notices: Partial<ReturnType<NoticePorts['notices']>> = {}) {
  const clock = new FakeClock(morning(date))
  const store = new FakeNoticeStore(() => clock.nowMs())
  store.add(userOf(), certificateOf({ notAfterMs }))
  const gateway = (): NoticePorts => ({
    store: store.asStore,
    notices: () => ({ days, sendHour: 8, keepDays: 400, ...notices }),
    timeZone,
    log,
    nowMs: () => clock.nowMs(),
  })
  return { clock, store, gateway, ids: () => [...store.outbox.keys()] }
}

const key = certificateOf().key
const idOf = (step: number) => `expiry:${key}:${step}`

t.test('R10: one mail at each step, none twice, over two gateways that run every hour until the end', async (t) => {
  const { clock, store, gateway, ids } = setUp(t, '2026-11-01')
  const gateways = [gateway(), gateway()]
  const sentOn: [string, string][] = []
  for (let hour = 0; hour < 24 * 56; hour += 1, clock.advance(3_600_000)) {
    const before = new Set(ids())
    await Promise.all(gateways.map((ports) => runNotices(ports)))
    for (const id of ids()) {
      if (!before.has(id)) sentOn.push([id, new Date(clock.nowMs() + 9 * 3_600_000).toISOString().slice(0, 13)])
    }
  }
  t.same(sentOn, [
    [idOf(40), '2026-11-14T08'],
    [idOf(30), '2026-11-24T08'],
    [idOf(10), '2026-12-14T08'],
    [idOf(1), '2026-12-23T08'],
  ])
  const scans = store.calls.filter((name) => name === 'expiringCertificates').length
  t.equal(scans, 56, 'one gateway scans, once a day')
})

t.test('R10: a mail says all that is needed to write it', async (t) => {
  const { store, gateway } = setUp(t, '2026-11-24')
  store.add(userOf({ name: '加藤 大輔' }))
  await runNotices(gateway())
  const mail = store.outbox.get(idOf(30))
  t.match(mail, { loginId: 'user01', to: 'user01@shoji.example', dueMs: morning('2026-11-24') })
  t.same(readBody(mail?.body ?? ''), {
    kind: 'expiry',
    loginId: 'user01',
    key,
    serial: '1f',
    notAfterMs,
    step: 30,
    language: 'ja',
    name: '加藤 大輔',
  })
})

t.test('R10: nothing goes out before the hour of the day; from then on it does', async (t) => {
  const { clock, gateway, ids } = setUp(t, '2026-11-24')
  clock.wallMs = morning('2026-11-24', '07:59:59')
  t.same(await runNotices(gateway()), { state: 'early' })
  t.same(ids(), [])
  clock.advance(1_000)
  t.match(await runNotices(gateway()), { state: 'done', certificates: 1, due: 1, added: 1, withoutAddress: 0 })
  t.same(await runNotices(gateway()), { state: 'done_before' })
  t.match(await runNotices(gateway(), { force: true }), { state: 'done', due: 1, added: 0 })
})

t.test('R10: a clock that jumps over steps, or gateways that were off, give one mail', async (t) => {
  const { clock, gateway, ids } = setUp(t, '2026-11-14')
  await runNotices(gateway())
  clock.wallMs = morning('2026-12-23')
  await runNotices(gateway())
  t.same(ids(), [idOf(40), idOf(1)], 'the steps 30 and 10 were missed and count as the last one')
  clock.wallMs = morning('2026-12-15')
  await runNotices(gateway())
  clock.wallMs = morning('2026-12-23')
  await runNotices(gateway(), { force: true })
  t.same(ids(), [idOf(40), idOf(1), idOf(10)], 'set back and forth, still each step once')
})

t.test('R10: it stops when the newer certificate was first used, and not while that one waits', async (t) => {
  const { clock, store, gateway, ids } = setUp(t, '2026-11-14')
  const newer = certificateOf({
    serial: '2f',
    notBeforeMs: morning('2026-11-15'),
    notAfterMs: notAfterMs + 365 * dayMs,
  })
  store.add(userOf(), { ...newer, state: 'issued' })
  await runNotices(gateway())
  clock.wallMs = morning('2026-11-24')
  await runNotices(gateway())
  t.same(ids(), [idOf(40), idOf(30)], 'while it was never used')
  store.change(key, { state: 'superseded' })
  store.change(newer.key, { state: 'current' })
  clock.wallMs = morning('2026-12-14')
  await runNotices(gateway())
  t.same(ids(), [idOf(40), idOf(30)])
})

t.test('R10: nobody is told of a certificate that was revoked or has expired, nor who is suspended', async (t) => {
  const plan = (user = {}, certificate = {}, date = '2026-11-24') => {
    const expiring = [{ user: userOf(user), certificate: certificateOf({ notAfterMs, ...certificate }) }]
    return planNotices({ nowMs: morning(date), timeZone, days }, expiring).map(({ step }) => step)
  }
  t.same(plan(), [30])
  t.same(plan({}, { revoked: true }), [])
  t.same(plan({}, { state: 'superseded' }), [])
  t.same(plan({ state: 'suspended' }), [])
  t.same(plan({}, {}, '2026-12-25'), [])
  t.same(plan({}, {}, '2026-12-24'), [1], 'on its last day')
})

t.test('a certificate never used yet is not told of at steps before its own beginning', async (t) => {
  const short = { state: 'issued', notBeforeMs: morning('2026-12-04') } as const
  const plan = (certificate: object, date: string) => {
    const expiring = [{ user: userOf(), certificate: certificateOf({ notAfterMs, ...certificate }) }]
    return planNotices({ nowMs: morning(date), timeZone, days }, expiring).map(({ step }) => step)
  }
  t.same(plan(short, '2026-12-05'), [])
  t.same(plan({ ...short, state: 'current' }, '2026-12-05'), [30], 'one in use is')
  t.same(plan(short, '2026-12-14'), [10])
})

t.test('R10: a contract may have days of its own', async (t) => {
  const { clock, store, gateway, ids } = setUp(t, '2026-10-25')
  const contract = { contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 100 } as const
  store.contracts.set('shoji', { ...contract, noticeDays: [60, 7, 500] })
  store.add(
    userOf({ loginId: 'other01', contractId: 'yubin' }),
    certificateOf({ loginId: 'other01', serial: '3f', notAfterMs }),
  )
  await runNotices(gateway())
  t.same(ids(), [idOf(60)])
  clock.wallMs = morning('2026-11-24')
  await runNotices(gateway())
  t.same(ids(), [idOf(60), `expiry:${issuerId}:3f:30`], 'who has none is told as configured')
  clock.wallMs = morning('2026-12-17')
  await runNotices(gateway())
  t.ok(ids().includes(idOf(7)))
})

t.test('users without a mail address are counted, and the others are told', async (t) => {
  const { store, gateway, ids } = setUp(t, '2026-11-24')
  store.add(userOf({ loginId: 'user02', email: '' }), certificateOf({ loginId: 'user02', serial: '2f', notAfterMs }))
  t.match(await runNotices(gateway()), { due: 2, added: 1, withoutAddress: 1 })
  t.same(ids(), [idOf(30)])
})

t.test(
  'R10: a store that fails in between is gone on with later; a store that lost its notes sends nothing twice',
  async (t) => {
    const { clock, store, gateway, ids } = setUp(t, '2026-11-24')
    store.failing.add('addMails')
    await t.rejects(runNotices(gateway()))
    store.failing.clear()
    t.same(await runNotices(gateway()), { state: 'elsewhere' }, 'left alone for ten minutes')
    clock.advance(600_000)
    t.match(await runNotices(gateway()), { state: 'done', added: 1 })
    store.loseNotes()
    t.match(await runNotices(gateway()), { state: 'done', due: 1, added: 0 })
    t.same(ids(), [idOf(30)])
  },
)

t.test('mails that ended are forgotten after keepDays', async (t) => {
  const { clock, store, gateway, ids } = setUp(t, '2026-11-24')
  await runNotices(gateway())
  await store.settleMail(idOf(30), { state: 'sent', atMs: clock.nowMs() })
  clock.advance(400 * dayMs)
  await runNotices(gateway())
  t.same(ids(), [idOf(30)])
  clock.advance(dayMs)
  await runNotices(gateway())
  t.same(ids(), [])
})

t.test('R10: what would go out on a day can be seen before, and changes nothing', async (t) => {
  const { store, gateway, ids } = setUp(t, '2026-11-24')
  store.add(userOf({ loginId: 'user00', email: '' }), certificateOf({ loginId: 'user00', serial: '2f', notAfterMs }))
  const row = { contractId: 'shoji', expires: notAfterMs, alreadySent: false }
  t.same(await foreseeNotices('2026-12-14', gateway()), [
    { ...row, loginId: 'user00', email: '', step: 10, daysLeft: 10 },
    { ...row, loginId: 'user01', email: 'user01@shoji.example', step: 10, daysLeft: 10 },
  ])
  t.same(await foreseeNotices('2026-11-01', gateway()), [])
  t.same(ids(), [])
  await runNotices(gateway())
  t.match(await foreseeNotices('2026-11-24', gateway()), [
    { loginId: 'user00', alreadySent: false },
    { loginId: 'user01', alreadySent: true },
  ])
  for (const date of ['2026-02-30', 'tomorrow', '2026-1-1', '', '2026-12-14T00:00:00Z']) {
    await t.rejects(foreseeNotices(date, gateway()), { code: 'admin_request_invalid' }, date)
  }
})
