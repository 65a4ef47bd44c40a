import type { Test } from 'tap'
import { historyEntriesMax } from '../../src/control-path/shared-notes-port.ts'
import { eventually } from '../helpers/eventually.ts'
import { type ContractSetting, givenNowMs, nowMs } from './samples.ts'

const minuteMs = 60_000

/** Short-lived values, counts, and the history of subjects. */
export function testSharedNotes(t: Test, setting: ContractSetting): void {
  testNotes(t, setting)
  testEnds(t, setting)
  testHistory(t, setting)
}

function testNotes(t: Test, { open }: ContractSetting): void {
  t.test('a note is kept, replaced, read, and forgotten, outside the log', async (t) => {
    const store = await open(t, { nowMs })
    const before = await store.position()
    const odd = `o'brien 日本 😀\n"; --`
    t.equal(await store.readNote('code:user01'), undefined)
    await store.keepNote('code:user01', 'first', minuteMs)
    await store.keepNote('code:user01', odd, minuteMs)
    await store.keepNote(odd, '', minuteMs)
    t.equal(await store.readNote('code:user01'), odd)
    t.equal(await store.readNote('code:user01'), odd, 'reading takes nothing away')
    t.equal(await store.readNote(odd), '')
    await store.forgetNote('code:user01')
    await store.forgetNote('never there')
    t.equal(await store.readNote('code:user01'), undefined)
    t.equal(await store.readNote(odd), '', 'the others stay')
    t.strictSame(await store.position(), before)
  })

  t.test('of several who take the same note one gets it', async (t) => {
    const store = await open(t, { nowMs })
    await store.keepNote('result', 'value', minuteMs)
    const taken = await Promise.all([1, 2, 3, 4].map(() => store.takeNote('result')))
    t.strictSame(
      taken.filter((value) => value !== undefined),
      ['value'],
    )
    t.equal(await store.readNote('result'), undefined)
    t.equal(await store.takeNote('result'), undefined)
    await store.keepNote('result', 'again', minuteMs)
    t.equal(await store.takeNote('result'), 'again')
  })

  t.test('counts rise by one for each who counts, also at the same time, and are forgotten by name', async (t) => {
    const store = await open(t, { nowMs })
    t.strictSame(await store.readCount('wrong:user01'), { count: 0, lifeMs: 0 })
    const counts = await Promise.all([1, 2, 3, 4, 5].map(() => store.countNote('wrong:user01', minuteMs)))
    t.strictSame(counts.toSorted(), [1, 2, 3, 4, 5])
    t.equal(await store.countNote('wrong:user02', minuteMs), 1, 'each name has its own')
    const { count, lifeMs } = await store.readCount('wrong:user01')
    t.equal(count, 5)
    t.ok(lifeMs > 0 && lifeMs <= minuteMs)
    await store.forgetNote('wrong:user01')
    t.strictSame(await store.readCount('wrong:user01'), { count: 0, lifeMs: 0 })
    t.equal(await store.countNote('wrong:user01', minuteMs), 1)
    t.match(await store.readCount('wrong:user02'), { count: 1 })
  })
}

function testEnds(t: Test, { open, clock }: ContractSetting): void {
  if (clock === 'own') {
    t.test('notes and counts end', async (t) => {
      const store = await open(t, { nowMs })
      await store.keepNote('stays', 'value', minuteMs)
      await store.keepNote('code', 'value', 30)
      await store.keepNote('taken', 'value', 30)
      t.equal(await store.countNote('wrong', 200), 1)
      // Counting again does not make it live longer.
      await store.countNote('wrong', minuteMs)
      const { lifeMs } = await store.readCount('wrong')
      t.ok(lifeMs <= 200)
      await eventually(
        () => store.readNote('code'),
        (value) => value === undefined,
      )
      await eventually(
        () => store.takeNote('taken'),
        (value) => value === undefined,
      )
      await eventually(
        () => store.readCount('wrong'),
        ({ count }) => count === 0,
      )
      t.equal(await store.readNote('stays'), 'value')
      t.equal(await store.countNote('wrong', minuteMs), 1)
    })
    return
  }
  t.test('notes and counts end: a count so long after its first step, whenever it was counted since', async (t) => {
    let time = givenNowMs
    const store = await open(t, { nowMs: () => time })
    await store.keepNote('code', 'value', 1_000)
    await store.keepNote('taken', 'value', 1_000)
    await store.keepNote('renewed', 'value', 1_000)
    t.equal(await store.countNote('wrong', 1_000), 1)
    time += 999
    t.equal(await store.readNote('code'), 'value')
    t.equal(await store.countNote('wrong', 5_000), 2)
    t.strictSame(await store.readCount('wrong'), { count: 2, lifeMs: 1 })
    await store.keepNote('renewed', 'value', 1_000)
    time += 1
    t.equal(await store.readNote('code'), undefined)
    t.equal(await store.takeNote('taken'), undefined)
    t.equal(await store.readNote('renewed'), 'value')
    t.strictSame(await store.readCount('wrong'), { count: 0, lifeMs: 0 })
    t.equal(await store.countNote('wrong', 5_000), 1)
    t.strictSame(await store.readCount('wrong'), { count: 1, lifeMs: 5_000 })
  })
}

function testHistory(t: Test, { open }: ContractSetting): void {
  t.test('the history of a subject is told newest first, its newest entries only', async (t) => {
    const store = await open(t, { nowMs })
    t.strictSame(await store.history('login:user01', 10), [])
    const odd = `{"text":"o'brien 日本 😀\\n"}`
    await store.addHistory('login:user01', odd)
    await store.addHistory('login:user01', odd)
    await store.addHistory('login:user02', 'other')
    t.strictSame(await store.history('login:user01', 10), [odd, odd], 'the same may happen twice')
    for (let number = 1; number <= historyEntriesMax; number++)
      await store.addHistory('login:user01', `entry ${number}`)
    t.strictSame(await store.history('login:user01', 2), [
      `entry ${historyEntriesMax}`,
      `entry ${historyEntriesMax - 1}`,
    ])
    const all = await store.history('login:user01', historyEntriesMax + 10)
    t.equal(all.length, historyEntriesMax)
    t.equal(all.at(-1), 'entry 1')
    t.strictSame(await store.history('login:user02', 10), ['other'])
  })
}
