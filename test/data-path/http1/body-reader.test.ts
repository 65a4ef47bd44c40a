// Goal: a body comes out whole, in order and without copies, wherever the pieces were cut, and ends where it ends.
// Method: each body is cut into two at every place and into single bytes; bytes of a next message follow it.
import t from 'tap'
import type { BodyFraming } from '../../../src/data-path/http1/body-framing.ts'
import { type BodyLimits, BodyReader, type BodySink } from '../../../src/data-path/http1/body-reader.ts'

const limits: BodyLimits = { trailerBytesMax: 64, chunkExtensionBytesMax: 16, headFieldsMax: 3 }

type Outcome = { data: string; trailers: string[] | undefined; rest: string; fault: string | undefined; done: boolean }

function read(framing: BodyFraming, pieces: readonly Buffer[], own: Partial<BodyLimits> = {}): Outcome {
  const reader = new BodyReader(framing, { ...limits, ...own })
  const outcome: Outcome = { data: '', trailers: undefined, rest: '', fault: undefined, done: false }
  const sink: BodySink = {
    data: (chunk) => {
      outcome.data += chunk.toString('latin1')
    },
    end: (trailers) => {
      outcome.trailers = trailers
    },
  }
  for (const piece of pieces) {
    const offset = reader.feed(piece, 0, sink)
    if (typeof offset !== 'number') return { ...outcome, fault: offset.fault }
    outcome.rest += piece.toString('latin1', offset)
  }
  outcome.done = reader.done
  return outcome
}

const chunked: BodyFraming = { kind: 'chunked' }
const bodies: readonly [name: string, framing: BodyFraming, bytes: string, data: string, trailers: string[]][] = [
  ['of a length', { kind: 'length', bytes: 5 }, 'hello', 'hello', []],
  ['chunked', chunked, '5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n', 'hello0123456789', []],
  ['chunked with leading zeros', chunked, '00000005\r\nhello\r\n000\r\n\r\n', 'hello', []],
  ['chunked, empty', chunked, '0\r\n\r\n', '', []],
  ['chunked with CRLF as data', chunked, '4\r\n\r\n\r\n\r\n0\r\n\r\n', '\r\n\r\n', []],
  ['chunked with extensions', chunked, '1;a;b=c\r\nx\r\n0;d="e f"\r\n\r\n', 'x', []],
  ['chunked with trailers', chunked, '1\r\nx\r\n0\r\nX-Sum:  1\t\r\nX-E:\r\n\r\n', 'x', ['X-Sum', '1', 'X-E', '']],
]

for (const [name, framing, bytes, data, trailers] of bodies) {
  t.test(`${name}: the same at every cut`, async (t) => {
    const expected = { data, trailers, rest: 'GET', fault: undefined, done: true }
    const stream = Buffer.from(`${bytes}GET`, 'latin1')
    for (let cut = 0; cut <= stream.length; cut++) {
      t.strictSame(read(framing, [stream.subarray(0, cut), stream.subarray(cut)]), expected, `cut at ${cut}`)
    }
    t.strictSame(
      read(
        framing,
        [...stream].map((byte) => Buffer.from([byte])),
      ),
      expected,
      'byte by byte',
    )
  })
}

t.test('a body without bytes is done from the beginning', async (t) => {
  for (const framing of [{ kind: 'none' }, { kind: 'length', bytes: 0 }] as const) {
    const outcome = read(framing, [Buffer.from('GET')])
    t.strictSame(outcome, { data: '', trailers: undefined, rest: 'GET', fault: undefined, done: true })
  }
})

t.test('data is a view of what was fed, and all of it is handed over as it is', async (t) => {
  const reader = new BodyReader({ kind: 'length', bytes: 10 }, limits)
  const seen: Buffer[] = []
  const sink: BodySink = { data: (chunk) => seen.push(chunk), end() {} }
  const first = Buffer.from('01234567')
  reader.feed(first, 0, sink)
  const second = Buffer.from('GET 89GET')
  t.equal(reader.feed(second, 4, sink), 6)
  t.equal(seen[0], first)
  t.equal(seen[1]?.buffer, second.buffer)
  t.equal(String(seen[1]), '89')
})

