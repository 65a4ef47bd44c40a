// Goal: a well-formed request head is read as RFC 9112 says, and the gateway's limits hold.
// Method: heads as bytes, whole and cut at every place; what makes a head refused as ambiguous is in smuggling.test.ts.
import t from 'tap'
import { fieldClass } from '../../../src/data-path/http1/field-class.ts'
import {
  type HeadFault,
  type HeadLimits,
  parseRequestHead,
  type RequestHead,
} from '../../../src/data-path/http1/request-head.ts'

const limits: HeadLimits = {
  targetBytesMax: 256,
  headBytesMax: 1_024,
  headFieldsMax: 8,
  knownMethods: new Set(['GET', 'HEAD', 'POST', 'OPTIONS', 'CONNECT']),
}

function parse(text: string, own: Partial<HeadLimits> = {}): RequestHead | HeadFault | undefined {
  return parseRequestHead(Buffer.from(text, 'latin1'), 0, { ...limits, ...own })
}

function accepted(text: string): RequestHead {
  const head = parse(text)
  if (head === undefined || 'fault' in head) throw new Error(`Not accepted: ${JSON.stringify(head)}`)
  return head
}

function faultOf(text: string, own: Partial<HeadLimits> = {}): string | undefined {
  const head = parse(text, own)
  return head !== undefined && 'fault' in head ? head.fault : undefined
}

t.test('a browser-like head is read field by field, in order, values trimmed', async (t) => {
  const text =
    'POST /login?from=top HTTP/1.1\r\nHost: bank.example:8443\r\nX-A:  b c\t \r\nx-a:\r\nContent-Length: 5\r\n\r\n'
  const head = accepted(`${text}hello`)
  t.strictSame(head, {
    method: 'POST',
    target: '/login?from=top',
    minorVersion: 1,
    host: 'bank.example:8443',
    fields: ['Host', 'bank.example:8443', 'X-A', 'b c', 'x-a', '', 'Content-Length', '5'],
    classes: [fieldClass.host, fieldClass.other, fieldClass.other, fieldClass.contentLength],
    framing: { kind: 'length', bytes: 5 },
    persistent: true,
    expectsContinue: false,
    webSocket: false,
    connectionNominated: [],
    byteLength: text.length,
  })
})

t.test('a head is read from its start in a buffer that holds more', async (t) => {
  const first = 'GET /1 HTTP/1.1\r\nHost: a\r\n\r\n'
  const bytes = Buffer.from(`${first}GET /2 HTTP/1.1\r\nHost: b\r\n\r\nGET`)
  const second = parseRequestHead(bytes, first.length, limits) as RequestHead
  t.match(second, { target: '/2', host: 'b', byteLength: first.length })
  t.equal(parseRequestHead(bytes, first.length * 2, limits), undefined)
})

t.test('a head that is cut anywhere is not complete, never half read', async (t) => {
  const text = '\r\nGET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n'
  for (let end = 0; end < text.length; end++) t.equal(parse(text.slice(0, end)), undefined, `first ${end} bytes`)
  t.match(parse(text), { target: '/', byteLength: text.length })
})

t.test('one empty line before the request line is skipped, a second is refused', async (t) => {
  t.match(parse('\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n'), { target: '/' })
  t.equal(faultOf('\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n'), 'head_malformed')
})

t.test('forms of the target', async (t) => {
  const targetOf = (line: string) => (parse(`${line} HTTP/1.1\r\nHost: a:1\r\n\r\n`) as RequestHead).target
  t.equal(targetOf('GET /a%20b;c?d=[e]|{f}\\'), '/a%20b;c?d=[e]|{f}\\')
  t.equal(targetOf('OPTIONS *'), '*')
  t.equal(targetOf('GET http://A:1/x?y'), '/x?y', 'absolute form is reduced')
  t.equal(targetOf('GET https://a:1?y'), '/?y')
  t.equal(targetOf('GET http://a:1'), '/')
  t.equal(targetOf('OPTIONS http://a:1'), '*', 'RFC 9112 3.2.4')
  for (const target of [
    'a',
    '*',
    '/a#b',
    '/a\\b',
    '/"',
    '/<',
    '/é',
    'ftp://a:1/',
    'http://u@a:1/',
    'http:///x',
    'a:1',
    '//é',
  ]) {
    t.equal(faultOf(`GET ${target} HTTP/1.1\r\nHost: a:1\r\n\r\n`), 'head_malformed', target)
  }
})

t.test('Host: nothing that moves the borders of a URL rebuilt from it (CVE-2026-48710 class)', async (t) => {
  for (const host of ['a', 'A.example.', 'a_b.example:65535', '127.0.0.1', '[::1]:8443']) {
    t.equal(accepted(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`).host, host)
  }
  for (const host of ['', 'a b', 'a,b', 'u@a', 'a/b', 'a:', 'a:b', 'a:123456', '[::1', '::1', '.a', 'é', 'a?']) {
    t.equal(faultOf(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`), 'head_malformed', `"${host}"`)
  }
  t.equal(accepted('GET / HTTP/1.0\r\n\r\n').host, '')
  t.equal(accepted('GET http://a/ HTTP/1.0\r\n\r\n').host, 'a', 'HTTP/1.0 without Host: the authority of the target')
})

