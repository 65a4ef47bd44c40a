import type { Random } from '../random.ts'
import { type Frame, flags, frame, settingsPayload, types, uint32 } from './frame.ts'
import { type Field, HeaderBlockWriter, integer, text } from './header-block.ts'

const evilStreamIds = [0, 1, 2, 3, 5, 101, 0x7fffffff, 0x80000001]
const evilLengths = [0, 1, 4, 5, 6, 8, 9, 16_384, 16_385, 65_536, 0xffffff]
const floodMax = 2_000

/** A session with one to four things done to it that RFC 9113 does not allow, or that nobody would do. */
export function mutateSession(frames: readonly Frame[], options: { random: Random; authority: string }): Frame[] {
  const { random } = options
  const mutated = [...frames]
  const times = 1 + random.integer(4)
  for (let count = 0; count < times; count++) mutateOnce(mutated, options)
  return mutated
}

function mutateOnce(frames: Frame[], options: { random: Random; authority: string }): void {
  const { random } = options
  const at = random.integer(frames.length)
  const chosen = frames[at]
  if (chosen === undefined) return
  const replace = (changes: Partial<Frame>) => frames.splice(at, 1, { ...chosen, ...changes })
  switch (random.integer(12)) {
    case 0:
      return void replace({ type: random.integer(random.chance(0.8) ? 11 : 256) })
    case 1:
      return void replace({ flags: random.chance(0.7) ? chosen.flags ^ (1 << random.integer(8)) : random.integer(256) })
    case 2:
      return void replace({ streamId: random.pick(evilStreamIds) })
    case 3:
      return void replace({ toldLength: random.pick(evilLengths) })
    case 4:
    case 5:
      return void replace({ payload: mutateBytes(chosen.payload, random) })
    case 6:
      return void frames.splice(at, 1)
    case 7:
      return void frames.splice(random.integer(frames.length + 1), 0, chosen)
    case 8: {
      const other = random.integer(frames.length)
      const taken = frames[other] as Frame
      frames.splice(other, 1, chosen)
      return void frames.splice(at, 1, taken)
    }
    case 9:
      return void frames.splice(at, 0, evilFrame(random))
    case 10:
      return void frames.splice(at, 0, ...evilHeaders(options))
    default:
      return void frames.splice(at, 0, ...(random.chance(0.3) ? flood(options) : [evilFrame(random)]))
  }
}

function mutateBytes(payload: Buffer, random: Random): Buffer {
  const at = random.integer(payload.length + 1)
  const before = payload.subarray(0, at)
  const length = 1 + random.integer(random.chance(0.8) ? 2 : 20)
  const after = payload.subarray(Math.min(payload.length, at + length))
  switch (random.integer(5)) {
    case 0:
      return Buffer.concat([before, after])
    case 1:
      return Buffer.concat([before, Buffer.from([random.integer(256)]), payload.subarray(at)])
    case 2:
      return Buffer.concat([before, payload.subarray(at, at + length), payload.subarray(at)])
    case 3:
      return Buffer.concat([before, evilHpack(random), payload.subarray(at)])
    default: {
      const changed = Buffer.from(payload)
      if (at < changed.length) changed[at] = (changed[at] as number) ^ (1 << random.integer(8))
      return changed
    }
  }
}

/** HPACK that a decoder has to refuse, or to be careful with (RFC 7541). */
function evilHpack(random: Random): Buffer {
  return random.pick([
    Buffer.from([0x80]),
    Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
    integer(62 + random.integer(80), { bits: 7, pattern: 0x80 }),
    integer(4_097 + random.integer(2 ** 20), { bits: 5, pattern: 0x20 }),
    integer(0, { bits: 5, pattern: 0x20 }),
    Buffer.from([0x40, 0x82, 0xff, 0xff]),
    Buffer.from([0x40, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00]),
    Buffer.from([0x00, 0x7f, 0xff, 0xff, 0xff, 0x7f, 0x61]),
    Buffer.concat([Buffer.from([0x40]), text('x-big'), text('y'.repeat(3_900))]),
    integer(62, { bits: 7, pattern: 0x80 }),
  ])
}

function evilFrame(random: Random): Frame {
  const streamId = random.pick(evilStreamIds)
  const id = () => 1 + 2 * random.integer(8)
  return random.pick([
    frame(types.settings, 0, { payload: settingsPayload([[4, 0x80000000]]) }),
    frame(types.settings, 0, { payload: settingsPayload([[5, random.pick([0, 16_383, 0x1000000])]]) }),
    frame(types.settings, 0, { payload: settingsPayload([[4, random.pick([0, 1, 0x7fffffff])]]) }),
    frame(types.settings, 0, { payload: settingsPayload([[2, 2]]) }),
    frame(types.settings, 0, { flags: flags.ack }),
    frame(types.settings, 0, { flags: flags.ack, payload: Buffer.alloc(6) }),
    frame(types.settings, streamId, { payload: Buffer.alloc(random.integer(13)) }),
    frame(types.windowUpdate, random.pick([0, id()]), { payload: uint32(random.pick([0, 1, 0x7fffffff, 0x80000001])) }),
    frame(types.rstStream, id(), { payload: uint32(random.integer(20)) }),
    frame(types.rstStream, streamId, { payload: Buffer.alloc(random.integer(6)) }),
    frame(types.ping, streamId, { payload: Buffer.alloc(random.integer(10)) }),
    frame(types.ping, 0, { flags: flags.ack, payload: Buffer.alloc(8) }),
    frame(types.priority, id(), { payload: Buffer.concat([uint32(id()), Buffer.from([1])]) }),
    frame(types.pushPromise, id(), { flags: flags.endHeaders, payload: uint32(2) }),
    frame(types.goaway, 0, { payload: Buffer.concat([uint32(id()), uint32(random.integer(15))]) }),
    frame(types.continuation, id(), { flags: flags.endHeaders }),
    frame(types.data, id(), { flags: random.integer(256), payload: Buffer.alloc(random.integer(300), 'e') }),
    frame(types.data, id(), { flags: flags.padded, payload: Buffer.from([255, 1]) }),
    frame(types.headers, id(), { flags: flags.endHeaders | flags.endStream, payload: evilHpack(random) }),
  ])
}

