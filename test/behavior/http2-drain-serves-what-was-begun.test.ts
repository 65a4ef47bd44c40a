// Goal: a drain ends HTTP/2 connections without losing a request: it is announced first, what clients began before they heard of it is
// served, then no more; a request that never ends keeps its connection until the drain's own deadline.
// Method: the real gateway is drained with idle, busy, silent and late clients.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { FrameClient, frameFlags, frameTypes, requestFields } from '../helpers/frame-client.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
t.teardown(() => app.stop())
for (const path of ['/held', '/late', '/never']) app.handle(path, () => {})

t.test('GOAWAY twice, and nothing begun in between is lost', async (t) => {
  const gateway = await withGateway({ upstreamPort: app.port })
  const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
  const connect = () => FrameClient.connect(gateway, { certificate: user01 })
  const [idle, busy, silent] = [await connect(), await connect(), await connect()]
  const node = await Http2Client.connect(gateway, { certificate: user01 })
  // Read from the beginning: what nobody has read is lost to Node's client when its session ends.
  const nodeHeld = node.request({ ':path': '/held' }).answer()
  busy.request(1, requestFields('/held'))
  silent.request(1, requestFields('/held'))
  await eventually(
    () => app.requestsFor('/held').length,
    (count) => count === 3,
  )
  const drained = gateway.gateway.drain()

  for (const client of [idle, busy]) {
    t.match(await client.goAway(), { code: 'NO_ERROR', lastStreamId: 0x7fffffff })
    const { payload } = await client.find(({ type, flags }) => type === frameTypes.ping && flags === 0, 'PING')
    // Begun by a client that has not read that yet.
    if (client === busy) client.request(3, requestFields('/late'))
    client.frame({ type: frameTypes.ping, flags: frameFlags.ack, payload })
  }
  t.match(await idle.goAway(), { code: 'NO_ERROR', lastStreamId: 0 })
  await idle.untilEnd()
  t.match(await busy.goAway(), { code: 'NO_ERROR', lastStreamId: 3 })
  busy.request(5, requestFields('/too-late'))
  t.equal(await busy.resetOf(5), 'REFUSED_STREAM', 'may be sent again elsewhere (RFC 9113 8.7)')

  t.match(await silent.goAway(), { lastStreamId: 0x7fffffff })
  t.match(await silent.goAway(), { lastStreamId: 1 }, 'who does not answer is not waited for')

  for (const { socket } of [...app.requestsFor('/held'), await app.request('/late')]) socket.write(plainAnswer('done'))
  for (const id of [1, 3]) t.equal(await busy.statusOf(id), 200)
  t.equal(await silent.statusOf(1), 200)
  t.equal((await nodeHeld).text, 'done')
  await Promise.all([busy.untilEnd(), silent.untilEnd()])
  t.equal(await node.closed, undefined, 'cleanly')
  await drained
  t.strictSame(app.requestsFor('/too-late'), [])
  await gateway.stop()
})

t.test('a request that never ends keeps its connection until drainTimeoutMs', async (t) => {
  const gateway = await withGateway({ upstreamPort: app.port, config: { limits: { drainTimeoutMs: 1_500 } } })
  const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
  const client = await Http2Client.connect(gateway, { certificate: user01 })
  const polling = client.request({ ':path': '/never' })
  const { socket } = await app.request('/never')
  const began = performance.now()
  await gateway.gateway.drain()
  t.notOk(socket.destroyed, 'until then it is held')
  t.ok(performance.now() - began >= 1_400)
  const stopped = gateway.stop()
  await polling.closed
  await eventually(() => socket.destroyed, Boolean)
  await stopped
})
