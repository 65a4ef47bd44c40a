// Goal: each selector finds its own connections and no other, and a released connection is found by none.
// Method: fake connections under several subjects.
import t from 'tap'
import { LiveConnections } from '../../src/trust/live-connections.ts'
import { FakeConnection, keyOf } from './trust-fakes.ts'

function fill() {
  const live = new LiveConnections()
  const make = (id: number, serial: string, loginId: string, contractId: string) =>
    new FakeConnection(id, { certificateKey: keyOf(serial), loginId, contractId })
  const all = [
    make(1, 'a', 'user01', 'x'),
    make(2, 'a', 'user01', 'x'),
    make(3, 'b', 'user01', 'x'),
    make(4, 'c', 'user02', 'x'),
  ]
  const others = [make(5, 'd', 'user03', 'y'), new FakeConnection(6)]
  for (const connection of [...all, ...others]) live.add(connection)
  return { live, connections: [...all, ...others] }
}

const ids = (found: readonly { id: number }[]) => found.map(({ id }) => id).sort()

t.test('matching', async (t) => {
  const { live } = fill()
  t.equal(live.size, 6)
  t.strictSame(ids(live.matching({ by: 'certificate', key: keyOf('a') })), [1, 2])
  t.strictSame(ids(live.matching({ by: 'loginId', loginId: 'user01' })), [1, 2, 3])
  t.strictSame(ids(live.matching({ by: 'contract', contractId: 'x' })), [1, 2, 3, 4])
  t.strictSame(live.matching({ by: 'certificate', key: keyOf('e') }), [])
  t.strictSame(live.loginIds().toSorted(), ['user01', 'user02', 'user03'])
})

t.test('cut reaches what the selector names and nothing else', async (t) => {
  const { live, connections } = fill()
  t.equal(live.cut({ by: 'certificate', key: keyOf('a') }, 'certificate_revoked'), 2)
  t.strictSame(
    connections.map(({ cutFor }) => cutFor),
    ['certificate_revoked', 'certificate_revoked', undefined, undefined, undefined, undefined],
  )
})

t.test('connections that release themselves while being cut are all reached', async (t) => {
  const live = new LiveConnections()
  const connections = Array.from({ length: 10 }, (_, id) => new FakeConnection(id, { loginId: 'user01' }))
  for (const connection of connections) {
    const cut = connection.cut.bind(connection)
    connection.cut = (reason) => {
      live.release(connection)
      cut(reason)
    }
    live.add(connection)
  }
  t.equal(live.cut({ by: 'loginId', loginId: 'user01' }, 'user_suspended'), 10)
  t.ok(connections.every(({ cutFor }) => cutFor === 'user_suspended'))
  t.equal(live.size, 0)
})

t.test('release forgets, and twice is once', async (t) => {
  const { live, connections } = fill()
  for (const connection of connections) {
    live.release(connection)
    live.release(connection)
  }
  t.equal(live.size, 0)
  t.strictSame(live.matching({ by: 'contract', contractId: 'x' }), [])
  t.strictSame(live.loginIds(), [])
})

t.test('the list is bounded and oldest first', async (t) => {
  const { live } = fill()
  t.equal(live.list(100).length, 6)
  t.match(live.list(2), [{ loginId: 'user01', certificateKey: keyOf('a') }, { loginId: 'user01' }])
  t.equal(live.list(2).length, 2)
})
