// Goal: a WebSocket (RFC 6455, over HTTP/2 RFC 8441) is the two ends' own: what one sends, right or wrong, the other gets, byte for
// byte. Method: raw frames of every kind from both sides through the real gateway, on both roads; then the `ws` package at both ends.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { WebSocket } from 'ws'
import { eventually } from '../helpers/eventually.ts'
import { reset } from '../helpers/faults/reset.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { acceptWebSocket, serveWebSocket, TestUpstream, type UpgradedSide } from '../helpers/upstream.ts'
import {
  closePayload,
  opcodes,
  openTunnel,
  openWebSocket,
  type Tunnel,
  type UpgradeOptions,
  type WebSocketFrame,
  webSocketRoads,
  writeWebSocketFrame,
} from '../helpers/web-socket.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({ upstreamPort: app.port })
const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

type Ends = { readonly tunnel: Tunnel; readonly side: UpgradedSide }
let paths = 0

/** Both ends of one WebSocket; `more` are header lines of the application's agreement. */
async function openEnds(
  over: UpgradeOptions['over'],
  options: Pick<UpgradeOptions, 'headers' | 'http2'> = {},
  more = '',
): Promise<Ends> {
  const path = `/socket-${++paths}`
  const { promise, resolve } = Promise.withResolvers<UpgradedSide>()
  app.handle(path, acceptWebSocket(resolve, more))
  const tunnel = (await openTunnel(gateway, { over, path, certificate, ...options })).listen()
  return { tunnel, side: await promise }
}

