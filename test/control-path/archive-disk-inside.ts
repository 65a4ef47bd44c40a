import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { TrustArchive } from '../../src/control-path/archive.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { at, loadNow, openArchive, PlayedMemory, revokedEvent, startGateway } from './archive-played-memory.ts'

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n)

/** An empty file system of 128 KiB, of which `filler` has half; returns its folder for the archive. */
function mountSmall(t: Tap): { folder: string; filler: string; mount: (options: string) => void } {
  const parent = mkdtempSync(join(tmpdir(), 'sekisho-disk-'))
  const mount = (options: string) => execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', parent])
  mount('size=128k')
  t.teardown(() => {
    execFileSync('umount', [parent])
    rmSync(parent, { recursive: true })
  })
  const filler = join(parent, 'filler')
  writeFileSync(filler, Buffer.alloc(65_536))
  return { folder: join(parent, 'trust'), filler, mount }
}
type Tap = { teardown(end: () => void): void }

/** Applies revocations of a hundred certificates each until nothing more can be written; returns the last version. */
function fillUp(gateway: ReturnType<typeof startGateway>): number {
  let version = 0
  while (gateway.faults.length === 0 && version < 1_000) {
    version++
    gateway.take(revokedEvent(version, ...numbers(version * 100, 100)))
  }
  return version
}

const level = (lines: readonly [string, string][], wanted: string) => lines.filter(([found]) => found === wanted).length

t.test('what is applied while the disk is full is written when it has room again', async (t) => {
  const { folder, filler, mount } = mountSmall(t)
  const gateway = startGateway(folder)
  const { archive, memory, take, faults, lines, clock } = gateway
  const full = fillUp(gateway)
  t.match(faults, [['journal_failed', /ENOSPC/]])
  t.match(archive.status().lastFault, /ENOSPC/)
  t.equal(statfsSync(folder).bavail, 0)
  for (let version = full + 1; version <= full + 5; version++) take(revokedEvent(version, version * 100))
  archive.heard(at(full + 5))
  t.equal(faults.length, 1, 'once an outage')
  t.equal(level(lines, 'error'), 1)
  const meanwhile = await loadNow(folder)
  t.same(meanwhile.memory.refused, numbers(100, (full - 1) * 100), 'all that had room, and no half of a record')
  t.same(meanwhile.faults, [])
  t.match(meanwhile.loaded, { heardAgoMs: Infinity }, 'what was heard of the rest is not there')

  rmSync(filler)
  clock.advance(2_000)
  archive.heard(at(full + 5))
  t.equal(archive.status().lastFault, undefined)
  t.equal(level(lines, 'info'), 1, 'it is told that it is over')
  t.match(await loadNow(folder, { clock }), {
    memory: { refused: memory.refused },
    loaded: { position: { version: full + 5 }, heardAgoMs: 0 },
  })
  t.equal(archive.needsSave, true)
  mount('remount,size=4m')
  await archive.save(memory, () => at(full + 5))
  t.equal(archive.needsSave, false)
  t.equal(faults.length, 1)
  await archive.close()
  t.same((await loadNow(folder)).memory.refused, memory.refused)
})

t.test(
  'a snapshot for which there is no room leaves the old one and no rest of itself, and is made later',
  async (t) => {
    const { folder, filler } = mountSmall(t)
    const { archive, memory, take, faults, lines, clock } = startGateway(folder)
    take(revokedEvent(1, 1))
    await archive.save(memory, () => at(1))
    take(revokedEvent(2, 2))
    memory.names = () => ({ suspended: [], ballast: 'x'.repeat(100_000) })
    const before = readdirSync(folder)
    t.equal(archive.needsSave, false)
    for (let round = 1; round <= 3; round++) {
      await archive.save(memory, () => at(2))
      t.equal(faults.length, round, 'each is counted')
      t.match(faults.at(-1), ['snapshot_failed', /ENOSPC/])
      t.equal(archive.needsSave, false, 'not at once')
      clock.advance(2_000 * 2 ** (round - 1))
      t.equal(archive.needsSave, true, 'but after a pause, which grows')
    }
    t.equal(level(lines, 'error'), 1, 'one line for all of them')
    t.match(archive.status(), { lastFault: /ENOSPC/, snapshotEntries: 1 })
    t.same(
      readdirSync(folder).filter((name) => !before.includes(name)),
      ['journal-3.bin'],
    )
    take(revokedEvent(3, 3))
    t.same((await loadNow(folder)).memory.refused, [1, 2, 3])

    rmSync(filler)
    await archive.save(memory, () => at(3))
    t.equal(archive.needsSave, false)
    t.match(archive.status(), { lastFault: undefined, snapshotEntries: 3 })
    t.equal(level(lines, 'info'), 1)
    await archive.close()
    const after = await loadNow(folder)
    t.same(after.memory.refused, [1, 2, 3])
    t.same(after.faults, [])
  },
)