t.test('until close: everything is data, and only the close ends it', async (t) => {
  const reader = new BodyReader({ kind: 'until_close' }, limits)
  let ended = 0
  const sink: BodySink = { data() {}, end: () => ended++ }
  t.equal(reader.feed(Buffer.from('0\r\n\r\n'), 0, sink), 5)
  t.equal(reader.done, false)
  t.equal(reader.close(sink), undefined)
  t.equal(reader.close(sink), undefined)
  t.equal(ended, 1)
  t.equal(reader.done, true)
})

t.test('a close within a body of known end is a fault', async (t) => {
  const sink: BodySink = { data() {}, end: () => t.fail('ended') }
  for (const [framing, bytes] of [
    [{ kind: 'length', bytes: 5 }, 'hell'],
    [chunked, '5\r\nhello\r\n0\r\n'],
    [chunked, ''],
  ] as const) {
    const reader = new BodyReader(framing, limits)
    reader.feed(Buffer.from(bytes), 0, sink)
    t.match(reader.close(sink), { fault: 'body_malformed' })
  }
})

t.test('trailers that may not stand there are dropped, identity above all', async (t) => {
  const names = [
    'Sekisho-Login-Id',
    'sekisho_login_id',
    'Client-Cert',
    'X-Forwarded-For',
    'Cookie',
    'Set-Cookie',
    'Authorization',
    'Content-Type',
    'If-Match',
    'TE',
    'Expect',
  ]
  for (const name of names) {
    t.strictSame(read(chunked, [Buffer.from(`0\r\n${name}: x\r\nX-Sum: 1\r\n\r\n`)]).trailers, ['X-Sum', '1'], name)
  }
})

t.test('trailers that some readers take for framing are refused', async (t) => {
  for (const name of ['Content-Length', 'Transfer-Encoding', 'Host', 'Connection', 'proxy-connection']) {
    t.equal(read(chunked, [Buffer.from(`0\r\n${name}: close\r\n\r\n`)]).fault, 'body_malformed', name)
  }
})

t.test('limits', async (t) => {
  const faultOf = (text: string, own: Partial<BodyLimits> = {}) => read(chunked, [Buffer.from(text)], own).fault
  t.equal(faultOf(`0\r\nX: ${'y'.repeat(59)}\r\n\r\n`), undefined, '64 bytes of trailers')
  t.equal(faultOf(`0\r\nX: ${'y'.repeat(60)}\r\n\r\n`), 'head_too_large')
  t.equal(faultOf(`0\r\nX: ${'y'.repeat(80)}`), 'head_too_large', 'before the end of the line')
  t.equal(faultOf(`0\r\n${'X: y\r\n'.repeat(3)}\r\n`), undefined)
  t.equal(faultOf(`0\r\n${'X: y\r\n'.repeat(4)}\r\n`), 'head_too_large')
  t.equal(faultOf('0\r\nX: y\r\n\r\n', { trailerBytesMax: 0 }), 'head_too_large')
  t.equal(faultOf('0\r\n\r\n', { trailerBytesMax: 0 }), undefined)
  t.equal(faultOf(`1;${'a'.repeat(15)}\r\nx\r\n0\r\n\r\n`), undefined)
  t.equal(faultOf(`1;${'a'.repeat(16)}\r\nx\r\n0\r\n\r\n`), 'body_malformed')
  t.equal(faultOf('1;abcdefg\r\nx\r\n1;abcdefg\r\nx\r\n0;a\r\n\r\n'), 'body_malformed', 'extensions of a body add up')
  t.equal(faultOf('1'.repeat(60)), 'body_malformed', 'a size line without end')
})