t.test('persistence', async (t) => {
  const persistent = (version: string, connection: string) =>
    accepted(`GET / HTTP/${version}\r\nHost: a\r\n${connection}\r\n`).persistent
  t.equal(persistent('1.1', ''), true)
  t.equal(persistent('1.1', 'Connection: CLOSE\r\n'), false)
  t.equal(persistent('1.1', 'Connection: x , close\r\n'), false)
  t.equal(persistent('1.1', 'Connection: x\r\nConnection: close\r\n'), false)
  t.equal(persistent('1.1', 'Proxy-Connection: close\r\n'), false, 'as llhttp does')
  t.equal(persistent('1.1', 'Connection: closed\r\n'), true)
  t.equal(persistent('1.0', ''), false)
  t.equal(persistent('1.0', 'Connection: Keep-Alive\r\n'), true)
  t.equal(faultOf('GET / HTTP/1.1\r\nHost: a\r\nConnection: close, keep-alive\r\n\r\n'), 'head_malformed')
})

t.test('names nominated by Connection are given in lower case', async (t) => {
  const head = accepted('GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Secret\r\nConnection: TE\r\n\r\n')
  t.strictSame(head.connectionNominated, ['x-secret', 'te'])
  const nominating = (count: number) => `GET / HTTP/1.1\r\nHost: a\r\nConnection: x${',x'.repeat(count - 1)}\r\n\r\n`
  t.equal(faultOf(nominating(32)), undefined)
  t.equal(faultOf(nominating(33)), 'head_malformed')
})

t.test('Expect', async (t) => {
  const head = (rest: string) => `POST / HTTP/1.1\r\nHost: a\r\n${rest}\r\n`
  t.equal(accepted(head('Expect: 100-Continue\r\nContent-Length: 1\r\n')).expectsContinue, true)
  t.equal(accepted(head('Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n')).expectsContinue, true)
  t.equal(accepted(head('Expect: 100-continue\r\n')).expectsContinue, false, 'no body to wait for')
  t.equal(accepted('POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n').expectsContinue, false)
  t.equal(faultOf(head('Expect: wonders\r\n')), 'expectation_unknown')
})

t.test('a switch to WebSocket counts only for a bare GET of HTTP/1.1, and there is no other switch', async (t) => {
  const upgrade = (text: string) => accepted(text).webSocket
  const fields = 'Host: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n'
  t.equal(upgrade(`GET / HTTP/1.1\r\n${fields}\r\n`), true)
  t.equal(upgrade(`POST / HTTP/1.1\r\n${fields}\r\n`), false)
  t.equal(upgrade(`GET / HTTP/1.1\r\n${fields}Content-Length: 0\r\n\r\n`), false)
  t.equal(upgrade(`GET / HTTP/1.0\r\n${fields}\r\n`), false)
  t.equal(upgrade('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n'), false, 'not nominated')
  t.equal(upgrade('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: H2C\r\n\r\n'), false)
  t.equal(upgrade('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n'), false)
  t.equal(upgrade('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n'), true)
  t.equal(upgrade('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n'), false)
})

t.test('methods and versions that are not let through', async (t) => {
  t.equal(faultOf('BREW / HTTP/1.1\r\nHost: a\r\n\r\n'), 'method_unknown')
  t.equal(faultOf('get / HTTP/1.1\r\nHost: a\r\n\r\n'), 'method_unknown')
  t.equal(faultOf('CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'), 'method_unknown', 'even when configured')
  t.equal(faultOf('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 'method_unknown', 'HTTP/2 with prior knowledge')
  for (const version of ['HTTP/2.0', 'HTTP/1.2', 'HTTP/0.9']) {
    t.equal(faultOf(`GET / ${version}\r\nHost: a\r\n\r\n`), 'version_unsupported', version)
  }
  for (const line of [
    'GET /',
    'GET / http/1.1',
    'GET  / HTTP/1.1',
    'GET /  HTTP/1.1',
    'GET / HTTP/1.1 ',
    ' GET / HTTP/1.1',
    'G(T / HTTP/1.1',
    '',
  ]) {
    t.equal(faultOf(`${line}\r\nHost: a\r\n\r\n`), 'head_malformed', `"${line}"`)
  }
})

t.test('limits are exact', async (t) => {
  const withTarget = (bytes: number) => `GET /${'x'.repeat(bytes - 1)} HTTP/1.1\r\nHost: a\r\n\r\n`
  t.equal(faultOf(withTarget(256)), undefined)
  t.equal(faultOf(withTarget(257)), 'target_too_long')
  t.equal(faultOf(withTarget(2_000)), 'target_too_long', 'rather than head_too_large')
  const ofLength = (bytes: number) => {
    const fixed = 'GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n'
    return fixed.replace('X: ', `X: ${'y'.repeat(bytes - fixed.length)}`)
  }
  t.equal(faultOf(ofLength(1_024)), undefined)
  t.equal(faultOf(ofLength(1_025)), 'head_too_large')
  t.equal(faultOf(ofLength(10_000), { headBytesMax: 9_999 }), 'head_too_large')
  t.equal(faultOf(ofLength(10_000), { headBytesMax: 10_000 }), undefined)
  t.equal(faultOf(`GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(7)}\r\n`), undefined)
  t.equal(faultOf(`GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(8)}\r\n`), 'head_too_large')
})

t.test('what cannot become an acceptable head is refused before its end', async (t) => {
  t.equal(faultOf('x'.repeat(400)), 'target_too_long')
  t.equal(faultOf(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(1_024)}`), 'head_too_large')
  t.equal(faultOf(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(9_000)}`, { headBytesMax: 8_192 }), 'head_too_large')
  t.equal(faultOf('GET / HTTP/1.1\nHost'), 'head_malformed')
})

t.test('bytes 0x80 to 0xff stay one to one in values', async (t) => {
  const value = accepted('GET / HTTP/1.1\r\nHost: a\r\nX: \xe9\x80\xff\r\n\r\n').fields[3] as string
  t.strictSame([...Buffer.from(value, 'latin1')], [0xe9, 0x80, 0xff])
})
