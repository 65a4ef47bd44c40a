// Goal: connections to a target are lent, taken back, aged and destroyed as promised, and no user sees another's bytes.
// Method: a real listener on loopback, users played by the test, a fake clock for the ages.
import type { Socket } from 'node:net'
import t from 'tap'
import type { UpstreamConnection } from '../../src/data-path/upstream-connection.ts'
import { eventually } from '../helpers/eventually.ts'
import { closedPort, createUser, setUpGroup, startListener, upstreamConfig } from './upstream-group-set-up.ts'

t.test('a connection taken back is lent again, the most recently used one first', async (t) => {
  const { port } = await startListener(t)
  const { open } = setUpGroup(t, upstreamConfig([port]))
  const [first, second] = [await open(), await open()]
  first.connection?.release()
  second.connection?.release()
  t.equal((await open()).connection, second.connection)
  t.equal((await open()).connection, first.connection)
  t.equal(first.connection?.exchanges, 1)
})

t.test('a fresh connection is asked for: none that was used before is lent', async (t) => {
  const { port } = await startListener(t)
  const { open, take } = setUpGroup(t, upstreamConfig([port]))
  const first = await open()
  first.connection?.release()
  const { connection } = take({ fresh: true })
  t.not(connection, first.connection)
  t.equal(connection?.exchanges, 0)
})

t.test('no more idle connections than allowed are kept', async (t) => {
  const { port, accepted } = await startListener(t)
  const { open } = setUpGroup(t, upstreamConfig([port], { idleConnectionsMax: 1 }))
  const [first, second] = [await open(), await open()]
  first.connection?.release()
  second.connection?.release()
  await eventually(
    () => accepted.filter(({ readableEnded, destroyed }) => readableEnded || destroyed).length,
    (count) => count === 1,
  )
  t.equal((await open()).connection, first.connection)
})

t.test('idle connections age out, the used ones stay; the gauges follow', async (t) => {
  const { port } = await startListener(t)
  const { open, advance, reports } = setUpGroup(t, upstreamConfig([port], { idleTimeoutMs: 30_000 }))
  const [first, second] = [await open(), await open()]
  first.connection?.release()
  advance(0)
  t.match(reports, { inUse: 1, idle: 1 })
  advance(29_999)
  t.notOk(first.connection?.socket.destroyed)
  advance(1_001)
  t.ok(first.connection?.socket.destroyed)
  t.notOk(second.connection?.socket.destroyed)
  t.match(reports, { inUse: 1, idle: 0 })
})

t.test('CVE-2026-48931: bytes on an idle connection destroy it; it is never lent again', async (t) => {
  const { port, accepted } = await startListener(t)
  const { open } = setUpGroup(t, upstreamConfig([port]))
  const first = await open()
  const { connection } = first
  connection?.release()
  accepted[0]?.write('HTTP/1.1 200 OK\r\n')
  await eventually(() => connection?.socket.destroyed, Boolean)
  t.not((await open()).connection, connection)
  t.equal(first.got, '')
})

t.test('an idle connection that the application ends or resets is never lent again', async (t) => {
  const { port, accepted } = await startListener(t)
  const { open } = setUpGroup(t, upstreamConfig([port]))
  for (const end of [(socket: Socket) => void socket.end(), (socket: Socket) => void socket.resetAndDestroy()]) {
    const { connection } = await open()
    connection?.release()
    end(accepted.at(-1) as Socket)
    await eventually(() => connection?.socket.destroyed, Boolean)
    const next = await open()
    t.not(next.connection, connection)
    next.connection?.destroy()
  }
})

t.test('a user is told once when its connection ends, with the error if there was one', async (t) => {
  const { port, accepted } = await startListener(t)
  const { open } = setUpGroup(t, upstreamConfig([port]))
  const [ended, broken] = [await open(), await open()]
  accepted[0]?.end()
  accepted[1]?.resetAndDestroy()
  await eventually(() => ended.ended && broken.ended, Boolean)
  t.equal(ended.endedWith, undefined)
  t.match(broken.endedWith, { code: 'ECONNRESET' })
})

t.test('a user whose connection never stands is told so', async (t) => {
  const { take } = setUpGroup(t, upstreamConfig([await closedPort()]))
  const user = take()
  const { connection } = user
  await eventually(() => user.ended, Boolean)
  t.match(user.endedWith, { code: 'ECONNREFUSED' })
  t.notOk(connection?.connected)
})

t.test('what came before the end is read before the end', async (t) => {
  const { port, accepted } = await startListener(t)
  const { open } = setUpGroup(t, upstreamConfig([port]))
  const user = await open()
  accepted[0]?.end('the last words')
  await eventually(() => user.ended, Boolean)
  t.equal(user.got, 'the last words')
})

t.test('bytes of one user never reach the next, however they were gathered', async (t) => {
  const { port, accepted } = await startListener(t)
  const { open, group } = setUpGroup(t, upstreamConfig([port]))
  const first = await open()
  const connection = first.connection as UpstreamConnection
  const second = createUser()
  // The first piece ends the first user's answer, and the connection goes to the second within the same batch.
  first.upstreamData = (bytes) => {
    first.got += bytes.toString()
    connection.release()
    group.acquire(second, { fresh: false, affinity: undefined, avoid: undefined })
  }
  accepted[0]?.write('mine')
  await eventually(
    () => first.got,
    (got) => got === 'mine',
  )
  t.equal(second.connection, connection)
  // Bytes gathered while the first used it, handed on when the second does: nobody's.
  connection.receive(Buffer.from('surplus'), first)
  t.equal(second.got, '')
  await eventually(() => second.ended, Boolean)
  t.ok(connection.socket.destroyed)
})
