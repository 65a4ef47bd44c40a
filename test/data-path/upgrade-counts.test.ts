// Goal: each user has at most so many upgraded connections over all workers, and gets them back. Method: several workers are several
// views on the same shared memory; a worker that crashes is a slot that is cleared.
import t from 'tap'
import { clearSlot, createSharedCounts } from '../../src/data-path/shared-counts.ts'
import { UpgradeCounts } from '../../src/data-path/upgrade-counts.ts'

function workersOf(count: number) {
  const shared = createSharedCounts(count, [])
  return { shared, workers: Array.from({ length: count }, (_, slot) => new UpgradeCounts(shared.upgrades, slot)) }
}

/** How often the user gets in, the workers taking turns. */
function enterAll(workers: readonly UpgradeCounts[], options: { user: string; max: number }): number {
  let entered = 0
  while (entered < 100_000 && workers[entered % workers.length]?.enter(options.user, options.max)) entered++
  return entered
}

t.test('the limit holds over all workers, for each user', async (t) => {
  const { workers } = workersOf(3)
  t.equal(enterAll(workers, { user: 'door user01', max: 32 }), 32)
  for (const worker of workers) t.notOk(worker.enter('door user01', 32), 'in every worker')
  t.equal(enterAll(workers, { user: 'door user02', max: 32 }), 32, 'another user is counted apart')
  t.equal(enterAll(workers, { user: 'other user01', max: 32 }), 32, 'and so is the same at another door')
  workers[0]?.leave('door user01')
  t.ok(workers[1]?.enter('door user01', 32), 'who leaves makes room, in any worker')
  t.notOk(workers[0]?.enter('door user01', 32))
})

t.test('a refusal leaves no trace', async (t) => {
  const { workers } = workersOf(2)
  enterAll(workers, { user: 'user01', max: 2 })
  for (let i = 0; i < 100; i++) workers[i % 2]?.enter('user01', 2)
  for (const worker of workers) worker.leave('user01')
  t.equal(enterAll(workers, { user: 'user01', max: 2 }), 2)
})

t.test('what a crashed worker held is taken back, and nothing else', async (t) => {
  const { shared, workers } = workersOf(2)
  enterAll(workers, { user: 'user01', max: 10 })
  clearSlot(shared, 1)
  t.equal(enterAll(workers, { user: 'user01', max: 10 }), 5)
})

t.test('a counter that is full refuses and does not begin again at zero', async (t) => {
  const { workers } = workersOf(1)
  t.equal(enterAll(workers, { user: 'user01', max: 1_000_000 }), 65_535)
  t.notOk(workers[0]?.enter('user01', 1_000_000))
  workers[0]?.leave('user01')
  t.ok(workers[0]?.enter('user01', 1_000_000))
})

t.test('none at all can be allowed; leaving without having entered is a mistake', async (t) => {
  const { workers } = workersOf(1)
  t.notOk(workers[0]?.enter('user01', 0))
  t.throws(() => workers[0]?.leave('user01'), /nobody leaves/)
  t.ok(workers[0]?.enter('user01', 1), 'and changes nothing')
  t.throws(() => new UpgradeCounts(createSharedCounts(1, []).upgrades, 1), /slot 1/)
})

t.test('users are spread over the counters', async (t) => {
  const { workers } = workersOf(1)
  let met = 0
  for (let user = 0; user < 2_000; user++) if (!workers[0]?.enter(`door user${user}`, 1)) met++
  t.ok(met < 20, `${met} of 2000 met another in their counter`)
})
