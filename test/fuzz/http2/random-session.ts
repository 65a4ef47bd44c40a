import type { Random } from '../random.ts'
import { type Frame, flags, frame, settingsPayload, types, uint32 } from './frame.ts'
import { type Field, HeaderBlockWriter } from './header-block.ts'

/** What one connection sends after the preface. */
export type Session = {
  readonly frames: readonly Frame[]
  /** Streams with a whole, well-formed request: without mutation each of them must be answered with 200. */
  readonly requests: ReadonlySet<number>
}

/** Payload of the PING that ends a session: whoever answers it has read everything before. */
export const lastPing = Buffer.from('\xffsekisho', 'latin1').subarray(0, 8)

const steps = 8
/** Below the window that every gateway opens before it has been heard (RFC 9113 6.9.2), padding included. */
const bodyBytesMax = 50_000
const pieceBytesMax = 16_000
const paths = ['/', '/fuzz', '/fuzz/a/b?c=d&e', '/%41%e3%81%82', `/${'long/'.repeat(60)}`, '/fuzz;x=1?/']
const harmlessFields: readonly Field[] = [
  ['accept', '*/*'],
  ['user-agent', 'fuzz/1'],
  ['cookie', 'a=b'],
  ['cookie', 'c=d; e=f'],
  ['x-empty', ''],
  ['x-high', '\xe9\xff'],
  ['te', 'trailers'],
  ['priority', 'u=1, i'],
  // Names that only the gateway may tell the application, and twins of them.
  ['sekisho-login-id', 'intruder'],
  ['sekisho_login_id', 'intruder'],
  ['client-cert', ':aW50cnVkZXI=:'],
  ['x-forwarded-for', '203.0.113.9'],
]

type Open = { readonly streamId: number; left: number; readonly trailers: boolean }

/** A session that keeps to RFC 9113: requests with and without bodies, interleaved, among frames of every other type. */
export function randomSession(random: Random, authority: string): Session {
  const block = new HeaderBlockWriter(random)
  const frames: Frame[] = [frame(types.settings, 0, { payload: randomSettings(random) })]
  const requests = new Set<number>()
  const open: Open[] = []
  let nextId = 1
  let bodyBytes = 0
  const begin = () => {
    const streamId = nextId
    nextId += 2
    const body = random.chance(0.5)
      ? Math.min(random.integer(random.chance(0.1) ? 20_000 : 400), bodyBytesMax - bodyBytes)
      : undefined
    bodyBytes += body ?? 0
    const fields = requestFields(random, { authority, body })
    frames.push(...headerFrames(random, { streamId, block: block.write(fields), endStream: body === undefined }))
    if (body === undefined) requests.add(streamId)
    else open.push({ streamId, left: body, trailers: random.chance(0.2) })
  }
  const feed = () => {
    const place = random.integer(open.length)
    const stream = open[place] as Open
    const bytes = Math.min(stream.left, random.chance(0.3) ? pieceBytesMax : random.integer(200))
    stream.left -= bytes
    const ends = stream.left === 0 && !stream.trailers && random.chance(0.8)
    frames.push(dataFrame(random, { streamId: stream.streamId, bytes, endStream: ends }))
    if (stream.left > 0) return
    if (!ends) {
      const last = stream.trailers
        ? headerFrames(random, { streamId: stream.streamId, block: block.write([['x-sum', '1']]), endStream: true })
        : [dataFrame(random, { streamId: stream.streamId, bytes: 0, endStream: true })]
      frames.push(...last)
    }
    open.splice(place, 1)
    requests.add(stream.streamId)
  }
  const wanted = 1 + random.integer(steps)
  for (let step = 0; step < wanted; step++) {
    begin()
    while (open.length > 0 && random.chance(0.6)) feed()
    if (random.chance(0.3)) frames.push(otherFrame(random, nextId))
  }
  while (open.length > 0) feed()
  frames.push(frame(types.ping, 0, { payload: lastPing }))
  return { frames, requests }
}

