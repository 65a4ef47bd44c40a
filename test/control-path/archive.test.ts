// Goal: what was applied is known again at the next start, as current as it is and no more, and one process at a time writes.
// Method: real files in a folder of the test's own, a clock that is moved, and a memory that takes events as a gateway does.
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { listFiles } from '../../src/control-path/archive-files.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import {
  archiveFolder,
  at,
  keyOf,
  loadNow,
  openArchive,
  PlayedMemory,
  revokedEvent,
  startGateway,
} from './archive-played-memory.ts'

function numbersOf(folder: string, kind: string): number[] {
  return listFiles(folder).flatMap((file) => (file.kind === kind ? [file.number] : []))
}

t.test('an empty or missing folder has nothing to tell, and is not made by asking', async (t) => {
  const folder = archiveFolder(t)
  const { loaded, faults, memory } = await loadNow(folder)
  t.equal(loaded, undefined)
  t.same(faults, [])
  t.equal(memory.resets, 0)
  t.same(readdirSync(dirname(folder)), [])
})

t.test('what was appended is known after a restart, with a snapshot and without', async (t) => {
  for (const isSaved of [false, true]) {
    const folder = archiveFolder(t)
    const { archive, memory, take } = startGateway(folder)
    take(revokedEvent(1, 10, 11), revokedEvent(2, 12))
    take({ kind: 'restored', version: 3, key: keyOf(11), actor: 'security', atMs: 1 })
    archive.heard(at(3))
    if (isSaved) await archive.save(memory, () => at(3))
    take(revokedEvent(4, 13))
    take({ kind: 'suspended', version: 5, loginId: 'user01', suspended: true })
    await archive.close()
    const { memory: found, loaded, faults } = await loadNow(folder)
    t.same(found.refused, [10, 12, 13])
    t.same(found.suspended, { user01: 5 })
    t.strictSame(found.entries, memory.entries)
    t.match(loaded, { position: { version: 3, token: 't3' }, highestVersion: 5, entries: 3, heardAgoMs: 0 })
    t.same(faults, [])
    t.equal(found.replayed, isSaved ? 2 : 5, 'the snapshot stands for what came before it')
  }
})

t.test('files are for their owner only', async (t) => {
  const folder = archiveFolder(t)
  mkdirSync(folder, { mode: 0o755 })
  chmodSync(folder, 0o755)
  const { archive, memory, take } = startGateway(folder)
  take(revokedEvent(1, 1))
  await archive.save(memory, () => at(1))
  await archive.close()
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.same(
    readdirSync(folder).map((name) => [name, (statSync(join(folder, name)).mode & 0o777).toString(8)]),
    [
      ['journal-1.bin', '600'],
      ['journal-2.bin', '600'],
      ['snapshot-2.bin', '600'],
    ],
  )
})

t.test('a snapshot takes the place of all but the one before and its journals, and those of two minutes', async (t) => {
  const folder = archiveFolder(t)
  const { archive, memory, take, clock } = startGateway(folder, { clock: new FakeClock(Date.now()) })
  for (let version = 1; version <= 4; version++) {
    take(revokedEvent(version, version))
    if (version === 2) utimesSync(join(folder, 'journal-1.bin'), new Date(), new Date(clock.wallMs - 130_000))
    await archive.save(memory, () => at(version))
  }
  t.same(numbersOf(folder, 'snapshot'), [4, 5])
  t.same(numbersOf(folder, 'journal'), [2, 3, 4, 5])
  clock.advance(130_000)
  await archive.save(memory, () => at(4))
  t.same(numbersOf(folder, 'snapshot'), [5, 6], 'also when nothing has changed')
  t.same(numbersOf(folder, 'journal'), [5, 6])
  t.match(archive.status(), { snapshotAgeMs: 0, snapshotEntries: 4, lastFault: undefined })
  clock.advance(7_000)
  t.equal(archive.status().snapshotAgeMs, 7_000)
  t.equal(archive.status().snapshotBytes, statSync(join(folder, 'snapshot-6.bin')).size)
  t.equal(archive.status().journalBytes, statSync(join(folder, 'journal-6.bin')).size)
  await archive.close()
  t.same((await loadNow(folder)).memory.refused, [1, 2, 3, 4])
})

t.test(
  'a process that was not begun writes nothing; what it has applied meanwhile is written when it is',
  async (t) => {
    const folder = archiveFolder(t)
    const { archive } = openArchive(folder)
    const memory = new PlayedMemory()
    archive.append([revokedEvent(1, 1)], at(1))
    archive.heard(at(1))
    await archive.save(memory, () => at(1))
    t.equal(archive.needsSave, false)
    t.same(readdirSync(dirname(folder)), [])
    archive.begin(at(1))
    await archive.close()
    t.same((await loadNow(folder)).memory.refused, [1])
  },
)

t.test(
  'more than may wait in memory before a process is begun is only in its first snapshot, and until then nothing is called current',
  async (t) => {
    const folder = archiveFolder(t)
    const { archive } = openArchive(folder)
    const memory = new PlayedMemory()
    const large = Array.from({ length: 100_000 }, (_, n) => n)
    for (let version = 1; version <= 20; version++)
      archive.append([revokedEvent(version, ...large.map((n) => n + version * 100_000))], at(version))
    archive.append([revokedEvent(21, 7)], at(21))
    memory.apply(revokedEvent(21, 7))
    archive.begin(at(21))
    archive.heard(at(21))
    t.equal(archive.needsSave, true)
    t.match((await loadNow(folder)).loaded ?? { position: { version: 0 }, heardAgoMs: Infinity }, {
      position: { version: 0 },
      heardAgoMs: Infinity,
    })
    await archive.save(memory, () => at(21))
    t.equal(archive.needsSave, false)
    archive.append([revokedEvent(22, 8)], at(22))
    const { loaded, memory: found } = await loadNow(folder)
    t.match(loaded, { position: { version: 21 }, heardAgoMs: 0 })
    t.same(found.refused, [7, 8])
    await archive.close()
  },
)

