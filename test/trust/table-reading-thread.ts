import { parentPort, workerData } from 'node:worker_threads'
import { PagedTable } from '../../src/trust/paged-table.ts'
import { anchor, anchors, endedAt, looksAt, shards, stranger } from './table-race.ts'

/**
 * Looks at a table that is being changed: anchors must be found in every look, with values that never fall; strangers in none. At
 * the end it says how often that was not so.
 */
const {
  table: shared,
  state,
  place,
} = workerData as { table: SharedArrayBuffer; state: SharedArrayBuffer; place: number }
const table = new PagedTable(shared)
const words = new Int32Array(state)
const values = new Uint32Array(2)
const highest = new Uint32Array(shards * anchors)
const found = { missed: 0, invented: 0, fallen: 0, torn: 0 }

function look(shard: number, number: number): void {
  const key = anchor(shard, number)
  const at = shard * anchors + number
  if (!table.has(key)) found.missed++
  if (!table.read(key, values)) {
    found.missed++
    return
  }
  const [first = 0, second = 0] = values
  // Written first to last and read last to first: the second is never ahead of the first.
  if (second > first) found.torn++
  if (second < (highest[at] as number)) found.fallen++
  highest[at] = second
  if (table.has(stranger(shard, number))) found.invented++
}

parentPort?.postMessage('ready')
while (Atomics.load(words, endedAt) === 0) {
  for (let shard = 0; shard < shards; shard++) {
    for (let number = 0; number < anchors; number++) look(shard, number)
  }
  Atomics.add(words, looksAt + place, 1)
}
parentPort?.postMessage(found)
