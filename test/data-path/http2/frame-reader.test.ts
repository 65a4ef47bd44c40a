// Goal: frames are read as RFC 9113 4 and 6 say, whatever the cuts; what is wrong ends the stream or connection with the right code.
// Method: frames as bytes, right ones and one wrong one for each rule, into a reader with a sink that remembers.
import t from 'tap'
import { FrameReader } from '../../../src/data-path/http2/frame-reader.ts'
import { http2Error } from '../../../src/data-path/http2/http2-fault.ts'
import { createRandom } from '../../fuzz/random.ts'
import { noSettings, preface, type RawFrame, RecordedSink, rawFrame, readFrames } from './recorded-sink.ts'

const data = 0
const headers = 1
const priority = 2
const rstStream = 3
const settings = 4
const pushPromise = 5
const ping = 6
const goaway = 7
const windowUpdate = 8
const continuation = 9
const endStream = 0x1
const ack = 0x1
const endHeaders = 0x4
const padded = 0x8
const withPriority = 0x20

// One of everything a client may send.
const session: readonly RawFrame[] = [
  {
    type: settings,
    payload: '0001 00001000 0002 00000000 0003 00000064 0004 0000ffff 0005 00004000 0008 00000001 0099 ffffffff',
  },
  { type: settings, flags: ack },
  { type: windowUpdate, payload: '80000001' },
  { type: headers, flags: endHeaders | endStream, streamId: 1, payload: '8286' },
  { type: headers, flags: endHeaders | padded | withPriority, streamId: 3, payload: '02 80000001 10 8287 0000' },
  { type: data, streamId: 3, payload: '616263' },
  { type: data, flags: padded, streamId: 3, payload: '03 6465 000000' },
  { type: data, flags: padded, streamId: 3, payload: '02 0000' },
  { type: data, streamId: 3 },
  { type: data, flags: endStream, streamId: 3 },
  { type: headers, streamId: 5, flags: endStream, payload: '82' },
  { type: continuation, streamId: 5, payload: '' },
  { type: continuation, streamId: 5, flags: endHeaders, payload: '86' },
  { type: data, flags: endStream | padded, streamId: 7, payload: '01 66 00' },
  { type: windowUpdate, streamId: 1, payload: '7fffffff' },
  { type: windowUpdate, streamId: 1, payload: '00000000' },
  { type: priority, streamId: 9, payload: '00000001 00' },
  { type: 0xbe, flags: 0xff, streamId: 4, payload: 'abcd' },
  { type: ping, payload: '0102030405060708' },
  { type: ping, flags: ack, payload: '0807060504030201' },
  { type: rstStream, streamId: 3, payload: '00000008' },
  { type: goaway, payload: '80000003 00000002 646562756770' },
]

const sessionEvents = [
  ['settings', 1, 4_096, 2, 0, 3, 100, 4, 65_535, 5, 16_384, 8, 1, 0x99, 0xffffffff],
  ['settingsAck'],
  ['windowUpdate', 0, 1],
  ['headerBlock', 1, '8286', true],
  ['headerBlock', 3, '8287', false],
  ['dataFrame', 3, 3],
  ['data', 3, '616263'],
  ['dataFrame', 3, 6],
  ['data', 3, '6465'],
  ['dataFrame', 3, 3],
  ['idleFrame', data],
  ['dataFrame', 3, 0],
  ['idleFrame', data],
  ['dataFrame', 3, 0],
  ['dataEnd', 3],
  ['headerBlock', 5, '8286', true],
  ['dataFrame', 7, 3],
  ['data', 7, '66'],
  ['dataEnd', 7],
  ['windowUpdate', 1, 0x7fffffff],
  ['streamFault', 1, http2Error.protocolError],
  ['idleFrame', priority],
  ['idleFrame', 0xbe],
  ['ping', '0102030405060708'],
  ['pingAck', '0807060504030201'],
  ['rstStream', 3, 8],
  ['goaway', 3, 2],
]

t.test('every frame a client may send is read', async (t) => {
  t.strictSame(readFrames([Buffer.concat(session.map(rawFrame))]), { events: sessionEvents, fault: undefined })
})

t.test('cuts change nothing: one byte at a time, and a hundred random ways', async (t) => {
  const bytes = Buffer.concat([preface, noSettings, ...session.map(rawFrame)])
  const readPieces = (sizes: () => number) => {
    const reader = new FrameReader({ frameBytesMax: 16_384, blockBytesMax: 16_384 })
    const sink = new RecordedSink()
    for (let at = 0; at < bytes.length; ) {
      const end = at + sizes()
      // Each piece is overwritten after it was read: whatever is kept must be a copy.
      const piece = Buffer.from(bytes.subarray(at, end))
      if (reader.feed(piece, sink) !== undefined) return 'fault'
      piece.fill(0xee)
      at = end
    }
    return sink.events.slice(1)
  }
  t.strictSame(
    readPieces(() => 1),
    sessionEvents,
  )
  for (let seed = 1; seed <= 100; seed++) {
    const random = createRandom(seed)
    t.strictSame(
      readPieces(() => 1 + random.integer(random.pick([3, 12, 40]))),
      sessionEvents,
      `seed ${seed}`,
    )
  }
})

