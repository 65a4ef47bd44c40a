// Goal: two processes of a rolling restart, one folder: one writes at a time, the other reads, and nothing is lost between them.
// Method: two archives on the same files, handing over back and forth, and one that loads while the other replaces everything. By a
// clock of another year nothing was written within the last minutes, so that what is replaced is removed at once.
import { cpSync, readdirSync, rmSync } from 'node:fs'
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

t.test('in a rolling restart nothing the old process applied last is forgotten', async (t) => {
  const folder = archiveFolder(t)
  // Journals are as old as they are.
  const clock = new FakeClock(Date.now())
  const old = startGateway(folder, { clock })
  old.take(revokedEvent(1, 1))
  old.archive.heard(at(1))
  await old.archive.save(old.memory, () => at(1))
  old.take(revokedEvent(2, 2))

  const next = await loadNow(folder, { clock })
  t.same(next.memory.refused, [1, 2])
  // The store says 4 to the new one; 3 is lost by it before the new one has read so far.
  old.take(revokedEvent(3, 3))
  await old.archive.save(old.memory, () => at(3))
  old.take(revokedEvent(5, 5))
  next.archive.append([revokedEvent(4, 4)], at(4))
  next.memory.apply(revokedEvent(4, 4))
  t.same(
    [...next.archive.unread()].flat().map(({ version }) => version),
    [3, 5],
    'read while the other one writes',
  )
  old.take(revokedEvent(6, 6))
  await old.archive.release()
  old.take(revokedEvent(7, 7))
  const before = new Set(readdirSync(folder))
  const unread = [...next.archive.unread()]
  t.same(
    unread.flat().map(({ version }) => version),
    [6],
  )
  for (const events of [[revokedEvent(3, 3), revokedEvent(5, 5)], ...unread]) next.memory.replay(events)
  next.archive.begin(at(4))
  t.notOk(before.has(readdirSync(folder).filter((name) => !before.has(name))[0] ?? ''), 'a journal of its own')
  clock.advance(2_000)
  next.archive.heard(at(7))

  const third = await loadNow(folder, { clock })
  t.same(third.memory.refused, [1, 2, 3, 4, 5, 6])
  t.match(third.loaded, { position: { version: 7 }, heardAgoMs: 0 })
  await next.archive.save(next.memory, () => at(7))
  await next.archive.save(next.memory, () => at(7))
  t.same((await loadNow(folder, { clock })).memory.refused, [1, 2, 3, 4, 5, 6])

  // The new one fails, and the old one takes the folder back.
  await next.archive.release()
  for (const events of old.archive.unread()) old.memory.replay(events)
  old.archive.begin(at(7))
  await old.archive.save(old.memory, () => at(7))
  t.same((await loadNow(folder, { clock })).memory.refused, [1, 2, 3, 4, 5, 6, 7])
  await Promise.all([old.archive.close(), next.archive.close()])
})

t.test(
  'a snapshot that is being made is given up when the folder is released, and the next process is not disturbed',
  async (t) => {
    const folder = archiveFolder(t)
    const { archive, memory, take, faults } = startGateway(folder)
    take(revokedEvent(1, 1))
    const saving = archive.save(memory, () => at(1))
    t.equal(
      archive.save(memory, () => at(1)),
      saving,
      'one at a time',
    )
    await archive.release()
    t.same(numbersOf(folder, 'snapshot'), [])
    t.same(numbersOf(folder, 'temporary'), [])
    await saving
    t.same(faults, [])
    const next = await loadNow(folder)
    next.archive.begin(at(1))
    await next.archive.save(next.memory, () => at(1))
    take(revokedEvent(2, 2))
    t.same(numbersOf(folder, 'snapshot'), [3])
    t.same((await loadNow(folder)).memory.refused, [1])
    await next.archive.close()
    await archive.close()
  },
)

t.test('a process loads while another one replaces snapshots and journals again and again', async (t) => {
  const folder = archiveFolder(t)
  const { archive, memory, take } = startGateway(folder)
  let version = 0
  let isOver = false
  const writing = (async () => {
    while (!isOver) {
      for (let count = 0; count < 5; count++) take(revokedEvent(++version, version))
      archive.heard(at(version))
      await archive.save(memory, () => at(version))
    }
  })()
  for (let round = 0; round < 40; round++) {
    const before = version
    const { memory: found, loaded, faults } = await loadNow(folder)
    t.same(faults, [])
    const missing = Array.from({ length: before }, (_, n) => n + 1).filter(
      (number) => !found.fingerprints.has(keyOf(number)),
    )
    t.same(missing, [], `all of ${before} is there`)
    t.ok((loaded?.position.version ?? 0) <= found.fingerprints.size)
  }
  isOver = true
  await writing
  await archive.close()
})

t.test('whoever is loading when all it reads is replaced begins again with what is there then', async (t) => {
  for (const moment of ['takeNames', 'replay'] as const) {
    const folder = archiveFolder(t)
    const { archive, memory, take } = startGateway(folder)
    const revokeNext = () => take(revokedEvent(memory.entries.size + 1, memory.entries.size + 1))
    const saveOften = async () => {
      for (let count = 0; count < 3; count++) {
        await archive.save(memory, () => at(0))
        revokeNext()
      }
    }
    await saveOften()
    // A second journal on top of the snapshot.
    await archive.release()
    archive.begin(at(0))
    revokeNext()
    const seen = archiveFolder(t)
    cpSync(folder, seen, { recursive: true })
    await saveOften()

    const reader = openArchive(seen)
    const found = new PlayedMemory()
    const original = found[moment].bind(found) as (given: never) => void
    found[moment] = (given: never) => {
      original(given)
      if (found.resets > 0) return
      rmSync(seen, { recursive: true })
      cpSync(folder, seen, { recursive: true })
    }
    t.match(await reader.archive.load(found), { entries: 7 })
    t.equal(found.resets, 1, moment)
    t.same(found.refused, [1, 2, 3, 4, 5, 6, 7])
    t.same(reader.faults, [])
    t.same([...reader.archive.unread()].flat(), [])
    await archive.close()
  }
})
