// Goal: a drain ends idle connections and takes no new WebSockets, but those that are open go on, on both roads, until one of their
// sides ends them or `drainTimeoutMs` has passed; then they are ended on both sides.
// Method: the real gateway is drained with WebSockets and idle connections open; what ends, and in which order, is watched.
import t from 'tap'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { webSocketRoads } from '../helpers/web-socket.ts'
import { assertTalking, untilEnded, WebSocketSetting } from './websocket-ends.ts'

t.test('one that ends by itself ends the drain; idle connections went before', async (t) => {
  const setting = await WebSocketSetting.start(t, { config: { limits: { drainTimeoutMs: 60_000 } } })
  const { gateway } = setting
  const certificate = setting.certificateOf('user01')
  const idle = await RawClient.connect(gateway, { certificate })
  t.equal((await idle.get('/idle').answer()).status, 200)
  const idleSession = await Http2Client.connect(gateway, { certificate })
  t.equal((await idleSession.get('/idle')).status, 200)
  const session = await Http2Client.connect(gateway, { certificate })
  const sockets = [
    await setting.open({ over: 'http/1.1', certificate }),
    await setting.open({ over: 'h2', certificate, http2: session }),
  ]
  let drained = false
  await gateway.sockets.close()
  const drain = gateway.gateway.drain().then(() => {
    drained = true
  })
  await idle.untilEnd()
  await idleSession.closed
  for (const ends of sockets) await assertTalking(t, ends, 'it goes on')
  t.ok(session.goAways.length > 0, 'the session was told')
  await t.rejects(
    new Promise((_, reject) => {
      const asked = session.request({ ':path': '/socket', ':method': 'CONNECT', ':protocol': 'websocket' })
      asked.head().then(() => reject(new Error('refused')), reject)
    }),
    'and takes no more',
  )
  t.equal(drained, false)
  for (const { tunnel } of sockets) tunnel.destroy()
  session.close()
  await drain
  t.equal(await gateway.metric('sekisho_upgrades_open', { route: 'app' }), 0)
})

t.test('one that does not end is ended at the deadline', async (t) => {
  const setting = await WebSocketSetting.start(t, { config: { limits: { drainTimeoutMs: 300 } } })
  const { gateway } = setting
  const certificate = setting.certificateOf('user01')
  const sockets = await Promise.all(webSocketRoads.map((over) => setting.open({ over, certificate })))
  await gateway.gateway.drain()
  for (const ends of sockets) await assertTalking(t, ends, 'until then it works')
  await gateway.gateway.stop()
  for (const ends of sockets) await untilEnded(ends)
})
