// Goal: that a certificate was seen reaches the store, each certificate once however often it was seen, and also after the store was away.
// Method: the real book over a store that writes down what it is told; flushes are asked for by the test.
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import type { Sighting } from '../../src/control-path/issuance-port.ts'
import { SightingBook } from '../../src/control-path/sighting-book.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { issuerA, keyA1, keyA2 } from '../store/samples.ts'

function start() {
  const world = {
    told: [] as (readonly Sighting[])[],
    warnings: 0,
    fault: undefined as Error | undefined,
    gate: Promise.resolve() as Promise<void>,
  }
  const book = new SightingBook({
    store: {
      noteSightings: async (sightings) => {
        world.told.push(sightings)
        await world.gate
        if (world.fault !== undefined) throw world.fault
      },
    },
    log: { info: () => {}, warn: () => void world.warnings++, error: () => {} },
    flushMs: 3_600_000,
  })
  t.teardown(() => book.close())
  return Object.assign(world, { book })
}

const at = (certificateKey: typeof keyA1, atMs: number) => ({ certificateKey, atMs })

t.test('R12: many sightings of one certificate are one entry, with the latest time', async (t) => {
  const { book, told } = start()
  book.note([at(keyA1, 5), at(keyA2, 7)])
  book.note([at(keyA1, 9), at(keyA1, 3)])
  await book.flush()
  t.strictSame(told, [
    [
      { key: keyA1, atMs: 9 },
      { key: keyA2, atMs: 7 },
    ],
  ])
  await book.flush()
  t.equal(told.length, 1, 'what is told is told once')
})

t.test('while the store is away they wait, and are merged with what is seen meanwhile', async (t) => {
  const world = start()
  world.fault = new GatewayError('store_unavailable', 'Cannot reach the store')
  world.book.note([at(keyA1, 5), at(keyA2, 7)])
  await world.book.flush()
  t.equal(world.warnings, 1)
  world.book.note([at(keyA1, 11)])
  world.fault = undefined
  await world.book.flush()
  t.strictSame(
    [...(world.told[1] ?? [])].sort((left, right) => left.atMs - right.atMs),
    [
      { key: keyA2, atMs: 7 },
      { key: keyA1, atMs: 11 },
    ],
  )
})

t.test('one call of the store at a time; what is seen during it is told by the next', async (t) => {
  const world = start()
  const { promise, resolve } = Promise.withResolvers<void>()
  world.gate = promise
  world.book.note([at(keyA1, 5)])
  const first = world.book.flush()
  world.book.note([at(keyA2, 6)])
  const second = world.book.flush()
  t.equal(world.told.length, 1)
  resolve()
  await Promise.all([first, second])
  await world.book.flush()
  t.strictSame(world.told[1], [{ key: keyA2, atMs: 6 }])
})

t.test('it remembers 200 000 certificates and passes over more, but not those it knows', async (t) => {
  const { book, told } = start()
  const many = Array.from({ length: 200_001 }, (_, index) => at(certificateKey(issuerA, (index + 16).toString(16)), 1))
  book.note(many)
  const [first] = many
  book.note([at(first?.certificateKey as typeof keyA1, 2)])
  await book.flush()
  t.equal(told[0]?.length, 200_000)
  t.equal(told[0]?.[0]?.atMs, 2)
  book.note([at(many.at(-1)?.certificateKey as typeof keyA1, 3)])
  await book.flush()
  t.equal(told[1]?.length, 1, 'seen again, it is noted')
})

t.test('what waits is told when it is closed', async (t) => {
  const { book, told } = start()
  book.note([at(keyA1, 5)])
  await book.close()
  t.equal(told.length, 1)
})