t.test('the position is the last one that was heard: what was only appended may be a part of something', async (t) => {
  const folder = archiveFolder(t)
  const clock = new FakeClock()
  const { archive, take } = startGateway(folder, { clock })
  take(revokedEvent(5, 1))
  t.match((await loadNow(folder, { clock })).loaded, {
    position: { version: 0, token: '' },
    heardAgoMs: Infinity,
    highestVersion: 5,
  })
  archive.heard(at(5))
  clock.advance(1_000)
  take(revokedEvent(6, 2))
  t.match((await loadNow(folder, { clock })).loaded, {
    position: { version: 5, token: 't5' },
    heardAgoMs: 1_000,
    highestVersion: 6,
  })
  await archive.close()
})

t.test('that the store was heard is written every two seconds at most', async (t) => {
  const folder = archiveFolder(t)
  const clock = new FakeClock()
  const { archive } = startGateway(folder, { clock })
  const size = () => statSync(join(folder, 'journal-1.bin')).size
  archive.heard(at(1))
  const first = size()
  for (let elapsed = 0; elapsed < 1_900; elapsed += 100) {
    archive.heard(at(1))
    clock.advance(100)
  }
  t.equal(size(), first)
  clock.advance(100)
  archive.heard(at(2))
  t.ok(size() > first)
  clock.advance(250)
  t.match((await loadNow(folder, { clock })).loaded, { position: { version: 2 }, heardAgoMs: 250 })
  await archive.close()
})

t.test(
  'the age of the data goes by the monotonic clock within one start of the machine, else by the wall clock',
  async (t) => {
    const hour = 3_600_000
    const cases = [
      { name: 'a wall clock set back or forth', wallMs: -hour, elapsedMs: 5_000, bootId: 'boot-1', ageMs: 5_000 },
      { name: 'another start', wallMs: 90_000, elapsedMs: -900, bootId: 'boot-2', ageMs: 90_000 },
      {
        name: 'another start, and the wall clock before the noted time',
        wallMs: -1,
        elapsedMs: 10,
        bootId: 'boot-2',
        ageMs: Infinity,
      },
      {
        name: 'the same start, and the clock before the noted time',
        wallMs: 10,
        elapsedMs: -1,
        bootId: 'boot-1',
        ageMs: Infinity,
      },
    ]
    for (const isSaved of [false, true]) {
      const folder = archiveFolder(t)
      const { archive, memory, take, clock } = startGateway(folder)
      take(revokedEvent(1, 1))
      archive.heard(at(1))
      if (isSaved) await archive.save(memory, () => at(1))
      await archive.close()
      for (const { name, wallMs, elapsedMs, bootId, ageMs } of cases) {
        const later = new FakeClock(clock.wallMs + wallMs)
        later.elapsedMs = clock.elapsedMs + elapsedMs
        t.match((await loadNow(folder, { clock: later, bootId })).loaded, { heardAgoMs: ageMs }, name)
      }
    }
    const folder = archiveFolder(t)
    const { archive } = startGateway(folder, { bootId: '' })
    archive.heard(at(1))
    await archive.close()
    const later = new FakeClock()
    later.elapsedMs += 5_000
    t.match(
      (await loadNow(folder, { clock: later, bootId: '' })).loaded,
      { heardAgoMs: 0 },
      'unknown starts are never the same',
    )
  },
)

t.test('data that is loaded and saved again without the store stays as old as it is', async (t) => {
  const folder = archiveFolder(t)
  const clock = new FakeClock()
  const first = startGateway(folder, { clock })
  first.take(revokedEvent(1, 1))
  first.archive.heard(at(1))
  await first.archive.close()
  for (let round = 1; round <= 3; round++) {
    clock.advance(10_000)
    const { archive, memory, loaded } = await loadNow(folder, { clock })
    t.match(loaded, { position: { version: 1 }, heardAgoMs: round * 10_000 })
    archive.begin(at(1))
    await archive.save(memory, () => at(1))
    await archive.close()
  }
  t.match((await loadNow(folder, { clock, bootId: 'boot-2' })).loaded, { heardAgoMs: 30_000 })
})

t.test('what a killed process was writing is put away, and numbers are never used twice', async (t) => {
  const folder = archiveFolder(t)
  mkdirSync(folder)
  for (const name of ['snapshot-9.tmp', 'snapshot-4.bin.unusable', 'notes.txt']) writeFileSync(join(folder, name), 'x')
  const { archive, take } = startGateway(folder)
  take(revokedEvent(1, 1))
  t.same(readdirSync(folder).sort(), ['journal-5.bin', 'notes.txt', 'snapshot-4.bin.unusable'])
  rmSync(join(folder, 'journal-5.bin'))
  await archive.release()
  archive.begin(at(1))
  t.same(numbersOf(folder, 'journal'), [6])
  await archive.close()
})

t.test('after close nothing is taken or written', async (t) => {
  const folder = archiveFolder(t)
  const { archive, memory, take } = startGateway(folder)
  take(revokedEvent(1, 1))
  await archive.close()
  take(revokedEvent(2, 2))
  archive.begin(at(2))
  archive.heard(at(2))
  await archive.save(memory, () => at(2))
  t.same(readdirSync(folder), ['journal-1.bin'])
  t.same((await loadNow(folder)).memory.refused, [1])
})
