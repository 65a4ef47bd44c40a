// Goal: back-pressure through a WebSocket both ways with bounded memory: who does not read stops who writes, everything arrives intact
// in the end, one large message too, and other connections are not slowed.
// Method: 64 MiB on each road towards a side that does not read; what the other could push is counted, then all is read and compared.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { writeUntilStuck } from '../helpers/faults/sliced.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { acceptWebSocket, type UpgradedSide } from '../helpers/upstream.ts'
import { opcodes, openTunnel, type WebSocketRoad, webSocketRoads, writeWebSocketFrame } from '../helpers/web-socket.ts'
import { WebSocketSetting } from './websocket-ends.ts'

const setting = await WebSocketSetting.start(t)
const { app, gateway } = setting
const certificate = setting.certificateOf('user01')

/** One message of 64 MiB, without its head's mask: the gateway does not look. */
const payloadBytes = 64 * 1024 * 1024
const piece = randomBytes(1024 * 1024)
const messageHead = writeWebSocketFrame({ opcode: opcodes.binary, payload: Buffer.alloc(payloadBytes) }).subarray(0, 10)
const digest = createHash('sha256').update(messageHead)
for (let at = 0; at < payloadBytes; at += piece.length) digest.update(piece)
const messageDigest = digest.digest('hex')
const messageBytes = messageHead.length + payloadBytes
/** What two TCP connections on loopback and the buffers of four sockets may hold, with room to spare. */
const heldBytesMax = 40 * 1024 * 1024
const grownBytesMax = 48 * 1024 * 1024

/** Two streams that nobody reads yet. */
async function openUnread(over: WebSocketRoad): Promise<{ client: Duplex; application: Duplex; end(): void }> {
  const path = setting.newPath()
  const { promise, resolve } = Promise.withResolvers<UpgradedSide>()
  app.handle(path, acceptWebSocket(resolve))
  const tunnel = await openTunnel(gateway, { over, path, certificate })
  const { socket } = await promise
  socket.removeAllListeners('data')
  socket.pause()
  const end = () => {
    tunnel.destroy()
    socket.destroy()
  }
  return { client: tunnel.stream, application: socket, end }
}

/** Resolves when the gateway takes nothing more of what clients send. */
async function untilQuiet(): Promise<void> {
  let last = -1
  let quiet = 0
  await eventually(
    () => gateway.metric('sekisho_bytes_total', { door: 'certificate', direction: 'received' }),
    (received = 0) => {
      quiet = received === last ? quiet + 1 : 0
      last = received
      return quiet === 4
    },
  )
}

async function digestOf(stream: Duplex): Promise<string> {
  const hash = createHash('sha256')
  let left = messageBytes
  const { promise, resolve } = Promise.withResolvers<string>()
  stream.on('data', (bytes: Buffer) => {
    hash.update(bytes)
    left -= bytes.length
    if (left === 0) resolve(hash.digest('hex'))
  })
  stream.resume()
  return await promise
}

async function pass(t: Test, from: Duplex, to: Duplex): Promise<void> {
  const residentBefore = process.memoryUsage.rss()
  from.write(messageHead)
  const written = await writeUntilStuck(from, piece, { totalBytes: payloadBytes, quietMs: 400 })
  const residentGrowth = process.memoryUsage.rss() - residentBefore
  t.ok(written < heldBytesMax, `${written} bytes could be written`)
  t.ok(residentGrowth < grownBytesMax, `memory grew by ${residentGrowth} bytes`)
  const other = await RawClient.connect(gateway, { certificate })
  for (let at = 0; at < 20; at++) t.equal((await other.get('/quick').answer()).status, 200, 'others are served')
  other.close()
  const read = digestOf(to)
  for (let at = written; at < payloadBytes; at += piece.length) if (!from.write(piece)) await once(from, 'drain')
  t.equal(await read, messageDigest, 'everything arrives')
}

for (const over of webSocketRoads) {
  t.test(`a slow client, over ${over}`, async (t) => {
    const { client, application, end } = await openUnread(over)
    await pass(t, application, client)
    end()
    await setting.untilOpen(0)
  })

  t.test(`a slow application, over ${over}`, async (t) => {
    const { client, application, end } = await openUnread(over)
    await pass(t, client, application)
    end()
    await setting.untilOpen(0)
  })

  t.test(`what a client said before it left reaches a slow application whole, over ${over}`, async (t) => {
    // What of it waits where, when the application begins to read, depends on its size.
    for (let bytes = 2_000_000; bytes < 9_000_000; bytes += 300_000) {
      const { client, application, end } = await openUnread(over)
      client.end(randomBytes(bytes))
      await untilQuiet()
      let arrived = 0
      application.on('data', (piece: Buffer) => {
        arrived += piece.length
      })
      application.resume()
      await once(application, 'end')
      if (arrived !== bytes) t.fail(`${bytes - arrived} of ${bytes} bytes are lost`)
      end()
    }
    t.pass('nothing is lost')
    await setting.untilOpen(0)
  })

  t.test(`one that is stuck is let go of when a side leaves, over ${over}`, async (t) => {
    const { client, application, end } = await openUnread(over)
    await Promise.all([
      writeUntilStuck(client, piece, { totalBytes: payloadBytes, quietMs: 400 }),
      writeUntilStuck(application, piece, { totalBytes: payloadBytes, quietMs: 400 }),
    ])
    t.equal(await gateway.metric('sekisho_upgrades_open', { route: 'app' }), 1)
    end()
    await setting.untilOpen(0)
  })
}