function randomSettings(random: Random): Buffer {
  const settings: (readonly [number, number])[] = []
  if (random.chance(0.3)) settings.push([1, random.pick([0, 4_096, 65_536])])
  if (random.chance(0.3)) settings.push([2, 0])
  if (random.chance(0.3)) settings.push([4, random.pick([65_535, 1_000_000, 20_000])])
  if (random.chance(0.3)) settings.push([5, random.pick([16_384, 65_536, 16_777_215])])
  if (random.chance(0.2)) settings.push([0x1a2a, random.integer(2 ** 31)])
  return settingsPayload(settings)
}

function requestFields(random: Random, request: { authority: string; body: number | undefined }): Field[] {
  const method =
    request.body === undefined ? random.pick(['GET', 'GET', 'HEAD', 'DELETE']) : random.pick(['POST', 'PUT'])
  const pseudo: Field[] = [
    [':method', method],
    [':scheme', 'https'],
    [':authority', request.authority],
    [':path', random.pick(paths)],
  ]
  const fields: Field[] = []
  while (pseudo.length > 0) fields.push(...pseudo.splice(random.integer(pseudo.length), 1))
  if (request.body !== undefined && random.chance(0.5)) fields.push(['content-length', String(request.body)])
  return [...fields, ...harmlessFields.filter(() => random.chance(0.2))]
}

function headerFrames(random: Random, head: { streamId: number; block: Buffer; endStream: boolean }): Frame[] {
  const { streamId, endStream } = head
  const pieces = random.chance(0.2) ? cut(head.block, random) : [head.block]
  return pieces.map((piece, index) => {
    const last = index === pieces.length - 1 ? flags.endHeaders : 0
    if (index > 0) return frame(types.continuation, streamId, { flags: last, payload: piece })
    const start = last | (endStream ? flags.endStream : 0)
    if (random.chance(0.1)) return padded(random, frame(types.headers, streamId, { flags: start, payload: piece }))
    if (random.chance(0.8)) return frame(types.headers, streamId, { flags: start, payload: piece })
    const payload = Buffer.concat([uint32(0), Buffer.from([random.integer(256)]), piece])
    return frame(types.headers, streamId, { flags: start | flags.priority, payload })
  })
}

function dataFrame(random: Random, data: { streamId: number; bytes: number; endStream: boolean }): Frame {
  const made = frame(types.data, data.streamId, {
    flags: data.endStream ? flags.endStream : 0,
    payload: Buffer.alloc(data.bytes, 'd'),
  })
  return random.chance(0.1) ? padded(random, made) : made
}

function padded(random: Random, plain: Frame): Frame {
  const bytes = random.integer(30)
  const payload = Buffer.concat([Buffer.from([bytes]), plain.payload, Buffer.alloc(bytes)])
  return { ...plain, flags: plain.flags | flags.padded, payload }
}

function otherFrame(random: Random, streamId: number): Frame {
  const priority = Buffer.concat([uint32(0), Buffer.from([random.integer(256)])])
  return random.pick([
    frame(types.ping, 0, { payload: Buffer.alloc(8, random.integer(255)) }),
    frame(types.settings, 0, { payload: randomSettings(random) }),
    frame(types.windowUpdate, 0, { payload: uint32(1 + random.integer(10_000)) }),
    frame(types.priority, streamId, { payload: priority }),
    frame(0x20 + random.integer(200), random.integer(50), { payload: Buffer.alloc(random.integer(50)) }),
  ])
}

/** Cuts a header block into two to four pieces; empty ones are allowed. */
function cut(block: Buffer, random: Random): Buffer[] {
  const places = Array.from({ length: 1 + random.integer(3) }, () => random.integer(block.length + 1))
  places.sort((left, right) => left - right)
  return [0, ...places].map((from, index) => block.subarray(from, places[index] ?? block.length))
}
