// Goal: what flow control takes it gives back: uploads and answers go on after padding, resets, refusals, pauses, windows of 0 and
// changed settings, however often. Method: a connection whose windows would be used up many times over if anything were lost.
import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import {
  FrameClient,
  frameFlags,
  frameTypes,
  requestFields,
  settingIds,
  settingsPayload,
  uint32,
} from '../helpers/frame-client.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { digest, plainAnswer, sendBytes, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { editConfig } from './reload-setting.ts'

const app = await TestUpstream.start()
app.handle('/upload', digest)
const gateway = await withGateway({
  upstreamPort: app.port,
  config: {
    limits: {
      http2StreamWindowBytes: 65_535,
      http2ConnectionWindowBytes: 65_535,
      http2ControlFramesPerMinuteMax: 100_000,
      http2ResetsPerMinuteMax: 10_000,
      bodyBytesMax: 10_000_000,
    },
    routes: [
      { name: 'small', pathPrefix: '/small', upstream: 'app', bodyBytesMax: 100 },
      { name: 'app', pathPrefix: '/', upstream: 'app' },
    ],
  },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})
const connect = () => FrameClient.connect(gateway, { certificate: user01 })
const post = (path: string) =>
  requestFields(path).map(([name, value]) => [name, name === ':method' ? 'POST' : value] as const)

/** Sends one body within the windows the gateway gives, and returns the digest that arrived. `sent`: bytes on streams before it. */
async function upload(client: FrameClient, streamId: number, options: { body: Buffer; padding: number; sent: number }) {
  const { body, padding } = options
  client.request(streamId, post('/upload'), { bodyFollows: true })
  const opened = (id: number) =>
    client.frames
      .filter(({ type, streamId: of }) => type === frameTypes.windowUpdate && of === id)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 65_535)
  let sent = 0
  for (let at = 0; at < body.length; ) {
    const piece = body.subarray(at, at + 1_000)
    const payload = padding === 0 ? piece : Buffer.concat([Buffer.of(padding), piece, Buffer.alloc(padding)])
    await eventually(
      () => Math.min(opened(streamId) - sent, opened(0) - sent - options.sent),
      (room) => room >= payload.length,
    )
    at += piece.length
    sent += payload.length
    const flags = (padding === 0 ? 0 : frameFlags.padded) | (at === body.length ? frameFlags.endStream : 0)
    client.frame({ type: frameTypes.data, flags, streamId, payload })
  }
  const data = await client.find(({ type, streamId: of }) => type === frameTypes.data && of === streamId)
  return { sha256: JSON.parse(data.payload.toString()).sha256, sent: options.sent + sent }
}
const sha256 = (body: Buffer) => createHash('sha256').update(body).digest('hex')

t.test('padding is given back, of the stream and of the connection', async (t) => {
  const client = await connect()
  const body = randomBytes(300_000)
  let sent = 0
  for (const [at, padding] of [255, 1, 0].entries()) {
    const uploaded = await upload(client, at * 2 + 1, { body, padding, sent })
    t.equal(uploaded.sha256, sha256(body), `${padding} bytes of padding`)
    sent = uploaded.sent
  }
  client.close()
})

t.test('bodies that are refused, reset or not read are given back', async (t) => {
  const client = await Http2Client.connect(gateway, { certificate: user01 })
  app.handle('/hold', ({ socket }) => void socket.pause())
  app.answer('/early', '')
  app.handle('/early', ({ socket }) => void socket.write(plainAnswer('no', 'Connection: close\r\n')))
  for (let turn = 0; turn < 20; turn++) {
    const refused = await client.send('POST', '/small/1', { body: Buffer.alloc(30_000) }).catch((error) => error)
    t.equal(refused.status ?? 413, 413)
    const reset = client.request({ ':method': 'POST', ':path': '/hold' }, { bodyFollows: true })
    reset.stream.write(Buffer.alloc(20_000))
    await client.ping()
    reset.reset()
    await reset.closed
    const early = client.request({ ':method': 'POST', ':path': '/early' }, { bodyFollows: true })
    early.stream.write(Buffer.alloc(20_000))
    t.equal((await early.head())[':status'], 200)
    early.stream.resume()
    await early.closed
    const socket = client.connectWebSocket('/never-agreed')
    socket.stream.write(Buffer.alloc(20_000))
    await client.ping()
    socket.reset()
    await socket.closed
  }
  const body = randomBytes(300_000)
  t.equal(JSON.parse((await client.send('POST', '/upload', { body })).text).sha256, sha256(body))
  client.close()
})

t.test('an application that pauses holds the client back, and then takes the rest', async (t) => {
  app.handle('/pausing', (request) => {
    request.socket.pause()
    setTimeout(() => request.socket.resume(), 300)
    digest(request)
  })
  const client = await Http2Client.connect(gateway, { certificate: user01 })
  const body = randomBytes(9_000_000)
  t.equal(JSON.parse((await client.send('POST', '/pausing', { body })).text).sha256, sha256(body))
  client.close()
})

