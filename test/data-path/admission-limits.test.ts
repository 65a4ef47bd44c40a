// Goal: strangers are bounded, in all and per address, and permitted users never are (R6).
// Method: places are taken and given back under a fake clock; the table of addresses is filled to its brim; several workers
// are several sets of limits over the same shared counts.
import t from 'tap'
import { TickClock } from '../../src/base/tick-clock.ts'
import { limitsFile } from '../../src/config/limits-file.ts'
import { AdmissionLimits, type AdmissionPlace, addressGroup } from '../../src/data-path/admission-limits.ts'
import { Deadlines } from '../../src/data-path/deadlines.ts'
import { clearSlot, createSharedCounts, DoorCounts } from '../../src/data-path/shared-counts.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

type Changes = Readonly<Record<string, number>>

function limitsWith(changes: Changes) {
  const { clock, counts, workers } = workersWith(1, changes)
  const [worker] = workers
  if (worker === undefined) throw new Error('no worker')
  return { clock, counts, limits: worker.limits }
}

/** As many workers of one door, each with its own limits over what all count together. */
function workersWith(count: number, changes: Changes) {
  const clock = new FakeClock()
  const shared = createSharedCounts(count, ['door'])
  const start = (slot: number) => {
    const deadlines = new Deadlines(new TickClock(clock))
    const counts = new DoorCounts(shared, { door: 'door', slot })
    const limits = new AdmissionLimits({ limits: { ...limitsFile.parse({}), ...changes }, clock, counts, deadlines })
    return { limits, sweep: () => deadlines.sweep() }
  }
  const workers = Array.from({ length: count }, (_, slot) => start(slot))
  return { clock, shared, counts: new DoorCounts(shared, { door: 'door', slot: 0 }), workers, start }
}

/** Comes `count` times; a place that has to give way is given back, as a connection does. Returns those still held. */
function arrive(limits: AdmissionLimits, address: string, count: number): AdmissionPlace[] {
  const held = new Set<AdmissionPlace>()
  for (let i = 0; i < count; i++) {
    const place = limits.enter(address)
    if (place === undefined) continue
    held.add(place)
    place.giveWay = () => {
      held.delete(place)
      place.release()
    }
  }
  return [...held]
}

t.test('of one address, and of all together, the stranger who has been there longest gives way', async (t) => {
  const { counts, limits } = limitsWith({ unauthenticatedPerAddressMax: 3, unauthenticatedConnectionsMax: 5 })
  const first = limits.enter('192.0.2.1')
  let gaveWay = 0
  if (first !== undefined) {
    first.giveWay = () => {
      gaveWay++
      first.release()
    }
  }
  t.equal(arrive(limits, '192.0.2.1', 2).length, 2)
  t.equal(gaveWay, 0, 'three of one address are allowed')
  t.equal(arrive(limits, '192.0.2.1', 1).length, 1)
  t.equal(gaveWay, 1, 'the fourth is let in and the first gives way')
  t.equal(counts.connections, 3)
  arrive(limits, '192.0.2.2', 3)
  t.equal(counts.connections, 5, 'never more than five strangers')
})

t.test('R6: users of an address that strangers fill, or that failed too often, still get in', async (t) => {
  const { counts, limits } = limitsWith({
    unauthenticatedPerAddressMax: 200,
    handshakeFailuresPerAddressPerMinuteMax: 5,
  })
  for (const place of arrive(limits, '192.0.2.1', 300)) place.failed()
  const places = arrive(limits, '192.0.2.1', 100)
  t.equal(places.length, 100, 'a hundred at once')
  for (const place of places) place.permitted()
  t.ok(counts.connections <= 228, 'strangers of a failing address are bounded more tightly')
})

t.test('R6: a permitted user frees the place: a hundred users behind one address all get in', async (t) => {
  const { counts, limits } = limitsWith({ unauthenticatedPerAddressMax: 2, unauthenticatedConnectionsMax: 2 })
  for (let user = 0; user < 100; user++) {
    const place = limits.enter('192.0.2.1')
    t.ok(place, `user ${user}`)
    place?.permitted()
  }
  t.equal(counts.connections, 100)
})

t.test('a permitted connection counts among all connections and gives way to nobody', async (t) => {
  const { counts, limits } = limitsWith({ connectionsMax: 2 })
  const places = arrive(limits, '192.0.2.1', 2)
  for (const place of places) {
    place.permitted()
    place.giveWay = () => t.fail('a permitted user was crowded out')
  }
  t.equal(limits.enter('192.0.2.9'), undefined)
  places[0]?.release()
  t.equal(counts.connections, 1)
  t.ok(limits.enter('192.0.2.9'))
})

