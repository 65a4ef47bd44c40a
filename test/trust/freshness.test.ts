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

t.test('data from a snapshot are as old as they were said to be, even older than the machine is running', async (t) => {
  for (const uptimeMs of [0, 5_000, 30 * 86_400_000]) {
    for (const ageMs of [0, 1_234, 299_000, 301_000, 60 * 86_400_000]) {
      const clock = new StillClock()
      clock.monotonic = uptimeMs
      const shared = createFreshness()
      const [control, worker] = [
        new Freshness(shared, { clock, ...strict }),
        new Freshness(shared, { clock, ...strict }),
      ]
      control.assumeHeard(ageMs)
      const told = worker.ageMs()
      t.ok(told >= ageMs && told < ageMs + 100, `${ageMs} ms old after ${uptimeMs} ms: ${told}`)
      t.equal(worker.freshEnough(), ageMs < 300_000)
      clock.advance(1_000)
      t.ok(worker.ageMs() >= ageMs + 1_000, 'and they go on to age')
      control.heard()
      t.equal(worker.ageMs(), 0)
    }
  }
})

t.test('a snapshot never makes data look older or newer than what was heard', async (t) => {
  const clock = new StillClock()
  const freshness = new Freshness(createFreshness(), { clock, ...strict })
  freshness.assumeHeard(Number.POSITIVE_INFINITY)
  t.equal(freshness.ageMs(), Number.POSITIVE_INFINITY, 'of unknown age: nothing was heard')
  freshness.heard()
  freshness.assumeHeard(100_000)
  t.equal(freshness.ageMs(), 0)
  clock.advance(50_000)
  freshness.assumeHeard(100_000)
  t.equal(freshness.ageMs(), 50_000)
  const ancient = new Freshness(createFreshness(), { clock, ...strict })
  ancient.assumeHeard(Number.MAX_SAFE_INTEGER)
  t.notOk(ancient.freshEnough())
  t.ok(ancient.ageMs() > 3 * 365 * 86_400_000, 'beyond three years it is only known to be that old')
  const future = new Freshness(createFreshness(), { clock, ...strict })
  future.assumeHeard(-5_000)
  t.ok(future.ageMs() < 100)
})
