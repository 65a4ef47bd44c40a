// Goal: an upstream answer is read strictly, with what HTTP allows; its framing follows RFC 9112 6.3.
// Method: heads as bytes, for several request methods.
import t from 'tap'
import { fieldClass } from '../../../src/data-path/http1/field-class.ts'
import type { HeadFault, HeadLimits } from '../../../src/data-path/http1/request-head.ts'
import { parseResponseHead, type ResponseHead } from '../../../src/data-path/http1/response-head.ts'

const limits: HeadLimits = { targetBytesMax: 256, headBytesMax: 1_024, headFieldsMax: 8, knownMethods: new Set() }

function parse(text: string, method = 'GET'): ResponseHead | HeadFault | undefined {
  return parseResponseHead(Buffer.from(text, 'latin1'), 0, method, limits)
}

t.test('a usual answer', async (t) => {
  const text =
    'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\n'
  t.strictSame(parse(`${text}ok`), {
    status: 200,
    reason: 'OK',
    minorVersion: 1,
    fields: ['Content-Type', 'text/html', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Content-Length', '2'],
    classes: [fieldClass.other, fieldClass.setCookie, fieldClass.setCookie, fieldClass.contentLength],
    framing: { kind: 'length', bytes: 2 },
    persistent: true,
    connectionNominated: [],
    byteLength: text.length,
  })
  for (let end = 0; end < text.length; end++) t.equal(parse(text.slice(0, end)), undefined, `first ${end} bytes`)
})

t.test('framing and persistence by status, method and version', async (t) => {
  const rows: readonly [head: string, method: string, framing: string, persistent: boolean][] = [
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n', 'GET', 'chunked', true],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n', 'GET', 'chunked', false],
    ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n', 'GET', 'length', true],
    ['HTTP/1.1 200 OK\r\n', 'GET', 'until_close', false],
    ['HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n', 'GET', 'until_close', false],
    ['HTTP/1.0 200 OK\r\n', 'GET', 'until_close', false],
    ['HTTP/1.0 200 OK\r\nContent-Length: 1\r\n', 'GET', 'length', false],
    ['HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n', 'GET', 'length', true],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n', 'HEAD', 'none', true],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n', 'HEAD', 'none', true],
    ['HTTP/1.1 204 No Content\r\n', 'GET', 'none', true],
    ['HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n', 'GET', 'none', true],
    ['HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n', 'GET', 'none', false],
    ['HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n', 'GET', 'none', true],
    ['HTTP/1.1 100 Continue\r\n', 'POST', 'none', true],
    ['HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n', 'GET', 'none', true],
    ['HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n', 'GET', 'none', false],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close, keep-alive\r\n', 'GET', 'length', false],
  ]
  for (const [head, method, framing, persistent] of rows) {
    t.match(
      parse(`${head}\r\n`, method),
      { framing: { kind: framing }, persistent },
      `${method}: ${JSON.stringify(head)}`,
    )
  }
})

t.test('what HTTP allows', async (t) => {
  t.match(parse('HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n'), { reason: '' })
  t.match(parse('HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n'), { reason: '' }, 'without the space')
  t.match(parse('HTTP/1.1 404 \xe9 \xff\r\nX: \x80\r\nContent-Length: 0\r\n\r\n'), { status: 404, reason: '\xe9 \xff' })
  t.match(parse('HTTP/1.1 200 OK\r\nConnection: X-A, keep-alive\r\nContent-Length: 0\r\n\r\n'), {
    connectionNominated: ['x-a'],
  })
})

t.test('a malformed answer is the fault of the upstream', async (t) => {
  const answers = [
    'HTTP/2.0 200 OK\r\n\r\n',
    'HTTP/1.2 200 OK\r\n\r\n',
    'HTTP/1.1 099 OK\r\n\r\n',
    'HTTP/1.1 600 OK\r\n\r\n',
    'HTTP/1.1 20 OK\r\n\r\n',
    'HTTP/1.1 2000 OK\r\n\r\n',
    'HTTP/1.1  200 OK\r\n\r\n',
    'HTTP/1.1 200 O\x00K\r\n\r\n',
    'HTTP/1.1 200 O\rK\r\n\r\n',
    'HTTP/1.1 200 OK\nX: y\r\n\r\n',
    '\r\nHTTP/1.1 200 OK\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
    'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX : y\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n',
    'HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n',
    'HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n',
    `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(9)}\r\n`,
  ]
  for (const answer of answers) t.match(parse(answer), { fault: 'upstream_response_malformed' }, JSON.stringify(answer))
})

t.test('what cannot become an acceptable answer is refused before its end', async (t) => {
  t.match(parse('SSH-2.0-x'), { fault: 'upstream_response_malformed' })
  t.match(parse('h'), { fault: 'upstream_response_malformed' })
  t.match(parse('HTTP/1.1 200 OK\n'), { fault: 'upstream_response_malformed' })
  t.match(parse(`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(1_024)}`), { fault: 'upstream_response_malformed' })
})
