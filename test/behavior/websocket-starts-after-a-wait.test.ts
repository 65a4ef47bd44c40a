// Goal: a WebSocket whose request had to wait, for an assertion, for a free upstream connection, or for an application that thinks
// it over, passes everything both ways, also what the client sent before it had its answer. Method: each wait on both roads.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { acceptWebSocket, plainAnswer, type UpgradedSide } from '../helpers/upstream.ts'
import { webSocketRoads } from '../helpers/web-socket.ts'
import { assertTalking, WebSocketSetting } from './websocket-ends.ts'

t.test('for an assertion, which a connection’s first request waits for', async (t) => {
  const setting = await WebSocketSetting.start(t, { config: { identity: { assertion: { audience: 'bank' } } } })
  for (const over of webSocketRoads) {
    const ends = await setting.open({ over, certificate: setting.certificateOf('user01') })
    t.equal(ends.side.request.values('sekisho-assertion').length, 1)
    await assertTalking(t, ends, over)
    ends.tunnel.destroy()
  }
})

t.test('for a free upstream connection', async (t) => {
  const setting = await WebSocketSetting.start(t, {
    config: { upstream: { connectionsMax: 1, idleConnectionsMax: 1, queueMax: 2 } },
  })
  const { app, gateway } = setting
  const certificate = setting.certificateOf('user01')
  app.handle('/holds', () => {})
  for (const [at, over] of webSocketRoads.entries()) {
    const holder = await RawClient.connect(gateway, { certificate })
    holder.get('/holds')
    const held = await eventually(
      () => app.requestsFor('/holds')[at],
      (request) => request !== undefined,
    )
    const opening = setting.open({ over, certificate })
    await eventually(
      () => gateway.metric('sekisho_upstream_queue', { upstream: 'app' }),
      (waiting) => waiting === 1,
    )
    held?.socket.write(plainAnswer('done'))
    const ends = await opening
    await assertTalking(t, ends, over)
    ends.tunnel.destroy()
    holder.close()
    await setting.untilOpen(0)
  }
})

t.test('for an application that thinks it over, while the client already sends more than is held for it', async (t) => {
  const setting = await WebSocketSetting.start(t)
  const early = randomBytes(1_000_000)
  let agree = () => {}
  const side = new Promise<UpgradedSide>((resolve) => {
    setting.app.handle('/later', (request) => {
      agree = () => acceptWebSocket(resolve)(request)
    })
  })
  const client = await RawClient.connect(setting.gateway, { certificate: setting.certificateOf('user01') })
  client.get('/later', 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n').send(early)
  const { socket, head } = await setting.app.request('/later')
  const received = () => setting.gateway.metric('sekisho_bytes_total', { door: 'certificate', direction: 'received' })
  await eventually(received, (bytes) => (bytes ?? 0) > 64_000)
  t.equal(socket.bytesRead, head.length, 'the application saw nothing of it before it agreed')
  agree()
  t.equal((await client.head()).status, 101)
  const app = await side
  await eventually(
    () => app.receivedBytes,
    (bytes) => bytes === early.length,
  )
  t.ok(app.received.equals(early), 'then everything')
  client.close()
})
