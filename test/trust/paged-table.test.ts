// Goal: a table holds exactly what was added and not removed, at any size, with a bound on memory, on what one change moves, and on what a
// look-up looks at. Method: comparison with a plain Map over random changes; counting slots, bytes and moves instead of time.
import t from 'tap'
import { PagedTable } from '../../src/trust/paged-table.ts'
import { pageEntriesMax, shardCount } from '../../src/trust/paged-table-layout.ts'
import { PagedTableWriter } from '../../src/trust/paged-table-writer.ts'
import { keyAt, keyIn, scrambled } from './key-streams.ts'

const sizes = { slotWords: 4, keyWords: 4, entriesMax: 32_000_000 }
const withValues = { slotWords: 6, keyWords: 4, entriesMax: 1_000_000 }

t.test('200,000 random changes leave what a Map has, for the writer and for views made before and after', async (t) => {
  const table = new PagedTableWriter(withValues)
  const early = new PagedTable(table.shared)
  const model = new Map<number, readonly [number, number]>()
  const values = new Uint32Array(2)
  let wrong = 0
  for (let step = 0; step < 200_000; step++) {
    const number = scrambled(4, step) % 30_000
    const key = keyAt(number)
    const given = [step, step * 2] as const
    const choice = scrambled(5, step) % 10
    if (choice < 5) {
      if (table.add(key, given) === model.has(number)) wrong++
      if (!model.has(number)) model.set(number, given)
    } else if (choice < 7) {
      table.set(key, given)
      model.set(number, given)
    } else if (table.remove(key) !== model.delete(number)) wrong++
  }
  t.equal(wrong, 0, 'every answer was right')
  t.equal(table.size, model.size)
  for (const view of [table, early, new PagedTable(table.shared)]) {
    for (let number = 0; number < 30_000; number++) {
      const known = model.get(number)
      const found = view.read(keyAt(number), values)
      if (found !== (known !== undefined)) wrong++
      if (found && known !== undefined && (values[0] !== known[0] || values[1] !== known[1])) wrong++
    }
    t.equal(view.size, model.size)
  }
  t.equal(wrong, 0, 'every view holds what the Map has')
})

t.test('1,000,000 entries: memory, moves and look-ups stay within their bounds at every size on the way', async (t) => {
  const table = new PagedTableWriter(sizes)
  t.ok(table.bytes < 10_000, `an empty table takes next to nothing: ${table.bytes} bytes`)
  t.equal(table.slotsPassed(keyAt(0)), 0)
  let movedMost = 0
  let overOneShard = 0
  let bytesMost = 0
  const passed = new Map<number, number>()
  for (let number = 0; number < 1_000_000; number++) {
    const { moved } = table
    table.add(keyAt(number))
    const step = table.moved - moved
    if (step > movedMost) movedMost = step
    // A shard has more than its share by four times the root of that at most.
    const share = number / shardCount
    if (step > share + 4 * Math.sqrt(share) + 20) overOneShard++
    if (number >= 100_000 && number % 1_000 === 0) bytesMost = Math.max(bytesMost, table.bytes / number)
    if (number === 99_999 || number === 999_999) passed.set(number + 1, meanPassed(table))
  }
  t.equal(overOneShard, 0, 'no addition moves more than one shard holds')
  t.ok(movedMost > 500 && movedMost < 1_300, `the most was ${movedMost}`)
  t.ok(bytesMost <= 40, `bytes an entry while growing: ${bytesMost}`)
  t.ok(table.bytes / table.size <= 24, `bytes an entry at 1,000,000: ${table.bytes / table.size}`)
  t.ok((passed.get(1_000_000) ?? 99) < 12, `slots a look-up in vain looks at: ${[...passed.values()]}`)
  let missing = 0
  let longest = 0
  let sum = 0
  for (let number = 0; number < 1_000_000; number++) {
    const slots = table.slotsPassed(keyAt(number))
    sum += slots
    longest = Math.max(longest, slots)
    if (!table.has(keyAt(number))) missing++
  }
  t.equal(missing, 0)
  t.ok(sum / 1_000_000 < 4, `slots a look-up that finds looks at: ${sum / 1_000_000}`)
  t.ok(longest < 500, `and at most ${longest}`)
})

