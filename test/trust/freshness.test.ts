// Goal: the age of trust data is measured from when the store was last heard, by the monotonic clock, in every thread alike.
// Method: a clock moved by hand, two views on one shared word.
import t from 'tap'
import { createFreshness, Freshness } from '../../src/trust/freshness.ts'
import { StillClock } from './trust-fakes.ts'

const strict = { maxStalenessSeconds: 300, insecureServeWhenStale: false }

t.test('never heard: infinitely old, never fresh enough, whatever is configured', async (t) => {
  for (const insecureServeWhenStale of [false, true]) {
    const freshness = new Freshness(createFreshness(), { clock: new StillClock(), ...strict, insecureServeWhenStale })
    t.equal(freshness.ageMs(), Number.POSITIVE_INFINITY)
    t.notOk(freshness.freshEnough())
  }
})

t.test('fresh until the age passes the maximum, then again once heard', async (t) => {
  const clock = new StillClock()
  const shared = createFreshness()
  const [control, worker] = [new Freshness(shared, { clock, ...strict }), new Freshness(shared, { clock, ...strict })]
  control.heard()
  t.equal(worker.ageMs(), 0)
  clock.advance(299_900)
  t.ok(worker.freshEnough())
  clock.advance(201)
  t.notOk(worker.freshEnough(), 'known to a tenth of a second')
  t.notOk(control.freshEnough())
  control.heard()
  t.ok(worker.freshEnough())
})

t.test('a wall clock that is stepped changes nothing', async (t) => {
  const clock = new StillClock()
  const freshness = new Freshness(createFreshness(), { clock, ...strict })
  freshness.heard()
  clock.wallMs += 86_400_000
  t.equal(freshness.ageMs(), 0)
  clock.monotonic += 400_000
  clock.wallMs -= 2 * 86_400_000
  t.notOk(freshness.freshEnough(), 'set back, it makes old data no younger')
})

t.test('insecureServeWhenStale serves old data', async (t) => {
  const clock = new StillClock()
  const freshness = new Freshness(createFreshness(), { clock, ...strict, insecureServeWhenStale: true })
  freshness.heard()
  clock.advance(30 * 86_400_000)
  t.ok(freshness.freshEnough())
})

t.test('rounding never makes the age negative, nor heard into never heard', async (t) => {
  const clock = new StillClock()
  clock.monotonic = 0
  const freshness = new Freshness(createFreshness(), { clock, ...strict })
  freshness.heard()
  t.equal(freshness.ageMs(), 0)
  clock.monotonic = 12_345.678
  freshness.heard()
  t.equal(freshness.ageMs(), 0)
})
