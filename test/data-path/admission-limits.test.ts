// Goal: strangers are bounded, in all and per address, and permitted users never are (R6).
// Method: places are taken and given back under a fake clock; the table of addresses is filled to its brim.
import t from 'tap'
import { limitsFile } from '../../src/config/limits-file.ts'
import { AdmissionLimits, type AdmissionPlace, addressGroup } from '../../src/data-path/admission-limits.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

function limitsWith(changes: Record<string, number>) {
  const clock = new FakeClock()
  return { clock, limits: new AdmissionLimits({ ...limitsFile.parse({}), ...changes }, clock) }
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
  const { limits } = limitsWith({ unauthenticatedPerAddressMax: 3, unauthenticatedConnectionsMax: 5 })
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
  t.equal(limits.connections, 3)
  arrive(limits, '192.0.2.2', 3)
  t.equal(limits.connections, 5, 'never more than five strangers')
})

t.test('R6: users of an address that strangers fill, or that failed too often, still get in', async (t) => {
  const { limits } = limitsWith({ unauthenticatedPerAddressMax: 200, handshakeFailuresPerAddressPerMinuteMax: 5 })
  for (const place of arrive(limits, '192.0.2.1', 300)) place.failed()
  const places = arrive(limits, '192.0.2.1', 100)
  t.equal(places.length, 100, 'a hundred at once')
  for (const place of places) place.permitted()
  t.ok(limits.connections <= 228, 'strangers of a failing address are bounded more tightly')
})

t.test('R6: a permitted user frees the place: a hundred users behind one address all get in', async (t) => {
  const { limits } = limitsWith({ unauthenticatedPerAddressMax: 2, unauthenticatedConnectionsMax: 2 })
  for (let user = 0; user < 100; user++) {
    const place = limits.enter('192.0.2.1')
    t.ok(place, `user ${user}`)
    place?.permitted()
  }
  t.equal(limits.connections, 100)
})

t.test('a permitted connection counts among all connections and gives way to nobody', async (t) => {
  const { limits } = limitsWith({ connectionsMax: 2 })
  const places = arrive(limits, '192.0.2.1', 2)
  for (const place of places) {
    place.permitted()
    place.giveWay = () => t.fail('a permitted user was crowded out')
  }
  t.equal(limits.enter('192.0.2.9'), undefined)
  places[0]?.release()
  t.equal(limits.connections, 1)
  t.ok(limits.enter('192.0.2.9'))
})

t.test('permission and release are counted once each, in either order', async (t) => {
  const { limits } = limitsWith({ unauthenticatedPerAddressMax: 1 })
  const place = limits.enter('192.0.2.1')
  place?.permitted()
  place?.permitted()
  place?.release()
  t.equal(limits.connections, 0)
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
  const { limits } = limitsWith({ unauthenticatedPerAddressMax: 2 })
  for (const address of ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:2:a:b:c:d']) arrive(limits, address, 2)
  t.equal(limits.connections, 2)
  t.ok(limits.enter('2001:db8:1:3::1'))
  t.equal(addressGroup('::1'), '0:0:0:0::/64')
  t.equal(addressGroup('2001:db8::'), '2001:db8:0:0::/64')
  t.equal(addressGroup('fe80::1%eth0'), 'fe80:0:0:0::/64')
  t.equal(addressGroup('1:2:3:4:5:6:7:8'), '1:2:3:4::/64')
  t.equal(addressGroup('192.0.2.1'), '192.0.2.1')
})

t.test('a crowd of addresses crowds out records, never counts', async (t) => {
  const { clock, limits } = limitsWith({
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
  t.equal(limits.connections, others.length + 1, 'each is counted once')
  for (const place of others) place.release()
  again?.release()
  t.equal(limits.connections, 0)
})
