// Goal: the shared index holds exactly what was added and not removed, in every thread; rules and exemptions beside it cover exactly what
// they say. Method: 200,000 entries with removals, compared with a plain Set; views made before it grew; a thread that looks all
// the time while entries come and go; rules at their bounds.
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { emptyWord, type Fingerprint, fingerprintOf, removedWord } from '../../src/trust/fingerprint.ts'
import { RevocationIndex, type RuleSubject } from '../../src/trust/revocation-index.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'
import { issuerId } from './trust-fakes.ts'

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

const subjectOf = (notBeforeMs: number, changes: { loginId?: string; issuerId?: string } = {}): RuleSubject => ({
  issuerId: changes.issuerId ?? issuerId,
  loginEntry: fingerprintOf('login_rule', changes.loginId ?? 'user01'),
  notBeforeMs,
})

t.test('a rule on a login ID covers what it had until then, in whole seconds, the last included', async (t) => {
  const index = new RevocationIndexWriter()
  const view = new RevocationIndex(index.shared)
  t.equal(view.coveringRule(subjectOf(0)), 0)
  index.setRule('login:user01', { by: 'loginId', loginId: 'user01', notBeforeMaxMs: 1_700_000_000_400, version: 5 })
  for (const [notBeforeMs, version] of [
    [1_700_000_000_999, 5],
    [1_700_000_000_000, 5],
    [1_700_000_001_000, 0],
    [1_699_999_999_000, 5],
    [-1_000, 5],
  ] as const) {
    t.equal(view.coveringRule(subjectOf(notBeforeMs)), version, `${notBeforeMs}`)
  }
  t.equal(view.coveringRule(subjectOf(0, { loginId: 'user02' })), 0, 'nobody else')
  t.equal(view.coveringRule({ issuerId, loginEntry: undefined, notBeforeMs: 0 }), 0, 'nor who has no login ID')
  index.removeRule('login:user01')
  t.equal(view.coveringRule(subjectOf(0)), 0)
})

t.test('a rule on an issuer covers a span of time, both ends included', async (t) => {
  const index = new RevocationIndexWriter()
  const view = new RevocationIndex(index.shared)
  const rule = { by: 'issuer', issuerId, notBeforeMinMs: 10_500, notBeforeMaxMs: 20_500, version: 9 } as const
  index.setRule('incident', rule)
  for (const [notBeforeMs, version] of [
    [9_999, 0],
    [10_000, 9],
    [20_999, 9],
    [21_000, 0],
  ] as const) {
    t.equal(view.coveringRule(subjectOf(notBeforeMs)), version, `${notBeforeMs}`)
  }
  t.equal(view.coveringRule(subjectOf(15_000, { issuerId: 'ff'.repeat(16) })), 0, 'no other issuer')
  index.setRule('wider', { ...rule, notBeforeMinMs: 0, version: 3 })
  t.equal(view.coveringRule(subjectOf(15_000)), 9, 'the highest version counts')
  t.equal(view.coveringRule(subjectOf(5_000)), 3)
  index.setRule('login:user01', { by: 'loginId', loginId: 'user01', notBeforeMaxMs: 15_000, version: 11 })
  t.equal(view.coveringRule(subjectOf(15_000)), 11)
  index.removeRule('incident')
  index.removeRule('login:user01')
  t.equal(view.coveringRule(subjectOf(15_000)), 3)
})

t.test('a rule set again: newer changes it, the same or older does not, another subject replaces it', async (t) => {
  const index = new RevocationIndexWriter()
  const rule = { by: 'loginId', loginId: 'user01', notBeforeMaxMs: 10_000, version: 5 } as const
  index.setRule('a', rule)
  const { generation } = index
  index.setRule('a', rule)
  index.setRule('a', { ...rule, notBeforeMaxMs: 99_000, version: 4 })
  index.removeRule('unknown')
  t.equal(index.generation, generation, 'nothing has changed')
  t.equal(index.coveringRule(subjectOf(10_000)), 5)
  index.setRule('a', { ...rule, notBeforeMaxMs: 20_000, version: 6 })
  t.equal(index.coveringRule(subjectOf(20_000)), 6)
  index.setRule('a', { ...rule, notBeforeMaxMs: 15_000, version: 8 })
  t.equal(index.coveringRule(subjectOf(20_000)), 0, 'withdrawn and published again, it may cover less')
  t.equal(index.coveringRule(subjectOf(15_000)), 8)
  index.setRule('a', { ...rule, loginId: 'user02', version: 9 })
  t.equal(index.coveringRule(subjectOf(10_000)), 0)
  t.equal(index.coveringRule(subjectOf(10_000, { loginId: 'user02' })), 9)
  index.setRule('a', { by: 'issuer', issuerId, notBeforeMinMs: 0, notBeforeMaxMs: 10_000, version: 10 })
  t.equal(index.coveringRule(subjectOf(10_000, { loginId: 'user02' })), 10)
  t.equal(index.coveringRule({ ...subjectOf(10_000), issuerId: 'ff'.repeat(16) }), 0)
})

