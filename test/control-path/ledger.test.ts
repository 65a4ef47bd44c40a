// Goal: the ledger tells a newer statement from an older one, counts what is in force, finds what a store lacks, and comes through a
// snapshot whole. Method: the rules one by one; random statements compared with a plain Map; parts read by another ledger.
import t from 'tap'
import { CertificateLedger, type LedgerEntry } from '../../src/control-path/ledger.ts'
import type { KnownRevocation } from '../../src/control-path/store-port.ts'
import { type CertificateKey, certificateKey } from '../../src/x509/certificate-key.ts'
import { scrambled } from '../trust/key-streams.ts'
import { issuerId, keyOf } from '../trust/trust-fakes.ts'

const otherId = 'f1'.repeat(16)
const one = keyOf('1')
/** As somebody may have written them into the store by hand. */
const oddKeys = [
  '',
  ':',
  'x',
  `${issuerId}:`,
  `${issuerId}:0`,
  `${issuerId}:01`,
  `${issuerId}:AB`,
  `${issuerId}:1g`,
  `${issuerId}:${'1'.repeat(41)}`,
  `${issuerId}-1`,
  `${issuerId.toUpperCase()}:1`,
  `${issuerId.slice(1)}:1`,
  `${issuerId}:1:2`,
  `${issuerId}:é`,
] as CertificateKey[]
const oddKey = oddKeys[6] as CertificateKey

const revocationOf = (key: CertificateKey, version: number): KnownRevocation => ({ key, version })
const missing = (ledger: CertificateLedger) => [...ledger.unmarked()].flat()
const sorted = (known: readonly KnownRevocation[]) => known.toSorted((a, b) => (a.key < b.key ? -1 : 1))

for (const key of [one, oddKey]) {
  const name = key === one ? 'a key' : 'an odd key'
  t.test(`${name}: revoked once is added, then known; the higher version counts`, async (t) => {
    const ledger = new CertificateLedger()
    t.equal(ledger.find(key), undefined)
    t.equal(ledger.revoke(key, 5), 'added')
    t.equal(ledger.revoke(key, 4), 'known')
    t.strictSame(ledger.find(key), { state: 'revoked', version: 5, superseded: false })
    t.equal(ledger.revoke(key, 7), 'known')
    t.strictSame(ledger.find(key), { state: 'revoked', version: 7, superseded: false })
    t.equal(ledger.revoked, 1)
  })

  t.test(`${name}: a tombstone counts if it is newer; a tie means revoked`, async (t) => {
    const ledger = new CertificateLedger()
    ledger.revoke(key, 5)
    t.equal(ledger.restore(key, 4), 'outdated')
    t.equal(ledger.restore(key, 5), 'outdated', 'a tie')
    t.equal(ledger.revoked, 1)
    t.equal(ledger.restore(key, 6), 'restored')
    t.equal(ledger.restore(key, 6), 'known')
    t.equal(ledger.restore(key, 5), 'known')
    t.strictSame(ledger.find(key), { state: 'restored', version: 6, superseded: false })
    t.equal(ledger.revoked, 0)
    t.equal(ledger.revoke(key, 5), 'outdated')
    t.equal(ledger.find(key)?.state, 'restored')
    t.equal(ledger.restore(key, 8), 'restored', 'a newer tombstone is taken')
    t.equal(ledger.find(key)?.version, 8)
    t.equal(ledger.revoke(key, 8), 'added', 'a tie')
    t.strictSame(ledger.find(key), { state: 'revoked', version: 8, superseded: false })
    t.equal(ledger.revoked, 1)
  })

  t.test(`${name}: a tombstone of what was never known is remembered`, async (t) => {
    const ledger = new CertificateLedger()
    t.equal(ledger.restore(key, 5), 'restored')
    t.equal(ledger.revoke(key, 4), 'outdated')
    t.equal(ledger.revoke(key, 6), 'added')
  })

  t.test(`${name}: superseded is told once, and goes through every other change`, async (t) => {
    const ledger = new CertificateLedger()
    t.ok(ledger.supersede(key))
    t.notOk(ledger.supersede(key))
    t.strictSame(ledger.find(key), { state: 'none', version: 0, superseded: true })
    t.equal(ledger.revoked, 0)
    t.equal(ledger.revoke(key, 1), 'added')
    t.equal(ledger.restore(key, 2), 'restored')
    ledger.beginRound()
    ledger.mark(key)
    t.strictSame(ledger.find(key), { state: 'restored', version: 2, superseded: true })
  })
}

