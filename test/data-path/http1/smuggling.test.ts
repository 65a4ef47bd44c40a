// Goal: a request that two parsers might read differently is refused, whatever the gateway itself would make of it.
// Method: one row a known desync class with the advisory it is known by; heads are refused whole and at every cut.
import t from 'tap'
import { BodyReader } from '../../../src/data-path/http1/body-reader.ts'
import { type HeadLimits, parseRequestHead } from '../../../src/data-path/http1/request-head.ts'

const limits: HeadLimits = {
  targetBytesMax: 8_192,
  headBytesMax: 32_768,
  headFieldsMax: 128,
  knownMethods: new Set(['GET', 'POST', 'DELETE', 'OPTIONS']),
}

const refusedHeads: readonly (readonly [name: string, fields: string, version?: string])[] = [
  ['CL with TE (RFC 9112 6.1)', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n'],
  ['TE with CL', 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n'],
  ['different lengths', 'Content-Length: 4\r\nContent-Length: 5\r\n'],
  ['equal lengths', 'Content-Length: 4\r\nContent-Length: 4\r\n'],
  ['a list of lengths', 'Content-Length: 4, 4\r\n'],
  ['signed length', 'Content-Length: +4\r\n'],
  ['negative length', 'Content-Length: -4\r\n'],
  ['hexadecimal length', 'Content-Length: 0x4\r\n'],
  ['length with a leading zero', 'Content-Length: 04\r\n'],
  ['length with a space inside (CVE-2018-7159)', 'Content-Length: 4 4\r\n'],
  ['length beyond 2^53', 'Content-Length: 9007199254740993\r\n'],
  ['empty length', 'Content-Length:\r\n'],
  ['length behind a HTAB', 'Content-Length:\t4\r\n'],
  ['TE in HTTP/1.0', 'Transfer-Encoding: chunked\r\n', '1.0'],
  ['TE list ending in chunked', 'Transfer-Encoding: gzip, chunked\r\n'],
  ['TE list not ending in chunked (CVE-2022-32213)', 'Transfer-Encoding: chunked, identity\r\n'],
  ['TE twice (CVE-2020-8287)', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: eee\r\n'],
  ['TE twice, equal', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'],
  ['TE identity', 'Transfer-Encoding: identity\r\n'],
  ['empty TE', 'Transfer-Encoding:\r\n'],
  ['TE with a vertical tab', 'Transfer-Encoding: \x0bchunked\r\n'],
  ['TE before a HTAB, that llhttp does not take for chunked', 'Transfer-Encoding: chunked\t\r\n'],
  ['TE with a parameter', 'Transfer-Encoding: chunked;q=1\r\n'],
  ['folded TE (CVE-2022-32215)', 'Transfer-Encoding:\r\n chunked\r\n'],
  ['obs-fold', 'X: a\r\n b\r\n'],
  ['obs-fold with a HTAB', 'X: a\r\n\tb\r\n'],
  ['space before the first field (CVE-2024-27982)', ' Content-Length: 4\r\n'],
  ['space before the colon (CVE-2019-16869 class)', 'Transfer-Encoding : chunked\r\n'],
  ['HTAB before the colon', 'Content-Length\t: 4\r\n'],
  ['empty field name (CVE-2023-25725)', ': x\r\nContent-Length: 4\r\n'],
  ['line without a colon', 'X\r\n'],
  ['bare CR in a value (CVE-2023-30589)', 'X: a\rContent-Length: 4\r\n'],
  ['bare LF after a field (CVE-2022-32214)', 'X: a\nContent-Length: 4\r\n'],
  ['CR CR LF', 'X: a\r\r\n'],
  ['NUL in a value', 'X: a\0b\r\n'],
  ['control byte in a value', 'X: a\x08b\r\n'],
  ['DEL in a value', 'X: a\x7fb\r\n'],
  ['NUL in a name', 'X\0: a\r\n'],
  ['0xff in a name', 'X\xff: a\r\n'],
  ['separator in a name', 'X(: a\r\n'],
  ['second Host', 'Host: b\r\n'],
  ['second Host in another case', 'hOST: a\r\n'],
  ['Connection nominates a framing field', 'Connection: Content-Length\r\nContent-Length: 4\r\n'],
  ['Connection nominates Host', 'Connection: keep-alive, host\r\n'],
  ['malformed Connection', 'Connection: close;\r\n'],
]

for (const [name, fields, version = '1.1'] of refusedHeads) {
  t.test(`refused: ${name}`, async (t) => {
    const bytes = Buffer.from(`POST / HTTP/${version}\r\nHost: a\r\n${fields}\r\nabcd`, 'latin1')
    t.match(parseRequestHead(bytes, 0, limits), { fault: 'head_malformed' })
    for (let end = 1; end < bytes.length; end++) {
      const head = parseRequestHead(bytes.subarray(0, end), 0, limits)
      if (head !== undefined && !('fault' in head)) t.fail(`accepted when cut at ${end}`)
    }
  })
}

t.test('CVE-2025-23167: CRLF CR X does not end a head', async (t) => {
  const bytes = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\rXGET /2 HTTP/1.1\r\nHost: b\r\n\r\n')
  t.match(parseRequestHead(bytes, 0, limits), { fault: 'head_malformed' })
})

t.test('no Host, and absolute form of another host', async (t) => {
  t.match(parseRequestHead(Buffer.from('GET / HTTP/1.1\r\n\r\n'), 0, limits), { fault: 'head_malformed' })
  const other = Buffer.from('GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n')
  t.match(parseRequestHead(other, 0, limits), { fault: 'head_malformed' })
  const otherPort = Buffer.from('GET http://a:2/ HTTP/1.1\r\nHost: a:1\r\n\r\n')
  t.match(parseRequestHead(otherPort, 0, limits), { fault: 'head_malformed' })
})

t.test('bare LF line ends are refused at the first one', async (t) => {
  t.match(parseRequestHead(Buffer.from('GET / HTTP/1.1\nHost: a\n\n'), 0, limits), { fault: 'head_malformed' })
})

t.test('a detail never quotes what the client sent', async (t) => {
  for (const text of [
    'GET /s3cret?s3cret#s3cret HTTP/1.1\r\nHost: a\r\n\r\n',
    's3cret / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\r\ns3cret\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: s3cret@a\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nX: s3cret\0\r\n\r\n',
  ]) {
    const result = parseRequestHead(Buffer.from(text), 0, limits)
    t.match(result, { fault: String })
    t.notMatch(JSON.stringify(result), /s3cret/)
  }
})

t.test('H5: a chunked body is framed as such for every method (CVE-2026-29057 class)', async (t) => {
  for (const method of ['DELETE', 'OPTIONS', 'GET']) {
    const bytes = Buffer.from(`${method} / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`)
    t.match(parseRequestHead(bytes, 0, limits), { framing: { kind: 'chunked' } }, method)
  }
})

const refusedBodies: readonly (readonly [name: string, body: string])[] = [
  ['size 0x', '0x1\r\na\r\n0\r\n\r\n'],
  ['signed size', '+1\r\na\r\n0\r\n\r\n'],
  ['negative size', '-1\r\na\r\n0\r\n\r\n'],
  ['space before the size', ' 1\r\na\r\n0\r\n\r\n'],
  ['space after the size', '1 \r\na\r\n0\r\n\r\n'],
  ['empty size', '\r\na\r\n0\r\n\r\n'],
  ['size that wraps at 32 bits', '100000001\r\na\r\n0\r\n\r\n'],
  ['size that wraps at 64 bits', '10000000000000001\r\na\r\n0\r\n\r\n'],
  ['size line that ends in LF', '1\na\r\n0\r\n\r\n'],
  ['size line that ends in CR', '1\ra\r\n0\r\n\r\n'],
  ['data longer than its size', '1\r\nab\r\n0\r\n\r\n'],
  ['data that ends in LF', '1\r\na\n0\r\n\r\n'],
  ['two bytes of anything after the data', '1\r\naXX0\r\n\r\n'],
  ['chunk extension (CVE-2024-22019 class)', '1;a=b\r\na\r\n0\r\n\r\n'],
  ['chunk extension with LF', '1;a\nb\r\na\r\n0\r\n\r\n'],
  ['trailers that end in LF', '0\r\n\n'],
  ['trailer with a bare LF', '0\r\nX: a\nY: b\r\n\r\n'],
  ['folded trailer', '0\r\nX: a\r\n b\r\n\r\n'],
  ['Content-Length in trailers', '0\r\nContent-Length: 5\r\n\r\n'],
  ['Transfer-Encoding in trailers', '0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['Host in trailers', '0\r\nHost: b\r\n\r\n'],
]

for (const [name, body] of refusedBodies) {
  t.test(`refused in a chunked body: ${name}`, async (t) => {
    const bytes = Buffer.from(body, 'latin1')
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new BodyReader(
        { kind: 'chunked' },
        { trailerBytesMax: 100, chunkExtensionBytesMax: 0, headFieldsMax: 8 },
      )
      const sink = { data() {}, end: () => t.fail('ended') }
      const first = reader.feed(bytes.subarray(0, cut), 0, sink)
      const last = typeof first === 'number' ? reader.feed(bytes.subarray(cut), 0, sink) : first
      t.match(last, { fault: 'body_malformed' }, `cut at ${cut}`)
    }
  })
}
