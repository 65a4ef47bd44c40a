// Goal: frames that break the rules of RFC 9113 end their stream, or the connection where nothing behind them can be trusted, with the
// code of the rule; the same frames within the rules pass. Method: raw frames, each rule broken on a connection of its own.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import {
  clientPreface,
  type Frame,
  FrameClient,
  frameFlags,
  frameTypes,
  headerBlock,
  requestFields,
  settingIds,
  settingsPayload,
  uint32,
  writeFrame,
} from '../helpers/frame-client.ts'
import { digest, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
app.handle('/hold', () => {})
app.handle('/upload', digest)
const streamWindow = 65_535
const connectionWindow = 131_070
const gateway = await withGateway({
  upstreamPort: app.port,
  config: { limits: { http2StreamWindowBytes: streamWindow, http2ConnectionWindowBytes: connectionWindow } },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})
const connect = (silent = false) => FrameClient.connect(gateway, { certificate: user01, silent })
const post = (path: string) =>
  requestFields(path).map(([name, value]) => [name, name === ':method' ? 'POST' : value] as const)
const onStream = (type: number, payload: Buffer, streamId: number, flags = 0): Frame => ({
  type,
  flags,
  streamId,
  payload,
})
const begin = (streamId: number) =>
  onStream(frameTypes.headers, headerBlock(requestFields()), streamId, frameFlags.endHeaders | frameFlags.endStream)
const held = (streamId: number, payload: Buffer): Frame => onStream(frameTypes.data, payload, streamId)

/** What ends the connection, and with what. */
const ofConnection: Record<string, readonly [code: string, ...frames: Frame[]]> = {
  'HEADERS on an even stream': ['PROTOCOL_ERROR', begin(2)],
  'HEADERS on stream 0': ['PROTOCOL_ERROR', begin(0)],
  'DATA on a stream never opened': ['PROTOCOL_ERROR', begin(1), held(3, Buffer.alloc(1))],
  'DATA on a server’s stream': ['PROTOCOL_ERROR', begin(5), held(2, Buffer.alloc(1))],
  'WINDOW_UPDATE on a stream never opened': ['PROTOCOL_ERROR', onStream(frameTypes.windowUpdate, uint32(1), 7)],
  'WINDOW_UPDATE on a server’s stream': ['PROTOCOL_ERROR', begin(5), onStream(frameTypes.windowUpdate, uint32(1), 2)],
  'RST_STREAM on a stream never opened': ['PROTOCOL_ERROR', onStream(frameTypes.resetStream, uint32(8), 7)],
  'RST_STREAM on a server’s stream': ['PROTOCOL_ERROR', begin(5), onStream(frameTypes.resetStream, uint32(8), 4)],
  'WINDOW_UPDATE by 0 of the connection': ['PROTOCOL_ERROR', onStream(frameTypes.windowUpdate, uint32(0), 0)],
  'a window of the connection beyond 2^31-1': [
    'FLOW_CONTROL_ERROR',
    onStream(frameTypes.windowUpdate, uint32(0x7fffffff), 0),
  ],
  'windows of streams beyond 2^31-1 by SETTINGS': [
    'FLOW_CONTROL_ERROR',
    onStream(frameTypes.headers, headerBlock(post('/hold')), 1, frameFlags.endHeaders),
    onStream(frameTypes.windowUpdate, uint32(0x7fff0000), 1),
    { type: frameTypes.settings, payload: settingsPayload([[settingIds.initialWindowSize, 0x7fffffff]]) },
  ],
  'a frame larger than allowed': ['FRAME_SIZE_ERROR', held(1, Buffer.alloc(16_385))],
  PUSH_PROMISE: ['PROTOCOL_ERROR', onStream(frameTypes.pushPromise, Buffer.alloc(8), 1)],
  'CONTINUATION alone': [
    'PROTOCOL_ERROR',
    onStream(frameTypes.continuation, Buffer.alloc(8), 1, frameFlags.endHeaders),
  ],
  'another frame within a field block': [
    'PROTOCOL_ERROR',
    onStream(frameTypes.headers, headerBlock(requestFields()), 1, frameFlags.endStream),
    { type: frameTypes.ping, payload: Buffer.alloc(8) },
  ],
  'an index without an entry': ['COMPRESSION_ERROR', onStream(frameTypes.headers, Buffer.of(0xff, 0x7f), 1, 5)],
}

for (const [name, [code, ...frames]] of Object.entries(ofConnection)) {
  t.test(`${name}: the connection ends`, async (t) => {
    const client = await connect()
    client.frame(...frames)
    t.equal((await client.goAway()).code, code)
    await client.untilEnd()
    t.equal(client.frames.filter(({ type }) => type === frameTypes.goAway).length, 1, 'said once')
  })
}

t.test('bytes that are no HTTP/2, and a first frame that is not SETTINGS', async (t) => {
  for (const bytes of ['GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', `${clientPreface}${'\0'.repeat(30)}`]) {
    const client = await connect(true)
    client.send(bytes)
    t.equal((await client.goAway()).code, 'PROTOCOL_ERROR')
    await client.untilEnd()
  }
})

t.test('DATA and HEADERS behind the end of a request end their stream only', async (t) => {
  const client = await connect()
  const end = onStream(
    frameTypes.headers,
    headerBlock(requestFields('/hold')),
    1,
    frameFlags.endHeaders | frameFlags.endStream,
  )
  client.frame(end, held(1, Buffer.alloc(1)))
  t.equal(await client.resetOf(1), 'STREAM_CLOSED')
  client.frame({ ...end, streamId: 3 }, { ...end, streamId: 3, payload: headerBlock([['x', '1']]) })
  t.equal(await client.resetOf(3), 'STREAM_CLOSED')
  client.frame({ ...end, streamId: 5 }, onStream(frameTypes.data, Buffer.alloc(0), 5, frameFlags.endStream))
  t.equal(await client.resetOf(5), 'STREAM_CLOSED')
  client.frame(begin(9))
  t.equal(await client.statusOf(9), 200)
  client.frame(begin(7))
  t.equal(await client.resetOf(7), 'STREAM_CLOSED', 'a lower stream than the last one')
  client.frame(begin(11))
  t.equal(await client.statusOf(11), 200)
  client.close()
})

t.test('trailers without END_STREAM, with a pseudo-header field or too large end their stream', async (t) => {
  const client = await connect()
  const wrong = [
    { flags: frameFlags.endHeaders, payload: headerBlock([['x', '1']]) },
    { flags: frameFlags.endHeaders | frameFlags.endStream, payload: headerBlock([[':path', '/']]) },
    { flags: frameFlags.endHeaders | frameFlags.endStream, payload: headerBlock([['x', 'y'.repeat(9_000)]]) },
  ]
  for (const [at, frame] of wrong.entries()) {
    const streamId = at * 2 + 1
    client.request(streamId, post('/upload'), { bodyFollows: true })
    client.frame({ type: frameTypes.headers, streamId, ...frame })
    t.equal(await client.resetOf(streamId), 'PROTOCOL_ERROR')
  }
  client.request(7, post('/upload'), { bodyFollows: true })
  const sound = headerBlock([['x', 'y'.repeat(8_000)]])
  client.frame(onStream(frameTypes.headers, sound, 7, frameFlags.endHeaders | frameFlags.endStream))
  t.equal(await client.statusOf(7), 200, 'as large as trailerBytesMax allows')
  client.close()
})

t.test('DATA beyond the window of a stream, and of the connection', async (t) => {
  const pieces = (streamId: number, bytes: number) =>
    Array.from({ length: Math.ceil(bytes / 16_384) }, (_, at) =>
      held(streamId, Buffer.alloc(Math.min(16_384, bytes - at * 16_384))),
    )
  const client = await connect()
  // A WebSocket that the application has not agreed to: nothing is handed on.
  const opening = (path: string) =>
    [
      [':method', 'CONNECT'],
      [':protocol', 'websocket'],
      [':scheme', 'https'],
      [':authority', 'localhost'],
      [':path', path],
      ['sec-websocket-version', '13'],
    ] as const
  client.request(1, opening('/hold'), { bodyFollows: true }).frame(...pieces(1, streamWindow))
  client.request(3, opening('/hold'), { bodyFollows: true }).frame(...pieces(3, 60_000))
  client.frame({ type: frameTypes.ping, payload: Buffer.alloc(8) })
  await client.find(({ type }) => type === frameTypes.ping)
  t.notOk(client.ended, 'all of the windows may be used')
  client.frame(held(1, Buffer.alloc(1)))
  t.equal(await client.resetOf(1), 'FLOW_CONTROL_ERROR', 'one byte more of the stream’s')

  // What the reset stream held is given back.
  client.request(5, opening('/hold'), { bodyFollows: true }).frame(...pieces(5, streamWindow))
  client.frame({ type: frameTypes.ping, payload: Buffer.alloc(8) })
  await client.find(({ type }) => type === frameTypes.ping)
  t.notOk(client.ended)
  client.request(7, opening('/hold'), { bodyFollows: true }).frame(...pieces(7, 10_000))
  t.equal((await client.goAway()).code, 'FLOW_CONTROL_ERROR', 'more than the connection’s')
  await client.untilEnd()
})

t.test('a connection whose client sends frames byte by byte is read like any other', async (t) => {
  const client = await connect(true)
  const bytes = Buffer.concat([
    Buffer.from(clientPreface, 'latin1'),
    writeFrame({ type: frameTypes.settings, payload: settingsPayload([[settingIds.headerTableSize, 0]]) }),
    writeFrame(onStream(frameTypes.headers, headerBlock(post('/upload')), 1, frameFlags.endHeaders)),
    writeFrame(
      onStream(frameTypes.data, Buffer.from('\x02hello\0\0', 'latin1'), 1, frameFlags.padded | frameFlags.endStream),
    ),
  ])
  for (const byte of bytes) client.send(Buffer.of(byte))
  t.equal(await client.statusOf(1), 200)
  const data = await client.find(({ type }) => type === frameTypes.data)
  t.equal(JSON.parse(data.payload.toString()).bytes, 5)
  client.close()
})

t.test('PRIORITY, unknown frames, flags and settings are ignored', async (t) => {
  const client = await connect()
  client.frame(
    onStream(frameTypes.priority, Buffer.from([0, 0, 0, 0, 1]), 99),
    { type: 0x10, payload: Buffer.from('\0\0\0\x01u=1', 'latin1') },
    { type: frameTypes.settings, payload: settingsPayload([[0x99, 1]]) },
    { ...begin(1), flags: 0xff & ~frameFlags.padded & ~frameFlags.priority },
  )
  t.equal(await client.statusOf(1), 200)
  client.close()
})

t.test('nothing is left behind', async (t) => {
  await eventually(
    () => gateway.metric('sekisho_http2_streams_open', { door: 'certificate' }),
    (open) => open === 0,
  )
  t.equal(await gateway.metric('sekisho_worker_restarts_total'), 0)
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
})
