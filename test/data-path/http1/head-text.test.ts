// Goal: what the serialiser writes is what the parser reads.
// Method: heads and chunked bodies written and read back.
import t from 'tap'
import { BodyReader } from '../../../src/data-path/http1/body-reader.ts'
import { chunkEnd, chunkStart, lastChunk } from '../../../src/data-path/http1/chunked-body.ts'
import { fieldLines } from '../../../src/data-path/http1/head-text.ts'
import { parseRequestHead } from '../../../src/data-path/http1/request-head.ts'
import { parseResponseHead } from '../../../src/data-path/http1/response-head.ts'

const limits = { targetBytesMax: 256, headBytesMax: 4_096, headFieldsMax: 64, knownMethods: new Set(['GET']) }

t.test('heads are read back as written', async (t) => {
  const fields = ['Host', 'a', 'X-Empty', '', 'X-Latin', '\xe9\xff', 'Content-Length', '0']
  const request = Buffer.from(`GET /a?b HTTP/1.1\r\n${fieldLines(fields)}\r\n`, 'latin1')
  t.match(parseRequestHead(request, 0, limits), { method: 'GET', target: '/a?b', fields, byteLength: request.length })
  const response = Buffer.from(`HTTP/1.1 404 Not Found\r\n${fieldLines(fields)}\r\n`, 'latin1')
  t.match(parseResponseHead(response, 0, 'GET', limits), {
    status: 404,
    reason: 'Not Found',
    fields,
    byteLength: response.length,
  })
})

t.test('chunks and trailers are read back as written', async (t) => {
  const data = 'x'.repeat(4_000)
  const text = `${chunkStart(data.length)}${data}${chunkEnd}${chunkStart(1)}y${chunkEnd}`
  for (const trailers of [[], ['X-Sum', '1', 'X-B', '']]) {
    const reader = new BodyReader(
      { kind: 'chunked' },
      { trailerBytesMax: 100, chunkExtensionBytesMax: 0, headFieldsMax: 8 },
    )
    let read = ''
    let ended: string[] | undefined
    const bytes = Buffer.from(text + lastChunk(trailers), 'latin1')
    const sink = {
      data: (chunk: Buffer) => {
        read += chunk.toString('latin1')
      },
      end: (fields: string[]) => {
        ended = fields
      },
    }
    t.equal(reader.feed(bytes, 0, sink), bytes.length)
    t.equal(read, `${data}y`)
    t.strictSame(ended, trailers)
  }
})
