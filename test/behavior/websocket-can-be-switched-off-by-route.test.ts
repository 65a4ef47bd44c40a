// Goal: on a route without WebSocket no protocol is ever switched: over HTTP/1.1 the wish is ignored (RFC 9110 7.8) and the request
// reaches the application as a plain one, over HTTP/2 it is refused. Method: one route with, one without, both roads.
import t from 'tap'
import { RawClient } from '../helpers/raw-client.ts'
import { UpgradeRefused, webSocketRoads } from '../helpers/web-socket.ts'
import { assertTalking, WebSocketSetting } from './websocket-ends.ts'

const setting = await WebSocketSetting.start(t, {
  config: {
    limits: { webSocketsPerUserMax: 1 },
    routes: [
      { name: 'with', upstream: 'app' },
      { name: 'without', upstream: 'app', pathPrefix: '/plain', webSocket: false },
    ],
  },
})
const { app, gateway } = setting
const certificate = setting.certificateOf('user01')
const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\n'

t.test('over HTTP/1.1 it is a plain request, on a connection that goes on', async (t) => {
  const client = await RawClient.connect(gateway, { certificate })
  for (const path of ['/plain', '/plain/again']) {
    t.equal((await client.get(path, `${upgrade}Origin: https://evil.example\r\n`).answer()).status, 200)
    const request = await app.request(path)
    t.strictSame([...request.values('upgrade'), ...request.values('connection')], [])
  }
  app.answer('/plain/eager', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  t.equal((await client.get('/plain/eager', upgrade).answer()).status, 502, 'an application that switches is wrong')
  client.close()
})

t.test('over HTTP/2 it is refused, and the application hears nothing', async (t) => {
  const refusal = await setting.refused({ over: 'h2', certificate, path: '/plain/socket' })
  t.type(refusal, UpgradeRefused)
  t.equal(refusal.status, 405)
  t.strictSame(app.requestsFor('/plain/socket'), [])
})

t.test('none of these counted as a WebSocket; the other route has them', async (t) => {
  for (const over of webSocketRoads) {
    const ends = await setting.open({ over, certificate })
    await assertTalking(t, ends, over)
    ends.tunnel.destroy()
    await setting.untilOpen(0, 'with')
  }
  t.equal(await gateway.metric('sekisho_upgrades_total', { route: 'without' }), 0)
  t.equal(await gateway.metric('sekisho_upgrades_total', { route: 'with' }), 2)
})