t.test('no key is taken for another, whatever its spelling', async (t) => {
  const ledger = new CertificateLedger()
  const serials = ['1', '10', '100000000', 'f'.repeat(8), 'f'.repeat(9), 'f'.repeat(40), `1${'0'.repeat(39)}`, 'abcdef']
  const keys = [...serials.flatMap((serial) => [keyOf(serial), certificateKey(otherId, serial)]), ...oddKeys]
  for (const [at, key] of keys.entries()) t.equal(ledger.revoke(key, at + 1), 'added', key)
  for (const [at, key] of keys.entries()) t.equal(ledger.find(key)?.version, at + 1, key)
  t.equal(ledger.revoked, keys.length)
  t.strictSame(
    sorted(missingAfterRound(ledger)),
    sorted(keys.map((key, at) => revocationOf(key, at + 1))),
    'and each is told as it was given',
  )
  t.equal(ledger.find(keyOf('2')), undefined)
  t.equal(ledger.find(certificateKey('ee'.repeat(16), '1')), undefined)
  t.equal(ledger.find('nobody' as CertificateKey), undefined)
})

function missingAfterRound(ledger: CertificateLedger): KnownRevocation[] {
  ledger.beginRound()
  return missing(ledger)
}

t.test('counts by issuer', async (t) => {
  const ledger = new CertificateLedger()
  for (const serial of ['1', '2', '3']) ledger.revoke(keyOf(serial), 1)
  ledger.revoke(certificateKey(otherId, '1'), 1)
  ledger.revoke(`${otherId}:0001` as CertificateKey, 1)
  ledger.restore(keyOf('2'), 2)
  t.strictSame(
    ledger.countByIssuer(),
    new Map([
      [otherId, 2],
      [issuerId, 2],
    ]),
  )
  t.equal(ledger.revoked, 4)
})

t.test('versions up to 48 bits come back as they were', async (t) => {
  const ledger = new CertificateLedger()
  for (const version of [1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 5, 2 ** 48 - 1]) {
    ledger.revoke(keyOf(version.toString(16)), version)
    ledger.supersede(keyOf(version.toString(16)))
    t.equal(ledger.find(keyOf(version.toString(16)))?.version, version)
  }
})

t.test('a round tells what was not marked in it', async (t) => {
  const ledger = new CertificateLedger()
  const keys = ['1', '2', '3', '4', '5', '6'].map(keyOf)
  for (const [at, key] of [...keys, oddKey].entries()) ledger.revoke(key, at + 1)
  ledger.beginRound()
  for (const key of keys.slice(0, 3)) ledger.mark(key)
  ledger.mark(keyOf('99'))
  ledger.revoke(keyOf('1'), 1)
  t.equal(ledger.revoke(keyOf('4'), 1), 'known', 'hearing of it is no mark')
  t.equal(ledger.revoke(keyOf('7'), 9), 'added', 'what is added during a round counts as marked')
  ledger.restore(keyOf('5'), 20)
  const expected = [revocationOf(keyOf('4'), 4), revocationOf(keyOf('6'), 6), revocationOf(oddKey, 7)]
  t.strictSame(sorted(missing(ledger)), sorted(expected))
  for (const { key } of expected) ledger.mark(key)
  ledger.mark(oddKey)
  t.strictSame(missing(ledger), [])
  t.equal(missingAfterRound(ledger).length, 7, 'marks of one round do not count in the next')
})