t.test('data is handed on as it comes, not when its frame is complete', async (t) => {
  const frame = rawFrame({ type: data, streamId: 1, payload: '6162636465' })
  t.strictSame(readFrames([frame.subarray(0, 11)]).events, [
    ['dataFrame', 1, 5],
    ['data', 1, '6162'],
  ])
})

type Wrong = readonly [what: string, frames: readonly RawFrame[], code?: number]

const wrongFrames: readonly Wrong[] = [
  ['6.1 DATA on stream 0', [{ type: data, payload: '61' }]],
  ['6.1 padding longer than the payload', [{ type: data, streamId: 1, flags: padded, payload: '04 616263' }]],
  ['6.1 padded DATA without pad length', [{ type: data, streamId: 1, flags: padded }], http2Error.frameSizeError],
  ['6.2 HEADERS on stream 0', [{ type: headers, flags: endHeaders, payload: '82' }]],
  ['5.1.1 HEADERS on an even stream', [{ type: headers, flags: endHeaders, streamId: 2, payload: '82' }]],
  [
    '6.2 padding longer than the payload',
    [{ type: headers, flags: endHeaders | padded, streamId: 1, payload: '03 8286' }],
  ],
  [
    '6.2 padding reaches into the priority fields',
    [{ type: headers, flags: endHeaders | padded | withPriority, streamId: 1, payload: '01 0000000010' }],
  ],
  [
    '6.2 too short for its flags',
    [{ type: headers, flags: endHeaders | padded | withPriority, streamId: 1, payload: '00 00000000' }],
    http2Error.frameSizeError,
  ],
  [
    '5.3.1 of RFC 7540: HEADERS of a stream that depends on itself',
    [{ type: headers, flags: endHeaders | withPriority, streamId: 1, payload: '80000001 10 82' }],
  ],
  [
    '5.3.1 of RFC 7540: PRIORITY of a stream that depends on itself',
    [{ type: priority, streamId: 3, payload: '00000003 10' }],
  ],
  ['6.3 PRIORITY on stream 0', [{ type: priority, payload: '00000001 10' }]],
  ['6.3 PRIORITY of 4 bytes', [{ type: priority, streamId: 1, payload: '00000003' }], http2Error.frameSizeError],
  ['6.4 RST_STREAM on stream 0', [{ type: rstStream, payload: '00000008' }]],
  ['6.4 RST_STREAM of 3 bytes', [{ type: rstStream, streamId: 1, payload: '000008' }], http2Error.frameSizeError],
  ['6.5 SETTINGS on a stream', [{ type: settings, streamId: 1 }]],
  ['6.5 SETTINGS of 5 bytes', [{ type: settings, payload: '0001000010' }], http2Error.frameSizeError],
  [
    '6.5 an acknowledgement with a payload',
    [{ type: settings, flags: ack, payload: '000100001000' }],
    http2Error.frameSizeError,
  ],
  ['6.5.2 ENABLE_PUSH 2', [{ type: settings, payload: '0002 00000002' }]],
  ['6.5.2 INITIAL_WINDOW_SIZE 2^31', [{ type: settings, payload: '0004 80000000' }], http2Error.flowControlError],
  ['6.5.2 MAX_FRAME_SIZE 16383', [{ type: settings, payload: '0005 00003fff' }]],
  ['6.5.2 MAX_FRAME_SIZE 2^24', [{ type: settings, payload: '0005 01000000' }]],
  ['RFC 8441 3 ENABLE_CONNECT_PROTOCOL 2', [{ type: settings, payload: '0008 00000002' }]],
  ['6.6 PUSH_PROMISE', [{ type: pushPromise, streamId: 1, flags: endHeaders, payload: '00000002 82' }]],
  ['6.7 PING on a stream', [{ type: ping, streamId: 1, payload: '0102030405060708' }]],
  ['6.7 PING of 7 bytes', [{ type: ping, payload: '01020304050607' }], http2Error.frameSizeError],
  ['6.8 GOAWAY on a stream', [{ type: goaway, streamId: 1, payload: '00000000 00000000' }]],
  ['6.8 GOAWAY of 7 bytes', [{ type: goaway, payload: '00000000 000000' }], http2Error.frameSizeError],
  ['6.9 WINDOW_UPDATE of the connection by 0', [{ type: windowUpdate, payload: '00000000' }]],
  ['6.9 the reserved bit is no increment', [{ type: windowUpdate, payload: '80000000' }]],
  ['6.9 WINDOW_UPDATE of 3 bytes', [{ type: windowUpdate, streamId: 1, payload: '000001' }], http2Error.frameSizeError],
  ['6.10 CONTINUATION without HEADERS', [{ type: continuation, streamId: 1, flags: endHeaders, payload: '82' }]],
  [
    '6.10 CONTINUATION after a complete block',
    [
      { type: headers, streamId: 1, flags: endHeaders, payload: '82' },
      { type: continuation, streamId: 1, flags: endHeaders, payload: '82' },
    ],
  ],
  [
    '6.10 CONTINUATION of another stream',
    [
      { type: headers, streamId: 1, payload: '82' },
      { type: continuation, streamId: 3, flags: endHeaders, payload: '82' },
    ],
  ],
  ...[data, headers, priority, settings, ping, windowUpdate, 0xbe].map(
    (type): Wrong => [
      `4.3 a frame of type ${type} within a field block`,
      [
        { type: headers, streamId: 1, payload: '82' },
        { type, streamId: type === settings || type === ping ? 0 : 1, payload: '' },
      ],
    ],
  ),
  ['4.2 a frame longer than we allow', [{ type: 0xbe, payload: Buffer.alloc(16_385) }], http2Error.frameSizeError],
]