/** Slots that look-ups for what is not there look at, on average. */
function meanPassed(table: PagedTableWriter): number {
  let sum = 0
  for (let number = 2_000_000; number < 2_020_000; number++) sum += table.slotsPassed(keyAt(number))
  return sum / 20_000
}

t.test('with room made before, 1,000,000 entries move little and lie as close', async (t) => {
  const table = new PagedTableWriter(sizes)
  table.reserve(1_000_000)
  const view = new PagedTable(table.shared)
  for (let number = 0; number < 1_000_000; number++) table.add(keyAt(number))
  t.ok(table.moved < 400_000, `${table.moved} moves`)
  t.ok(table.bytes / table.size <= 24, `${table.bytes / table.size} bytes an entry`)
  let missing = 0
  for (let number = 0; number < 1_000_000; number += 3) if (!view.has(keyAt(number))) missing++
  t.equal(missing, 0)
  const { bytes, moved } = table
  table.reserve(500_000)
  t.strictSame([table.bytes, table.moved], [bytes, moved], 'less than there is changes nothing')
})

t.test('one key that comes and goes 100,000 times leaves no trace', async (t) => {
  const table = new PagedTableWriter(sizes)
  const stays = keyIn(7, 0.5, 1)
  table.add(stays)
  for (let round = 0; round < 100_000; round++) {
    table.add(keyIn(7, 0.5, 2))
    table.remove(keyIn(7, 0.5, 2))
  }
  t.equal(table.size, 1)
  t.ok(table.has(stays))
  t.ok(table.bytes < 30_000, `${table.bytes} bytes`)
  t.ok(table.slotsPassed(keyIn(7, 0.5, 3)) < 100)
})

t.test('pages left by one shard are taken by the next, and a shard that empties gives its own back', async (t) => {
  const table = new PagedTableWriter(sizes)
  const fill = (shard: number) => {
    for (let number = 0; number < 5_000; number++) table.add(keyIn(shard, scrambled(6, number) / 2 ** 32, number))
  }
  const empty = (shard: number) => {
    for (let number = 1; number < 5_000; number++) table.remove(keyIn(shard, scrambled(6, number) / 2 ** 32, number))
  }
  fill(0)
  empty(0)
  const { bytes } = table
  for (let shard = 1; shard < 40; shard++) {
    fill(shard)
    empty(shard)
  }
  t.equal(table.size, 40)
  t.ok(table.bytes < bytes * 1.5, `${table.bytes} bytes after forty shards, ${bytes} after the first`)
  for (let shard = 0; shard < 40; shard++) {
    t.ok(table.has(keyIn(shard, scrambled(6, 0) / 2 ** 32, 0)))
    t.notOk(table.has(keyIn(shard, scrambled(6, 4_999) / 2 ** 32, 4_999)))
  }
})

t.test('a chain of slots goes from page to page and from the last to the first', async (t) => {
  const table = new PagedTableWriter(sizes)
  // So many with one place that they pass the end of the shard, whose pages they fill.
  const count = Math.floor(pageEntriesMax * 3)
  for (let number = 0; number < count; number++) t.ok(table.add(keyIn(3, 0.999, number)))
  const view = new PagedTable(table.shared)
  for (let number = 0; number < count; number++) if (!view.has(keyIn(3, 0.999, number))) t.fail(`${number} is missing`)
  t.notOk(view.has(keyIn(3, 0.999, count)))
})

t.test('a full table says so and loses nothing; what is in it can still be changed and removed', async (t) => {
  const table = new PagedTableWriter({ ...withValues, entriesMax: 1_000 })
  for (let number = 0; number < 1_000; number++) table.add(keyAt(number), [number, 0])
  const { generation } = table
  t.throws(() => table.add(keyAt(1_000), [0, 0]), { code: 'revocation_index_full', message: /current value is 1000/ })
  t.throws(() => table.set(keyAt(1_000), [0, 0]), { code: 'revocation_index_full' })
  t.equal(table.generation, generation)
  t.notOk(table.add(keyAt(5), [9, 9]), 'what is there is there')
  const values = new Uint32Array(2)
  for (let number = 0; number < 1_000; number++) {
    if (!table.read(keyAt(number), values) || values[0] !== number) t.fail(`${number} is lost`)
  }
  table.set(keyAt(5), [7, 7])
  t.ok(table.remove(keyAt(6)))
  t.ok(table.add(keyAt(1_000), [1, 1]), 'where one went, one may come')
  t.throws(() => table.add(keyAt(1_001)), { code: 'revocation_index_full' })
  t.equal(table.size, 1_000)
})

