// Goal: a body is split into lines as it comes, whatever the chunks, and no more of it is held than a line. Method: bodies cut at every
// place, and a source that counts what is asked of it.
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import t from 'tap'
import { type BodyLine, BodyLines, lineBytesMax } from '../../src/admin/body-lines.ts'
import { systemClock } from '../../src/base/clock.ts'

const options = { idleMs: 1_000, pauseMs: 200, linesMax: 100_000, clock: systemClock }

function open(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, changes: Partial<typeof options> = {}) {
  const source = Readable.from(chunks, { objectMode: false, highWaterMark: 1_024 })
  return new BodyLines(source as IncomingMessage, { ...options, ...changes })
}

async function collect(lines: BodyLines): Promise<(BodyLine | 'pause')[]> {
  const found: (BodyLine | 'pause')[] = []
  for await (const line of lines.read()) found.push(line)
  return found
}

t.test('the same lines, wherever the chunks end', async (t) => {
  const body = Buffer.from('\ufeffa\r\n\n  \n本"é"\nlast')
  const expected = [
    { line: 1, text: 'a' },
    { line: 4, text: '本"é"' },
    { line: 5, text: 'last' },
  ]
  for (let first = 0; first <= body.length; first++) {
    for (const second of [first, Math.min(body.length, first + 1), body.length]) {
      const chunks = [body.subarray(0, first), body.subarray(first, second), body.subarray(second)]
      t.strictSame(await collect(open(chunks.filter(({ length }) => length > 0))), expected, `${first} ${second}`)
    }
  }
  t.strictSame(await collect(open([])), [])
  t.strictSame(await collect(open([Buffer.from('\n\n')])), [])
})

t.test('lines that are too long or not UTF-8 are told, and the ones beside them are read', async (t) => {
  const long = Buffer.alloc(lineBytesMax + 1, 'x')
  const body = Buffer.concat([Buffer.from('a\n'), long, Buffer.from('\nb\n\xff\nc\n', 'latin1'), long])
  const longest = Buffer.concat([Buffer.alloc(lineBytesMax, 'y'), Buffer.from('\n')])
  for (const size of [1_000, 65_536, 70_000, body.length]) {
    const chunks = Array.from({ length: Math.ceil(body.length / size) }, (_, at) =>
      body.subarray(at * size, (at + 1) * size),
    )
    t.strictSame(
      await collect(open([longest, ...chunks])),
      [
        { line: 1, text: 'y'.repeat(lineBytesMax) },
        { line: 2, text: 'a' },
        { line: 3, unreadable: `it is longer than ${lineBytesMax} bytes` },
        { line: 4, text: 'b' },
        { line: 5, unreadable: 'it is not UTF-8' },
        { line: 6, text: 'c' },
        { line: 7, unreadable: `it is longer than ${lineBytesMax} bytes` },
      ],
      `chunks of ${size}`,
    )
  }
})

t.test('too many lines', async (t) => {
  const body = [Buffer.from('a\n\n\nb\nc\n')]
  t.equal((await collect(open(body, { linesMax: 3 }))).length, 3, 'blank lines do not count')
  await t.rejects(collect(open(body, { linesMax: 2 })), { code: 'admin_request_invalid', message: /above 2 lines/ })
})

t.test('whoever takes one line has not had the whole body read', async (t) => {
  let pulled = 0
  function* source(): Generator<Uint8Array> {
    for (; pulled < 1_000; pulled++) yield Buffer.from(`${'x'.repeat(1_022)}\n`)
  }
  const reading = open(source()).read()
  t.match(await reading.next(), { done: false, value: { line: 1 } })
  t.ok(pulled < 20, `${pulled} chunks were pulled`)
})

t.test('a source that waits: a pause, and after the limit an end', async (t) => {
  const goOn = Promise.withResolvers<void>()
  async function* waiting(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('a\nb')
    await goOn.promise
    yield Buffer.from('c\n')
  }
  const reading = open(waiting()).read()
  t.match(await reading.next(), { value: { line: 1, text: 'a' } })
  t.match(await reading.next(), { value: 'pause' })
  goOn.resolve()
  t.match(await reading.next(), { value: { line: 2, text: 'bc' } })
  t.match(await reading.next(), { done: true })

  async function* silent(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('a\n')
    await new Promise(() => {})
  }
  await t.rejects(collect(open(silent(), { idleMs: 50 })), {
    code: 'admin_request_invalid',
    message: /nothing came for 0.05 seconds/,
  })
})

t.test('what drips is worked on as well', async (t) => {
  async function* dripping(): AsyncGenerator<Uint8Array> {
    for (let drop = 0; drop < 20; drop++) {
      await new Promise((resolve) => setTimeout(resolve, 10))
      yield Buffer.from(drop % 2 === 0 ? 'a\n' : ' ')
    }
  }
  const found = await collect(open(dripping(), { pauseMs: 100 }))
  t.equal(found.filter((line) => line !== 'pause').length, 10)
  t.ok(found.indexOf('pause') > 0 && found.indexOf('pause') < 10, JSON.stringify(found))
})

t.test('a source that breaks', async (t) => {
  const taken = Promise.withResolvers<void>()
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('a\nb')
    await taken.promise
    throw new Error('aborted')
  }
  const reading = open(broken()).read()
  t.match(await reading.next(), { value: { text: 'a' } })
  taken.resolve()
  await t.rejects(reading.next(), { code: 'admin_request_invalid', message: /ended early/ })
})