t.test('times and versions beyond a word count as the largest', async (t) => {
  const index = new RevocationIndexWriter()
  const farMs = Date.UTC(2200, 0, 1)
  index.setRule('a', { by: 'loginId', loginId: 'user01', notBeforeMaxMs: farMs, version: 2 ** 40 })
  t.equal(index.coveringRule(subjectOf(farMs + 1_000)), 0xffff_ffff)
  const entryOf = fingerprintOf('revoked', 'key')
  index.setExemption(entryOf, 2 ** 41)
  t.equal(index.exemption(entryOf), 0xffff_ffff, 'a tie, which means revoked')
})

t.test('exemptions keep their highest version until they are removed', async (t) => {
  const index = new RevocationIndexWriter()
  const view = new RevocationIndex(index.shared)
  const [one, other] = [entry(1), entry(2)]
  t.equal(view.exemption(one), 0)
  index.setExemption(one, 5)
  index.setExemption(one, 4)
  t.equal(view.exemption(one), 5)
  t.equal(view.exemption(other), 0)
  index.setExemption(one, 6)
  t.equal(view.exemption(one), 6)
  index.removeExemption(other)
  index.removeExemption(one)
  t.equal(view.exemption(one), 0)
  t.equal(view.size, 0, 'exemptions are no entries')
})

t.test('the generation rises with every change of rules and exemptions too', async (t) => {
  const index = new RevocationIndexWriter()
  const rule = { by: 'loginId', loginId: 'user01', notBeforeMaxMs: 10_000, version: 5 } as const
  const steps: (() => void)[] = [
    () => index.setRule('a', rule),
    () => index.setRule('b', { by: 'issuer', issuerId, notBeforeMinMs: 0, notBeforeMaxMs: 1, version: 6 }),
    () => index.setExemption(entry(1), 7),
    () => index.removeExemption(entry(1)),
    () => index.removeRule('a'),
    () => index.removeRule('b'),
    () => index.clear(),
  ]
  for (const [at, step] of steps.entries()) {
    const { generation } = index
    step()
    t.ok(index.generation > generation, `step ${at}`)
    const after = index.generation
    if (at > 2 && at < 6) step()
    t.equal(index.generation, after, 'a second time changes nothing')
  }
})

t.test('parts of the entries make another index; what is no part is refused', async (t) => {
  const index = new RevocationIndexWriter()
  for (let at = 0; at < 20_000; at++) index.add(entry(at))
  for (let at = 0; at < 20_000; at += 3) index.remove(entry(at))
  const other = new RevocationIndexWriter()
  other.reserve(20_000)
  for (let part = 0; part < index.parts; part++) {
    const bytes = index.readPart(part)
    // As they come out of a file: at any offset.
    other.takePart(Buffer.concat([Buffer.alloc(1), bytes]).subarray(1))
  }
  t.equal(other.size, index.size)
  for (let at = 0; at < 20_000; at++) if (other.has(entry(at)) !== (at % 3 !== 0)) t.fail(`entry ${at} is wrong`)
  t.throws(() => other.takePart(new Uint8Array(15)), /current value is 15 bytes/)
  t.throws(() => other.takePart(new Uint8Array(20)), /current value is 5 words/)
  t.throws(() => other.takePart(new Uint8Array(16)), 'an entry that cannot be')
  t.equal(other.size, index.size)
})

t.test('an index that is full says so, and cleared it has room for all again', async (t) => {
  const index = new RevocationIndexWriter({ entriesMax: 100 })
  for (let at = 0; at < 100; at++) index.add(entry(at))
  t.throws(() => index.add(entry(100)), { code: 'revocation_index_full', message: /current value is 100/ })
  t.ok(index.has(entry(7)))
  index.setRule('a', { by: 'loginId', loginId: 'user01', notBeforeMaxMs: 10_000, version: 5 })
  index.setRule('b', { by: 'issuer', issuerId, notBeforeMinMs: 0, notBeforeMaxMs: 10_000, version: 5 })
  index.setExemption(entry(1), 5)
  index.clear()
  t.equal(index.size, 0)
  t.equal(index.coveringRule(subjectOf(0)), 0)
  t.equal(index.exemption(entry(1)), 0)
  t.notOk(index.has(entry(7)))
  t.ok(index.add(entry(100)))
})
