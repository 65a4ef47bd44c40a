// Goal: the shared index holds exactly what was added and not removed, at any size, in every thread, with no pause to grow.
// Method: 200,000 entries with removals, compared with a plain Set; views made before it grew; a thread that looks all the
// time while entries come and go.
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { emptyWord, type Fingerprint, fingerprintOf, removedWord } from '../../src/trust/fingerprint.ts'
import { RevocationIndex, RevocationIndexWriter } from '../../src/trust/revocation-index.ts'

const entry = (at: number) => fingerprintOf('revoked', `key ${at}`)

t.test('add, has, remove', async (t) => {
  const index = new RevocationIndexWriter()
  t.equal(index.size, 0)
  t.notOk(index.has(entry(1)))
  t.ok(index.add(entry(1)))
  t.notOk(index.add(entry(1)), 'a second time changes nothing')
  t.ok(index.has(entry(1)))
  t.notOk(index.has(entry(2)))
  t.equal(index.size, 1)
  t.ok(index.remove(entry(1)))
  t.notOk(index.remove(entry(1)))
  t.notOk(index.has(entry(1)))
  t.equal(index.size, 0)
  t.ok(index.add(entry(1)), 'what was removed can come back')
  t.ok(index.has(entry(1)))
})

t.test('the generation rises with every change and only then', async (t) => {
  const index = new RevocationIndexWriter()
  const generations = [index.generation]
  const step = (change: () => unknown) => {
    change()
    generations.push(index.generation)
  }
  step(() => index.add(entry(1)))
  step(() => index.add(entry(1)))
  step(() => index.remove(entry(2)))
  step(() => index.remove(entry(1)))
  t.strictSame(generations, [0, 1, 1, 1, 2])
})

t.test('200,000 entries, every seventh removed, some of those added again', async (t) => {
  const index = new RevocationIndexWriter()
  const early = new RevocationIndex(index.shared)
  const count = 200_000
  const entries = Array.from({ length: count }, (_, at) => entry(at))
  for (const fingerprint of entries) index.add(fingerprint)
  t.equal(index.size, count)
  for (let at = 0; at < count; at += 7) index.remove(entries[at] as Fingerprint)
  for (let at = 0; at < count; at += 21) index.add(entries[at] as Fingerprint)
  const late = new RevocationIndex(index.shared)
  let wrong = 0
  let expected = 0
  for (const [at, fingerprint] of entries.entries()) {
    const wanted = at % 7 !== 0 || at % 21 === 0
    if (wanted) expected++
    if ([index, early, late].some((view) => view.has(fingerprint) !== wanted)) wrong++
  }
  for (let at = count; at < count + 50_000; at++) if (index.has(entry(at))) wrong++
  t.equal(wrong, 0)
  t.equal(index.size, expected)
  t.equal(early.size, expected, 'a view made before it grew sees it all')
})

t.test('entries that differ in one word only, and those that fall on one place, are kept apart', async (t) => {
  const index = new RevocationIndexWriter()
  const base: Fingerprint = [7, 7, 7, 7]
  const alike: Fingerprint[] = [
    [8, 7, 7, 7],
    [7, 8, 7, 7],
    [7, 7, 8, 7],
    [7, 7, 7, 8],
    [7, 7 + 4_096, 7, 7],
  ]
  index.add(base)
  for (const other of alike) t.notOk(index.has(other))
  for (const other of alike) t.ok(index.add(other))
  index.remove(base)
  for (const other of alike) t.ok(index.has(other), 'removing one does not hide what was placed after it')
  t.notOk(index.has(base))
})

t.test('reserved first words are refused, and no fingerprint has one', async (t) => {
  const index = new RevocationIndexWriter()
  for (const word of [emptyWord, removedWord]) t.throws(() => index.add([word, 1, 2, 3]))
  for (let at = 0; at < 20_000; at++) {
    const [first] = entry(at)
    if (first === emptyWord || first === removedWord) t.fail(`entry ${at} begins with a reserved word`)
  }
})

t.test(
  'a thread that looks while entries come sees each one from its generation on, and never a wrong one',
  async (t) => {
    const index = new RevocationIndexWriter()
    const worker = new Worker(new URL('./looking-thread.ts', import.meta.url), { workerData: index.shared })
    t.teardown(() => worker.terminate())
    const result = new Promise((resolve, reject) => {
      worker.once('error', reject)
      worker.on('message', (message) => {
        if (message !== 'ready') resolve(message)
      })
    })
    await new Promise((resolve) => worker.once('message', resolve))
    for (let at = 0; at < 20_000; at++) index.add(entry(at))
    t.strictSame(await result, { missed: 0, invented: 0 })
  },
)