t.test('each rule that is broken ends the connection with its code, and nothing after it is read', async (t) => {
  for (const [what, frames, code = http2Error.protocolError] of wrongFrames) {
    const bytes = Buffer.concat(frames.map(rawFrame))
    const after = rawFrame({ type: ping, payload: '0000000000000000' })
    for (const pieces of [[Buffer.concat([bytes, after])], [...bytes].map((byte) => Buffer.of(byte)), [bytes, after]]) {
      const { events, fault } = readFrames(pieces)
      t.match(fault, { code, streamId: 0 }, what)
      t.notOk(
        events.some(([name]) => name === 'ping'),
        what,
      )
    }
  }
})

t.test('padding may fill a DATA frame but not exceed it', async (t) => {
  const frame = rawFrame({ type: data, streamId: 1, flags: padded, payload: '03 000000' })
  t.equal(readFrames([frame]).fault, undefined)
})

t.test('3.4 the connection begins with the preface and SETTINGS', async (t) => {
  const read = (bytes: Buffer) =>
    new FrameReader({ frameBytesMax: 16_384, blockBytesMax: 16_384 }).feed(bytes, new RecordedSink())
  t.match(read(Buffer.from('GET / HTTP/1.1\r\n\r\n')), { code: http2Error.protocolError, streamId: 0 })
  t.match(read(Buffer.concat([preface.subarray(0, 23), Buffer.from('x')])), { code: http2Error.protocolError })
  t.equal(read(preface.subarray(0, 23)), undefined)
  for (const frame of [
    { type: settings, flags: ack },
    { type: ping, payload: '0000000000000000' },
    { type: headers, flags: endHeaders, streamId: 1, payload: '82' },
  ]) {
    t.match(read(Buffer.concat([preface, rawFrame(frame)])), { code: http2Error.protocolError, streamId: 0 })
  }
})

t.test(
  'a flood of CONTINUATION ends the connection: in bytes, and in frames that hold nothing (CVE-2024-27983)',
  async (t) => {
    const opening = rawFrame({ type: headers, streamId: 1, payload: '82' })
    const more = (bytes: number) => rawFrame({ type: continuation, streamId: 1, payload: Buffer.alloc(bytes, 0x82) })
    const last = rawFrame({ type: continuation, streamId: 1, flags: endHeaders })
    const flood = (count: number, bytes: number) =>
      readFrames([opening, ...Array.from({ length: count }, () => more(bytes)), last], { blockBytesMax: 100 })
    t.equal(flood(31, 0).fault, undefined)
    t.match(flood(32, 0).fault, { code: http2Error.enhanceYourCalm, streamId: 0 })
    t.equal(flood(9, 11).fault, undefined, '100 bytes')
    t.match(flood(10, 10).fault, { code: http2Error.enhanceYourCalm, streamId: 0 })
  },
)

t.test('after stop the sink hears nothing more, not even of the bytes being read', async (t) => {
  const reader = new FrameReader({ frameBytesMax: 16_384, blockBytesMax: 16_384 })
  const sink = new RecordedSink()
  const stopping = Object.assign(sink, { ping: () => reader.stop() })
  const pings = rawFrame({ type: ping, payload: '0102030405060708' })
  t.equal(
    reader.feed(Buffer.concat([preface, noSettings, pings, rawFrame({ type: settings, flags: ack })]), stopping),
    undefined,
  )
  t.equal(reader.feed(rawFrame({ type: settings, flags: ack }), stopping), undefined)
  t.strictSame(sink.events, [['settings']])

  const other = new FrameReader({ frameBytesMax: 16_384, blockBytesMax: 16_384 })
  const heard = new RecordedSink()
  const last = rawFrame({ type: data, flags: endStream, streamId: 1, payload: '61' })
  other.feed(Buffer.concat([preface, noSettings, last]), Object.assign(heard, { data: () => other.stop() }))
  t.strictSame(heard.events, [['settings'], ['dataFrame', 1, 1]])
})
