// Goal: all gateways publish the same numbers over the same entries, whatever one of them missed, and none ever goes back.
// Method: two gateways over one real Redis, which is changed, emptied, paused, and joined by a third one.
import t from 'tap'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { enter, folders, live } from '../control-path/redis-gateway.ts'
import { eventually } from '../helpers/eventually.ts'
import { startRedisServer } from '../helpers/redis-server.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { operator, revocationOf } from '../store/samples.ts'
import { deltaPath, fetchList, type Publishing, signedWith, startPublishing } from './publishing-gateway.ts'

const ca = createTestCa({ commonName: 'Bank CA' })
const keyOf = (serial: string) => certificateKey(ca.issuerId, serial)

/** Resolves once both serve lists of the same record with so many entries. */
async function agreed(one: Publishing, two: Publishing, entries: number) {
  await eventually(
    () => [one.signed.at(-1), two.signed.at(-1)],
    ([left, right]) =>
      left?.entries === entries && right?.entries === entries && left.record.number === right.record.number,
    10_000,
  )
  return { record: one.record(), other: two.record() }
}

function numbersOf({ signed }: Publishing): number[] {
  return signed.map(({ record }) => record.number)
}

const isRising = (numbers: readonly number[]) =>
  numbers.every((number, at) => at === 0 || number >= (numbers[at - 1] ?? 0))

t.test('two gateways agree on every number, and a third one joins them', async (t) => {
  const redis = await startRedisServer(t)
  const { one, two } = folders(t)
  const first = await enter(t, redis, { keepIn: one })
  await first.store.publish([revocationOf(keyOf('a1'))], operator)
  const second = await enter(t, redis, { keepIn: two })
  const left = await startPublishing(t, first, { ca })
  const right = await startPublishing(t, second, { ca })
  for (let count = 1; count <= 20; count++) {
    const from = count % 2 === 0 ? first : second
    await from.store.publish([revocationOf(keyOf((0xb00 + count).toString(16)))], operator)
    const { record, other } = await agreed(left, right, count + 1)
    t.strictSame(record, other)
  }
  await first.store.restore(keyOf('b01'), operator)
  await agreed(left, right, 20)
  t.ok(isRising(numbersOf(left)) && isRising(numbersOf(right)))

  const third = await startPublishing(t, await enter(t, redis), { ca })
  await agreed(left, third, 20)
  t.strictSame(third.record(), left.record())
  const lists = await Promise.all([left, third].map((publishing) => fetchList(publishing)))
  t.strictSame(lists[0], lists[1])
  const deltas = await Promise.all([left, third].map((publishing) => fetchList(publishing, deltaPath)))
  t.strictSame(deltas[0], deltas[1])
  t.ok(deltas[0]?.entries.includes('B01 Remove From CRL'), 'also what was restored before it came')
})

t.test('an emptied Redis takes neither entries nor numbers back', async (t) => {
  const redis = await startRedisServer(t)
  const { one, two } = folders(t)
  const first = await enter(t, redis, { keepIn: one })
  const second = await enter(t, redis, { keepIn: two })
  await first.store.publish([revocationOf(keyOf('a1')), revocationOf(keyOf('a2'))], operator)
  const left = await startPublishing(t, first, { ca })
  const right = await startPublishing(t, second, { ca })
  await agreed(left, right, 2)
  for (const serial of ['a3', 'a4']) await first.store.publish([revocationOf(keyOf(serial))], operator)
  const { record: before } = await agreed(left, right, 4)
  await redis.cli('FLUSHALL')
  await second.store.publish([revocationOf(keyOf('a5'))], operator)
  const { record } = await agreed(left, right, 5)
  t.ok((record?.number ?? 0) > (before?.number ?? 0))
  t.ok(isRising(numbersOf(left)) && isRising(numbersOf(right)))
  const list = await fetchList(right)
  t.strictSame(
    list.entries.map((entry) => entry.slice(0, 2)),
    ['A1', 'A2', 'A3', 'A4', 'A5'],
  )
  t.ok(list.entries.includes('A1 Key Compromise'), 'with the reason that the store has lost')
})

t.test('while Redis does not answer the lists are served, and changes follow afterwards', async (t) => {
  const redis = await startRedisServer(t)
  const gateway = await enter(t, redis)
  await gateway.store.publish([revocationOf(keyOf('a1'))], operator)
  const publishing = await startPublishing(t, gateway, { ca })
  await signedWith(publishing, 1)
  redis.pause()
  await eventually(
    () => live(gateway)(),
    (is) => !is,
  )
  t.match(await fetchList(publishing), { isGood: true, number: 1 })
  redis.resume()
  await eventually(live(gateway), (is) => is, 10_000)
  await gateway.store.publish([revocationOf(keyOf('a2'))], operator)
  t.equal((await signedWith(publishing, 2)).number, 2)
})

t.test('a serial number that somebody adds to the set by hand is published too', async (t) => {
  const redis = await startRedisServer(t)
  const gateway = await enter(t, redis)
  await gateway.store.publish([revocationOf(keyOf('a1'))], operator)
  const publishing = await startPublishing(t, gateway, { ca })
  await signedWith(publishing, 1)
  await redis.cli('SADD', `{sekisho}:revoked:${ca.issuerId}`, 'b2')
  await gateway.store.remote?.adopt([keyOf('b2')])
  await signedWith(publishing, 2)
  t.strictSame((await fetchList(publishing)).entries, ['A1 Key Compromise', 'B2 Unspecified'])
})
