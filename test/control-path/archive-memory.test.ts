// Goal: the memory of a real gateway comes out of its archive as it went in, at sizes where its tables grow. Method: ledger, index and
// names as a gateway has them, saved while events go on, and loaded into new ones.
import t from 'tap'
import { takeEvent } from '../../src/control-path/apply.ts'
import { type ArchiveTarget, TrustArchive } from '../../src/control-path/archive.ts'
import type { TrustEvent } from '../../src/control-path/ports.ts'
import { TrustMemory } from '../../src/control-path/trust-memory.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'
import { type CertificateKey, certificateKey } from '../../src/x509/certificate-key.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { archiveFolder, at } from './archive-played-memory.ts'

const issuers = ['ab', 'cd', 'ef'].map((byte) => byte.repeat(16))

function keyOf(number: number): CertificateKey {
  return certificateKey(
    issuers[number % issuers.length] ?? '',
    `${(number + 1).toString(16)}${'7'.repeat(number % 30)}`,
  )
}

function keysFrom(first: number, count: number): CertificateKey[] {
  return Array.from({ length: count }, (_, n) => keyOf(first + n))
}

function targetOf(memory: TrustMemory): ArchiveTarget {
  return {
    get ledger() {
      return memory.ledger
    },
    index: memory.index,
    takeNames: (names) => memory.takeNames(names),
    replay: (events) => {
      for (const event of events) takeEvent(event, memory)
    },
    reset: () => memory.reset(),
  }
}

function open(folder: string) {
  const memory = new TrustMemory(new RevocationIndexWriter())
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const faults: string[] = []
  const archive = new TrustArchive({
    folder,
    clock: new FakeClock(),
    bootId: 'b',
    log,
    fault: (...fault) => faults.push(fault.join(' ')),
  })
  const source = { ledger: memory.ledger, index: memory.index, names: () => memory.names() }
  const take = (...events: TrustEvent[]) => {
    archive.append(events, at(events.at(-1)?.version ?? 0))
    for (const event of events) takeEvent(event, memory)
  }
  return { archive, memory, faults, source, take }
}

/** Which of the certificates differ between the two memories. */
function differences(a: TrustMemory, b: TrustMemory, keys: readonly CertificateKey[]): CertificateKey[] {
  return keys.filter((key) => {
    const entry = fingerprintOf('revoked', key)
    const superseded = fingerprintOf('superseded', key)
    const [known, found] = [a.ledger.find(key), b.ledger.find(key)]
    return (
      known?.state !== found?.state ||
      known?.version !== found?.version ||
      known?.superseded !== found?.superseded ||
      a.index.has(entry) !== b.index.has(entry) ||
      a.index.has(superseded) !== b.index.has(superseded) ||
      a.index.exemption(entry) !== b.index.exemption(entry)
    )
  })
}

t.test(
  '120,000 certificates, restored and superseded ones, rules and odd spellings are the same after a restart',
  async (t) => {
    const folder = archiveFolder(t)
    const { archive, memory, source, take, faults } = open(folder)
    archive.begin(at(0))
    for (let version = 1; version <= 120; version++)
      take({ kind: 'revoked', version, keys: keysFrom(version * 1_000, 1_000), atMs: version })
    for (let n = 0; n < 500; n++)
      take({ kind: 'restored', version: 200 + n, key: keyOf(5_000 + n * 7), actor: 'security', atMs: 1 })
    for (let n = 0; n < 500; n++) take({ kind: 'superseded', version: 1_000 + n, key: keyOf(5_000 + n * 11) })
    const odd = ['ab:01', `${issuers[0]}:0A`, '証明書'] as CertificateKey[]
    take({ kind: 'revoked', version: 2_000, keys: odd, atMs: 1 })
    take({
      kind: 'rule',
      version: 2_001,
      ruleId: 'login:u1',
      rule: { by: 'loginId', loginId: 'u1', notBeforeMaxMs: 9_000 },
      atMs: 1,
    })
    take({ kind: 'suspended', version: 2_002, loginId: 'u2', suspended: true })
    take({ kind: 'login_method', version: 2_003, contractId: 'c1', method: 'password' })
    await archive.save(source, () => at(2_003))
    take({ kind: 'revoked', version: 2_004, keys: keysFrom(200_000, 1_000), atMs: 1 })
    take({ kind: 'restored', version: 2_005, key: keyOf(200_000), actor: 'security', atMs: 1 })
    await archive.close()

    const found = open(folder)
    const loaded = await found.archive.load(targetOf(found.memory))
    t.match(loaded, { entries: memory.ledger.revoked, highestVersion: 2_005 })
    t.equal(found.memory.ledger.revoked, 120_000 - 500 + 3 + 999)
    t.strictSame(found.memory.ledger.countByIssuer(), memory.ledger.countByIssuer())
    t.equal(found.memory.index.size, memory.index.size)
    t.same(differences(memory, found.memory, [...keysFrom(0, 130_000), ...keysFrom(200_000, 1_000), ...odd]), [])
    t.strictSame(found.memory.names(), memory.names())
    t.ok(found.memory.index.has(fingerprintOf('suspended', 'u2')))
    t.equal(
      found.memory.index.coveringRule({
        issuerId: '',
        loginEntry: fingerprintOf('login_rule', 'u1'),
        notBeforeMs: 9_000,
      }),
      2_001,
    )
    t.same([...faults, ...found.faults], [])
  },
)

t.test('tables that grow many times over while they are copied lose nothing', async (t) => {
  const folder = archiveFolder(t)
  const { archive, memory, source, take, faults } = open(folder)
  archive.begin(at(0))
  let version = 0
  let next = 0
  const grow = (count: number) => {
    take({ kind: 'revoked', version: ++version, keys: keysFrom(next, count), atMs: version })
    next += count
  }
  grow(1_000)
  let copied = 0
  // Before every tenth part: new certificates, and an old one restored, revoked again or superseded.
  const fuzzy = (from: typeof source.ledger | typeof source.index) => ({
    parts: from.parts,
    readPart(part: number): Uint8Array {
      if (++copied % 10 === 0) {
        grow(500)
        const key = keyOf((copied * 7_919) % next)
        take({ kind: 'restored', version: ++version, key, actor: 'security', atMs: version })
        if (copied % 20 === 0) take({ kind: 'revoked', version: ++version, keys: [key], atMs: version })
        if (copied % 30 === 0) take({ kind: 'superseded', version: ++version, key })
      }
      return from.readPart(part)
    },
  })
  const ledger = Object.assign(fuzzy(source.ledger), { revoked: memory.ledger.revoked })
  const index = Object.assign(fuzzy(source.index), { size: memory.index.size })
  await archive.save({ ledger, index, names: source.names }, () => at(version))
  await archive.close()
  t.ok(next > 50_000, `${next} certificates, of which 1,000 were there at the beginning`)

  const found = open(folder)
  await found.archive.load(targetOf(found.memory))
  t.same(differences(memory, found.memory, keysFrom(0, next)), [])
  t.equal(found.memory.ledger.revoked, memory.ledger.revoked)
  t.equal(found.memory.index.size, memory.index.size)
  t.strictSame(new Map(found.memory.restored), new Map(memory.restored))
  t.same([...faults, ...found.faults], [])
})
