// Goal: numbers only rise, nobody publishes behind another gateway's back, and a record is new only where it must be.
// Method: a real store under it, in which the record of another gateway stands; a clock that the test moves.
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { CrlNumbers, type CrlState } from '../../src/publication/crl-numbers.ts'
import type { CrlRecord } from '../../src/publication/ports.ts'
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { issuerA, issuerB } from '../store/samples.ts'

const settings = { validitySeconds: 3_600, deltaBaseSeconds: 7_200, settleMs: 0, maxAgeSeconds: 30 }

const stateOf = (version: number, changes: Partial<CrlState> = {}): CrlState => ({
  version,
  removed: new Map(),
  changes: 0,
  isOther: false,
  ...changes,
})

async function open(t: Test) {
  const values = await EmbeddedStore.open(`${t.testdir()}/sekisho.db`, { clock: systemClock })
  t.teardown(() => values.close())
  const clock = new FakeClock()
  const gateway = (issuerId = issuerA, ahead = 0) =>
    new CrlNumbers({
      values,
      issuerId,
      settings: () => settings,
      clock: { ...clock, nowMs: () => clock.nowMs() + ahead, monotonicMs: () => clock.monotonicMs() },
    })
  return { values, clock, gateway }
}

t.test('a change makes a number, everything else takes over what stands', async (t) => {
  const { gateway } = await open(t)
  const [one, two] = [gateway(), gateway()]
  const first = await one.settle(stateOf(5))
  t.match(first, { number: 1, version: 5, baseNumber: 1, baseVersion: 5 })
  t.strictSame(await two.settle(stateOf(5)), first)
  t.match(await two.settle(stateOf(6)), { number: 2, version: 6, baseNumber: 1 })
  t.match(await one.look(), { number: 2 })
  t.match(await one.settle(stateOf(6)), { number: 2 })
  t.match(await gateway(issuerB).settle(stateOf(9)), { number: 1 }, 'each CA counts for itself')
  t.match(await one.settle(stateOf(6)), { number: 2 })
})

t.test('a gateway that has not heard of a change leaves what is due to others', async (t) => {
  const { gateway, clock } = await open(t)
  const [quick, slow] = [gateway(), gateway()]
  await quick.settle(stateOf(6))
  clock.advance(3_000_000)
  t.match(await slow.settle(stateOf(5)), { number: 1, version: 6 }, 'although it is past half of its validity')
  t.match(await slow.settle(stateOf(6)), { number: 2, version: 6 }, 'once it has heard of it')
})

t.test('a later number does not look older, unless a clock was far off', async (t) => {
  const { gateway } = await open(t)
  const first = await gateway(issuerA, 60_000).settle(stateOf(1))
  const second = await gateway().settle(stateOf(2))
  t.equal(second?.thisUpdateMs, first?.thisUpdateMs)
  const far = await gateway(issuerA, 86_400_000).settle(stateOf(3))
  const back = (await gateway().settle(stateOf(4))) as CrlRecord
  t.ok(back.thisUpdateMs < (far as CrlRecord).thisUpdateMs)
  t.equal(back.baseNumber, back.number, 'a base of the future is none')
})

t.test('many changes make a new base', async (t) => {
  const { gateway } = await open(t)
  const numbers = gateway()
  await numbers.settle(stateOf(1))
  const few = await numbers.settle(stateOf(2, { removed: new Map([['a1', 2]]) }))
  t.match(few, { number: 2, baseNumber: 1, removed: { a1: 2 } })
  t.match(await numbers.settle(stateOf(3, { changes: 60_000 })), { number: 3, baseNumber: 3 })
  const removed = new Map(Array.from({ length: 101 }, (_, at) => [at.toString(16), 4] as const))
  const many = await numbers.settle(stateOf(4, { removed }))
  t.match(many, { number: 4, baseNumber: 4 })
  t.equal(many?.removed, undefined)
})

t.test('a value that somebody has spoilt is mended', async (t) => {
  const { gateway, values } = await open(t)
  const numbers = gateway()
  await numbers.settle(stateOf(1))
  await numbers.settle(stateOf(2))
  await values.writeMeta('crlsPublished', 'spoilt', (await values.readMeta('crlsPublished'))?.revision ?? 0)
  t.match(await numbers.settle(stateOf(2)), { number: 2 })
  t.match(await gateway().look(), { number: 2 })
})
