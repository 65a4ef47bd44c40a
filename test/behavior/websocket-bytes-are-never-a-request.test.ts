// Goal: an upgrade smuggles nothing: what follows one that was not switched is the client's next request, judged and with its
// identity, or is refused; the application gets no byte as part of a switch that did not happen; only WebSocket is switched to.
// Method: raw bytes behind upgrades of every kind over HTTP/1.1, with an application that refuses, delays or pretends.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { clientPreface } from '../helpers/frame-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { plainAnswer } from '../helpers/upstream.ts'
import { WebSocketSetting } from './websocket-ends.ts'

const setting = await WebSocketSetting.start(t)
const { app, gateway } = setting
const certificate = setting.certificateOf('user01')
const connect = () => RawClient.connect(gateway, { certificate })
const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\n'
const request = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`

app.answer('/426', 'HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n')

t.test('a request behind an upgrade that was not switched is the next request', async (t) => {
  const client = await connect()
  client.send(`${request('/426', upgrade)}${request('/smuggled', 'Sekisho-Login-Id: forged\r\n')}`)
  t.equal((await client.answer()).status, 426)
  t.equal((await client.answer()).status, 200)
  const { head, values } = await app.request('/smuggled')
  t.strictSame(values('sekisho-login-id'), ['user01'], 'with the identity, as any request')
  t.notMatch(head, /forged/)
  client.send('\x81\x05hello\r\n\r\n')
  t.equal((await client.answer()).status, 400, 'frames are no request')
  await client.untilEnd()
})

t.test('while the application thinks it over, it sees nothing of what follows', async (t) => {
  for (const [path, answer, status] of [
    ['/later', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n', 403],
    ['/later-200', plainAnswer('plain'), 200],
  ] as const) {
    app.handle(path, () => {})
    const client = await connect()
    const received = () => gateway.metric('sekisho_bytes_total', { door: 'certificate', direction: 'received' })
    client.send(request(path, upgrade))
    const asked = await app.request(path)
    const before = (await received()) ?? 0
    client.send(request(`${path}-smuggled`))
    await eventually(received, (bytes) => (bytes ?? 0) > before)
    t.equal(
      asked.socket.bytesRead,
      app.requests.filter(({ socket }) => socket === asked.socket).reduce((sum, { head }) => sum + head.length, 0),
    )
    asked.socket.write(answer)
    t.equal((await client.answer()).status, status)
    t.equal((await client.answer()).status, 200, 'then it is a request of its own')
    t.strictSame((await app.request(`${path}-smuggled`)).values('sekisho-login-id'), ['user01'])
    client.close()
  }
})

t.test('nothing but WebSocket is switched to', async (t) => {
  const wishes: Readonly<Record<string, string>> = {
    h2c: 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n',
    'h2c in capitals': 'Connection: UPGRADE\r\nUpgrade: H2C\r\n',
    'websocket or h2c': 'Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n',
    'TLS/1.0': 'Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n',
    'websocket with a version': 'Connection: Upgrade\r\nUpgrade: websocket/13\r\n',
    'websocket that Connection does not name': 'Upgrade: websocket\r\n',
    'websocket with a body': 'Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n',
  }
  const client = await connect()
  for (const [what, fields] of Object.entries(wishes)) {
    const path = setting.newPath()
    t.equal((await client.get(path, fields).answer()).status, 200, what)
    const { values } = await app.request(path)
    for (const name of ['upgrade', 'connection', 'http2-settings']) t.strictSame(values(name), [], `${what}: ${name}`)
  }
  const posted = client.send(`POST /post HTTP/1.1\r\nHost: localhost\r\n${upgrade}Content-Length: 2\r\n\r\nhi`)
  t.match(JSON.parse((await posted.answer()).text), { method: 'POST', body: 'hi' })
  t.strictSame((await app.request('/post')).values('upgrade'), [])
  client.send(clientPreface)
  t.match([400, 501, 505].includes((await client.answer()).status), true, 'HTTP/2 does not begin here')
  await client.untilEnd()

  const old = await connect()
  t.equal((await old.send(`GET /old HTTP/1.0\r\nHost: localhost\r\n${upgrade}\r\n`).answer()).status, 200)
  t.strictSame((await app.request('/old')).values('upgrade'), [])

  const twice = await connect()
  t.equal(
    (await twice.get('/twice', 'Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n').answer()).status,
    400,
  )
  t.strictSame(app.requestsFor('/twice'), [])
})

t.test('CONNECT is no method here', async (t) => {
  for (const target of ['localhost:443', '/socket', 'http://localhost/']) {
    const client = await connect()
    client.send(`CONNECT ${target} HTTP/1.1\r\nHost: localhost\r\n${upgrade}\r\n${request('/smuggled-behind-connect')}`)
    t.equal((await client.answer()).status, 501, target)
    t.equal((await client.untilEnd()).length, 0, 'and nothing behind it is answered')
  }
  t.strictSame(app.requestsFor('/smuggled-behind-connect'), [])
})

t.test('an application that answers and then goes on as if it had switched reaches nobody', async (t) => {
  app.handle('/pretends', ({ socket }) => {
    socket.write(`${plainAnswer('no')}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray`)
  })
  const client = await connect()
  const answer = await client.get('/pretends', upgrade).answer()
  t.match([answer.status, answer.text], [200, 'no'])
  const { socket } = await app.request('/pretends')
  await eventually(() => socket.destroyed, Boolean)
  t.notMatch((await client.get('/next').answer()).text, /stray/)
  client.close()
})
