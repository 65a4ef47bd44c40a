// Goal: a seed that found something finds it again: it fixes which faults come, when, and for how long, within the time of a run.
// Method: plans of many seeds, compared with each other and with their bounds.
import t from 'tap'
import { planLines } from './report.ts'
import { type FaultKind, faultKinds, planFaults, type ScheduleOptions } from './schedule.ts'

const options: ScheduleOptions = { seed: 1, lengthMs: 60_000, gateways: 3, sentinels: 3, maxStalenessMs: 6_000 }
const seeds = Array.from({ length: 200 }, (_, seed) => seed)

t.test('the same seed makes the same plan, another one another', async (t) => {
  t.same(planFaults(options), planFaults({ ...options }))
  const plans = new Set(seeds.map((seed) => JSON.stringify(planFaults({ ...options, seed }))))
  t.equal(plans.size, seeds.length)
})

t.test('a longer run begins as the shorter one', async (t) => {
  const short = planFaults(options)
  const long = planFaults({ ...options, lengthMs: 600_000 })
  t.ok(long.length > 5 * short.length)
  const inside = long.filter(({ atMs, forMs }) => atMs + forMs <= options.lengthMs)
  t.same(inside, short)
})

t.test('faults stay within the run, in order, on what there is', async (t) => {
  for (const seed of seeds) {
    const plan = planFaults({ ...options, seed })
    t.ok(plan.length >= 5, `seed ${seed} makes at least five faults`)
    const times = plan.map(({ atMs }) => atMs)
    t.same(
      times,
      times.toSorted((a, b) => a - b),
    )
    for (const { atMs, forMs, fault } of plan) {
      t.ok(atMs >= 2_000 && forMs >= 0 && atMs + forMs <= options.lengthMs)
      if ('gateway' in fault) t.ok(fault.gateway >= 0 && fault.gateway < 3)
      if ('sentinel' in fault) t.ok(fault.sentinel >= 0 && fault.sentinel < 3)
      if ('gateways' in fault) t.ok(fault.gateways.length > 0 && fault.gateways.every((number) => number < 3))
    }
  }
})

t.test('every kind of fault comes before the bag is filled again', async (t) => {
  const plan = planFaults({ ...options, lengthMs: 3_600_000 })
  const bag = faultKinds.length + 4
  const first = new Set(plan.slice(0, bag + 3).map(({ fault }) => fault.kind))
  t.same([...first].sort(), [...faultKinds].sort())
})

t.test('a run can be held to some kinds', async (t) => {
  const kinds: readonly FaultKind[] = ['flushed', 'gateway_killed']
  const plan = planFaults({ ...options, kinds })
  t.same([...new Set(plan.map(({ fault }) => fault.kind))].sort(), [...kinds].sort())
})

t.test('there are short outages and such that are longer than data may be old', async (t) => {
  const lengths = seeds.flatMap((seed) => planFaults({ ...options, seed }).map(({ forMs }) => forMs))
  t.ok(lengths.some((forMs) => forMs > 0 && forMs < 1_000))
  t.ok(lengths.some((forMs) => forMs > options.maxStalenessMs))
})

t.test('a plan is printed a line a fault', async (t) => {
  t.same(
    planLines([
      { atMs: 2_500, forMs: 0, fault: { kind: 'flushed' } },
      {
        atMs: 12_000,
        forMs: 1_250,
        fault: { kind: 'partition', gateways: [0, 2], way: 'silent', of: 'everything' },
      },
    ]),
    ['   2.50 s  flushed', '  12.00 s  partition gateways 0+2 silent everything for 1.25 s'],
  )
})