/** Sends in slices of this many bytes, each when the one before has been taken. */
async function sendSliced(write: (bytes: Buffer, done: () => void) => unknown, bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) {
    const slice = bytes.subarray(at, at + size)
    await new Promise<void>((resolve) => write(slice, resolve))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

type Keeper = { readonly received: Buffer; readonly receivedBytes: number; forget(): void }

async function arrive(t: Test, end: Keeper, sent: Buffer, what: string): Promise<void> {
  await eventually(
    () => end.receivedBytes,
    (count) => count >= sent.length,
    30_000,
  )
  t.ok(end.received.equals(sent), what)
  end.forget()
}

/** Sends the frames both ways, masked by the client (RFC 6455 5.1), and compares what arrives. */
async function passFrames(t: Test, { tunnel, side }: Ends, frames: readonly WebSocketFrame[], what: string) {
  const mask = randomBytes(4)
  const fromClient = Buffer.concat(frames.map((frame) => writeWebSocketFrame({ mask, ...frame })))
  tunnel.send(fromClient)
  await arrive(t, side, fromClient, `${what}: to the application`)
  const fromApp = Buffer.concat(frames.map((frame) => writeWebSocketFrame(frame)))
  side.socket.write(fromApp)
  await arrive(t, tunnel, fromApp, `${what}: to the client`)
}

const text = (payload: string, more: Partial<WebSocketFrame> = {}): WebSocketFrame => ({
  opcode: opcodes.text,
  payload: Buffer.from(payload),
  ...more,
})
const fragment = (payload: string, final = false): WebSocketFrame => ({
  opcode: opcodes.continuation,
  payload: Buffer.from(payload),
  final,
})
const ping = (payload = ''): WebSocketFrame => ({ opcode: opcodes.ping, payload: Buffer.from(payload) })

const cases: Readonly<Record<string, readonly WebSocketFrame[]>> = {
  'whole messages': [text('残高'), text(''), { opcode: opcodes.binary, payload: randomBytes(200) }],
  'a message in fragments': [text('振', { final: false }), fragment('込'), fragment('完了', true)],
  'empty fragments': [text('', { final: false }), fragment(''), fragment(''), fragment('', true)],
  'a thousand fragments': [
    { opcode: opcodes.binary, final: false },
    ...Array.from({ length: 1_000 }, (_, at) => fragment(String.fromCharCode(at % 128))),
    fragment('', true),
  ],
  'control frames between fragments': [
    text('a', { final: false }),
    ping('1'),
    fragment('b'),
    ping(),
    fragment('c', true),
  ],
  'pings of every size': Array.from({ length: 126 }, (_, size) => ping('p'.repeat(size))),
  'pongs of every size': Array.from({ length: 126 }, (_, size) => ({
    opcode: opcodes.pong,
    payload: randomBytes(size),
  })),
  'reserved bits': Array.from({ length: 8 }, (_, reserved) => text('reserved', { reserved })),
  'reserved opcodes': [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => ({ opcode, payload: randomBytes(9) })),
  'lengths longer than they need be': ([2, 8] as const).map((lengthBytes) => text('short', { lengthBytes })),
  'sizes around the forms of the length': [125, 126, 127, 65_535, 65_536].map((size) => ({
    opcode: opcodes.binary,
    payload: randomBytes(size),
  })),
  'text that is no UTF-8': ['c080', 'eda080', 'f4908080', 'ff', 'e6ae'].map((hex) => ({
    opcode: opcodes.text,
    payload: Buffer.from(hex, 'hex'),
  })),
  'a continuation of nothing, a message within a message': [
    fragment('x', true),
    text('a', { final: false }),
    text('b'),
  ],
  'control frames in fragments and too long': [
    { opcode: opcodes.ping, final: false },
    { opcode: opcodes.ping, payload: randomBytes(126) },
  ],
  'close codes of the protocol': Array.from({ length: 15 }, (_, at) => 1_000 + at).map((code) => ({
    opcode: opcodes.close,
    payload: closePayload(code, 'またのご利用を'),
  })),
  'close codes of applications': [3_000, 3_999, 4_000, 4_999].map((code) => ({
    opcode: opcodes.close,
    payload: closePayload(code),
  })),
  'close without a code, with half a code, with codes that must not be sent': [
    { opcode: opcodes.close },
    { opcode: opcodes.close, payload: Buffer.of(3) },
    ...[0, 999, 1_015, 2_999, 5_000, 65_535].map((code) => ({ opcode: opcodes.close, payload: closePayload(code) })),
  ],
}

for (const over of webSocketRoads) {
  t.test(`frames of every kind pass as they are, over ${over}`, async (t) => {
    const ends = await openEnds(over)
    for (const [what, frames] of Object.entries(cases)) await passFrames(t, ends, frames, what)
    ends.tunnel.destroy()
  })

  t.test(`frames masked by the wrong side, and bytes that are no frames, pass over ${over}`, async (t) => {
    const { tunnel, side } = await openEnds(over)
    const unmasked = writeWebSocketFrame(text('not masked'))
    tunnel.send(unmasked)
    await arrive(t, side, unmasked, 'unmasked by the client')
    const masked = writeWebSocketFrame(text('masked', { mask: Buffer.of(1, 2, 3, 4) }))
    side.socket.write(masked)
    await arrive(t, tunnel, masked, 'masked by the application')
    const noise = Buffer.concat([Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), randomBytes(100_000)])
    tunnel.send(noise)
    await arrive(t, side, noise, 'to the application')
    side.socket.write(noise)
    await arrive(t, tunnel, noise, 'to the client')
    tunnel.destroy()
  })

  t.test(`frames cut into single bytes pass over ${over}`, async (t) => {
    const { tunnel, side } = await openEnds(over)
    const frames = [text('一'), ping('12'), text('二', { final: false }), fragment('三', true)]
    const bytes = Buffer.concat(frames.map((frame) => writeWebSocketFrame(frame)))
    await sendSliced((slice, done) => tunnel.stream.write(slice, done), bytes, 1)
    await arrive(t, side, bytes, 'to the application')
    await sendSliced((slice, done) => side.socket.write(slice, done), bytes, 1)
    await arrive(t, tunnel, bytes, 'to the client')
    tunnel.destroy()
  })

  t.test(`a message of 16 MiB passes both ways at once over ${over}`, async (t) => {
    const { tunnel, side } = await openEnds(over)
    const payload = randomBytes(16 * 1_024 * 1_024)
    const sent = writeWebSocketFrame({ opcode: opcodes.binary, payload })
    tunnel.send(sent)
    side.socket.write(sent)
    await Promise.all([arrive(t, side, sent, 'to the application'), arrive(t, tunnel, sent, 'to the client')])
    tunnel.destroy()
  })

  t.test(`what the application sends together with its agreement arrives over ${over}`, async (t) => {
    const path = `/at-once-${over}`
    const early = writeWebSocketFrame(text('もう送っています'))
    const accept = acceptWebSocket((side) => side.socket.write(early))
    app.handle(path, (request) => {
      request.socket.cork()
      accept(request)
      request.socket.uncork()
    })
    const tunnel = (await openTunnel(gateway, { over, path, certificate })).listen()
    await arrive(t, tunnel, early, 'the first frame')
    tunnel.destroy()
  })

  t.test(`subprotocol and extensions are agreed on by the two ends, over ${over}`, async (t) => {
    const offered = { 'sec-websocket-protocol': 'rates.v2, rates.v1', 'sec-websocket-extensions': 'permessage-deflate' }
    const agreed = 'Sec-WebSocket-Protocol: rates.v1\r\nSec-WebSocket-Extensions: permessage-deflate\r\n'
    const { tunnel, side } = await openEnds(over, { headers: offered }, agreed)
    t.same(side.request.values('sec-websocket-protocol'), ['rates.v2, rates.v1'])
    t.same(side.request.values('sec-websocket-extensions'), ['permessage-deflate'])
    t.match(tunnel.headers, { 'sec-websocket-protocol': 'rates.v1', 'sec-websocket-extensions': 'permessage-deflate' })
    tunnel.destroy()
  })

  t.test(`the application is asked as over HTTP/1.1, with the identity, over ${over}`, async (t) => {
    const { tunnel, side } = await openEnds(over, { headers: { 'sekisho-login-id': 'user02', 'x-own': 'kept' } })
    const { request } = side
    t.equal(request.method, 'GET')
    t.same(
      request.values('upgrade').map((value) => value.toLowerCase()),
      ['websocket'],
    )
    t.same(
      request.values('connection').map((value) => value.toLowerCase()),
      ['upgrade'],
    )
    t.same(request.values('sec-websocket-version'), ['13'])
    t.match(request.values('sec-websocket-key'), [/^[A-Za-z0-9+/]{22}==$/])
    t.same(request.values('sekisho-login-id'), ['user01'], 'the forged one is gone')
    t.same(request.values('x-own'), ['kept'])
    t.same(request.values('content-length').concat(request.values('transfer-encoding')), [])
    tunnel.destroy()
  })

  t.test(`what a side said before it left arrives whole, and then the other is told, over ${over}`, async (t) => {
    const last = Buffer.concat([
      writeWebSocketFrame({ opcode: opcodes.binary, payload: randomBytes(3_000_000) }),
      writeWebSocketFrame({ opcode: opcodes.close, payload: closePayload(1_000) }),
    ])
    const first = await openEnds(over)
    first.tunnel.send(last).end()
    await arrive(t, first.side, last, 'the client’s last message')
    await eventually(() => first.side.ended, Boolean)
    first.side.socket.end()
    t.equal(await first.tunnel.closed, 0, 'then both are closed')

    const second = await openEnds(over)
    second.side.socket.end(last)
    await arrive(t, second.tunnel, last, 'the application’s last message')
    await eventually(() => second.tunnel.ended, Boolean)
    second.tunnel.end()
    t.equal(await second.tunnel.closed, 0, 'then both are closed')
    await eventually(() => second.side.socket.destroyed, Boolean)
  })

  t.test(`a side that goes away takes the other with it, over ${over}`, async (t) => {
    const left = await openEnds(over)
    left.tunnel.destroy()
    await eventually(() => left.side.ended || left.side.socket.destroyed, Boolean)
    left.side.socket.end()
    t.pass('the application hears that the client has gone')
    const broken = await openEnds(over)
    reset(broken.side.socket)
    // The client may keep its own side of a TCP connection open; a reset stream is reset for both.
    if (over === 'h2') t.not(await broken.tunnel.closed, 0, 'the stream is reset, not ended')
    else await eventually(() => broken.tunnel.ended || broken.tunnel.stream.destroyed, Boolean)
    t.pass('the client hears that the application has gone')
    broken.tunnel.destroy()
  })

  t.test(`two programs talk, over ${over}`, async (t) => {
    const told = Promise.withResolvers<WebSocket>()
    app.handle(
      `/talk-${over}`,
      serveWebSocket((webSocket) => {
        webSocket.on('message', (data, isBinary) => webSocket.send(data, { binary: isBinary }))
        told.resolve(webSocket)
      }),
    )
    const client = await openWebSocket(gateway, { over, path: `/talk-${over}`, certificate })
    const server = await told.promise
    for (const message of ['こんにちは', '', randomBytes(16 * 1_024 * 1_024)]) {
      client.send(message)
      const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean]
      t.equal(isBinary, typeof message !== 'string')
      t.ok(data.equals(Buffer.from(message as string)), `${message.length}`)
    }
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.ping('生きていますか')
      const [heard] = await Promise.all([once(to, 'ping'), once(from, 'pong')])
      t.equal(String(heard[0]), '生きていますか')
    }
    const closed = once(client, 'close')
    server.close(4_321, '終了')
    const [code, reason] = await closed
    t.same([code, String(reason)], [4_321, '終了'])
  })
}

t.test('on one HTTP/2 session a WebSocket that is reset leaves the others and the requests alone', async (t) => {
  const http2 = await Http2Client.connect(gateway, { certificate })
  const [stays, goes] = await Promise.all([openEnds('h2', { http2 }), openEnds('h2', { http2 })])
  goes.tunnel.destroy()
  await eventually(() => goes.side.ended || goes.side.socket.destroyed, Boolean)
  goes.side.socket.end()
  await passFrames(t, stays, [text('still here'), ping('1')], 'the other one')
  t.equal((await http2.get('/after')).status, 200)
  const half = randomBytes(1_000)
  stays.tunnel.send(half).end()
  await arrive(t, stays.side, half, 'up to its own end')
  stays.side.socket.end()
  t.equal(await stays.tunnel.closed, 0)
  t.equal(http2.goAways.length, 0)
  http2.close()
})
