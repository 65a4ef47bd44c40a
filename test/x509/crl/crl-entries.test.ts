// Goal: packed entries come out as they went in, from any place to any other, for every length of serial number and the whole range
// of times. Method: entries made with a seed, compared with a plain list of them.
import t from 'tap'
import { CrlEntries, type CrlEntry, reasonsByName } from '../../../src/x509/crl/crl-entries.ts'
import { createRandom } from '../../fuzz/random.ts'

const random = createRandom(0x5e1c1506)
const times = [Date.parse('0000-01-01T00:00:00Z'), -1_000, 0, 1_000, Date.parse('9999-12-31T23:59:59Z')]

function fill(count: number): { entries: CrlEntries; plain: CrlEntry[] } {
  const entries = new CrlEntries()
  const plain: CrlEntry[] = []
  for (let number = 0; number < count; number++) {
    const octets = Uint8Array.from({ length: 1 + random.integer(20) }, () => random.integer(256))
    octets[0] = 1 + random.integer(255)
    const bytes = Uint8Array.from([9, ...octets, 9])
    const reasonCode = random.pick([undefined, 0, 1, 2, 3, 4, 5, 6, 8, 9, 10])
    const invalidityDateMs = random.chance(0.3) ? random.pick(times) : undefined
    const rest = { revokedAtMs: random.pick(times), reasonCode, invalidityDateMs }
    entries.add({ bytes, start: 1, end: 1 + octets.length, ...rest })
    plain.push({ serialHex: Buffer.from(octets).toString('hex').replace(/^0/, ''), ...rest })
  }
  return { entries, plain }
}

t.test('entries come out as they went in', async (t) => {
  const { entries, plain } = fill(30_000)
  t.equal(entries.count, plain.length)
  t.strictSame([...entries], plain)
  t.strictSame([...entries.iterate()], plain, 'again')
  for (let round = 0; round < 200; round++) {
    const from = random.integer(plain.length)
    const to = from + random.integer(20)
    t.strictSame([...entries.iterate(from, to)], plain.slice(from, to), `${from} to ${to}`)
  }
  for (const [from, to] of [
    [0, 0],
    [5, 2],
    [29_999, 40_000],
    [30_000, 30_001],
    [40_000, 50_000],
  ] as const) {
    t.strictSame([...entries.iterate(from, to)], plain.slice(from, to), `${from} to ${to}`)
  }
})

t.test('none at all', async (t) => {
  const entries = new CrlEntries()
  t.strictSame([[...entries], entries.count, entries.bytes, entries.reasonCounts.size], [[], 0, 0, 0])
})

t.test('reasons are counted by name, and none is unspecified', async (t) => {
  const { entries, plain } = fill(500)
  const counted = reasonsByName(entries.reasonCounts)
  t.equal(counted.unspecified, plain.filter(({ reasonCode = 0 }) => reasonCode === 0).length)
  t.equal(counted.removeFromCRL, plain.filter(({ reasonCode }) => reasonCode === 8).length)
  t.equal(
    Object.values(counted).reduce((sum, count) => sum + count, 0),
    500,
  )
  t.strictSame(Object.keys(counted)[0], 'unspecified', 'in the order of their codes')
})
