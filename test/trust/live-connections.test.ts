// Goal: each selector finds its own connections and no other, a released connection is found by none, and who comes and goes is
// told. Method: fake connections under several subjects.
import assert from 'node:assert/strict'
import t from 'tap'
import { LiveConnections } from '../../src/trust/live-connections.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { FakeConnection, issuerId, keyOf } from './trust-fakes.ts'

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

t.test('cut by several certificates reaches each of their connections once', async (t) => {
  const { live, connections } = fill()
  const keys = [keyOf('a'), keyOf('c'), keyOf('a'), keyOf('unknown')]
  t.equal(live.cut({ by: 'certificates', keys }, 'certificate_revoked'), 3)
  t.strictSame(ids(connections.filter(({ cutFor }) => cutFor !== undefined)), [1, 2, 4])
})

t.test('recheck has those in scope judged anew, and counts who is cut for it', async (t) => {
  const other = 'ff'.repeat(16)
  for (const [scope, cut] of [
    [{ loginId: 'user01' }, [2, 3]],
    [{ issuerId }, [2, 3, 5]],
    [{ issuerId: other }, [7]],
    [{ loginId: 'unknown' }, []],
  ] as const) {
    const { live, connections } = fill()
    const stranger = new FakeConnection(7, { certificateKey: certificateKey(other, 'a'), loginId: 'user04' })
    live.add(stranger)
    const asked: number[] = []
    for (const connection of [...connections, stranger]) {
      connection.judge = () => {
        asked.push(connection.id)
        // Two of them have a certificate that is not covered.
        return [1, 4].includes(connection.id) ? undefined : 'certificate_revoked'
      }
    }
    t.equal(live.recheck(scope), cut.length)
    t.strictSame(ids([...connections, stranger].filter(({ cutFor }) => cutFor !== undefined)), cut)
    const inScope = 'loginId' in scope ? cut.length + (cut.length > 0 ? 1 : 0) : scope.issuerId === other ? 1 : 5
    t.equal(asked.length, inScope, 'nobody else is judged')
  }
})

t.test('certificates that come and go are told once; those that only passed by are told too', async (t) => {
  const live = new LiveConnections()
  const [a1, a2, b, c] = ['a', 'a', 'b', 'c'].map(
    (serial, id) => new FakeConnection(id, { certificateKey: keyOf(serial) }),
  )
  assert(a1 && a2 && b && c)
  t.strictSame(live.takeKeyChanges(), { added: [], removed: [] })
  for (const connection of [a1, a2, b, new FakeConnection(9)]) live.add(connection)
  t.strictSame(live.takeKeyChanges(), { added: [keyOf('a'), keyOf('b')], removed: [] })
  live.release(a1)
  t.strictSame(live.takeKeyChanges(), { added: [], removed: [] }, 'another connection has it')
  live.release(a2)
  live.add(c)
  live.release(c)
  live.release(c)
  t.strictSame(live.takeKeyChanges(), { added: [keyOf('c')], removed: [keyOf('a'), keyOf('c')] })
  live.release(b)
  live.add(b)
  t.strictSame(live.takeKeyChanges(), { added: [keyOf('b')], removed: [] }, 'left and came back')
  live.release(b)
  live.add(b)
  live.release(b)
  t.strictSame(live.takeKeyChanges().removed, [keyOf('b')], 'and left again')
  t.strictSame(live.takeKeyChanges(), { added: [], removed: [] })
})

t.test('what passes by is remembered up to a bound, and not at all where nobody asks', async (t) => {
  const live = new LiveConnections()
  const pass = (serial: string) => {
    const connection = new FakeConnection(1, { certificateKey: keyOf(serial) })
    live.add(connection)
    live.release(connection)
  }
  const stays = new FakeConnection(2, { certificateKey: keyOf('f') })
  live.add(stays)
  pass('1')
  t.strictSame(live.takeKeyChanges(), { added: [keyOf('f')], removed: [] })
  live.release(stays)
  for (let number = 0; number < 60_000; number++) pass(`a${number.toString(16)}`)
  const { added, removed } = live.takeKeyChanges()
  t.equal(added.length, 50_000)
  t.equal(added.at(-1), keyOf(`a${(59_999).toString(16)}`), 'the newest are kept')
  t.equal(removed.length, 50_001)
  t.ok(removed.includes(keyOf('f')), 'and the end of one that was told before is never lost')
})

t.test('untracked: permitted connections that a cut would not find', async (t) => {
  const { live, connections } = fill()
  const [first, second] = connections
  assert(first && second)
  for (const connection of [first, second]) live.notePermitted(connection)
  t.equal(live.untracked(), 0)
  live.release(first)
  t.equal(live.untracked(), 1)
  live.noteEnded(first)
  t.equal(live.untracked(), 0)
  live.notePermitted(new FakeConnection(10, { certificateKey: keyOf('a') }))
  t.equal(live.untracked(), 1, 'never added, though another connection has its certificate')
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