/** A request in well-formed HPACK whose fields are wrong (RFC 9113 8.2, 8.3) or want something special. */
function evilHeaders(options: { random: Random; authority: string }): Frame[] {
  const { random, authority } = options
  const method: Field = [':method', 'GET']
  const scheme: Field = [':scheme', 'https']
  const host: Field = [':authority', authority]
  const path: Field = [':path', '/evil']
  const good = [method, scheme, host, path]
  const lists: readonly (readonly Field[])[] = [
    [method, scheme, host],
    [method, host, path],
    [...good, path],
    [method, scheme, path],
    [['x-first', '1'], ...good],
    [...good, [':status', '200']],
    [...good, ['Upper', '1']],
    [...good, ['connection', 'close']],
    [...good, ['transfer-encoding', 'chunked']],
    [...good, ['te', 'gzip']],
    [...good, ['upgrade', 'websocket']],
    [...good, ['host', 'other.example']],
    [...good, ['host', authority]],
    [...good, ['content-length', '5']],
    [...good, ['content-length', '5'], ['content-length', '6']],
    [...good, ['content-length', '+5']],
    [...good, ['x-a', 'b\r\nX-Injected: 1']],
    [...good, ['x-a', 'b\0c']],
    [...good, ['x-a\r\nx-injected', '1']],
    [...good, ['x a', '1']],
    [...good, ['', '1']],
    [...good, ['x-a', ' padded ']],
    [...good, ['expect', '100-continue']],
    [...good, ['sekisho-login-id', 'intruder']],
    [...good, ['x-large', 'z'.repeat(40_000)]],
    [...good, ...Array.from({ length: 300 }, (_, index): Field => [`x-${index}`, '1'])],
    [[':method', 'GET / HTTP/1.1\r\nX-Injected: 1\r\n\r\nGET'], scheme, host, path],
    [method, scheme, host, [':path', '/evil HTTP/1.1\r\nX-Injected: 1']],
    [method, scheme, host, [':path', '']],
    [method, scheme, host, [':path', '*']],
    [method, scheme, host, [':path', 'evil']],
    [method, scheme, host, [':path', '/a/../b%2fc']],
    [method, scheme, [':authority', 'other.example'], path],
    [method, scheme, [':authority', `user@${authority}`], path],
    [method, [':scheme', 'http'], host, path],
    [[':method', 'CONNECT'], host],
    [[':method', 'CONNECT'], [':protocol', 'websocket'], scheme, host, path, ['sec-websocket-version', '13']],
    [[':method', 'CONNECT'], [':protocol', 'other'], scheme, host, path],
    [method, [':protocol', 'websocket'], scheme, host, path],
  ]
  const block = new HeaderBlockWriter({ ...random, chance: () => false }).write(random.pick(lists))
  const ends = random.chance(0.7) ? flags.endStream : 0
  const streamId = 1 + 2 * random.integer(random.chance(0.5) ? 12 : 1_000)
  const pieces = Array.from({ length: Math.ceil(block.length / 16_384) }, (_, index) =>
    block.subarray(index * 16_384, (index + 1) * 16_384),
  )
  return pieces.map((payload, index) => {
    const last = index === pieces.length - 1 ? flags.endHeaders : 0
    return index === 0
      ? frame(types.headers, streamId, { flags: last | ends, payload })
      : frame(types.continuation, streamId, { flags: last, payload })
  })
}

/** Many frames that cost the sender little (CVE-2019-9511 to 9518, CVE-2023-44487, CVE-2024-27316). */
function flood(options: { random: Random; authority: string }): Frame[] {
  const { random, authority } = options
  const count = 1 + random.integer(floodMax)
  const fields: Field[] = [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', authority],
    [':path', '/flood'],
  ]
  const block = new HeaderBlockWriter({ ...random, chance: () => false }).write(fields)
  const first = 101 + 2 * random.integer(100)
  const request = (index: number, ends: number) =>
    frame(types.headers, first + 2 * index, { flags: flags.endHeaders | ends, payload: block })
  const repeat = (make: (index: number) => Frame | Frame[]) => Array.from({ length: count }, (_, i) => make(i)).flat()
  const kinds: readonly (() => Frame[])[] = [
    () =>
      repeat((index) => [
        request(index, flags.endStream),
        frame(types.rstStream, first + 2 * index, { payload: uint32(8) }),
      ]),
    () => repeat((index) => request(index, flags.endStream)),
    () => repeat((index) => request(index, 0)),
    () => repeat(() => frame(types.ping, 0, { payload: Buffer.alloc(8) })),
    () => repeat(() => frame(types.settings, 0)),
    () => repeat(() => frame(types.windowUpdate, 0, { payload: uint32(1) })),
    () => repeat(() => frame(types.priority, 1, { payload: Buffer.concat([uint32(0), Buffer.from([1])]) })),
    () => [request(0, 0), ...repeat(() => frame(types.data, first))],
    () => [
      frame(types.headers, first, { flags: flags.endStream, payload: block }),
      ...repeat(() => frame(types.continuation, first, { payload: random.chance(0.5) ? text('x') : Buffer.alloc(0) })),
    ],
  ]
  return random.pick(kinds)()
}
