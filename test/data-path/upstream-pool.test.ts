// Goal: connections are lent, taken back, aged, queued for and destroyed as the pool's contract says.
// Method: a real listener on loopback, users played by the test, a fake clock for the ages.
import { createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { TickClock } from '../../src/base/tick-clock.ts'
import { Batch } from '../../src/data-path/batch.ts'
import { Deadlines } from '../../src/data-path/deadlines.ts'
import type { DataPathMetrics } from '../../src/data-path/ports.ts'
import type { UpstreamConnection } from '../../src/data-path/upstream-connection.ts'
import { UpstreamPool, type UpstreamWaiter } from '../../src/data-path/upstream-pool.ts'
import { eventually } from '../helpers/eventually.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

type User = UpstreamWaiter & {
  connection: UpstreamConnection | undefined
  got: string
  ended: boolean
  endedWith: Error | undefined
}

function createUser(): User {
  const user: User = {
    connection: undefined,
    got: '',
    ended: false,
    endedWith: undefined,
    upstreamAcquired: (connection) => {
      user.connection = connection
    },
    upstreamData: (bytes) => {
      user.got += bytes.toString()
    },
    upstreamEnded: (error) => {
      user.ended = true
      user.endedWith = error
    },
    upstreamConnected: () => {},
    upstreamDrained: () => {},
  }
  return user
}

async function setUp(t: Test, limits: Record<string, number> = {}) {
  const accepted: Socket[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    accepted.push(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const clock = new FakeClock()
  const tick = new TickClock(clock)
  const deadlines = new Deadlines(tick)
  const gauges = { inUse: -1, idle: -1 }
  const metrics = {
    upstreamConnections: (_name: string, inUse: number, idle: number) => Object.assign(gauges, { inUse, idle }),
  } as unknown as DataPathMetrics
  const pool = new UpstreamPool({
    name: 'app',
    host: '127.0.0.1',
    port: (server.address() as { port: number }).port,
    limits: {
      upstreamConnectionsMax: 2,
      upstreamIdleConnectionsMax: 2,
      upstreamQueueMax: 1,
      upstreamIdleTimeoutMs: 30_000,
      ...limits,
    },
    clock: tick,
    batch: new Batch(tick),
    deadlines,
    metrics,
  })
  t.teardown(() => {
    pool.close()
    deadlines.close()
    for (const socket of accepted) socket.destroy()
    server.close()
  })
  /** A user with an open connection. */
  const acquire = async () => {
    const user = createUser()
    t.ok(pool.acquire(user))
    await eventually(() => user.connection?.connected, Boolean)
    return user
  }
  const sweep = () => {
    tick.refresh()
    deadlines.sweep()
  }
  return { pool, accepted, clock, gauges, acquire, sweep }
}

t.test('a connection taken back is lent again, the most recently used one first', async (t) => {
  const { pool, acquire } = await setUp(t)
  const [first, second] = [await acquire(), await acquire()]
  pool.release(first.connection as UpstreamConnection)
  pool.release(second.connection as UpstreamConnection)
  t.equal((await acquire()).connection, second.connection)
  t.equal((await acquire()).connection, first.connection)
  t.equal(first.connection?.exchanges, 1)
})

t.test('a fresh connection is asked for: none that was used before is lent', async (t) => {
  const { pool, acquire } = await setUp(t)
  const first = await acquire()
  pool.release(first.connection as UpstreamConnection)
  const user = createUser()
  pool.acquire(user, true)
  t.not(user.connection, first.connection)
  t.equal(user.connection?.exchanges, 0)
})

t.test(
  'beyond the limit users wait in order; beyond the queue they are refused; who leaves is passed over',
  async (t) => {
    const { pool, acquire } = await setUp(t, { upstreamQueueMax: 2 })
    const [first, second] = [await acquire(), await acquire()]
    const [waiting, next, refused] = [createUser(), createUser(), createUser()]
    t.ok(pool.acquire(waiting))
    t.ok(pool.acquire(next))
    t.notOk(pool.acquire(refused))
    t.equal(waiting.connection, undefined)
    pool.forget(waiting)
    pool.release(first.connection as UpstreamConnection)
    t.equal(next.connection, first.connection)
    t.equal(waiting.connection, undefined)
    t.ok(pool.acquire(refused), 'there is room in the queue again')
    second.connection?.destroy()
    await eventually(() => refused.connection?.connected, Boolean)
    t.not(refused.connection, second.connection, 'the place of a connection that ended goes to who waits')
  },
)

t.test('no more idle connections than allowed are kept', async (t) => {
  const { pool, accepted, acquire } = await setUp(t, { upstreamIdleConnectionsMax: 1 })
  const [first, second] = [await acquire(), await acquire()]
  pool.release(first.connection as UpstreamConnection)
  pool.release(second.connection as UpstreamConnection)
  await eventually(
    () => accepted.filter(({ readableEnded, destroyed }) => readableEnded || destroyed).length,
    (count) => count === 1,
  )
  t.equal((await acquire()).connection, first.connection)
})

t.test('idle connections age out, the used ones stay; the gauges follow', async (t) => {
  const { pool, clock, gauges, acquire, sweep } = await setUp(t)
  const [first, second] = [await acquire(), await acquire()]
  pool.release(first.connection as UpstreamConnection)
  sweep()
  t.strictSame(gauges, { inUse: 1, idle: 1 })
  clock.advance(29_999)
  sweep()
  t.notOk(first.connection?.socket.destroyed)
  clock.advance(1_001)
  sweep()
  t.ok(first.connection?.socket.destroyed)
  t.notOk(second.connection?.socket.destroyed)
  await eventually(
    () => {
      clock.advance(1_000)
      sweep()
      return { ...gauges }
    },
    ({ inUse, idle }) => inUse === 1 && idle === 0,
  )
})

t.test('CVE-2026-48931: bytes on an idle connection destroy it; it is never lent again', async (t) => {
  const { pool, accepted, acquire } = await setUp(t)
  const first = await acquire()
  const { connection } = first
  pool.release(connection as UpstreamConnection)
  accepted[0]?.write('HTTP/1.1 200 OK\r\n')
  await eventually(() => connection?.socket.destroyed, Boolean)
  t.not((await acquire()).connection, connection)
  t.equal(first.got, '')
})

t.test('an idle connection that the application ends or resets is never lent again', async (t) => {
  const { pool, accepted, acquire } = await setUp(t)
  for (const end of [(socket: Socket) => void socket.end(), (socket: Socket) => void socket.resetAndDestroy()]) {
    const { connection } = await acquire()
    pool.release(connection as UpstreamConnection)
    end(accepted.at(-1) as Socket)
    await eventually(() => connection?.socket.destroyed, Boolean)
    const next = await acquire()
    t.not(next.connection, connection)
    next.connection?.destroy()
  }
})

t.test('a user is told once when its connection ends, with the error if there was one', async (t) => {
  const { accepted, acquire } = await setUp(t)
  const [ended, broken] = [await acquire(), await acquire()]
  accepted[0]?.end()
  accepted[1]?.resetAndDestroy()
  await eventually(() => ended.ended && broken.ended, Boolean)
  t.equal(ended.endedWith, undefined)
  t.match(broken.endedWith, { code: 'ECONNRESET' })
})

t.test('what came before the end is read before the end', async (t) => {
  const { accepted, acquire } = await setUp(t)
  const user = await acquire()
  accepted[0]?.end('the last words')
  await eventually(() => user.ended, Boolean)
  t.equal(user.got, 'the last words')
})

t.test('bytes of one user never reach the next, however they were gathered', async (t) => {
  const { pool, accepted, acquire } = await setUp(t)
  const first = await acquire()
  const connection = first.connection as UpstreamConnection
  const second = createUser()
  // The first piece ends the first user's answer, and the connection goes to the second within the same batch.
  first.upstreamData = (bytes) => {
    first.got += bytes.toString()
    pool.release(connection)
    pool.acquire(second)
  }
  const socket = accepted[0] as Socket
  socket.write('mine')
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
