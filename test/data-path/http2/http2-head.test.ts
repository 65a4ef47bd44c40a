// Goal: a decoded list becomes a request exactly as RFC 9113 8 says, with the same grammar as HTTP/1.1; whatever is malformed is refused.
// Method: lists as a client would send them, through encoder and decoder, one deviation at a time.
import t from 'tap'
import { bodyOfLength, chunkedBody, noBody } from '../../../src/data-path/http1/body-framing.ts'
import { fieldClass } from '../../../src/data-path/http1/field-class.ts'
import type { HeadFault, HeadLimits } from '../../../src/data-path/http1/head-fault.ts'
import { fieldName } from '../../../src/data-path/http2/field-name.ts'
import type { HpackList } from '../../../src/data-path/http2/hpack-field.ts'
import { type Http2RequestHead, readHttp2Head, readHttp2Trailers } from '../../../src/data-path/http2/http2-head.ts'
import { upstreamRequestHead } from '../../../src/data-path/request-headers.ts'

const limits: HeadLimits = {
  targetBytesMax: 64,
  headBytesMax: 1_024,
  headFieldsMax: 20,
  knownMethods: new Set(['GET', 'HEAD', 'POST', 'OPTIONS', 'CONNECT']),
}
const start = [':method', 'GET', ':scheme', 'https', ':authority', 'bank.example:8443', ':path', '/a?b=c']

function listOf(fields: readonly string[]): HpackList {
  const pairs = []
  for (let at = 0; at < fields.length; at += 2) {
    pairs.push({ name: fieldName(fields[at] as string), value: fields[at + 1] as string, sound: undefined })
  }
  return { fields: pairs, tooLarge: false }
}

function read(fields: readonly string[], endStream = true): Http2RequestHead | HeadFault {
  return readHttp2Head(listOf(fields), limits, endStream)
}

/** The usual start with some pseudo-header fields replaced; `undefined` leaves one out. */
function startWith(changes: Readonly<Record<string, string | undefined>>): string[] {
  const values: Record<string, string | undefined> = {}
  for (let at = 0; at < start.length; at += 2) values[start[at] as string] = start[at + 1]
  return Object.entries({ ...values, ...changes }).flatMap(([name, value]) =>
    value === undefined ? [] : [name, value],
  )
}

function faultOf(fields: readonly string[], endStream = true): string | undefined {
  const head = read(fields, endStream)
  return 'fault' in head ? head.fault : undefined
}

t.test('a browser-like head: pseudo-header fields, fields in order with their classes, cookies joined', async (t) => {
  const fields = [
    'te',
    'trailers',
    'accept',
    '*/*',
    'cookie',
    'a=1',
    'te',
    'trailers',
    'user-agent',
    'x',
    'cookie',
    'b=2',
    'x-a',
    '',
    'cookie',
    'c=3',
  ]
  t.strictSame(read([...start, ...fields]), {
    method: 'GET',
    target: '/a?b=c',
    host: 'bank.example:8443',
    fields: ['accept', '*/*', 'cookie', 'a=1; b=2; c=3', 'user-agent', 'x', 'x-a', ''],
    classes: [fieldClass.accept, fieldClass.cookie, fieldClass.other, fieldClass.other],
    framing: noBody,
    expectsContinue: false,
    webSocket: false,
    connectionNominated: [],
    contentLengthBytes: undefined,
  })
})

t.test('the application is asked as it would be over HTTP/1.1', async (t) => {
  const fields = [
    'sekisho-login-id',
    'user01',
    'transfer_encoding',
    'chunked',
    'x-a',
    'b',
    'host',
    'BANK.example:8443',
    'content-length',
    '3',
  ]
  const head = read([...startWith({ ':method': 'POST' }), ...fields], false) as Http2RequestHead
  t.equal(
    upstreamRequestHead(head, 'id', { text: '', keepForwarded: false, openCookies: undefined }),
    'POST /a?b=c HTTP/1.1\r\nHost: bank.example:8443\r\nx-a: b\r\nSekisho-Request-Id: id\r\nContent-Length: 3\r\n\r\n',
  )
})

t.test('8.1.1 framing: from END_STREAM and Content-Length', async (t) => {
  const framing = (fields: readonly string[], endStream: boolean) => {
    const head = read([...start, ...fields], endStream)
    return 'fault' in head ? head.fault : [head.framing, head.contentLengthBytes]
  }
  t.strictSame(framing([], true), [noBody, undefined])
  t.strictSame(framing([], false), [chunkedBody, undefined])
  t.strictSame(framing(['content-length', '5'], false), [bodyOfLength(5), 5])
  t.strictSame(framing(['content-length', '0'], true), [bodyOfLength(0), 0])
  t.strictSame(framing(['content-length', '0'], false), [bodyOfLength(0), 0])
  t.equal(framing(['content-length', '5'], true), 'http2_protocol_error')
})

