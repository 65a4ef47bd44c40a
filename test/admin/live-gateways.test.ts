// Goal: what the live page knows of other gateways is as old as it says, and only a store that is asked can be silent. Method: a watch
// over a store that answers when the test says so, by the test's clock.
import t from 'tap'
import { GatewayWatch } from '../../src/admin/live/gateway-watch.ts'
import { systemClock } from '../../src/base/clock.ts'

const report = { programVersion: '0.1.0', state: 'live', dataAgeMs: 100, reportedAtMs: 1_000 } as const

function startWatch() {
  let nowMs = 0
  let behind = false
  let asked = 0
  let answers: { resolve: () => void; reject: (error: Error) => void }[] = []
  const store = {
    position: async () => {
      asked++
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      answers.push({ resolve, reject })
      await promise
      return { version: 9, token: '' }
    },
    gateways: async () => ({
      nowMs: 1_000,
      gateways: [{ ...report, gatewayId: 'a.1', name: 'gw-a', position: { version: behind ? 7 : 9, token: '' } }],
    }),
  }
  const watch = new GatewayWatch({ store, gatewayId: 'b.1', clock: { ...systemClock, monotonicMs: () => nowMs } })
  const settle = async (how: 'resolve' | 'reject') => {
    const [first, ...rest] = answers
    answers = rest
    how === 'resolve' ? first?.resolve() : first?.reject(new Error('away'))
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  }
  return { watch, settle, asked: () => asked, at: (ms: number) => (nowMs = ms), lag: (now: boolean) => (behind = now) }
}

t.test('one question at a time, and the age of its answer', async (t) => {
  const { watch, settle, asked, at } = startWatch()
  watch.begin()
  watch.ask()
  t.equal(asked(), 1)
  t.match(watch.heard(), { agoMs: 0, overview: { gateways: [] } })
  await settle('resolve')
  at(2_000)
  t.match(watch.heard(), { agoMs: 2_000, overview: { storeVersion: 9, gateways: [{ name: 'gw-a' }] } })
  watch.ask()
  await settle('reject')
  at(3_000)
  t.match(watch.heard(), { agoMs: 3_000, overview: { gateways: [{ name: 'gw-a' }] } }, 'a failure is no answer')
  watch.ask()
  t.equal(asked(), 3, 'and is asked again')
})

t.test('that nobody looked for an hour is not the silence of the store', async (t) => {
  const { watch, settle, at } = startWatch()
  watch.begin()
  await settle('resolve')
  at(3_600_000)
  watch.begin()
  t.match(watch.heard(), { agoMs: 0, overview: { gateways: [] } }, 'what was told then is not shown as what is now')
  at(3_606_000)
  t.equal(watch.heard().agoMs, 6_000, 'but its silence from then on is')
})

t.test('a gateway is behind for long only after five seconds', async (t) => {
  const { watch, settle, at, lag } = startWatch()
  lag(true)
  watch.begin()
  await settle('resolve')
  t.same(watch.heard().longBehind, [])
  at(5_000)
  t.same(watch.heard().longBehind, ['gw-a'])
  lag(false)
  watch.ask()
  await settle('resolve')
  t.same(watch.heard().longBehind, [])
})
