// Goal: an HTTP/2 client that asks for much and takes nothing costs a bounded amount of memory, and then its streams; one that is only
// slow gets all it asked for (CVE-2019-9511, CVE-2019-9517, CVE-2019-9516 classes).
// Method: raw frames with windows of 0, of a byte, and without reading at all; resident memory is measured, others ask meanwhile.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import {
  FrameClient,
  frameTypes,
  headerBlock,
  requestFields,
  settingIds,
  settingsPayload,
  uint32,
  writeFrame,
} from '../helpers/frame-client.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { plainAnswer, sendBytes, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({
  upstreamPort: app.port,
  config: { limits: { http2StreamWindowBytes: 65_535, http2ConnectionWindowBytes: 65_535 } },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const user02 = gateway.issuingCa.issueClient({ commonName: 'user02' })
const other = await Http2Client.connect(gateway, { certificate: user02 })
t.teardown(async () => {
  other.close()
  await gateway.stop()
  await app.stop()
})
const connect = () => FrameClient.connect(gateway, { certificate: user01 })
const noWindow = { type: frameTypes.settings, payload: settingsPayload([[settingIds.initialWindowSize, 0]]) }
const mebibyte = 1_048_576
const answered = () => gateway.metric('sekisho_requests_total', { route: 'app', status_class: '2xx' })

/** Small enough to come in one piece, and so to be whole when it waits. */
const answerBytes = 4_000

t.test('whole answers that nobody takes: what is too much is given up, the rest may wait', async (t) => {
  app.answer('/whole', plainAnswer('x'.repeat(answerBytes)))
  const client = await connect()
  client.frame(noWindow)
  for (let id = 1; id < 80; id += 2) client.request(id, requestFields('/whole'))
  await eventually(answered, (count) => count === 40)
  t.equal(await client.resetOf(1), 'ENHANCE_YOUR_CALM', 'the oldest first')
  const given = () => client.frames.filter(({ type }) => type === frameTypes.resetStream).length
  await eventually(given, (count) => count === 24)
  t.equal((await other.get('/quick')).status, 200)
  // 16 x 4,000 are less than 65,535: those wait, and come when they are asked for.
  client.frame({ type: frameTypes.windowUpdate, streamId: 79, payload: uint32(answerBytes) })
  const bytes = () =>
    client.frames.reduce((sum, { type, payload }) => sum + (type === frameTypes.data ? payload.length : 0), 0)
  await eventually(bytes, (sum) => sum === answerBytes)
  t.equal(given(), 24)
  client.close()
})

t.test('a client that takes little by little gets all of as much', async (t) => {
  app.answer('/slowly', plainAnswer('x'.repeat(answerBytes)))
  const client = await connect()
  client.frame(noWindow)
  const streams = 90
  for (let count = 0; count < streams; count++) client.request(1 + 2 * count, requestFields('/slowly'))
  let opened = 0
  const ended = () => client.frames.filter(({ type, flags }) => type === frameTypes.data && (flags & 1) === 1).length
  // Two streams every 100 ms: after the time for which a client that takes nothing is waited for, too much is still left.
  const drip = setInterval(() => {
    const open = () => ({
      type: frameTypes.windowUpdate,
      streamId: 1 + 2 * opened++,
      payload: uint32(answerBytes),
    })
    client.frame(open(), open(), { type: frameTypes.windowUpdate, payload: uint32(2 * answerBytes) })
    if (opened === streams) clearInterval(drip)
  }, 100)
  t.teardown(() => clearInterval(drip))
  await eventually(ended, (count) => count === streams, 15_000)
  t.equal(client.frames.filter(({ type }) => type === frameTypes.resetStream).length, 0)
  client.close()
})

t.test('many clients with windows of 0, and many that read nothing: memory is bounded', async (t) => {
  app.handle('/large', sendBytes(8 * mebibyte))
  const clients = await Promise.all(Array.from({ length: 10 }, connect))
  const before = process.memoryUsage.rss()
  for (const [at, client] of clients.entries()) {
    if (at % 2 === 0) client.frame(noWindow)
    else {
      client.socket.pause()
      const settings = settingsPayload([[settingIds.initialWindowSize, 0x7fffffff]])
      client.frame({ type: frameTypes.settings, payload: settings })
      client.frame({ type: frameTypes.windowUpdate, payload: uint32(0x7f000000) })
    }
    for (let id = 1; id < 80; id += 2) client.request(id, requestFields('/large'))
  }
  // Those without a window have all asked; who does not read is not read any more after its first answers.
  await eventually(
    () => app.requestsFor('/large').length,
    (count) => count > 200,
  )
  for (let turn = 0; turn < 20; turn++) t.equal((await other.get('/quick')).status, 200, 'others are served')
  const growth = process.memoryUsage.rss() - before
  t.ok(growth < 400 * mebibyte, `3,200 MiB were asked for, memory grew by ${growth} bytes`)
  for (const client of clients) client.close()
  await eventually(
    () => app.requestsFor('/large').every(({ socket }) => socket.destroyed),
    (ended) => ended,
  )
})

t.test(
  'data dribble (CVE-2019-9511 class): a window full of one-byte frames is held like one of large ones',
  async (t) => {
    const wide = await withGateway({
      upstreamPort: app.port,
      config: { limits: { http2StreamWindowBytes: mebibyte, http2ConnectionWindowBytes: mebibyte } },
    })
    t.teardown(() => wide.stop())
    const certificate = wide.issuingCa.issueClient({ commonName: 'user01' })
    app.handle('/never', () => {})
    const client = await FrameClient.connect(wide, { certificate })
    const opening = [
      [':method', 'CONNECT'],
      [':protocol', 'websocket'],
      [':scheme', 'https'],
      [':authority', 'localhost'],
      [':path', '/never'],
      ['sec-websocket-version', '13'],
    ] as const
    client.frame({ type: frameTypes.headers, flags: 4, streamId: 1, payload: headerBlock(opening) })
    await app.request('/never')
    const before = process.memoryUsage.rss()
    const frame = writeFrame({ type: frameTypes.data, streamId: 1, payload: Buffer.of(1) })
    const frames = Buffer.concat(Array.from({ length: 8_192 }, () => frame))
    for (let turn = 0; turn < 128; turn++) client.send(frames)
    client.frame({ type: frameTypes.ping, payload: Buffer.alloc(8) })
    await client.find(({ type }) => type === frameTypes.ping)
    t.ok(process.memoryUsage.rss() - before < 64 * mebibyte)
    client.close()
  },
)

t.test('nothing is left behind', async (t) => {
  await eventually(
    () => gateway.metric('sekisho_http2_streams_open', { door: 'certificate' }),
    (open) => open === 0,
  )
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
})
