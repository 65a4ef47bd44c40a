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

/** Takes places until there are none, at most `max`. */
function takeAll(limits: AdmissionLimits, address: string, max = 1_000): AdmissionPlace[] {
  const places: AdmissionPlace[] = []
  for (let i = 0; i < max; i++) {
    const place = limits.enter(address)
    if (place === undefined) break
    places.push(place)
  }
  return places
}

t.test('so many unauthenticated connections of one address, and of all together', async (t) => {
  const { limits } = limitsWith({ unauthenticatedPerAddressMax: 3, unauthenticatedConnectionsMax: 5 })
  t.equal(takeAll(limits, '192.0.2.1').length, 3)
  const second = takeAll(limits, '192.0.2.2')
  t.equal(second.length, 2, 'the door is full of strangers')
  second[0]?.release()
  t.equal(takeAll(limits, '192.0.2.3').length, 1, 'a place given back is free again')
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

t.test('a permitted connection still counts among all connections', async (t) => {
  const { limits } = limitsWith({ connectionsMax: 2 })
  const places = takeAll(limits, '192.0.2.1', 2)
  for (const place of places) place.permitted()
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
  t.equal(takeAll(limits, '192.0.2.1').length, 1, 'no more places than before')
})

t.test('handshakes per second are a bucket that fills again', async (t) => {
  const { clock, limits } = limitsWith({ handshakesPerSecondMax: 10 })
  t.equal(takeAll(limits, '192.0.2.1').length, 10)
  clock.advance(500)
  t.equal(takeAll(limits, '192.0.2.1').length, 5)
  clock.advance(60_000)
  t.equal(takeAll(limits, '192.0.2.1').length, 10, 'never more than one second’s worth')
})

t.test(
  'an address that failed too often gets few places until its minute is over, others are not touched',
  async (t) => {
    const { clock, limits } = limitsWith({
      handshakeFailuresPerAddressPerMinuteMax: 20,
      unauthenticatedPerAddressMax: 100,
    })
    for (let i = 0; i <= 20; i++) {
      const place = limits.enter('192.0.2.1')
      place?.failed()
      place?.release()
    }
    const few = takeAll(limits, '192.0.2.1')
    t.ok(few.length > 0 && few.length < 20, `${few.length} places, so that users behind the address still get in`)
    t.equal(takeAll(limits, '192.0.2.2', 100).length, 100)
    clock.advance(60_000)
    t.equal(takeAll(limits, '192.0.2.1', 100).length, 100 - few.length)
  },
)

t.test('IPv6 addresses of one /64 count as one', async (t) => {
  const { limits } = limitsWith({ unauthenticatedPerAddressMax: 2 })
  t.ok(limits.enter('2001:db8:1:2::1'))
  t.ok(limits.enter('2001:db8:1:2:ffff::9'))
  t.equal(limits.enter('2001:db8:1:2:a:b:c:d'), undefined)
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
  t.equal(limits.enter('192.0.2.1'), undefined, 'the end of the first does not free the place of the second')
  for (const place of others) place.release()
  again?.release()
  t.equal(limits.connections, 0)
})
