// Goal: an application that does not switch answers as to any request, and the client's connection goes on; one that says it
// switches, but to something else or without proof, is out of order (502), and no byte of its goes any further.
// Method: answers of every kind to an upgrade on both roads; afterwards the same connection asks again.
import t from 'tap'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { webSocketAccept } from '../helpers/upstream.ts'
import { WebSocketSetting } from './websocket-ends.ts'

const setting = await WebSocketSetting.start(t)
const { app, gateway } = setting
const certificate = setting.certificateOf('user01')
const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\n'

const answer = (status: string, more = '', body = 'no WebSocket here') =>
  `HTTP/1.1 ${status}\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`
const refusals = [
  { path: '/200', bytes: answer('200 OK'), http1: 200, http2: 502 },
  { path: '/204', bytes: 'HTTP/1.1 204 No Content\r\n\r\n', http1: 204, http2: 502 },
  { path: '/302', bytes: answer('302 Found', 'Location: /login\r\n'), http1: 302, http2: 302 },
  { path: '/403', bytes: answer('403 Forbidden'), http1: 403, http2: 403 },
  { path: '/426', bytes: answer('426 Upgrade Required', 'Upgrade: websocket\r\n'), http1: 426, http2: 426 },
  {
    path: '/503',
    bytes: 'HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n',
    http1: 503,
    http2: 503,
  },
  { path: '/close', bytes: answer('400 Bad Request', 'Connection: close\r\n'), http1: 400, http2: 400 },
]
for (const { path, bytes } of refusals) app.answer(path, bytes)

/** Each is followed by bytes for a tunnel that must not be there. */
const misfits: Readonly<Record<string, (accept: string) => string>> = {
  'another protocol': (accept) => `Connection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: ${accept}\r\n`,
  'two protocols': (accept) => `Connection: Upgrade\r\nUpgrade: websocket, h2c\r\nSec-WebSocket-Accept: ${accept}\r\n`,
  'no Upgrade': (accept) => `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n`,
  'no Connection': (accept) => `Upgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n`,
  'nothing at all': () => '',
}
/** Only the gateway can judge these: a client of HTTP/1.1 has its own key and does so itself. */
const unproven: typeof misfits = {
  'no proof': () => 'Connection: Upgrade\r\nUpgrade: websocket\r\n',
  'a wrong proof': () => 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAA\r\n',
  'a right proof and a wrong one': (accept) =>
    `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Accept: AAAA\r\n`,
}

function misfit(fields: (accept: string) => string): string {
  const path = setting.newPath()
  app.handle(path, (request) => {
    request.takeConnection()
    const accept = webSocketAccept(request.values('sec-websocket-key')[0] ?? '')
    request.socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields(accept)}\r\nstray bytes`)
  })
  return path
}

t.test('over HTTP/1.1', async (t) => {
  const client = await RawClient.connect(gateway, { certificate })
  for (const { path, http1 } of refusals) {
    const got = await client.get(path, upgrade).answer()
    t.equal(got.status, http1, path)
    t.equal(got.value('connection'), undefined, 'the connection goes on')
    t.equal(got.value('upgrade'), undefined)
  }
  for (const [what, fields] of Object.entries(misfits)) {
    const got = await client.get(misfit(fields), upgrade).answer()
    t.equal(got.status, 502, what)
    t.notMatch(got.text, /stray/)
  }
  const stray = await client.get(misfit((accept) => misfits['no Upgrade']?.(accept) ?? '')).answer()
  t.equal(stray.status, 502, 'a 101 that nobody asked for')
  t.equal((await client.get('/after').answer()).status, 200)
  client.close()
})

t.test('over HTTP/2', async (t) => {
  const client = await Http2Client.connect(gateway, { certificate })
  for (const { path, http2 } of refusals) t.equal((await client.connectWebSocket(path).answer()).status, http2, path)
  for (const [what, fields] of Object.entries({ ...misfits, ...unproven })) {
    const got = await client.connectWebSocket(misfit(fields)).answer()
    t.equal(got.status, 502, what)
    t.notMatch(got.text, /stray/)
  }
  t.equal((await client.get('/after')).status, 200)
  t.strictSame(client.goAways, [])
  client.close()
})

t.test('nothing was switched, and the application’s connections behind a wrong 101 are not used again', async (t) => {
  t.equal(await gateway.metric('sekisho_upgrades_total', { route: 'app' }), 0)
  for (const request of app.requests.filter(({ path }) => path.startsWith('/socket-')))
    t.equal(app.requests.filter(({ connection }) => connection === request.connection).at(-1), request, request.path)
})