t.test(
  'what is too much to wait in memory is in the next snapshot, and until then nothing is called current',
  async (t) => {
    const { folder, filler, mount } = mountSmall(t)
    const gateway = startGateway(folder)
    const { archive, memory, take, clock } = gateway
    let version = fillUp(gateway)
    archive.heard(at(version))
    const large = numbers(0, 100_000)
    // The last of these is the one too much: nothing is left to wait.
    for (let count = 1; count <= 15; count++) {
      version++
      archive.append([revokedEvent(version, ...large.map((number) => number + count * 1_000_000))], at(version))
    }
    take(revokedEvent(++version, 7))
    mount('remount,size=4m')
    rmSync(filler)
    clock.advance(2_000)
    archive.heard(at(version))
    t.equal(archive.status().lastFault, undefined, 'the journal goes on')
    const between = await loadNow(folder, { clock })
    t.match(between.loaded, { position: { version: 0 }, heardAgoMs: Infinity, highestVersion: version })
    t.ok(between.memory.refused.includes(100), 'what was before the outage is there')
    t.equal(archive.needsSave, true)
    await archive.save(memory, () => at(version))
    t.equal(archive.needsSave, false)
    t.equal(archive.status().lastFault, undefined)
    const after = await loadNow(folder, { clock })
    t.match(after.loaded, { position: { version }, heardAgoMs: 0 })
    t.same(after.memory.refused, memory.refused)
    await archive.close()
  },
)

t.test('on a read-only file system the gateway goes on, and writes all once it may', async (t) => {
  const { folder, mount } = mountSmall(t)
  const first = startGateway(folder)
  first.take(revokedEvent(1, 1))
  await first.archive.save(first.memory, () => at(1))
  await first.archive.close()
  mount('remount,ro,size=128k')
  const { archive, memory, faults, lines, clock } = await loadNow(folder)
  t.same(memory.refused, [1])
  archive.begin(at(1))
  archive.append([revokedEvent(2, 2)], at(2))
  memory.apply(revokedEvent(2, 2))
  archive.heard(at(2))
  t.match(faults, [['journal_failed', /EROFS/]])
  t.equal(archive.needsSave, true)
  await archive.save(memory, () => at(2))
  t.match(faults, [
    ['journal_failed', /EROFS/],
    ['snapshot_failed', /EROFS/],
  ])
  t.equal(archive.needsSave, false)
  mount('remount,rw,size=128k')
  clock.advance(2_000)
  archive.heard(at(2))
  t.match(await loadNow(folder, { clock }), {
    memory: { refused: [1, 2] },
    loaded: { position: { version: 2 }, heardAgoMs: 0 },
  })
  t.equal(archive.needsSave, true)
  await archive.save(memory, () => at(2))
  t.match(archive.status(), { lastFault: undefined, snapshotEntries: 2 })
  t.equal(level(lines, 'info'), 2)
  await archive.close()
})

t.test('a folder that is removed is made again by the next snapshot', async (t) => {
  const { folder } = mountSmall(t)
  const { archive, memory, take } = startGateway(folder)
  take(revokedEvent(1, 1))
  await archive.save(memory, () => at(1))
  await archive.save(memory, () => at(1))
  rmSync(folder, { recursive: true })
  take(revokedEvent(2, 2))
  await archive.save(memory, () => at(2))
  await archive.save(memory, () => at(2))
  await archive.close()
  t.match(await loadNow(folder), { memory: { refused: [1, 2] }, faults: [] })
})

t.test('files that cannot be read are as good as damaged, and cost nothing else', async (t) => {
  const { folder } = mountSmall(t)
  const { archive, memory, take } = startGateway(folder)
  take(revokedEvent(1, 1))
  await archive.save(memory, () => at(1))
  take(revokedEvent(2, 2))
  archive.heard(at(2))
  await archive.close()
  mkdirSync(join(folder, 'snapshot-4.bin'))
  mkdirSync(join(folder, 'journal-4.bin'))
  const found = await loadNow(folder)
  t.match(found.loaded, { position: { version: 2 }, entries: 2 })
  t.same(found.memory.refused, [1, 2])
  t.match(found.faults, [
    ['snapshot_unusable', /^snapshot-4\.bin: /],
    ['snapshot_unusable', /^journal-4\.bin: EISDIR/],
  ])
})

t.test('a folder that is no folder stops nothing', async (t) => {
  const { folder } = mountSmall(t)
  writeFileSync(folder, '')
  const { archive, faults }: { archive: TrustArchive; faults: readonly unknown[] } = openArchive(folder, {
    clock: new FakeClock(),
  })
  t.equal(await archive.load(new PlayedMemory()), undefined)
  t.same([...archive.unread()], [])
  archive.begin(at(0))
  archive.append([revokedEvent(1, 1)], at(1))
  t.match(faults, [
    ['snapshot_unusable', /ENOTDIR/],
    ['snapshot_unusable', /ENOTDIR/],
    ['journal_failed', /EEXIST|ENOTDIR/],
  ])
  await archive.close()
})
