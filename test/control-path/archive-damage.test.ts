// Goal: damaged files never give wrong data, and what is whole beside them is still used. Method: snapshots and journals with bits
// flipped, bytes missing or from another program, and what a gateway that starts then finds.
import { createHash } from 'node:crypto'
import { appendFileSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import type { FakeClock } from '../helpers/fake-clock.ts'
import {
  archiveFolder,
  at,
  loadNow,
  openArchive,
  PlayedMemory,
  revokedEvent,
  startGateway,
} from './archive-played-memory.ts'

/** Two snapshots: 2 with its journal, and 3 with its own; refused are 1 to 4. Heard at 3; returns the clock. */
async function writeTwo(folder: string): Promise<FakeClock> {
  const { archive, memory, take, clock } = startGateway(folder)
  take(revokedEvent(1, 1))
  await archive.save(memory, () => at(1))
  take(revokedEvent(2, 2))
  archive.heard(at(2))
  await archive.save(memory, () => at(2))
  take(revokedEvent(3, 3))
  clock.advance(2_000)
  archive.heard(at(3))
  take(revokedEvent(4, 4))
  await archive.close()
  return clock
}

function change(file: string, edit: (bytes: Buffer) => Buffer | undefined): void {
  const bytes = readFileSync(file)
  writeFileSync(file, edit(bytes) ?? bytes)
}

/** Writes the checksum again after a change. */
function sign(bytes: Buffer): Buffer {
  const body = bytes.subarray(0, -32)
  return Buffer.concat([body, createHash('sha256').update(body).digest()])
}

const all = [1, 2, 3, 4]

t.test('no flipped bit in a snapshot goes unnoticed: the one before is used, with every journal since', async (t) => {
  const folder = archiveFolder(t)
  await writeTwo(folder)
  const file = join(folder, 'snapshot-3.bin')
  const whole = readFileSync(file)
  t.ok(whole.length < 1_500, `${whole.length} bytes`)
  const wrong: unknown[] = []
  for (let position = 0; position < whole.length; position++) {
    const bytes = Buffer.from(whole)
    bytes.writeUInt8(bytes.readUInt8(position) ^ (1 << (position % 8)), position)
    writeFileSync(file, bytes)
    const { memory, loaded, faults } = await loadNow(folder)
    const isRight =
      JSON.stringify(memory.refused) === JSON.stringify(all) &&
      memory.resets === 1 &&
      loaded?.position.version === 3 &&
      faults.length === 1 &&
      faults[0]?.[0] === 'snapshot_unusable'
    if (!isRight) wrong.push({ position, refused: memory.refused, loaded, faults })
  }
  t.same(wrong, [])
  writeFileSync(file, whole)
  t.match(
    await loadNow(folder),
    { faults: [], memory: { resets: 0 }, loaded: { position: { version: 3 } } },
    'the whole one is',
  )
})

t.test('a snapshot that is shorter or longer than it was is not used', async (t) => {
  const folder = archiveFolder(t)
  await writeTwo(folder)
  const file = join(folder, 'snapshot-3.bin')
  const whole = readFileSync(file)
  const wrong: unknown[] = []
  for (let size = whole.length - 1; size >= 0; size--) {
    truncateSync(file, size)
    const { memory, faults } = await loadNow(folder)
    if (memory.resets !== 1 || faults.length !== 1 || memory.refused.length !== 4) wrong.push({ size, faults })
  }
  t.same(wrong, [])
  writeFileSync(file, whole)
  appendFileSync(file, Buffer.alloc(1))
  t.match(await loadNow(folder), {
    memory: { resets: 1, refused: all },
    faults: [['snapshot_unusable', /snapshot-3\.bin: .* checksum/]],
  })
})

t.test(
  'a snapshot of a newer schema or another layout is not used, and stays for the program that can use it',
  async (t) => {
    const edits: [string, RegExp, (bytes: Buffer) => Buffer][] = [
      ['newer schema', /schema 1: current value is 2/, (bytes) => sign(Buffer.from(bytes.fill(2, 8, 9)))],
      [
        'other layout',
        /layout "ledger 1.*current value is "ledger 9/,
        (bytes) => sign(Buffer.from(bytes.toString('latin1').replace('ledger 1', 'ledger 9'), 'latin1')),
      ],
    ]
    for (const [name, message, edit] of edits) {
      const folder = archiveFolder(t)
      await writeTwo(folder)
      change(join(folder, 'snapshot-3.bin'), edit)
      const { archive, memory, faults } = await loadNow(folder)
      t.match(faults, [['snapshot_unusable', message]], name)
      t.same(memory.refused, all)
      t.match(archive.status().lastFault, message)
      archive.begin(at(4))
      t.ok(readdirSync(folder).includes('snapshot-3.bin'))
      t.equal(archive.needsSave, true)
      await archive.save(memory, () => at(4))
      t.equal(archive.needsSave, false)
      t.equal(archive.status().lastFault, undefined)
      await archive.close()
      t.match(await loadNow(folder), { faults: [], memory: { refused: all } })
    }
  },
)

t.test('damaged snapshots are set aside once the folder is owned, and the newest three are kept', async (t) => {
  const folder = archiveFolder(t)
  for (let round = 1; round <= 5; round++) {
    const { archive, memory, loaded } = await loadNow(folder)
    if (round > 1) t.equal(loaded?.highestVersion, round - 1)
    archive.begin(at(round))
    archive.append([revokedEvent(round, round)], at(round))
    memory.apply(revokedEvent(round, round))
    await archive.save(memory, () => at(round))
    await archive.close()
    const snapshots = readdirSync(folder).filter((name) => /^snapshot-\d+\.bin$/.test(name))
    for (const name of snapshots) change(join(folder, name), (bytes) => bytes.fill(0, 20, 30))
    await loadNow(folder)
    t.same(
      readdirSync(folder).filter((name) => /^snapshot-\d+\.bin$/.test(name)),
      snapshots,
      'reading changes nothing',
    )
  }
  const { archive, memory } = await loadNow(folder)
  t.same(memory.refused, [1, 2, 3, 4, 5], 'by the journals, which stay as long as no good snapshot stands for them')
  archive.begin(at(5))
  const unusable = readdirSync(folder).filter((name) => name.startsWith('snapshot-'))
  t.equal(unusable.length, 3)
  for (const name of unusable) t.match(name, /^snapshot-\d+\.bin\.unusable$/)
  await archive.close()
})

t.test('with every snapshot damaged, journals still tell what they have, but nothing is called current', async (t) => {
  const folder = archiveFolder(t)
  await writeTwo(folder)
  for (const name of ['snapshot-2.bin', 'snapshot-3.bin', 'journal-1.bin']) rmSync(join(folder, name), { force: true })
  const { archive, memory, loaded } = await loadNow(folder)
  t.same(memory.refused, [2, 3, 4])
  t.match(loaded, { position: { version: 0, token: '' }, heardAgoMs: Infinity, highestVersion: 4, entries: 3 })
  archive.begin(at(0))
  t.equal(archive.needsSave, true)
  archive.append([revokedEvent(1, 1)], at(1))
  memory.apply(revokedEvent(1, 1))
  archive.heard(at(4))
  // The store has said again all from the position on, and what it said is on disk beside what was read.
  t.match(await loadNow(folder), { loaded: { position: { version: 4 }, heardAgoMs: 0 }, memory: { refused: all } })
  await archive.save(memory, () => at(4))
  t.match(await loadNow(folder), {
    loaded: { position: { version: 4 }, heardAgoMs: 0 },
    memory: { refused: all },
    faults: [],
  })
  await archive.close()
})

t.test('a first journal proves what it says without any snapshot', async (t) => {
  const folder = archiveFolder(t)
  const { archive, take } = startGateway(folder)
  take(revokedEvent(1, 1))
  archive.heard(at(1))
  await archive.close()
  const second = await loadNow(folder)
  t.match(second.loaded, { position: { version: 1 }, heardAgoMs: 0 })
  second.archive.begin(at(1))
  second.archive.append([revokedEvent(2, 2)], at(2))
  second.archive.heard(at(2))
  await second.archive.close()
  t.match(await loadNow(folder), { loaded: { position: { version: 2 } }, memory: { refused: [1, 2] } })
  change(join(folder, 'journal-1.bin'), (bytes) => bytes.subarray(0, bytes.length - 1))
  const third = await loadNow(folder)
  t.match(
    third.loaded,
    { position: { version: 0 }, heardAgoMs: Infinity },
    'not with a byte less than the second built on',
  )
  t.same(third.memory.refused, [1, 2])
})

t.test(
  'a record damaged in the middle ends its journal there; later journals are taken, but prove nothing',
  async (t) => {
    const folder = archiveFolder(t)
    const clock = await writeTwo(folder)
    rmSync(join(folder, 'snapshot-3.bin'))
    const { loaded: before } = await loadNow(folder, { clock })
    t.match(before, { position: { version: 3 }, heardAgoMs: 0 })
    // The event of journal 2; its opening stays whole.
    const journal = join(folder, 'journal-2.bin')
    const opening = 12 + readFileSync(journal).readUInt32LE(0)
    change(journal, (bytes) => bytes.fill(0, opening + 30, opening + 31))
    const { archive, memory, loaded, faults, lines } = await loadNow(folder)
    t.same(memory.refused, [1, 3, 4])
    t.match(faults, [['snapshot_unusable', /journal-2\.bin: wrong checksum/]])
    t.match(lines, [['error', 'trust data on disk cannot be used']])
    t.match(
      loaded,
      { position: { version: 0 }, heardAgoMs: Infinity, highestVersion: 4 },
      'the store has to say all since the snapshot again',
    )
    archive.begin(at(0))
    t.equal(archive.needsSave, true)
    await archive.close()
  },
)

t.test('the torn tail of a killed process is no damage, and what follows it proves what it says', async (t) => {
  const folder = archiveFolder(t)
  const clock = await writeTwo(folder)
  appendFileSync(join(folder, 'journal-3.bin'), Buffer.from([50, 0, 0, 0, 205, 255, 255, 255, 1, 2]))
  const { archive, memory, loaded, faults } = await loadNow(folder, { clock })
  t.same(faults, [])
  t.same(memory.refused, all)
  t.match(loaded, { position: { version: 3 }, heardAgoMs: 0 })
  archive.begin(at(4))
  archive.append([revokedEvent(5, 5)], at(5))
  archive.heard(at(5))
  t.equal(archive.needsSave, false)
  await archive.close()
  t.match(await loadNow(folder), { faults: [], loaded: { position: { version: 5 } }, memory: { refused: [...all, 5] } })
})

t.test('a journal of a newer schema is not understood, and what builds on it proves nothing', async (t) => {
  const folder = archiveFolder(t)
  await writeTwo(folder)
  const { encodeRecord } = await import('../../src/control-path/journal-record.ts')
  const opening = { schema: 2, bootId: 'boot-1', base: 3, parts: [], gap: false, highestVersion: 9 }
  writeFileSync(join(folder, 'journal-4.bin'), encodeRecord({ kind: 'opening', opening }))
  const { memory, loaded, faults } = await loadNow(folder)
  t.match(faults, [['snapshot_unusable', /journal-4\.bin: Cannot read .*schema 1.* 2/]])
  t.same(memory.refused, all)
  t.match(loaded, { position: { version: 3 } })
})

t.test('where memory has no room for what is known, loading fails: less would let in who is revoked', async (t) => {
  const folder = archiveFolder(t)
  await writeTwo(folder)
  const { archive } = openArchive(folder)
  const memory = new PlayedMemory()
  memory.index.takePart = () => {
    throw new GatewayError('revocation_index_full', 'Cannot add an entry as the index is full: current value is 1')
  }
  await t.rejects(archive.load(memory), { code: 'revocation_index_full' })
})

t.test('a part that the memory cannot take makes the snapshot unusable, whatever the checksum says', async (t) => {
  const folder = archiveFolder(t)
  await writeTwo(folder)
  const { archive, faults } = openArchive(folder)
  const memory = new PlayedMemory()
  const { takePart } = memory.ledger
  let calls = 0
  memory.ledger.takePart = (bytes) => {
    if (++calls === 5) throw new Error('no records')
    takePart(bytes)
  }
  t.match(await archive.load(memory), { entries: 4 })
  t.match(faults, [['snapshot_unusable', /snapshot-3\.bin: no records/]])
  t.same(memory.refused, all)
})
