// Goal: a snapshot that is copied while events go on is as good as one of a standing memory. Method: events of a seeded random are
// applied before every part that is copied; whatever was known at the end must be known after a restart.
import t from 'tap'
import type { TrustEvent } from '../../src/control-path/ports.ts'
import {
  archiveFolder,
  at,
  keyOf,
  loadNow,
  type PlayedMemory,
  revokedEvent,
  startGateway,
} from './archive-played-memory.ts'

/** A small generator of numbers below the limit (xorshift), so that a seed tells the whole run. */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed * 2_654_435_761 + 1
  return (limit) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}

const subjects = 40

function createEvents(seed: number): () => TrustEvent {
  const random = randomFrom(seed)
  let version = 0
  return () => {
    version++
    const subject = random(subjects)
    const kind = random(8)
    if (kind < 5) return revokedEvent(version, subject, random(subjects))
    if (kind < 7) return { kind: 'restored', version, key: keyOf(subject), actor: 'security', atMs: version }
    return { kind: 'suspended', version, loginId: `user${subject}`, suspended: true }
  }
}

function stateOf(memory: PlayedMemory): unknown {
  return {
    entries: [...memory.entries].sort(([a], [b]) => (a < b ? -1 : 1)),
    refused: memory.refused,
    suspended: Object.entries(memory.suspended).sort(([a], [b]) => (a < b ? -1 : 1)),
  }
}

t.test('events between the parts are neither lost nor undone, whatever their order', async (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const folder = archiveFolder(t)
    const { archive, memory, take, faults } = startGateway(folder)
    const nextEvent = createEvents(seed)
    const random = randomFrom(seed + 1_000)
    let copied = 0
    memory.beforePart = () => {
      copied++
      for (let count = random(3); count > 0; count--) take(nextEvent())
    }
    for (let count = random(60); count > 0; count--) take(nextEvent())
    for (let saves = 1 + random(3); saves > 0; saves--) await archive.save(memory, () => at(0))
    for (let count = random(5); count > 0; count--) take(nextEvent())
    await archive.close()
    const found = await loadNow(folder)
    t.ok(copied >= 16)
    t.same([...faults, ...found.faults], [])
    t.strictSame(stateOf(found.memory), stateOf(memory), `seed ${seed}`)
  }
})

t.test('what is current at the end of a fuzzy snapshot is current after it is loaded', async (t) => {
  const folder = archiveFolder(t)
  const { archive, memory, take, clock } = startGateway(folder)
  take(revokedEvent(1, 1))
  archive.heard(at(1))
  let version = 1
  memory.beforePart = () => {
    take(revokedEvent(++version, version))
    clock.advance(500)
    archive.heard(at(version))
  }
  await archive.save(memory, () => at(version))
  await archive.close()
  const { memory: found, loaded } = await loadNow(folder, { clock })
  t.equal(found.refused.length, version)
  const { heardAgoMs = Infinity, position, highestVersion } = loaded ?? {}
  t.ok(heardAgoMs < 2_000, `${heardAgoMs} ms`)
  t.ok((position?.version ?? 0) > version - 4)
  t.equal(highestVersion, version)
})

t.test('other work of the event loop goes on while a snapshot is made', async (t) => {
  const folder = archiveFolder(t)
  const { archive, memory } = startGateway(folder)
  const { readPart } = memory.ledger
  memory.ledger.readPart = (part) => Buffer.concat([readPart(part), Buffer.alloc(1_048_576, 0x20)])
  let turns = 0
  let isOver = false
  const turn = () => {
    turns++
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await archive.save(memory, () => at(0))
  isOver = true
  t.ok(turns > 8 * 4, `${turns} turns for 8 MB`)
  await archive.close()
})