t.test('what is marked or restored while it is being told is left out', async (t) => {
  const ledger = new CertificateLedger()
  for (let number = 1; number <= 5_000; number++) ledger.revoke(keyOf(number.toString(16)), number)
  ledger.beginRound()
  const told = new Set<CertificateKey>()
  let isFirst = true
  for (const chunk of ledger.unmarked()) {
    t.ok(chunk.length <= 1_000)
    for (const { key } of chunk) told.add(key)
    if (!isFirst || chunk.length === 0) continue
    isFirst = false
    for (let number = 1; number <= 5_000; number += 2) ledger.mark(keyOf(number.toString(16)))
    for (let number = 2; number <= 5_000; number += 4) ledger.restore(keyOf(number.toString(16)), 10_000)
    // Moves what is being told of, too.
    for (let number = 5_001; number <= 40_000; number++) ledger.revoke(keyOf(number.toString(16)), number)
  }
  for (let number = 4; number <= 5_000; number += 4) {
    if (!told.has(keyOf(number.toString(16)))) t.fail(`${number} was not told`)
  }
  t.ok(told.size < 1_250 + 1_000 + 10, `${told.size} were told`)
})

t.test('many rounds: the number of a mark comes again, the mark does not', async (t) => {
  const ledger = new CertificateLedger()
  for (let number = 1; number <= 3_000; number++) ledger.revoke(keyOf(number.toString(16)), number)
  ledger.revoke(oddKey, 1)
  const numbers = 8_191
  for (let round = 0; round <= numbers * 2; round++) {
    ledger.beginRound()
    if (round === 10 || round === 7_000) for (const key of [one, keyOf('ff'), oddKey]) ledger.mark(key)
    if (round === 10 || round === 7_000) t.equal(missing(ledger).length, 2_998)
    if (round === 10 + numbers || round === 7_000 + numbers) t.equal(missing(ledger).length, 3_001)
  }
})

type Model = Map<CertificateKey, LedgerEntry>

/** The rules once more, in the plainest words. */
function expect(model: Model, key: CertificateKey, statement: 'revoke' | 'restore' | 'supersede', version: number) {
  const known = model.get(key) ?? { state: 'none', version: 0, superseded: false }
  if (statement === 'supersede') {
    model.set(key, { ...known, superseded: true })
    return !known.superseded
  }
  const state = statement === 'revoke' ? 'revoked' : 'restored'
  const winsTies = statement === 'revoke'
  if (known.state === state) {
    model.set(key, { ...known, version: Math.max(known.version, version) })
    return statement === 'restore' && version > known.version ? 'restored' : 'known'
  }
  if (known.state !== 'none' && (winsTies ? known.version > version : known.version >= version)) return 'outdated'
  model.set(key, { ...known, state, version })
  return statement === 'revoke' ? 'added' : 'restored'
}

t.test('100,000 random statements leave what a Map has, also in another ledger that reads the parts', async (t) => {
  const ledger = new CertificateLedger()
  const model: Model = new Map()
  let wrong = 0
  for (let step = 0; step < 100_000; step++) {
    const number = scrambled(8, step) % 4_000
    const issuer = number % 3 === 0 ? otherId : issuerId
    const serial = number % 50 === 0 ? `0${number}` : (number + 1).toString(16)
    const key = certificateKey(issuer, serial)
    const statement = (['revoke', 'restore', 'supersede', 'revoke'] as const)[scrambled(9, step) % 4] ?? 'revoke'
    const version = scrambled(10, step) % 200
    if (ledger[statement](key, version) !== expect(model, key, statement, version)) wrong++
  }
  t.equal(wrong, 0)
  const other = new CertificateLedger()
  // It has met the issuers in another order, and knows some of it already.
  other.revoke(certificateKey('ab'.repeat(16), '5'), 3)
  other.revoke(certificateKey(otherId, '1'), 0)
  for (let part = 0; part < ledger.parts; part++) {
    const bytes = ledger.readPart(part)
    other.takePart(Buffer.concat([Buffer.alloc(3), bytes]).subarray(3))
  }
  for (const [key, entry] of model) {
    t.strictSame(ledger.find(key), entry)
    if (key !== certificateKey(otherId, '1')) t.strictSame(other.find(key), entry)
  }
  const inForce = [...model.values()].filter(({ state }) => state === 'revoked').length
  t.equal(ledger.revoked, inForce)
  t.equal(missingAfterRound(ledger).length, inForce)
  t.ok(Math.abs(other.revoked - inForce - 1) <= 1)
  t.equal(missingAfterRound(other).length, other.revoked)
})

