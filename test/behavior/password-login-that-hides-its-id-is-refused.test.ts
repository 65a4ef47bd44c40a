// Goal: R22 cannot be got around by hiding the login ID: what an application may read in another way than the gateway does not reach it,
// and its plain twin passes as it was sent.
// Method: every way over HTTP/1.1 and HTTP/2 against an application that accepts everybody and shows what it got.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { openTunnel, webSocketRoads } from '../helpers/web-socket.ts'
import { startPasswordSetting } from './password-setting.ts'

const { app, gateway } = await startPasswordSetting(t, { config: { limits: { bodyIdleTimeoutMs: 1_000 } } })
const formType = 'application/x-www-form-urlencoded'
const jsonType = 'application/json'

type Sent = {
  readonly method?: string
  readonly path?: string
  readonly fields?: Readonly<Record<string, string>>
  readonly body: string
  readonly chunked?: boolean
}
type Seen = { readonly status: number; readonly text: string }

const roads: Readonly<Record<string, (sent: Sent) => Promise<Seen>>> = {
  'http/1.1': async ({ method = 'POST', path = '/login', fields = {}, body, chunked = false }) => {
    const client = await RawClient.connect(gateway, { door: 'public' })
    const lines = Object.entries({ 'Content-Type': formType, ...fields }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    )
    const framing = chunked ? 'Transfer-Encoding: chunked\r\n' : `Content-Length: ${Buffer.byteLength(body)}\r\n`
    const bytes = chunked
      ? [...body]
          .map((letter) => `1\r\n${letter}\r\n`)
          .join('')
          .concat('0\r\n\r\n')
      : body
    client.send(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}${framing}\r\n${bytes}`)
    const answer = await client.answer()
    client.close()
    return answer
  },
  h2: async ({ method = 'POST', path = '/login', fields = {}, body, chunked = false }) => {
    const client = await Http2Client.connect(gateway, { door: 'public' })
    const lower = Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value])
    const length = chunked ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const headers = { 'content-type': formType, ...length, ...Object.fromEntries(lower) }
    const answer = await client.send(method, path, { headers, body })
    client.close()
    return answer
  },
}

const json = { 'Content-Type': jsonType }
const hidden: Readonly<Record<string, { hides: Sent; twin: Sent; status?: number }>> = {
  'a duplicate field': {
    hides: { body: 'loginId=pass01&loginId=user01' },
    twin: { body: 'loginId=pass01&login=user01' },
  },
  'a duplicate in another case': {
    hides: { body: 'loginId=pass01&LoginID=user01' },
    twin: { body: 'loginId=pass01&LoginName=user01' },
  },
  'an array': { hides: { body: 'loginId=pass01&loginId[]=user01' }, twin: { body: 'loginId=pass01&ids[]=user01' } },
  'an escape that is no UTF-8': { hides: { body: 'loginId=pass01%C0%80' }, twin: { body: 'loginId=p%61ss01' } },
  'another separator': {
    hides: { body: 'x=1;loginId=user01&loginId=pass01' },
    twin: { body: 'x=1%3B&loginId=pass01' },
  },
  'no login ID': { hides: { body: 'password=x' }, twin: { body: 'password=x&loginId=pass01' } },
  'another charset': {
    hides: { fields: { 'Content-Type': `${formType}; charset=ibm037` }, body: 'loginId=pass01' },
    twin: { fields: { 'Content-Type': `${formType}; charset=UTF-8` }, body: 'loginId=pass01' },
  },
  'a type that is not read': {
    hides: { fields: { 'Content-Type': 'text/plain' }, body: 'loginId=pass01' },
    twin: { body: 'loginId=pass01' },
  },
  multipart: {
    hides: {
      fields: { 'Content-Type': 'multipart/form-data; boundary=x' },
      body: '--x\r\nContent-Disposition: form-data; name="loginId"\r\n\r\npass01\r\n--x--\r\n',
    },
    twin: { body: 'loginId=pass01' },
  },
  'a content coding': {
    hides: { fields: { 'Content-Encoding': 'gzip' }, body: 'loginId=pass01' },
    twin: { fields: { 'Accept-Encoding': 'gzip' }, body: 'loginId=pass01' },
  },
  'a type in a name of another spelling': {
    hides: { fields: { Content_Type: jsonType }, body: 'loginId=pass01' },
    twin: { fields: { 'X-Content-Type': jsonType }, body: 'loginId=pass01' },
  },
  'too large': {
    hides: { body: `x=${'y'.repeat(4_096)}&loginId=pass01` },
    twin: { body: `x=${'y'.repeat(4_000)}&loginId=pass01` },
    status: 413,
  },
  'too large, and no length said': {
    hides: { body: `x=${'y'.repeat(4_096)}&loginId=pass01`, chunked: true },
    twin: { body: `x=${'y'.repeat(4_000)}&loginId=pass01`, chunked: true },
    status: 413,
  },
  'a member of JSON twice': {
    hides: { fields: json, body: '{"loginId":"pass01","loginId":"user01"}' },
    twin: { fields: json, body: '{"loginId":"pass01","login":"user01"}' },
  },
  'a member of JSON twice, escaped': {
    hides: { fields: json, body: '{"loginId":"pass01","\\u006coginId":"user01"}' },
    twin: { fields: json, body: '{"\\u006coginId":"pass01"}' },
  },
  'a member of JSON deeper': {
    hides: { fields: json, body: '{"loginId":"pass01","user":{"loginId":"user01"}}' },
    twin: { fields: json, body: '{"loginId":"pass01","user":{"name":"user01"}}' },
  },
  'JSON that is no text': {
    hides: { fields: json, body: '{"loginId":["pass01"]}' },
    twin: { fields: json, body: '{"loginId":"pass01"}' },
  },
  'broken JSON': {
    hides: { fields: json, body: "{loginId:'pass01'}" },
    twin: { fields: json, body: ' {"loginId" : "pass01"} ' },
  },
  'a form as JSON': { hides: { fields: json, body: 'loginId=pass01' }, twin: { body: 'loginId=pass01' } },
  'the query': {
    hides: { path: '/login?loginId=user01', body: 'loginId=pass01' },
    twin: { path: '/login?lang=ja', body: 'loginId=pass01' },
  },
  'a body that is empty': { hides: { body: '', chunked: true }, twin: { body: 'loginId=pass01', chunked: true } },
  'a method that usually has no body': {
    hides: { method: 'DELETE', body: 'x=1' },
    twin: { method: 'DELETE', body: 'loginId=pass01' },
  },
}

for (const [road, send] of Object.entries(roads)) {
  for (const [name, { hides, twin, status = 400 }] of Object.entries(hidden)) {
    t.test(`${name}, over ${road}`, async (t) => {
      const before = app.requests.length
      t.equal((await send(hides)).status, status)
      t.equal(app.requests.length, before, 'the application hears nothing')
      const passed = await send(twin)
      t.equal(passed.status, 200)
      t.match(JSON.parse(passed.text), {
        body: twin.body,
        method: twin.method ?? 'POST',
        target: twin.path ?? '/login',
      })
    })
  }

  t.test(`other spellings of the path meet the rule, over ${road}`, async (t) => {
    for (const path of [
      '/login/',
      '/LOGIN',
      '/login;x=1',
      '//login',
      '/%6Cogin',
      '/log%69n',
      '/login.do',
      '/login%20',
    ]) {
      t.equal((await send({ path, body: 'loginId=user01' })).status, 403, path)
      const passed = await send({ path, body: 'loginId=pass01' })
      t.match(JSON.parse(passed.text), { target: path, body: 'loginId=pass01' }, 'the path is passed on as it was sent')
    }
    for (const path of ['/x/../login', '/./login', '/%2Flogin', '/x%2F..%2Flogin'])
      t.equal((await send({ path, body: 'loginId=pass01' })).status, 400, `${path} is no path at all`)
    t.equal((await send({ path: '/logins', body: 'loginId=user01' })).status, 200, 'another path')
  })

  t.test(`a login in the query of a request without body, over ${road}`, async (t) => {
    const get = async (path: string) => {
      if (road === 'h2') {
        const client = await Http2Client.connect(gateway, { door: 'public' })
        const { status } = await client.get(path)
        client.close()
        return status
      }
      const client = await RawClient.connect(gateway, { door: 'public' })
      const { status } = await client.get(path).answer()
      client.close()
      return status
    }
    t.equal(await get('/login?loginId=pass01&password=x'), 400)
    t.equal(await get('/login?LoginID=pass01'), 400)
    t.equal(await get('/login?next=%2F'), 200)
  })
}

for (const over of webSocketRoads) {
  t.test(`a WebSocket is no login, over ${over}`, async (t) => {
    await t.rejects(openTunnel(gateway, { over, door: 'public', path: '/login' }), { message: /answered with 400/ })
    t.equal(await gateway.metric('sekisho_upgrades_open', { route: 'app' }), 0)
  })
}

t.test('a login that never ends is ended, and the connection with it', async (t) => {
  const client = await RawClient.connect(gateway, { door: 'public' })
  client.send(
    `POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${formType}\r\nContent-Length: 20\r\n\r\nloginId=`,
  )
  t.equal((await client.answer()).status, 408)
  await client.untilEnd()
})

t.test('a client that leaves in the middle leaves nothing behind', async (t) => {
  const before = app.requests.length
  for (let count = 0; count < 5; count++) {
    const client = await RawClient.connect(gateway, { door: 'public' })
    client.send(
      `POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${formType}\r\nContent-Length: 20\r\n\r\nloginId=`,
    )
    client.close()
  }
  await eventually(
    () => gateway.metric('sekisho_connections_open', { door: 'public' }),
    (open) => open === 0,
  )
  t.equal(app.requests.length, before)
})

t.test('broken chunks of a login end it', async (t) => {
  const client = await RawClient.connect(gateway, { door: 'public' })
  client.send(
    `POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${formType}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
  )
  t.equal((await client.answer()).status, 400)
  await client.untilEnd()
})