t.test('permission and release are counted once each, in either order', async (t) => {
  const { counts, limits } = limitsWith({ unauthenticatedPerAddressMax: 1 })
  const place = limits.enter('192.0.2.1')
  place?.permitted()
  place?.permitted()
  place?.release()
  t.equal(counts.connections, 0)
  t.equal(arrive(limits, '192.0.2.1', 5).length, 1, 'no more places than before')
})

t.test('handshakes per second are a bucket that fills again; half of it is kept from failing addresses', async (t) => {
  const { clock, limits } = limitsWith({ handshakesPerSecondMax: 10, handshakeFailuresPerAddressPerMinuteMax: 0 })
  t.equal(arrive(limits, '192.0.2.1', 20).length, 10)
  clock.advance(500)
  t.equal(arrive(limits, '192.0.2.1', 20).length, 5)
  clock.advance(10_000)
  limits.enter('192.0.2.9')?.failed()
  t.equal(arrive(limits, '192.0.2.9', 20).length, 5, 'the failing address gets the upper half only')
  t.equal(arrive(limits, '192.0.2.1', 20).length, 4, 'the rest is for others')
  clock.advance(60_000)
  t.equal(arrive(limits, '192.0.2.9', 20).length, 10, 'after its minute it is like any other')
})

t.test('IPv6 addresses of one /64 count as one', async (t) => {
  const { counts, limits } = limitsWith({ unauthenticatedPerAddressMax: 2 })
  for (const address of ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:2:a:b:c:d']) arrive(limits, address, 2)
  t.equal(counts.connections, 2)
  t.ok(limits.enter('2001:db8:1:3::1'))
  t.equal(addressGroup('::1'), '0:0:0:0::/64')
  t.equal(addressGroup('2001:db8::'), '2001:db8:0:0::/64')
  t.equal(addressGroup('fe80::1%eth0'), 'fe80:0:0:0::/64')
  t.equal(addressGroup('1:2:3:4:5:6:7:8'), '1:2:3:4::/64')
  t.equal(addressGroup('192.0.2.1'), '192.0.2.1')
})

t.test('a crowd of addresses crowds out records, never counts', async (t) => {
  const { clock, counts, limits } = limitsWith({
    unauthenticatedPerAddressMax: 1,
    unauthenticatedConnectionsMax: 1_000_000,
    connectionsMax: 1_000_000,
    handshakesPerSecondMax: 1_000_000,
  })
  const first = limits.enter('192.0.2.1')
  const others: AdmissionPlace[] = []
  for (let i = 0; i < 66_000; i++) {
    clock.advance(1)
    const place = limits.enter(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
    if (place !== undefined) others.push(place)
  }
  const again = limits.enter('192.0.2.1')
  t.ok(again, 'its first record was crowded out')
  first?.release()
  t.equal(counts.connections, others.length + 1, 'each is counted once')
  for (const place of others) place.release()
  again?.release()
  t.equal(counts.connections, 0)
})

t.test('connections, strangers and handshakes are limited over all workers together', async (t) => {
  const full = workersWith(3, { connectionsMax: 5 })
  const [first, second, third] = full.workers.map(({ limits }) => limits)
  for (const place of [first, first, second, second, third].map((limits) => limits?.enter('192.0.2.1')))
    place?.permitted()
  t.equal(full.counts.connections, 5)
  for (const { limits } of full.workers) t.equal(limits.enter('192.0.2.9'), undefined, 'full is full in every worker')
  t.equal(full.counts.connections, 5, 'who is refused is not counted')

  const quick = workersWith(2, { handshakesPerSecondMax: 10 })
  const entered = () => quick.workers.map(({ limits }) => arrive(limits, '192.0.2.1', 8).length)
  t.same(entered(), [8, 2])
  quick.clock.advance(300)
  t.same(entered(), [3, 0])
})

t.test('a full door lets the oldest stranger of the same worker give way to a newcomer', async (t) => {
  const { counts, workers } = workersWith(2, { connectionsMax: 2, unauthenticatedConnectionsMax: 2 })
  const [first, second] = workers.map(({ limits }) => limits) as [AdmissionLimits, AdmissionLimits]
  second.enter('192.0.2.2')?.permitted()
  const [stranger] = arrive(first, '192.0.2.1', 1) as [AdmissionPlace]
  const release = stranger.giveWay
  let gaveWay = 0
  stranger.giveWay = () => {
    gaveWay++
    release()
  }
  t.equal(second.enter('192.0.2.2'), undefined, 'a worker without strangers refuses')
  t.ok(first.enter('192.0.2.1'))
  t.equal(gaveWay, 1)
  t.equal(counts.connections, 2)
})

t.test('R6: strangers who fill one worker do not keep users out of another', async (t) => {
  const { counts, workers } = workersWith(2, { unauthenticatedConnectionsMax: 10 })
  const [crowded, empty] = workers as [(typeof workers)[0], (typeof workers)[0]]
  const strangers = arrive(crowded.limits, '192.0.2.1', 10)
  t.equal(strangers.length, 10)
  const users = arrive(empty.limits, '192.0.2.2', 5)
  t.equal(users.length, 5, 'up to its share the other worker takes everybody in')
  empty.sweep()
  t.equal(counts.strangers, 15, 'its own do not give way')
  crowded.sweep()
  t.equal(counts.strangers, 10, 'those that are above their share do, and no more than needed')
  for (const user of users) user.permitted()
  t.equal(counts.strangers, 5)
  t.equal(counts.connections, 10)
  crowded.sweep()
  t.equal(counts.strangers, 5, 'where there is room nobody has to go')
})

t.test('R6: a door full of strangers in one worker makes room for users of another', async (t) => {
  const { counts, workers } = workersWith(2, { connectionsMax: 10, unauthenticatedConnectionsMax: 10 })
  const [crowded, empty] = workers as [(typeof workers)[0], (typeof workers)[0]]
  arrive(crowded.limits, '192.0.2.1', 10)
  t.equal(empty.limits.enter('192.0.2.2'), undefined)
  crowded.sweep()
  t.equal(counts.connections, 5)
  t.equal(arrive(empty.limits, '192.0.2.2', 5).length, 5)
})

t.test('of the limits of an address each worker has its share, rounded up', async (t) => {
  const { clock, counts, workers } = workersWith(2, {
    unauthenticatedPerAddressMax: 5,
    handshakeFailuresPerAddressPerMinuteMax: 3,
    handshakesPerSecondMax: 20,
  })
  for (const { limits } of workers) t.equal(arrive(limits, '192.0.2.1', 9).length, 3)
  t.equal(counts.strangers, 6)
  clock.advance(10_000)
  const [failing] = workers as [(typeof workers)[0]]
  for (const place of arrive(failing.limits, '192.0.2.7', 3)) place.failed()
  clock.advance(10_000)
  let entered = 0
  for (let i = 0; i < 20; i++) if (failing.limits.enter('192.0.2.7') !== undefined) entered++
  t.equal(entered, 11, 'after three failures in one of two workers only the upper half is left')
})

t.test('what a crashed worker held is taken back, and its replacement counts anew', async (t) => {
  const { counts, shared, start, workers } = workersWith(2, { connectionsMax: 4 })
  const [first, second] = workers.map(({ limits }) => limits) as [AdmissionLimits, AdmissionLimits]
  for (const place of arrive(first, '192.0.2.1', 2)) place.permitted()
  for (const place of arrive(second, '192.0.2.1', 1)) place.permitted()
  arrive(second, '192.0.2.1', 1)
  t.same([counts.connections, counts.strangers], [4, 1])
  clearSlot(shared, 1)
  t.same([counts.connections, counts.strangers], [2, 0])
  t.equal(arrive(start(1).limits, '192.0.2.1', 2).length, 2)
  t.same([counts.connections, counts.strangers], [4, 2])
})

t.test('other limits hold from the moment they are set', async (t) => {
  const { counts, workers } = workersWith(1, { unauthenticatedConnectionsMax: 8 })
  const [{ limits, sweep }] = workers as [(typeof workers)[0]]
  const users = arrive(limits, '192.0.2.1', 8)
  limits.reconfigure({ ...limitsFile.parse({}), unauthenticatedConnectionsMax: 4, connectionsMax: 6 })
  t.equal(counts.connections, 8, 'nothing ends at once')
  sweep()
  t.equal(counts.connections, 4, 'strangers who are too many now give way')
  for (const user of users.slice(4)) user.permitted()
  t.equal(arrive(limits, '192.0.2.2', 9).length, 2)
  t.equal(counts.connections, 6)
})