t.test('parts of a ledger without entries are empty; what is no part is refused', async (t) => {
  const ledger = new CertificateLedger()
  for (let part = 0; part < ledger.parts; part++) t.equal(ledger.readPart(part).length, 0)
  ledger.takePart(new Uint8Array(0))
  t.throws(() => ledger.takePart(new Uint8Array(5)), /current value is 5 bytes/)
  t.throws(() => ledger.takePart(new Uint8Array(8)), /its length is wrong/)
  const words = new Uint32Array(9)
  words[1] = 1 << 16
  t.throws(() => ledger.takePart(new Uint8Array(words.buffer)), /it has no issuer/)
  t.throws(() => ledger.takePart(new Uint8Array([255, 255, 255, 255, 91, 91, 91, 91])))
  t.equal(ledger.revoked, 0)
})

t.test('what is taken from parts is not marked, and loses to nothing newer', async (t) => {
  const from = new CertificateLedger()
  from.revoke(one, 5)
  from.beginRound()
  from.mark(one)
  from.restore(keyOf('2'), 9)
  const ledger = new CertificateLedger()
  ledger.beginRound()
  ledger.restore(one, 6)
  ledger.revoke(keyOf('2'), 9)
  ledger.revoke(keyOf('3'), 1)
  for (let part = 0; part < from.parts; part++) ledger.takePart(from.readPart(part))
  t.equal(ledger.find(one)?.state, 'restored')
  t.equal(ledger.find(keyOf('2'))?.state, 'revoked', 'a tie means revoked')
  const fresh = new CertificateLedger()
  fresh.beginRound()
  for (let part = 0; part < from.parts; part++) fresh.takePart(from.readPart(part))
  t.strictSame(missing(fresh), [revocationOf(one, 5)])
})

t.test('a full ledger says so and loses nothing', async (t) => {
  const ledger = new CertificateLedger({ entriesMax: 10 })
  for (let number = 1; number <= 10; number++) ledger.revoke(keyOf(number.toString(16)), number)
  t.throws(() => ledger.revoke(keyOf('ff'), 1), { code: 'revocation_index_full' })
  t.throws(() => ledger.restore(keyOf('ff'), 1), { code: 'revocation_index_full' })
  t.throws(() => ledger.supersede(keyOf('ff')), { code: 'revocation_index_full' })
  t.equal(ledger.revoked, 10)
  t.strictSame(ledger.countByIssuer(), new Map([[issuerId, 10]]))
  t.equal(ledger.find(keyOf('ff')), undefined)
  t.equal(ledger.restore(keyOf('5'), 20), 'restored', 'what is there can be changed')
  t.equal(ledger.find(keyOf('a'))?.version, 10)
})

t.test('200,000 entries take less than 60 bytes each, and one that is missing is found among them', async (t) => {
  const ledger = new CertificateLedger()
  ledger.reserve(200_000)
  for (let number = 1; number <= 200_000; number++) ledger.revoke(keyOf(number.toString(16)), number)
  t.ok(ledger.bytes / 200_000 < 60, `${ledger.bytes / 200_000} bytes`)
  ledger.beginRound()
  for (let number = 1; number <= 200_000; number++) if (number !== 777) ledger.mark(keyOf(number.toString(16)))
  t.strictSame(missing(ledger), [revocationOf(keyOf((777).toString(16)), 777)])
})
