// Goal: whoever looks without a lock finds what is there, however the table moves meanwhile. Method: threads that look for the same
// entries all the time, at the end of long chains, while the writer has few shards grow, shrink and take each other's pages.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { PagedTableWriter } from '../../src/trust/paged-table-writer.ts'
import { anchor, anchors, endedAt, looksAt, passer, passers, shards } from './table-race.ts'

const readers = 3
/** Times that every shard grows and shrinks. */
const rounds = 1_500

/** Waits until every reader has looked at everything once more. */
function awaitLooks(words: Int32Array): void {
  const before = words.slice(looksAt, looksAt + readers)
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let place = 0; place < readers; place++) {
    for (let tries = 0; Atomics.load(words, looksAt + place) === before[place] && tries < 20_000; tries++) {
      Atomics.wait(pause, 0, 0, 1)
    }
  }
}

function change(table: PagedTableWriter, round: number): void {
  for (let shard = 0; shard < shards; shard++) {
    // Each from its own number on, so that the shards are of different size at any moment.
    const from = shard * 100
    for (let number = from; number < from + passers; number++) table.add(passer(shard, number), [1, 1])
    for (let number = 0; number < anchors; number++) table.set(anchor(shard, number), [round, round])
    for (let number = from; number < from + passers; number++) table.remove(passer(shard, number))
  }
}

t.test('several threads find what is always there in every look, and never lower values', async (t) => {
  const table = new PagedTableWriter({ slotWords: 6, keyWords: 4, entriesMax: 1_000_000 })
  for (let shard = 0; shard < shards; shard++) {
    for (let number = 0; number < anchors; number++) table.add(anchor(shard, number), [0, 0])
  }
  const state = new SharedArrayBuffer(4 * (looksAt + readers))
  const words = new Int32Array(state)
  const threads = Array.from(
    { length: readers },
    (_, place) =>
      new Worker(new URL('./table-reading-thread.ts', import.meta.url), {
        workerData: { table: table.shared, state, place },
      }),
  )
  t.teardown(() => Promise.all(threads.map((thread) => thread.terminate())))
  await Promise.all(threads.map((thread) => once(thread, 'message')))
  const answers = Promise.all(threads.map(async (thread) => (await once(thread, 'message'))[0]))
  const { moved } = table
  for (let round = 1; round <= rounds; round++) {
    change(table, round)
    if (round % 100 === 0) awaitLooks(words)
  }
  Atomics.store(words, endedAt, 1)
  t.strictSame(await answers, Array(readers).fill({ missed: 0, invented: 0, fallen: 0, torn: 0 }))
  t.ok(table.moved - moved > rounds * shards * 200, `${table.moved - moved} entries were moved`)
  t.ok(table.bytes < 230_000, `in pages used again and again: ${table.bytes} bytes`)
  for (const looks of words.subarray(looksAt)) t.ok(looks > 100, `${looks} looks at everything`)
})
