// Goal: anything ambiguous is refused with the right status and a closed connection, and nothing of it reaches the application.
// Method: each class is sent over a real connection with a smuggled request behind it; the application must see neither.
import t from 'tap'
import { RawClient } from '../helpers/raw-client.ts'
import { TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({
  upstreamPort: app.port,
  config: { limits: { targetBytesMax: 1_000, headBytesMax: 4_096, headFieldsMax: 20 } },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const connect = () => RawClient.connect(gateway, { certificate: user01 })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n'
const post = (fields: string, body: string) =>
  `POST /refused HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n${fields}\r\n${body}${smuggled}`
const get = (fields: string) => `GET /refused HTTP/1.1\r\n${fields}\r\n${smuggled}`

/** What is sent, by what it is, with the status it gets. */
const refused: Record<string, readonly [status: number, bytes: string]> = {
  'CL with TE (CVE-2023-30589)': [400, post('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  'TE with CL': [400, post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n')],
  'two equal CL': [400, post('Content-Length: 0\r\nContent-Length: 0\r\n', '')],
  'two different CL': [400, post('Content-Length: 0\r\nContent-Length: 44\r\n', '')],
  'CL list': [400, post('Content-Length: 0, 44\r\n', '')],
  'CL with sign': [400, post('Content-Length: +44\r\n', '')],
  'CL negative': [400, post('Content-Length: -1\r\n', '')],
  'CL hexadecimal': [400, post('Content-Length: 0x2c\r\n', '')],
  'CL with leading zero': [400, post('Content-Length: 044\r\n', '')],
  'CL empty (CVE-2024-27982)': [400, post('Content-Length:\r\n', '')],
  'CL behind a blank (CVE-2024-27982)': [400, post(' Content-Length: 44\r\n', '')],
  'CL with a blank before the colon': [400, post('Content-Length : 44\r\n', '')],
  'CL with HTAB': [400, post('Content-Length:\t44\r\n', '')],
  'empty field name (HAProxy CVE-2023-25725)': [400, post(': x\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  'TE identity': [400, post('Transfer-Encoding: identity\r\n', '')],
  'TE chunked twice': [400, post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  'TE chunked, identity': [400, post('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n')],
  'TE gzip, chunked': [400, post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n')],
  'TE xchunked': [400, post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n')],
  'TE with vertical tab': [400, post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n')],
  'TE in HTTP/1.0': [400, 'POST /refused HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  'bare LF ends a line': [400, 'GET /refused HTTP/1.1\r\nHost: localhost\nA: b\r\n\r\n'],
  'bare LF ends the head (CVE-2025-23167)': [400, `GET /refused HTTP/1.1\r\nHost: localhost\r\n\n${smuggled}`],
  'CR LF CR X ends the head (CVE-2025-23167)': [
    400,
    `GET /refused HTTP/1.1\r\nHost: localhost\r\n\rX\r\n\r\n${smuggled}`,
  ],
  'bare CR in a value': [400, get('Host: localhost\r\nA: b\rc\r\n')],
  'obs-fold': [400, get('Host: localhost\r\nA: b\r\n c\r\n')],
  'NUL in a value': [400, get('Host: localhost\r\nA: b\0c\r\n')],
  'control byte in a value': [400, get('Host: localhost\r\nA: b\x01c\r\n')],
  'control byte in a name': [400, get('Host: localhost\r\nA\x01: b\r\n')],
  'no Host': [400, get('A: b\r\n')],
  'Host twice': [400, get('Host: localhost\r\nHost: localhost\r\n')],
  'Host with a path': [400, get('Host: localhost/x\r\n')],
  'Host with userinfo': [400, get('Host: a@localhost\r\n')],
  'absolute form with another host': [400, `GET http://other/refused HTTP/1.1\r\nHost: localhost\r\n\r\n${smuggled}`],
  'target with a blank': [400, `GET /refused x HTTP/1.1\r\nHost: localhost\r\n\r\n${smuggled}`],
  'target with a fragment': [400, `GET /refused#x HTTP/1.1\r\nHost: localhost\r\n\r\n${smuggled}`],
  'no target': [400, `GET HTTP/1.1\r\nHost: localhost\r\n\r\n${smuggled}`],
  'HTTP/0.9': [400, 'GET /refused\r\n\r\n'],
  'a TLS record': [400, '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n'],
  'another host': [421, get('Host: other.example\r\n')],
  'unknown method': [501, `BREW /refused HTTP/1.1\r\nHost: localhost\r\n\r\n${smuggled}`],
  'lower-case method': [501, `get /refused HTTP/1.1\r\nHost: localhost\r\n\r\n${smuggled}`],
  CONNECT: [501, 'CONNECT localhost:22 HTTP/1.1\r\nHost: localhost:22\r\n\r\n'],
  TRACE: [501, `TRACE /refused HTTP/1.1\r\nHost: localhost\r\n\r\n${smuggled}`],
  'HTTP/2 preface': [501, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  'HTTP/1.2': [505, `GET /refused HTTP/1.2\r\nHost: localhost\r\n\r\n${smuggled}`],
  'unknown expectation': [417, get('Host: localhost\r\nExpect: 200-ok\r\n')],
  'oversized line': [414, `GET /${'x'.repeat(1_001)} HTTP/1.1\r\nHost: localhost\r\n\r\n${smuggled}`],
  'oversized line without an end': [414, `GET /${'x'.repeat(3_000)}`],
  'oversized head': [431, get(`Host: localhost\r\nA: ${'x'.repeat(4_096)}\r\n`)],
  'oversized head without an end': [431, `GET /refused HTTP/1.1\r\nHost: localhost\r\nA: ${'x'.repeat(4_096)}`],
  'too many fields': [431, get(`Host: localhost\r\n${'A: b\r\n'.repeat(20)}`)],
}

for (const [name, [status, bytes]] of Object.entries(refused)) {
  t.test(`${name} is refused with ${status} and the connection ends`, async (t) => {
    const client = await connect()
    client.send(bytes)
    const answer = await client.answer()
    t.equal(answer.status, status)
    t.equal(answer.value('connection'), 'close')
    t.equal((await client.untilEnd()).length, 0, 'one answer and no other')
    t.strictSame(app.requests, [], 'nothing reached the application')
  })
}

t.test('a body that breaks its framing within an upload is a 400, and the application sees no end of it', async (t) => {
  const cases: Record<string, string> = {
    'bad size': 'zz\r\n',
    'size with sign': '+5\r\nhello\r\n0\r\n\r\n',
    'size too long': '000000005\r\nhello\r\n0\r\n\r\n',
    'size with blank': '5 \r\nhello\r\n0\r\n\r\n',
    extension: '5;a=b\r\nhello\r\n0\r\n\r\n',
    'bare LF after the size': '5\nhello\r\n0\r\n\r\n',
    'data too long': '5\r\nhelloX\r\n0\r\n\r\n',
    'bare LF after data': '5\r\nhello\n0\r\n\r\n',
    'CL in trailers': '5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n',
    'trailer without colon': '5\r\nhello\r\n0\r\nx\r\n\r\n',
  }
  for (const [name, chunks] of Object.entries(cases)) {
    const path = `/chunks/${encodeURIComponent(name)}`
    const client = await connect()
    app.handle(path, () => {})
    client.send(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`)
    const request = await app.request(path)
    client.send(`${chunks}${smuggled}`)
    const answer = await client.answer()
    t.equal(answer.status, 400, name)
    t.equal((await client.untilEnd()).length, 0, name)
    await t.rejects(request.body, name)
  }
  t.strictSame(app.requestsFor('/smuggled'), [])
})

t.test('pages for faults are HTML in both languages, or problem details for clients that prefer JSON', async (t) => {
  const html = await connect()
  html.send('GET /x HTTP/1.1\r\nHost: other.example\r\nAccept: text/html\r\nAccept-Language: en\r\n\r\n')
  const page = await html.answer()
  t.match(page.value('content-type'), /^text\/html; charset=utf-8/i)
  t.match(page.text, /lang="en"/)
  t.ok(page.value('content-security-policy'), 'with the headers of our own pages')
  const json = await connect()
  json.send('GET /x HTTP/1.1\r\nHost: other.example\r\nAccept: application/json\r\n\r\n')
  const problem = await json.answer()
  t.match(problem.value('content-type'), /^application\/problem\+json/)
  t.match(JSON.parse(problem.text), {
    status: 421,
    reason: 'host_mismatch',
    requestId: /^[0-9a-z]{8}(-[0-9a-z]+)+$/,
    title: String,
    detail: String,
    type: String,
  })
  const head = await connect()
  head.send('HEAD /x HTTP/1.1\r\nHost: other.example\r\n\r\n')
  t.equal((await head.answer('HEAD')).status, 421)
  t.equal((await head.untilEnd()).length, 0, 'a page for HEAD has no body')
})

t.test('node-http-proxy#1721, CVE-2026-29057: chunked bodies of any method arrive intact and framed', async (t) => {
  for (const method of ['GET', 'DELETE', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'HEAD']) {
    const client = await connect()
    const path = `/intact/${method}`
    client.send(
      `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
    )
    t.equal((await client.answer(method)).status, 200)
    const request = await app.request(path)
    t.equal((await request.body).toString(), smuggled, `${method}: the body is a body`)
    t.strictSame([request.values('content-length'), request.values('transfer-encoding')], [[], ['chunked']], method)
    client.close()
  }
  t.strictSame(app.requestsFor('/smuggled'), [], 'and never a request')
})