t.test('malformed: the stream is reset (RFC 9113 8.1.1)', async (t) => {
  const wrong: readonly (readonly [what: string, fields: readonly string[]])[] = [
    ['8.2 upper case in a name', [...start, 'X-a', '1']],
    ['8.2.1 a space in a name', [...start, 'x a', '1']],
    ['8.2.1 a colon in a name', [...start, 'x:a', '1']],
    ['8.2.1 an empty name', [...start, '', '1']],
    ['8.2.1 a byte above 0x7f in a name', [...start, 'x\xe9', '1']],
    ['8.2.1 NUL in a value', [...start, 'x', 'a\0b']],
    ['8.2.1 CR in a value', [...start, 'x', 'a\rb']],
    ['8.2.1 LF in a value', [...start, 'x', 'a\nx: y']],
    ['8.2.1 DEL in a value', [...start, 'x', '\x7f']],
    ['8.2.1 a leading space', [...start, 'x', ' a']],
    ['8.2.1 a trailing space', [...start, 'x', 'a ']],
    ['8.2.1 a leading HTAB', [...start, 'x', '\ta']],
    ['8.2.1 a trailing HTAB', [...start, 'cookie', 'a\t']],
    ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings'].map(
      (name) => [`8.2.2 ${name}`, [...start, name, 'x']] as const,
    ),
    ['8.2.2 te: gzip', [...start, 'te', 'gzip']],
    ['8.2.2 te: trailers, gzip', [...start, 'te', 'trailers, gzip']],
    ['8.3 a pseudo-header field after a field', [...start.slice(0, 6), 'x', '1', ':path', '/']],
    ['8.3 an unknown pseudo-header field', [...start, ':other', '1']],
    ['8.3 a pseudo-header field of responses', [...start, ':status', '200']],
    ['8.3 a pseudo-header field in upper case', [...start.slice(2), ':Method', 'GET']],
    ...[':method', ':scheme', ':authority', ':path'].map(
      (name) => [`8.3 ${name} twice`, [...start, name, startValue(name)]] as const,
    ),
    ['8.3.1 no :method', startWith({ ':method': undefined })],
    ['8.3.1 no :scheme', startWith({ ':scheme': undefined })],
    ['8.3.1 no :path', startWith({ ':path': undefined })],
    ['8.3.1 empty :path', startWith({ ':path': '' })],
    ['8.1.1 Content-Length twice', [...start, 'content-length', '0', 'content-length', '0']],
    ...['', '+1', '-1', '1,1', '0x1', '01', '1 1', '1e3', '1234567890123456'].map(
      (value) => [`8.1.1 Content-Length ${value}`, [...start, 'content-length', value]] as const,
    ),
    ['RFC 8441 4 :protocol without CONNECT', [...start, ':protocol', 'websocket']],
    [
      'RFC 8441 4 :protocol twice',
      [...startWith({ ':method': 'CONNECT' }), ':protocol', 'websocket', ':protocol', 'websocket'],
    ],
    [
      'RFC 8441 4 :protocol without :path',
      [...startWith({ ':method': 'CONNECT', ':path': undefined }), ':protocol', 'websocket'],
    ],
    ['nothing at all', []],
  ]
  for (const [what, fields] of wrong) t.equal(faultOf(fields), 'http2_protocol_error', what)
})

function startValue(name: string): string {
  return start[start.indexOf(name) + 1] as string
}

t.test('what HTTP/1.1 refuses with a page is refused with one', async (t) => {
  const path = (value: string) => startWith({ ':path': value })
  const refused: readonly (readonly [fault: string, fields: readonly string[]])[] = [
    ['head_malformed', startWith({ ':scheme': 'http' })],
    ['head_malformed', startWith({ ':authority': undefined })],
    ['head_malformed', startWith({ ':authority': '' })],
    ['head_malformed', startWith({ ':authority': 'user@bank.example' })],
    ['head_malformed', startWith({ ':authority': 'bank.example/x' })],
    ['head_malformed', startWith({ ':authority': 'bank.example, other.example' })],
    ['head_malformed', [...start, 'host', 'other.example']],
    ['head_malformed', [...start, 'host', 'bank.example']],
    ['head_malformed', [...start, 'host', 'bank.example:8443', 'host', 'bank.example:8443']],
    ['head_malformed', path('a')],
    ['head_malformed', path('*')],
    ['head_malformed', path('https://bank.example/')],
    ['head_malformed', path('/a b')],
    ['head_malformed', path('/a#b')],
    ['head_malformed', path('/a\\b')],
    ['head_malformed', path('/a HTTP/1.1\r\nX: y')],
    ['head_malformed', path('/\xe3')],
    ['target_too_long', path(`/${'a'.repeat(64)}`)],
    ['method_unknown', startWith({ ':method': 'PURGE' })],
    ['method_unknown', startWith({ ':method': 'get' })],
    ['method_unknown', startWith({ ':method': '' })],
    ['method_unknown', [':method', 'CONNECT', ':authority', 'other.example:443']],
    ['method_unknown', [...startWith({ ':method': 'CONNECT' }), ':protocol', 'connect-udp']],
    ['expectation_unknown', [...start, 'expect', 'tea']],
    ['head_malformed', [...start, 'expect', '100-continue', 'expect', '100-continue']],
  ]
  for (const [fault, fields] of refused) t.equal(faultOf(fields), fault, JSON.stringify(fields))
  t.match(readHttp2Head({ fields: [], tooLarge: true }, limits, true), { fault: 'head_too_large' })
})