t.test('an answer that waits goes on when SETTINGS make the windows larger', async (t) => {
  app.handle('/answer', sendBytes(50_000))
  const client = await connect()
  client.frame({ type: frameTypes.settings, payload: settingsPayload([[settingIds.initialWindowSize, 0]]) })
  client.request(1, requestFields('/answer')).request(3, requestFields('/answer'))
  t.equal(await client.statusOf(1), 200)
  await eventually(
    () => gateway.metric('sekisho_requests_total', { route: 'app', status_class: '2xx' }),
    (count) => (count ?? 0) > 0,
  )
  t.equal(client.frames.filter(({ type }) => type === frameTypes.data).length, 0)
  client.frame({ type: frameTypes.settings, payload: settingsPayload([[settingIds.initialWindowSize, 30_000]]) })
  const received = (id: number) =>
    client.frames
      .filter(({ type, streamId }) => type === frameTypes.data && streamId === id)
      .reduce((sum, { payload }) => sum + payload.length, 0)
  await eventually(
    () => [received(1), received(3)],
    ([one, three]) => one === 30_000 && three === 30_000,
  )
  // Smaller than what was sent: the windows are below 0 and must be opened past that (RFC 9113 6.9.2).
  client.frame({ type: frameTypes.settings, payload: settingsPayload([[settingIds.initialWindowSize, 10_000]]) })
  client.frame({ type: frameTypes.windowUpdate, streamId: 1, payload: uint32(20_000) })
  client.frame({ type: frameTypes.ping, payload: Buffer.alloc(8) })
  await client.find(({ type }) => type === frameTypes.ping)
  t.equal(received(1), 30_000)
  client.frame({ type: frameTypes.windowUpdate, streamId: 1, payload: uint32(20_000) })
  // 5,535 of the connection's window are left, and those two waited for their own.
  client.frame({ type: frameTypes.windowUpdate, streamId: 0, payload: uint32(100_000) })
  await eventually(
    () => received(1),
    (bytes) => bytes === 50_000,
  )
  t.equal(received(3), 30_000)
  client.close()
})

t.test('streams that wait for the connection’s window take turns', async (t) => {
  const length = 400_000
  app.handle('/turns', sendBytes(length))
  const client = await connect()
  client.frame({ type: frameTypes.settings, payload: settingsPayload([[settingIds.initialWindowSize, 0x7fffffff]]) })
  const ids = [1, 3, 5, 7]
  for (const id of ids) client.request(id, requestFields('/turns'))
  const received = (id: number) =>
    client.frames
      .filter(({ type, streamId }) => type === frameTypes.data && streamId === id)
      .reduce((sum, { payload }) => sum + payload.length, 0)
  const sum = () => ids.reduce((bytes, id) => bytes + received(id), 0)
  let opened = 65_535
  await eventually(sum, (bytes) => bytes === opened)
  for (let turn = 0; turn < 12; turn++) {
    opened += 65_536
    client.frame({ type: frameTypes.windowUpdate, payload: uint32(65_536) })
    await eventually(sum, (bytes) => bytes === opened)
  }
  const shares = ids.map(received)
  t.ok(Math.min(...shares) > 100_000, `each gets its share: ${shares.join(', ')}`)
  client.frame({ type: frameTypes.windowUpdate, payload: uint32(10_000_000) })
  await eventually(sum, (bytes) => bytes === length * ids.length)
  client.close()
})

t.test('a reload changes the windows of new connections, and uploads on old ones go on', async (t) => {
  const [client, node] = [await connect(), await Http2Client.connect(gateway, { certificate: user01 })]
  const body = randomBytes(300_000)
  const first = await upload(client, 1, { body, padding: 0, sent: 0 })
  const reload = async (windowBytes: number) => {
    editConfig(gateway.configFile, ({ limits }) => {
      limits.http2StreamWindowBytes = windowBytes
      limits.http2ConnectionWindowBytes = windowBytes
    })
    t.match(await gateway.gateway.reload({ kind: 'signal' }), { result: 'applied' })
  }
  await reload(1_048_576)
  const larger = await upload(client, 3, { body, padding: 0, sent: first.sent })
  t.equal(larger.sha256, sha256(body))
  const anew = await Http2Client.connect(gateway, { certificate: user01 })
  t.equal(anew.session.remoteSettings.initialWindowSize, 1_048_576)
  await reload(65_535)
  for (const one of [anew, node]) {
    t.equal(JSON.parse((await one.send('POST', '/upload', { body })).text).sha256, sha256(body))
    one.close()
  }
  client.close()
})

t.test('nothing is left behind', async (t) => {
  await eventually(
    () => gateway.metric('sekisho_http2_streams_open', { door: 'certificate' }),
    (open) => open === 0,
  )
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
})
