// Goal: the user and the masters are told of each issue, renewal and revocation, once, whatever the store does (R10). Method: acts told to
// `ActNotices` over a store in memory that fails when told to; pauses end when the test says so.
import t, { type Test } from 'tap'
import { ActNotices, actsWaitingMax } from '../../src/lifecycle/notice-acts.ts'
import { readBody } from '../../src/lifecycle/notice-body.ts'
import type { NoticedAct } from '../../src/lifecycle/ports.ts'
import { eventually } from '../helpers/eventually.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { FakeNoticeStore, userOf } from './fake-notice-store.ts'

const certificate = { serial: '1f', notAfterMs: 2_000_000_000_000 }
const issued: NoticedAct = { kind: 'issued', loginId: 'user01', certificate, by: 'user01' }

function setUp(t: Test, { enabled = true } = {}) {
  const clock = new FakeClock()
  const store = new FakeNoticeStore(() => clock.nowMs())
  store.add(userOf())
  store.add(userOf({ loginId: 'master01', role: 'master', language: 'en', name: 'M' }))
  const pauses: { durationMs: number; end: () => void }[] = []
  const logged: string[] = []
  let dropped = 0
  const note = (message: string) => void logged.push(message)
  const acts = new ActNotices({
    store: store.asStore,
    enabled: () => enabled,
    log: { info: note, warn: note, error: note },
    added() {},
    dropped() {
      dropped += 1
    },
    nowMs: () => clock.nowMs(),
    pause: (durationMs, signal) =>
      new Promise<void>((resolve) => {
        pauses.push({ durationMs, end: resolve })
        signal.addEventListener('abort', () => resolve())
      }),
  })
  t.teardown(() => acts.close())
  return { acts, store, clock, pauses, logged, ids: () => [...store.outbox.keys()].toSorted(), lost: () => dropped }
}

t.test('R10: an issue is mailed to the user and to the master, each in their language', async (t) => {
  const { acts, store, clock, ids } = setUp(t)
  store.add(userOf({ loginId: 'gone01', role: 'master', state: 'suspended' }))
  acts.note(issued)
  await acts.settled()
  t.same(ids(), ['issued:user01:1f:master:master01', 'issued:user01:1f:user'])
  const body = { kind: 'issued', loginId: 'user01', ...certificate, atMs: clock.nowMs(), by: { kind: 'self' } }
  const mail = store.outbox.get('issued:user01:1f:user')
  t.match(mail, { loginId: 'user01', to: 'user01@shoji.example' })
  t.same(readBody(mail?.body ?? ''), { ...body, to: 'user', language: 'ja', name: '' })
  const toMaster = store.outbox.get('issued:user01:1f:master:master01')
  t.match(toMaster, { loginId: 'master01', to: 'master01@shoji.example' })
  t.same(readBody(toMaster?.body ?? ''), { ...body, to: 'master', language: 'en', name: 'M' })
})

t.test('R10: renewals and revocations are mailed too, with who did it', async (t) => {
  const { acts, store, clock, ids } = setUp(t)
  acts.note({ ...issued, kind: 'renewed' })
  acts.note({ ...issued, kind: 'revoked', by: 'master01' })
  acts.note({ kind: 'revoked', loginId: 'user01', by: '' })
  await acts.settled()
  t.equal(ids().length, 6)
  const doerOf = (id: string) => (readBody(store.outbox.get(id)?.body ?? '') as { by?: unknown } | undefined)?.by
  t.same(doerOf('revoked:user01:1f:user'), { kind: 'user', loginId: 'master01' })
  t.same(doerOf(`revoked:user01:at-${clock.nowMs()}:user`), { kind: 'institution' })
  clock.advance(1)
  acts.note({ kind: 'revoked', loginId: 'user01', by: 'sato.hanako' })
  await acts.settled()
  const again = `revoked:user01:at-${clock.nowMs()}:user`
  t.same(doerOf(again), { kind: 'institution' }, 'names of the institution’s people stay inside')
})

t.test('R10: an act that is told twice is mailed once; a master’s own act gives one mail', async (t) => {
  const { acts, ids } = setUp(t)
  acts.note(issued)
  await acts.settled()
  acts.note(issued)
  acts.note(issued)
  await acts.settled()
  t.equal(ids().length, 2)
  acts.note({ ...issued, loginId: 'master01', by: 'master01' })
  await acts.settled()
  t.same(ids().slice(0, 1), ['issued:master01:1f:user'])
  t.equal(ids().length, 3)
})

t.test('who has no address, or is not known, gets none; where mails are off nothing is taken down', async (t) => {
  const { acts, store, ids } = setUp(t)
  store.add(userOf({ email: '' }))
  acts.note(issued)
  acts.note({ ...issued, loginId: 'nobody' })
  await acts.settled()
  t.same(ids(), ['issued:user01:1f:master:master01'])
  const off = setUp(t, { enabled: false })
  off.acts.note(issued)
  await off.acts.settled()
  t.same(off.ids(), [])
})

t.test('R10: while the store is away acts wait, with growing pauses, and are mailed when it is back', async (t) => {
  const { acts, store, pauses, ids } = setUp(t)
  store.failing.add('user')
  acts.note(issued)
  for (const expected of [1_000, 2_000, 4_000]) {
    const { durationMs, end } = (await eventually(
      () => pauses.shift(),
      (pause) => pause !== undefined,
    )) as (typeof pauses)[0]
    t.equal(durationMs, expected)
    end()
  }
  await eventually(
    () => pauses.length,
    (count) => count === 1,
  )
  acts.note({ ...issued, kind: 'revoked' })
  store.failing.clear()
  pauses.shift()?.end()
  await acts.settled()
  t.equal(ids().length, 4)
})

t.test('at the end what waits is tried once more; what is lost then is counted and said', async (t) => {
  const { acts, store, pauses, ids, logged, lost } = setUp(t)
  store.failing.add('addMails')
  acts.note(issued)
  await eventually(
    () => pauses.length,
    (count) => count === 1,
  )
  await acts.close()
  t.same([ids(), lost()], [[], 1])
  t.ok(logged.some((line) => line.startsWith('Lost notices')))
  acts.note(issued)
  t.equal(lost(), 1, 'nothing more is taken down')

  const saved = setUp(t)
  saved.store.failing.add('addMails')
  saved.acts.note(issued)
  await eventually(
    () => saved.pauses.length,
    (count) => count === 1,
  )
  saved.store.failing.clear()
  await saved.acts.close()
  t.same([saved.ids().length, saved.lost()], [2, 0])
})

t.test('the queue is bounded: one more is dropped and counted, those before it stay', async (t) => {
  const { acts, store, pauses, lost } = setUp(t)
  store.failing.add('user')
  for (let index = 0; index < actsWaitingMax; index += 1) acts.note(issued)
  t.equal(lost(), 0)
  acts.note(issued)
  t.equal(lost(), 1)
  await eventually(
    () => pauses.length,
    (count) => count === 1,
  )
})
