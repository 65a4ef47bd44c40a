// Goal: gathered work is done in one go and in order, everything written leaves in the same turn, and nothing is lost in between.
// Method: receivers and sockets that note what they get.

import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { TickClock } from '../../src/base/tick-clock.ts'
import { Batch } from '../../src/data-path/batch.ts'
import type { UpstreamUser } from '../../src/data-path/upstream-connection.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const user = {} as UpstreamUser
const turn = () => new Promise((resolve) => setImmediate(resolve))
const noted = (notes: string[], name: string) => ({ receive: (bytes: Buffer) => void notes.push(`${name} ${bytes}`) })
/** A socket whose writes are noted. */
const socketFor = (notes: string[], name: string) => {
  const stream = new PassThrough()
  stream.on('data', (bytes: Buffer) => notes.push(`${name} wrote ${bytes}`))
  return stream as unknown as Socket
}

t.test('clients first, then upstreams, each in the order they came, in the same turn', async (t) => {
  const batch = new Batch(new TickClock(new FakeClock()))
  const notes: string[] = []
  batch.fromUpstream(noted(notes, 'u1'), user, Buffer.from('a'))
  batch.fromClient(noted(notes, 'c1'), Buffer.from('b'))
  batch.fromClient(noted(notes, 'c2'), Buffer.from('c'))
  batch.fromClient(noted(notes, 'c1'), Buffer.from('d'))
  t.strictSame(notes, [])
  await turn()
  t.strictSame(notes, ['c1 b', 'c2 c', 'c1 d', 'u1 a'])
})

t.test('the clock is read once for all of it', async (t) => {
  const clock = new FakeClock()
  const tick = new TickClock(clock)
  const batch = new Batch(tick)
  const times: number[] = []
  for (let i = 0; i < 3; i++) {
    batch.fromClient(
      {
        receive: () => {
          times.push(tick.monotonicMs())
          clock.advance(5)
        },
      },
      Buffer.from('x'),
    )
  }
  clock.advance(100)
  const atMs = clock.monotonicMs()
  batch.run()
  t.strictSame(times, [atMs, atMs, atMs])
})

t.test('writes within a batch leave at its end, outside at once; `flush` keeps the order', async (t) => {
  const batch = new Batch(new TickClock(new FakeClock()))
  const notes: string[] = []
  const socket = socketFor(notes, 's')
  batch.write(socket, 'outside')
  await turn()
  t.strictSame(notes.splice(0), ['s wrote outside'])
  batch.fromClient(
    {
      receive: () => {
        batch.write(socket, 'one')
        batch.write(socket, Buffer.from('two'))
      },
    },
    Buffer.from('x'),
  )
  batch.fromClient(
    {
      receive: () => {
        batch.flush()
        socket.write('three')
      },
    },
    Buffer.from('x'),
  )
  batch.run()
  await turn()
  t.strictSame(notes.join('').replaceAll('s wrote ', ''), 'onetwothree')
})

t.test('work that comes during a batch is done in a later turn, also what `run` is called for', async (t) => {
  const batch = new Batch(new TickClock(new FakeClock()))
  const notes: string[] = []
  batch.fromClient(
    {
      receive: () => {
        batch.fromClient(noted(notes, 'later'), Buffer.from('x'))
        batch.run()
        notes.push('first')
      },
    },
    Buffer.from('x'),
  )
  batch.run()
  t.strictSame(notes, ['first'])
  await turn()
  await turn()
  t.strictSame(notes, ['first', 'later x'])
})

t.test('a receiver that throws does not keep what was written from leaving', async (t) => {
  const batch = new Batch(new TickClock(new FakeClock()))
  const notes: string[] = []
  const socket = socketFor(notes, 's')
  batch.fromClient({ receive: () => batch.write(socket, 'answer') }, Buffer.from('x'))
  batch.fromClient(
    {
      receive: () => {
        throw new Error('broken')
      },
    },
    Buffer.from('x'),
  )
  t.throws(() => batch.run(), { message: 'broken' })
  await turn()
  t.strictSame(notes, ['s wrote answer'])
})
