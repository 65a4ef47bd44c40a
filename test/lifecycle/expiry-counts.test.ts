// Goal: how many certificates expire in which week is counted once an hour for all gateways of a store, and every gateway shows it.
// Method: a store in memory that several gateways share, with a clock that the test moves; the watching, with pauses that the test ends.
import t from 'tap'
import { watchExpiries } from '../../src/assemble-expiries.ts'
import { GatewayError } from '../../src/base/errors.ts'
import { countExpiries } from '../../src/lifecycle/expiry-counts.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { certificateOf, FakeNoticeStore, userOf } from './fake-notice-store.ts'

const dayMs = 86_400_000
const hourMs = 3_600_000
const weeks = 13

function setUp() {
  const clock = new FakeClock()
  const store = new FakeNoticeStore(() => clock.nowMs())
  let serial = 16
  const add = (inDays: number, changes = {}) => {
    serial += 1
    const loginId = `user${serial}`
    const certificate = { loginId, serial: serial.toString(16), notAfterMs: clock.nowMs() + inDays * dayMs }
    store.add(userOf({ loginId }), certificateOf({ ...certificate, ...changes }))
  }
  const scans = () => store.calls.filter((name) => name === 'expiringCertificates').length
  const count = () => countExpiries({ store: store.asStore, weeks, nowMs: () => clock.nowMs() })
  return { clock, store, add, scans, count }
}

const at = (counts: Readonly<Record<number, number>>) => Array.from({ length: weeks }, (_, week) => counts[week] ?? 0)

t.test('each certificate counts in its week, and those that nobody can use do not', async (t) => {
  const { add, count } = setUp()
  for (const inDays of [0, 6.9, 7, 13.9, 90.9]) add(inDays)
  add(-1)
  add(91)
  add(3, { revoked: true })
  add(3, { state: 'superseded' })
  t.strictSame(await count(), at({ 0: 2, 1: 2, 12: 1 }))
})

t.test('gateways share one count an hour', async (t) => {
  const { clock, add, count, scans } = setUp()
  add(1)
  t.strictSame(await count(), at({ 0: 1 }))
  add(8)
  clock.advance(hourMs - 1_000)
  t.strictSame(await Promise.all([count(), count()]), [at({ 0: 1 }), at({ 0: 1 })])
  t.equal(scans(), 1)
  clock.advance(2_000)
  const both = await Promise.all([count(), count()])
  t.strictSame(
    both.filter((counts) => counts !== undefined),
    [at({ 0: 1, 1: 1 })],
    'one counts, the other one shows it later',
  )
  t.strictSame(await count(), at({ 0: 1, 1: 1 }))
  t.equal(scans(), 2)
})

t.test('after a failure another call counts, ten minutes later', async (t) => {
  const { clock, store, add, count } = setUp()
  add(1)
  store.failing.add('expiringCertificates')
  await t.rejects(count())
  store.failing.clear()
  t.equal(await count(), undefined)
  clock.advance(600_001)
  t.strictSame(await count(), at({ 0: 1 }))
})

t.test('what another version has written in another form is counted again', async (t) => {
  const { store, add, count } = setUp()
  add(1)
  for (const text of ['[1,2]', 'x', '{"0":1}', JSON.stringify(at({ 3: 0.5 }))]) {
    store.loseNotes()
    await store.keepNote('expiry:counts', text, hourMs)
    t.strictSame(await count(), at({ 0: 1 }), text)
  }
})

t.test('a gateway that may only read shows what others have counted, and counts nothing', async (t) => {
  const { clock, store, add, count, scans } = setUp()
  add(1)
  const reader = Object.create(store.asStore, {
    countNote: {
      value: async () => {
        throw new GatewayError('store_read_only', 'Cannot change the store: read only')
      },
    },
  })
  const read = () => countExpiries({ store: reader, weeks, nowMs: () => clock.nowMs() })
  // A method of the fake needs its own private fields.
  reader.readNote = (name: string) => store.readNote(name)
  t.equal(await read(), undefined)
  t.equal(scans(), 0)
  await count()
  t.strictSame(await read(), at({ 0: 1 }))
})

function watch(directory: 'embedded' | 'none') {
  const setting = setUp()
  const shown: (readonly number[])[] = []
  const warnings: string[] = []
  const pauses = [Promise.withResolvers<void>()]
  let looks = 0
  const log = { info() {}, error() {}, warn: (message: string) => void warnings.push(message) }
  const watching = watchExpiries({
    config: { directory } as Parameters<typeof watchExpiries>[0]['config'],
    store: setting.store.asStore,
    log,
    metrics: { certificatesExpiring: (counts) => void shown.push(counts) },
    clock: setting.clock,
    async pause(_durationMs, signal) {
      pauses[looks]?.resolve()
      looks += 1
      pauses[looks] = Promise.withResolvers<void>()
      const { promise, resolve } = Promise.withResolvers<void>()
      signal.addEventListener('abort', () => resolve())
      wake = resolve
      await promise
    },
  })
  let wake = () => {}
  const looked = (times: number) => pauses[times - 1]?.promise
  return { ...setting, shown, warnings, looked, wake: () => wake(), close: () => watching.close() }
}

t.test('it is counted at the start and from then on; an outage is told once and ends nothing', async (t) => {
  const { store, clock, add, shown, warnings, looked, wake, close } = watch('embedded')
  add(1)
  await looked(1)
  t.equal(shown.length, 1)
  store.failing.add('readNote')
  wake()
  await looked(2)
  wake()
  await looked(3)
  t.strictSame([shown.length, warnings.length], [1, 1])
  store.failing.clear()
  clock.advance(hourMs)
  wake()
  await looked(4)
  t.strictSame(shown.at(-1), at({ 0: 1 }))
  t.equal(shown.length, 2)
  await close()
})

t.test('without a directory nothing is counted', async (t) => {
  const { store, close } = watch('none')
  await close()
  t.strictSame(store.calls, [])
})
