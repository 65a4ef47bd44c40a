// Goal: a client that makes the gateway work for nothing, in whichever of the known ways, is sent away, and nobody else notices; who
// does a little of the same is served (CVE-2023-44487, CVE-2025-8671, CVE-2024-27983, CVE-2024-27316, CVE-2025-59465).
// Method: raw frames, each attack once in an amount that a client may send and once as a flood, while another user asks for pages.
import t, { type Test } from 'tap'
import { eventually } from '../helpers/eventually.ts'
import {
  type Frame,
  FrameClient,
  frameFlags,
  frameTypes,
  headerBlock,
  requestFields,
  settingIds,
  settingsPayload,
  uint32,
} from '../helpers/frame-client.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
app.handle('/hold', () => {})
const gateway = await withGateway({
  upstreamPort: app.port,
  config: {
    limits: { http2ResetsPerMinuteMax: 50, http2ControlFramesPerMinuteMax: 200, http2StreamsMax: 20 },
    upstream: { connectionsMax: 4_000, queueMax: 10_000 },
  },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const user02 = gateway.issuingCa.issueClient({ commonName: 'user02' })
const other = await Http2Client.connect(gateway, { certificate: user02 })
t.teardown(async () => {
  other.close()
  await gateway.stop()
  await app.stop()
})
const attack = () => FrameClient.connect(gateway, { certificate: user01 })
const nothing = Buffer.alloc(0)

const post = requestFields('/hold').map(([name, value]) => [name, name === ':method' ? 'POST' : value] as const)
const oneByte = [...post, ['content-length', '1'] as const]

/** HEADERS of a request; the frames that follow belong to its stream. */
function begin(streamId: number, fields = requestFields('/hold'), bodyFollows = false): Frame {
  const flags = frameFlags.endHeaders | (bodyFollows ? 0 : frameFlags.endStream)
  return { type: frameTypes.headers, flags, streamId, payload: headerBlock(fields) }
}

/** A flood: frames of its `turn`, counted from 0; how often a client may do that; and what ends it. */
type Flood = {
  readonly first?: readonly Frame[]
  readonly frames: (turn: number) => readonly Frame[]
  readonly allowed: number
  readonly flood: number
  readonly code?: string
}

const onStream = (type: number, payload: Buffer, streamId: number, flags = 0): Frame => ({
  type,
  flags,
  streamId,
  payload,
})
const id = (turn: number) => turn * 2 + 1

const floods: Record<string, Flood> = {
  'CVE-2023-44487, rapid reset': {
    frames: (turn) => [begin(id(turn)), onStream(frameTypes.resetStream, uint32(8), id(turn))],
    allowed: 30,
    flood: 200,
  },
  'CVE-2025-8671, resets provoked by WINDOW_UPDATE by 0': {
    frames: (turn) => [begin(id(turn)), onStream(frameTypes.windowUpdate, uint32(0), id(turn))],
    allowed: 30,
    flood: 200,
  },
  'CVE-2025-8671, resets provoked by windows that are too large': {
    frames: (turn) => [begin(id(turn)), onStream(frameTypes.windowUpdate, uint32(0x7fffffff), id(turn))],
    allowed: 30,
    flood: 200,
  },
  'CVE-2025-8671, resets provoked by DATA after the end': {
    frames: (turn) => [begin(id(turn)), onStream(frameTypes.data, Buffer.alloc(1), id(turn))],
    allowed: 30,
    flood: 200,
  },
  'CVE-2025-8671, resets provoked by bodies longer than they say': {
    frames: (turn) => [begin(id(turn), oneByte, true), onStream(frameTypes.data, Buffer.alloc(2), id(turn))],
    allowed: 30,
    flood: 200,
  },
  'heads that are no request': {
    frames: (turn) => [begin(id(turn), [[':method', 'GET']])],
    allowed: 30,
    flood: 200,
  },
  'more streams than allowed': { frames: (turn) => [begin(id(turn))], allowed: 40, flood: 200 },
  'HEADERS on streams that have ended': {
    first: [begin(1, requestFields('/echo'))],
    frames: () => [begin(1)],
    allowed: 0,
    flood: 200,
  },
  'RST_STREAM on streams that have ended (CVE-2019-9514)': {
    first: [begin(1, requestFields('/echo')), onStream(frameTypes.resetStream, uint32(8), 1)],
    frames: () => [onStream(frameTypes.resetStream, uint32(8), 1)],
    allowed: 100,
    flood: 300,
  },
  'DATA on streams that have ended': {
    first: [begin(1), onStream(frameTypes.resetStream, uint32(8), 1)],
    frames: () => [onStream(frameTypes.data, Buffer.alloc(1), 1)],
    allowed: 100,
    flood: 300,
  },
  'CVE-2019-9515, SETTINGS': {
    frames: () => [{ type: frameTypes.settings, payload: settingsPayload([[settingIds.initialWindowSize, 65_535]]) }],
    allowed: 100,
    flood: 300,
  },
  'CVE-2020-11080, large SETTINGS': {
    frames: () => [
      {
        type: frameTypes.settings,
        payload: settingsPayload(Array.from({ length: 33 }, () => [settingIds.initialWindowSize, 65_535] as const)),
      },
    ],
    allowed: 0,
    flood: 1,
  },
  'acknowledgements of SETTINGS': {
    frames: () => [{ type: frameTypes.settings, flags: frameFlags.ack }],
    allowed: 100,
    flood: 300,
  },
  'CVE-2019-9512, PING': {
    frames: () => [{ type: frameTypes.ping, payload: Buffer.alloc(8) }],
    allowed: 100,
    flood: 300,
  },
  'acknowledgements of PING': {
    frames: () => [{ type: frameTypes.ping, flags: frameFlags.ack, payload: Buffer.alloc(8) }],
    allowed: 100,
    flood: 300,
  },
  'CVE-2019-9513, PRIORITY': {
    frames: () => [onStream(frameTypes.priority, Buffer.from([0, 0, 0, 0, 16]), 3)],
    allowed: 100,
    flood: 300,
  },
  'CVE-2019-9518, empty DATA': {
    first: [begin(1, post, true)],
    frames: () => [onStream(frameTypes.data, nothing, 1)],
    allowed: 100,
    flood: 300,
  },
  'DATA that is all padding': {
    first: [begin(1, post, true)],
    frames: () => [onStream(frameTypes.data, Buffer.from([3, 0, 0, 0]), 1, frameFlags.padded)],
    allowed: 100,
    flood: 300,
  },
  'WINDOW_UPDATE by one byte, of the connection': {
    frames: () => [{ type: frameTypes.windowUpdate, payload: uint32(1) }],
    allowed: 100,
    flood: 300,
  },
  'WINDOW_UPDATE by one byte, of a stream': {
    first: [begin(1)],
    frames: () => [onStream(frameTypes.windowUpdate, uint32(1), 1)],
    allowed: 100,
    flood: 300,
  },
  'frames of an unknown type': {
    frames: () => [{ type: 0x70, payload: Buffer.alloc(10) }],
    allowed: 100,
    flood: 300,
  },
  'CVE-2024-27983, CVE-2024-27316: CONTINUATION without bytes': {
    first: [{ ...begin(1001), flags: frameFlags.endStream }],
    frames: () => [onStream(frameTypes.continuation, nothing, 1001)],
    allowed: 0,
    flood: 100,
  },
  'CVE-2024-27983, CVE-2024-27316: CONTINUATION without end': {
    first: [{ ...begin(1001), flags: frameFlags.endStream }],
    frames: () => [onStream(frameTypes.continuation, headerBlock([['x', 'y'.repeat(2_000)]]), 1001)],
    allowed: 0,
    flood: 20,
  },
  'CVE-2025-59465: field blocks that are no HPACK': {
    frames: (turn) => [onStream(frameTypes.headers, Buffer.alloc(200, 0xff), id(turn), frameFlags.endHeaders)],
    allowed: 0,
    flood: 1,
    code: 'COMPRESSION_ERROR',
  },
}

const send = (client: FrameClient, { first = [], frames }: Flood, turns: number) =>
  client.frame(...first, ...Array.from({ length: turns }, (_, turn) => frames(turn)).flat())

for (const [name, flood] of Object.entries(floods)) {
  t.test(name, async (t) => {
    if (flood.allowed > 0) await aLittleIsServed(t, flood)
    const client = await attack()
    const page = other.get('/meanwhile')
    send(client, flood, flood.flood)
    t.equal((await client.goAway()).code, flood.code ?? 'ENHANCE_YOUR_CALM')
    await client.untilEnd()
    t.equal((await page).status, 200, 'another user is served meanwhile')
  })
}

async function aLittleIsServed(t: Test, flood: Flood): Promise<void> {
  const client = await attack()
  send(client, flood, flood.allowed)
  client.frame({ type: frameTypes.ping, payload: Buffer.from('answered') })
  await client.find(({ type, payload }) => type === frameTypes.ping && payload.toString() === 'answered', 'an answer')
  const goAways = client.frames.filter(({ type }) => type === frameTypes.goAway)
  t.strictSame(goAways, [], `${flood.allowed} of them are let pass`)
  client.close()
}

t.test('a field block in several frames is a request like any other', async (t) => {
  const client = await attack()
  const block = headerBlock(requestFields('/several', [['x', 'y'.repeat(5_000)]]))
  const pieces = Array.from({ length: 6 }, (_, at) =>
    block.subarray(at * 1_000, at === 5 ? undefined : (at + 1) * 1_000),
  )
  client.frame(
    ...pieces.map((payload, at) => ({
      type: at === 0 ? frameTypes.headers : frameTypes.continuation,
      flags: (at === 0 ? frameFlags.endStream : 0) | (at === 5 ? frameFlags.endHeaders : 0),
      streamId: 1,
      payload,
    })),
  )
  t.equal(await client.statusOf(1), 200)
  client.close()
})

t.test(
  'HPACK bomb (CVE-2016-6581): a small block that grows large is 431, and the next request is served',
  async (t) => {
    const client = await attack()
    const value = Buffer.alloc(4_000, 'x')
    // Into the dynamic table, then 8,000 times out of it: 32 MB if it were kept.
    const literal = Buffer.concat([Buffer.of(0x40, 1, 0x78, 0x7f, 0xa1, 0x1e), value])
    const block = Buffer.concat([headerBlock(requestFields('/bomb')), literal, Buffer.alloc(8_000, 0x80 | 62)])
    client.frame(onStream(frameTypes.headers, block, 1, frameFlags.endHeaders | frameFlags.endStream))
    t.equal(await client.statusOf(1), 431)
    client.request(3)
    t.equal(await client.statusOf(3), 200)
    t.strictSame(app.requestsFor('/bomb'), [])
    client.close()
  },
)

t.test(
  'new streams after GOAWAY are refused, a flood of them ends the connection, and the last stream never grows',
  async (t) => {
    const client = await attack()
    client.frame(begin(1), { type: frameTypes.goAway, payload: Buffer.alloc(8) })
    t.equal((await client.goAway()).lastStreamId, 1)
    client.frame(begin(3))
    t.equal(await client.resetOf(3), 'REFUSED_STREAM')
    client.frame(...Array.from({ length: 300 }, (_, turn) => begin(5 + turn * 2)))
    t.match(await client.goAway(), { code: 'ENHANCE_YOUR_CALM', lastStreamId: 1 })
    await client.untilEnd()
  },
)

t.test('nothing is left behind', async (t) => {
  await eventually(
    () => gateway.metric('sekisho_http2_streams_open', { door: 'certificate' }),
    (open) => open === 0,
  )
  for (const { socket } of app.requestsFor('/hold')) await eventually(() => socket.destroyed, Boolean)
  t.equal(await gateway.metric('sekisho_worker_restarts_total'), 0)
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
  // All but the one that ends otherwise, and the one after GOAWAY.
  t.equal(await gateway.metric('sekisho_faults_total', { code: 'http2_flood' }), Object.keys(floods).length)
})
