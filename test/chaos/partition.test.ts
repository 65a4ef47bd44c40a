// Goal: a relay parts a client from a server as a network does: connections reset, or stay while nothing passes, and what was held
// arrives after the healing. Method: a server that echoes, and clients through the relay; the neighbour's relay stays open.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { Relay } from '../helpers/partition.ts'

type Echo = { readonly port: number; readonly received: () => string; readonly open: () => number }

async function startEcho(t: Test): Promise<Echo> {
  const sockets = new Set<Socket>()
  let received = ''
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (piece) => {
      received += piece.toString()
      socket.write(piece)
    })
    socket.on('end', () => socket.end('bye'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    received: () => received,
    open: () => sockets.size,
  }
}

type Client = { readonly socket: Socket; readonly text: () => string; readonly closed: Promise<unknown> }

function startClient(t: Test, port: number): Client {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (piece) => {
    text += piece.toString()
  })
  t.teardown(() => socket.destroy())
  return { socket, text: () => text, closed: new Promise((resolve) => socket.once('close', resolve)) }
}

async function startBoth(t: Test, ...options: [Parameters<typeof Relay.start>[1]?]) {
  const echo = await startEcho(t)
  const relay = await Relay.start(echo.port, ...options)
  t.teardown(() => relay.close())
  return { echo, relay }
}

async function answers(client: Client, text: string): Promise<void> {
  client.socket.write(text)
  await eventually(client.text, (got) => got.endsWith(text))
}

t.test('open, it passes on bytes and their end', async (t) => {
  const { echo, relay } = await startBoth(t)
  const client = startClient(t, relay.port)
  await answers(client, 'hello')
  client.socket.end()
  await eventually(client.text, (text) => text === 'hellobye')
  await client.closed
  await eventually(echo.open, (open) => open === 0)
  await eventually(
    () => relay.connections,
    (count) => count === 0,
  )
  t.ok(relay.isOpen)
})

t.test('cut, connections end and no new one lives; another relay to the same server is open', async (t) => {
  const { echo, relay } = await startBoth(t)
  const neighbour = await Relay.start(echo.port)
  t.teardown(() => neighbour.close())
  const client = startClient(t, relay.port)
  const other = startClient(t, neighbour.port)
  await answers(client, 'a')
  await answers(other, 'b')
  relay.cut()
  await client.closed
  await startClient(t, relay.port).closed
  await answers(other, 'c')
  t.equal(echo.received(), 'abc')
  t.notOk(relay.isOpen)
  relay.heal()
  await answers(startClient(t, relay.port), 'd')
})

t.test('blackholed, connections stay and begin, and what was held arrives in the end, in order', async (t) => {
  const { echo, relay } = await startBoth(t)
  const client = startClient(t, relay.port)
  await answers(client, 'a')
  relay.blackhole()
  client.socket.write('b')
  const late = startClient(t, relay.port)
  await once(late.socket, 'connect')
  late.socket.write('c')
  await startEchoRound(t)
  t.equal(echo.received(), 'a', 'nothing has passed')
  t.notOk(client.socket.closed || late.socket.closed)
  client.socket.write('d')
  relay.heal()
  await eventually(client.text, (text) => text === 'abd')
  await eventually(late.text, (text) => text === 'c')
})

t.test('one way can be held alone: the server does what it is asked, and nobody hears of it', async (t) => {
  const { echo, relay } = await startBoth(t)
  const client = startClient(t, relay.port)
  await answers(client, 'a')
  relay.blackhole(['answers'])
  client.socket.write('b')
  await eventually(echo.received, (text) => text === 'ab')
  await startEchoRound(t)
  t.equal(client.text(), 'a')
  relay.heal()
  await eventually(client.text, (text) => text === 'ab')
  relay.blackhole(['requests'])
  client.socket.write('c')
  await startEchoRound(t)
  t.equal(echo.received(), 'ab')
})

t.test('nobody hears of an end in the dark', async (t) => {
  const { echo, relay } = await startBoth(t)
  const client = startClient(t, relay.port)
  await answers(client, 'a')
  relay.blackhole()
  client.socket.destroy()
  await startEchoRound(t)
  t.equal(echo.open(), 1, 'the server still waits for more')
  relay.heal()
  await eventually(echo.open, (open) => open === 0)
})

t.test('an end and a reset that come late together leave nothing open', async (t) => {
  const accepted = Promise.withResolvers<Socket>()
  const server = createServer({ allowHalfOpen: true }, accepted.resolve).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const relay = await Relay.start((server.address() as { port: number }).port)
  t.teardown(() => relay.close())
  const client = startClient(t, relay.port)
  const socket = await accepted.promise
  t.teardown(() => {
    socket.destroy()
    server.close()
  })
  socket.on('error', () => {}).resume()
  relay.blackhole(['requests'])
  client.socket.destroy()
  await client.closed
  // Whoever sends to a socket that is gone is answered with a reset.
  await eventually(
    () => {
      if (!socket.destroyed) socket.write('x')
      return relay.sides
    },
    (sides) => sides === 1,
  )
  relay.heal()
  await eventually(
    () => relay.connections,
    (count) => count === 0,
  )
})

t.test('slowed, everything comes later and in order', async (t) => {
  const { relay } = await startBoth(t)
  const client = startClient(t, relay.port)
  await answers(client, 'a')
  relay.slow(60)
  const startMs = performance.now()
  client.socket.write('b')
  await once(client.socket, 'data')
  const tookMs = performance.now() - startMs
  t.ok(tookMs >= 110, `both ways took ${tookMs} ms`)
  client.socket.write('c')
  await new Promise((resolve) => setImmediate(resolve))
  relay.heal()
  client.socket.write('d')
  await eventually(client.text, (text) => text === 'abcd')
})

t.test('answers can be changed on their way', async (t) => {
  const upper = () => (piece: Buffer) => Buffer.from(piece.toString().toUpperCase())
  const { echo, relay } = await startBoth(t, { changeAnswers: upper })
  const client = startClient(t, relay.port)
  client.socket.write('abc')
  await eventually(client.text, (text) => text === 'ABC')
  t.equal(echo.received(), 'abc')
})

t.test('a server that is away ends the connection', async (t) => {
  const echo = await startEcho(t)
  const relay = await Relay.start(1)
  t.teardown(() => relay.close())
  await startClient(t, relay.port).closed
  t.equal(echo.open(), 0)
})

t.test('large answers pass whole through a slow reader', async (t) => {
  const { relay } = await startBoth(t)
  const client = startClient(t, relay.port)
  const bytes = 8_000_000
  client.socket.pause()
  client.socket.write(Buffer.alloc(bytes, 'x'))
  await startEchoRound(t)
  client.socket.resume()
  await eventually(
    () => client.text().length,
    (length) => length === bytes,
    20_000,
  )
})

/** So long that what could have passed has passed: a round trip over the loopback to a server of its own, a few times. */
async function startEchoRound(t: Test): Promise<void> {
  const echo = await startEcho(t)
  for (let round = 0; round < 5; round++) await answers(startClient(t, echo.port), 'x')
}
