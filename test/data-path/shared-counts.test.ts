// Goal: counts and limits are exact over threads that change them at the same moment. Method: several real threads take all they get
// out of one bucket and one user's upgrades; together they must get what one would.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { clearSlot, createSharedCounts, DoorCounts } from '../../src/data-path/shared-counts.ts'
import type { Counted, CountingTask } from './counting-thread.ts'

const threads = 3
const attempts = 20_000

async function countTogether(task: Omit<CountingTask, 'slot' | 'attempts'>): Promise<Counted[]> {
  const workers = Array.from(
    { length: threads },
    (_, slot) =>
      new Worker(new URL('./counting-thread.ts', import.meta.url), { workerData: { ...task, slot, attempts } }),
  )
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  const counted = Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0] as Counted))
  for (const worker of workers) worker.postMessage('go')
  const all = await counted
  const ended = Promise.all(workers.map((worker) => once(worker, 'exit')))
  for (const worker of workers) worker.postMessage('end')
  await ended
  return all
}

t.test('threads that count at the same moment lose nothing and take nothing too much', async (t) => {
  const counts = createSharedCounts(threads, ['door', 'other'])
  const before = systemClock.monotonicMs()
  const counted = await countTogether({ counts, handshakesPerSecondMax: 30_000, upgradesMax: 15_000 })
  const after = systemClock.monotonicMs()
  const sum = (of: 'handshakes' | 'upgrades') => counted.reduce((total, one) => total + one[of], 0)
  t.equal(sum('handshakes'), 30_000, 'the bucket gave what was in it')
  t.ok(sum('upgrades') <= 15_000, `${sum('upgrades')} upgrades`)
  t.ok(sum('upgrades') > 0)
  const door = new DoorCounts(counts, { door: 'door', slot: 0 })
  t.equal(door.connections, threads * attempts)
  t.equal(door.strangers, (threads * attempts) / 2)
  const other = new DoorCounts(counts, { door: 'other', slot: 0 })
  t.same([other.connections, other.strangers], [0, 0], 'doors count apart')
  clearSlot(counts, 1)
  t.equal(door.connections, (threads - 1) * attempts)
  t.equal(door.strangers, ((threads - 1) * attempts) / 2)

  for (const { nowMs } of counted) {
    t.ok(nowMs > before - 1 && nowMs < after + 1, `all threads read one timeline: ${before} ${nowMs} ${after}`)
  }
})

t.test('the bucket of handshakes fills evenly and never holds more than one second of them', async (t) => {
  const counts = createSharedCounts(2, ['door'])
  const slots = [0, 1].map((slot) => new DoorCounts(counts, { door: 'door', slot }))
  const take = (nowMs: number, perSecondMax: number, keep = 1) => {
    let taken = 0
    while (slots[taken % 2]?.takeHandshake({ nowMs, perSecondMax, keep })) taken++
    return taken
  }
  t.equal(take(5_000, 4), 4)
  t.equal(take(5_249, 4), 0)
  t.equal(take(5_250, 4), 1)
  t.equal(take(5_000, 4), 0, 'a thread whose clock was read earlier gets none')
  t.equal(take(90_000, 4), 4)
  t.equal(take(91_000, 4, 2.5), 2, 'what is kept for others stays')
  t.equal(take(91_000, 4), 2)
  t.equal(take(3e10, 1_000_000), 1_000_000, 'the largest number there may be, after a year')
  t.equal(take(3e10 + 1, 1_000_000), 1_000)
  t.equal(take(3e10 + 2_000, 3), 3, 'a number that does not divide a second')
})

t.test('a door or a slot that nobody counts for is a mistake', async (t) => {
  const counts = createSharedCounts(2, ['door'])
  t.throws(() => new DoorCounts(counts, { door: 'another', slot: 0 }), /door another/)
  t.throws(() => new DoorCounts(counts, { door: 'door', slot: 2 }), /slot 2/)
})