t.test('keys that all fall on one shard fill that, which says so and loses nothing', async (t) => {
  const table = new PagedTableWriter({ ...sizes, entriesMax: 100_000 })
  let added = 0
  const addAll = () => {
    for (let number = 0; number < 100_000; number++) {
      table.add(keyIn(1, scrambled(6, number) / 2 ** 32, number))
      added++
    }
  }
  t.throws(addAll, { code: 'revocation_index_full' })
  t.equal(table.size, added)
  for (let number = 0; number < added; number++) {
    if (!table.has(keyIn(1, scrambled(6, number) / 2 ** 32, number))) t.fail(`${number} is lost`)
  }
  t.ok(table.add(keyIn(2, 0.5, 1)), 'others have room')
})

t.test('parts hold each entry once, and another table takes them', async (t) => {
  const table = new PagedTableWriter(withValues)
  const count = 50_000
  for (let number = 0; number < count; number++) table.add(keyAt(number), [number, 1])
  for (let number = 0; number < count; number += 5) table.remove(keyAt(number))
  const parts = Array.from({ length: table.parts }, (_, part) => table.readPart(part))
  t.equal(
    parts.reduce((sum, part) => sum + part.length, 0),
    table.size * withValues.slotWords,
  )
  const seeded = { ...withValues, seed: [1, 2] as const }
  for (const other of [new PagedTableWriter(withValues), new PagedTableWriter(seeded)]) {
    for (const part of parts) other.takePart(part)
    t.equal(other.size, table.size)
    const values = new Uint32Array(2)
    for (let number = 0; number < count; number++) {
      const found = other.read(keyAt(number), values)
      if (found !== (number % 5 !== 0) || (found && values[0] !== number)) t.fail(`${number} is wrong`)
    }
  }
  t.throws(() => table.takePart(new Uint32Array(7)), /its slots have 6 words/)
})

t.test('clear removes all, and the pages are used again', async (t) => {
  const table = new PagedTableWriter(sizes)
  const view = new PagedTable(table.shared)
  const fill = () => {
    for (let number = 0; number < 20_000; number++) table.add(keyAt(number))
  }
  fill()
  const { bytes, generation } = table
  table.clear()
  t.equal(view.size, 0)
  t.ok(view.generation > generation)
  t.notOk(view.has(keyAt(1)))
  fill()
  t.equal(view.size, 20_000)
  t.ok(view.has(keyAt(1)))
  t.equal(table.bytes, bytes)
})

t.test('values of all entries of a part can be changed at once', async (t) => {
  const table = new PagedTableWriter(withValues)
  for (let number = 0; number < 5_000; number++) table.add(keyAt(number), [number, 3])
  for (let part = 0; part < table.parts; part++) table.changeValues(part, 1, (word) => word * 2)
  const values = new Uint32Array(2)
  for (let number = 0; number < 5_000; number++) {
    if (!table.read(keyAt(number), values) || values[0] !== number || values[1] !== 6) t.fail(`${number} is wrong`)
  }
  t.pass()
})

t.test('a seed spreads keys that were chosen to fall on one place', async (t) => {
  const plain = new PagedTableWriter(sizes)
  const seeded = new PagedTableWriter({ ...sizes, seed: [0x1234_5678, 0x9abc_def0] })
  for (const table of [plain, seeded]) for (let number = 0; number < 2_000; number++) table.add(keyIn(3, 0.5, number))
  const longest = (table: PagedTableWriter) =>
    Math.max(...Array.from({ length: 2_000 }, (_, number) => table.slotsPassed(keyIn(3, 0.5, number))))
  t.ok(longest(plain) > 1_500)
  t.ok(longest(seeded) < 50)
})

t.test('keys that begin with a reserved word are refused', async (t) => {
  const table = new PagedTableWriter(sizes)
  for (const word of [0, 0xffff_ffff]) t.throws(() => table.add([word, 1, 2, 3]))
  t.equal(table.size, 0)
})
