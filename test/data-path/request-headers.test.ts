// Goal: the head sent to the application is built anew, with framing said once and nothing a client may not say.
// Method: requests as a parser would hand them on, compared with the exact text.
import t from 'tap'
import { classifyField } from '../../src/data-path/http1/field-class.ts'
import {
  type AddedLines,
  type ForwardRequest,
  forwardedLines,
  upstreamRequestHead,
} from '../../src/data-path/request-headers.ts'

/** The class of each field, as the parser adds it. */
const classesOf = (fields: readonly string[]) =>
  fields.filter((_, at) => at % 2 === 0).map((name) => classifyField(name))

const plain: ForwardRequest = {
  method: 'GET',
  target: '/',
  host: 'bank.example',
  fields: [],
  classes: [],
  framing: { kind: 'none' },
  expectsContinue: false,
  webSocket: false,
  connectionNominated: [],
}
const added: AddedLines = { text: 'Sekisho-Login-Id: user01\r\n', keepForwarded: false, openCookies: undefined }
const headOf = (request: Partial<ForwardRequest>, more: Partial<AddedLines> = {}) =>
  upstreamRequestHead({ ...plain, ...request, classes: classesOf(request.fields ?? []) }, 'id-1', { ...added, ...more })
const end = 'Sekisho-Login-Id: user01\r\nSekisho-Request-Id: id-1\r\n'

t.test('request line, Host, the client’s fields in their order, ours, framing', async (t) => {
  t.equal(
    headOf({ method: 'OPTIONS', target: '*', fields: ['B', '2', 'a', '1', 'B', '3'] }),
    `OPTIONS * HTTP/1.1\r\nHost: bank.example\r\nB: 2\r\na: 1\r\nB: 3\r\n${end}\r\n`,
  )
})

t.test('framing is stated once, as we read it, with Expect where the client waits', async (t) => {
  const fields = ['Content-Length', '99', 'Transfer-Encoding', 'x', 'Expect', '100-continue']
  const start = 'GET / HTTP/1.1\r\nHost: bank.example\r\n'
  t.equal(headOf({ fields }), `${start}${end}\r\n`)
  t.equal(headOf({ fields, framing: { kind: 'length', bytes: 0 } }), `${start}${end}Content-Length: 0\r\n\r\n`)
  t.equal(
    headOf({ fields, framing: { kind: 'length', bytes: 5 }, expectsContinue: true }),
    `${start}${end}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`,
  )
  t.equal(headOf({ fields, framing: { kind: 'chunked' } }), `${start}${end}Transfer-Encoding: chunked\r\n\r\n`)
})

t.test('nominated fields end here, cookies too; our own never do', async (t) => {
  const head = headOf(
    {
      fields: ['X-Hop', '1', 'Cookie', 'a=1', 'X-Stays', '2'],
      connectionNominated: ['x-hop', 'cookie', 'sekisho-login-id', 'sekisho-request-id'],
    },
    { openCookies: (value) => value },
  )
  t.equal(head, `GET / HTTP/1.1\r\nHost: bank.example\r\nX-Stays: 2\r\n${end}\r\n`)
})

t.test('forwarding fields are kept only where the client is trusted', async (t) => {
  const fields = ['X-Forwarded-For', '192.0.2.1', 'forwarded', 'for=x', 'X-Real-IP', '192.0.2.1']
  t.notMatch(headOf({ fields }), /192\.0\.2\.1|for=x/)
  t.match(
    headOf({ fields }, { keepForwarded: true }),
    'X-Forwarded-For: 192.0.2.1\r\nforwarded: for=x\r\nX-Real-IP: 192.0.2.1\r\n',
  )
})

t.test('cookies are opened where any are sealed; a field left empty is left out', async (t) => {
  const fields = ['Cookie', 'a', 'COOKIE', 'gone', 'cookie', 'b']
  const head = headOf({ fields }, { openCookies: (value) => (value === 'gone' ? '' : `${value}!`) })
  t.equal(head, `GET / HTTP/1.1\r\nHost: bank.example\r\nCookie: a!\r\nCookie: b!\r\n${end}\r\n`)
  t.match(headOf({ fields }), 'Cookie: a\r\nCOOKIE: gone\r\ncookie: b\r\n')
})

t.test('forwarding lines for IPv4, IPv6 and no host (RFC 7239 6)', async (t) => {
  t.equal(
    forwardedLines('192.0.2.1', 'h:1'),
    'X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: h:1\r\nForwarded: for=192.0.2.1;host="h:1";proto=https\r\n',
  )
  t.match(forwardedLines('2001:db8::1', 'h'), 'Forwarded: for="[2001:db8::1]";host="h";proto=https\r\n')
  t.equal(
    forwardedLines('192.0.2.1', ''),
    'X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nForwarded: for=192.0.2.1;proto=https\r\n',
  )
})