t.test('what is allowed at the edges', async (t) => {
  t.match(read(startWith({ ':method': 'OPTIONS', ':path': '*' })), { target: '*' })
  t.match(read(startWith({ ':path': `/${'a'.repeat(63)}` })), { method: 'GET' })
  t.match(read(startWith({ ':authority': '[::1]:443' })), { host: '[::1]:443' })
  t.match(read([...start, 'host', 'BANK.EXAMPLE:8443']), { host: 'bank.example:8443' })
  t.match(read([...startWith({ ':authority': undefined }), 'host', 'bank.example']), { host: 'bank.example' })
  t.match(read([...start, 'x', 'a\tb \xe9']), { fields: ['x', 'a\tb \xe9'] })
  t.match(
    read([...start.slice(6), ...start.slice(0, 6)]),
    { target: '/a?b=c' },
    'pseudo-header fields in another order',
  )
  t.match(read([...start, 'expect', '100-Continue'], false), { expectsContinue: true })
  t.match(read([...start, 'expect', '100-continue'], true), { expectsContinue: false })
  t.match(read([...start, 'expect', '100-continue', 'content-length', '0'], false), { expectsContinue: false })
})

t.test('RFC 8441: an extended CONNECT is the opening handshake it stands for', async (t) => {
  const fields = ['origin', 'https://bank.example', 'sec-websocket-key', 'x', 'sec-websocket-version', '13']
  const head = read([...startWith({ ':method': 'CONNECT' }), ':protocol', 'websocket', ...fields], false)
  t.match(head, { method: 'GET', webSocket: true, framing: noBody, target: '/a?b=c' })
  t.strictSame('fields' in head && head.fields, ['origin', 'https://bank.example', 'sec-websocket-version', '13'])
  const withBody = [...startWith({ ':method': 'CONNECT' }), ':protocol', 'websocket', 'content-length', '5']
  t.equal(faultOf(withBody, false), 'http2_protocol_error')
})

t.test('trailers: kept, dropped or refused as in HTTP/1.1, and never pseudo', async (t) => {
  const trailers = (fields: readonly string[]) => {
    const found = readHttp2Trailers(listOf(fields))
    return 'fault' in found ? found.fault : found
  }
  t.strictSame(trailers(['x-sum', 'abc', 'cookie', 'a=1', 'sekisho-login-id', 'x', 'te', 'trailers', 'x-b', '']), [
    'x-sum',
    'abc',
    'x-b',
    '',
  ])
  t.strictSame(trailers([]), [])
  t.equal(trailers([':path', '/']), 'http2_protocol_error')
  t.equal(trailers(['x', '1', ':status', '200']), 'http2_protocol_error')
  t.equal(trailers(['connection', 'close']), 'http2_protocol_error')
  t.equal(trailers(['transfer-encoding', 'chunked']), 'http2_protocol_error')
  t.equal(trailers(['X', '1']), 'http2_protocol_error')
  t.equal(trailers(['x', 'a\nb']), 'http2_protocol_error')
  t.equal(trailers(['x', ' a']), 'http2_protocol_error')
  t.equal(trailers(['content-length', '1']), 'body_malformed')
  t.equal(trailers(['host', 'a']), 'body_malformed')
  t.match(readHttp2Trailers({ fields: [], tooLarge: true }), { fault: 'head_too_large' })
})

t.test('what was found out about a field is the same when it comes again', async (t) => {
  const list = listOf([...start, 'x', ' a'])
  for (let round = 0; round < 2; round++) t.match(readHttp2Head(list, limits, true), { fault: 'http2_protocol_error' })
  const good = listOf([...start, 'x', 'a'])
  for (let round = 0; round < 2; round++) t.match(readHttp2Head(good, limits, true), { fields: ['x', 'a'] })
})
