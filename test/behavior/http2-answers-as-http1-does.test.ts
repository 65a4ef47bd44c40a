// Goal: one request gets one answer, whichever version of HTTP brought it: limits, faults, hosts, methods, own pages, bodies and none.
// Method: each request goes over both versions with clients of their own; status, reason and what reached the application agree.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { FrameClient, frameFlags, frameTypes, requestFields } from '../helpers/frame-client.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({
  upstreamPort: app.port,
  config: {
    identity: { assertion: { audience: 'app' } },
    limits: { bodyBytesMax: 1_000, targetBytesMax: 1_024, headBytesMax: 8_192 },
    routes: [
      { name: 'read', pathPrefix: '/read', upstream: 'app', methods: ['GET'] },
      { name: 'app', pathPrefix: '/app', upstream: 'app' },
    ],
  },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

type Case = {
  readonly method?: string
  readonly path: string
  readonly host?: string
  readonly fields?: Readonly<Record<string, string>>
  readonly body?: string
  /** Status, and the reason of a page of the gateway's own. */
  readonly wanted: readonly [status: number, reason?: string]
}

const cases: Record<string, Case> = {
  'a plain request': { path: '/app/plain', wanted: [200] },
  'a body': { method: 'POST', path: '/app/body', body: 'x'.repeat(1_000), wanted: [200] },
  HEAD: { method: 'HEAD', path: '/app/head', wanted: [200] },
  'a body larger than the limit': {
    method: 'POST',
    path: '/app/large',
    body: 'x'.repeat(1_001),
    wanted: [413, 'body_too_large'],
  },
  'a target longer than the limit': { path: `/app/${'x'.repeat(1_100)}`, wanted: [414, 'target_too_long'] },
  'a head larger than the limit': {
    path: '/app/head',
    fields: { 'x-large': 'x'.repeat(9_000) },
    wanted: [431, 'head_too_large'],
  },
  'a method the route has not': { method: 'DELETE', path: '/read/1', wanted: [405, 'method_not_allowed'] },
  'a method nobody knows': { method: 'BREW', path: '/app/brew', wanted: [501, 'method_unknown'] },
  'a path no route takes': { path: '/elsewhere', wanted: [404, 'request_not_found'] },
  'a path with two readings': { path: '/app/a%2Fb', wanted: [400, 'path_ambiguous'] },
  'another host': { path: '/app', host: 'other.test', wanted: [421, 'host_mismatch'] },
  'a path of the gateway’s own that leads nowhere': { path: '/.sekisho/none', wanted: [404, 'request_not_found'] },
  'an expectation nobody knows': {
    method: 'POST',
    path: '/app/expect',
    fields: { expect: 'luck' },
    body: 'x',
    wanted: [417, 'expectation_unknown'],
  },
}

async function overHttp1({ method = 'GET', path, host = 'localhost', fields = {}, body }: Case) {
  const client = await RawClient.connect(gateway, { certificate: user01 })
  const lines = Object.entries({ accept: 'application/json', ...fields }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  const length = body === undefined ? '' : `Content-Length: ${body.length}\r\n`
  client.send(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${lines.join('')}${length}\r\n${body ?? ''}`)
  const { status, text, value } = await client.answer(method)
  client.close()
  return { status, text, type: value('content-type'), allow: value('allow'), length: value('content-length') }
}

const shared = await Http2Client.connect(gateway, { certificate: user01 })
t.teardown(() => shared.close())

async function overHttp2({ method = 'GET', path, host = 'localhost', fields = {}, body }: Case) {
  const headers = { accept: 'application/json', ':authority': host, ...fields }
  const answer =
    body === undefined
      ? await shared.request({ ...headers, ':method': method, ':path': path }).answer()
      : await shared.send(method, path, { headers: { ...headers, 'content-length': body.length }, body })
  const { status, text } = answer
  const of = (name: string) => answer.headers[name] as string | undefined
  return { status, text, type: of('content-type'), allow: of('allow'), length: of('content-length') }
}

for (const [name, one] of Object.entries(cases)) {
  t.test(name, async (t) => {
    const [first, second] = [await overHttp1(one), await overHttp2(one)]
    const [status, reason] = one.wanted
    t.equal(first.status, status, 'HTTP/1.1')
    t.equal(second.status, status, 'HTTP/2')
    // A head that could not be read says nothing of what its client accepts.
    if (reason !== undefined && first.type?.startsWith('application/problem+json')) {
      t.equal(JSON.parse(first.text).reason, reason, 'HTTP/1.1')
      t.equal(JSON.parse(second.text).reason, reason, 'HTTP/2')
    } else {
      t.equal(second.text.length > 0, first.text.length > 0)
    }
    t.equal(second.type, first.type)
    t.equal(second.allow, first.allow)
    if (one.method === 'HEAD') {
      t.equal(second.text, '')
      t.match(second.length, /^\d+$/, 'HEAD says how long it would be')
    }
  })
}

t.test('421, 413 and the others leave the connection to the other requests on it', async (t) => {
  t.equal(shared.session.closed, false)
  t.strictSame(shared.goAways, [])
  t.equal((await shared.get('/app/after')).status, 200)
})

t.test('answers without a body end with their head', async (t) => {
  app.answer('/app/204', 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n')
  app.answer('/app/304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\nETag: "a"\r\n\r\n')
  app.answer('/app/empty', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  app.answer('/app/chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
  const client = await FrameClient.connect(gateway, { certificate: user01 })
  for (const [at, path] of ['204', '304', 'empty'].entries()) {
    client.request(at * 2 + 1, requestFields(`/app/${path}`))
    const head = await client.find(({ type }) => type === frameTypes.headers)
    t.equal(head.flags & frameFlags.endStream, frameFlags.endStream, path)
  }
  client.request(7, requestFields('/app/chunked'))
  const data = await client.find(({ type, streamId }) => type === frameTypes.data && streamId === 7)
  t.equal(data.payload.length, 0)
  t.equal(data.flags & frameFlags.endStream, frameFlags.endStream)
  client.request(9, requestFields('/app/after'))
  t.equal(await client.statusOf(9), 200)
  const ends = client.frames.filter(({ type, flags }) => type <= 1 && (flags & frameFlags.endStream) !== 0)
  t.equal(new Set(ends.map(({ streamId }) => streamId)).size, ends.length, 'no stream ends twice')
  client.close()
})

t.test('an answer in many small chunks leaves in few frames, and its last carries the end', async (t) => {
  const chunks = Array.from({ length: 500 }, (_, at) => `3\r\n${String(at).padStart(3, '0')}\r\n`).join('')
  app.answer('/app/small', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`)
  const client = await FrameClient.connect(gateway, { certificate: user01 })
  client.request(1, requestFields('/app/small'))
  await client.find(({ type, flags }) => type === frameTypes.data && (flags & frameFlags.endStream) !== 0)
  const data = client.frames.filter(({ type }) => type === frameTypes.data)
  t.equal(Buffer.concat(data.map(({ payload }) => payload)).length, 1_500)
  t.ok(data.length < 10, `${data.length} frames`)
  client.close()
})

t.test('a head of the application’s that fills several frames', async (t) => {
  const value = 'v'.repeat(7_000)
  app.answer('/app/heads', `HTTP/1.1 200 OK\r\nX-Large: ${value}\r\nContent-Length: 2\r\n\r\nok`)
  const answer = await shared.get('/app/heads')
  t.equal(answer.headers['x-large'], value)
  t.equal(answer.text, 'ok')
})

t.test('100 (Continue) and early hints pass, and the body follows them', async (t) => {
  app.handle('/app/continue', ({ socket, body, values }) => {
    t.strictSame(values('expect'), ['100-continue'])
    socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    void body.then(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
  })
  const exchange = shared.request(
    { ':method': 'POST', ':path': '/app/continue', expect: '100-continue', 'content-length': 4 },
    { bodyFollows: true },
  )
  const answer = exchange.answer()
  await new Promise<void>((resolve) => exchange.stream.once('continue', () => resolve()))
  exchange.stream.end('body')
  t.equal((await answer).text, 'ok')
})

t.test('Content-Length and DATA that disagree are no request', async (t) => {
  const client = await FrameClient.connect(gateway, { certificate: user01 })
  const post = (path: string, length: string) =>
    requestFields(path, [['content-length', length]]).map(
      ([name, value]) => [name, name === ':method' ? 'POST' : value] as const,
    )
  client.request(1, post('/app/short', '10'), { bodyFollows: true }).data(1, Buffer.alloc(9), { endStream: true })
  t.equal(await client.resetOf(1), 'PROTOCOL_ERROR', 'too little')
  client.request(3, post('/app/long', '10'), { bodyFollows: true }).data(3, Buffer.alloc(11))
  t.equal(await client.resetOf(3), 'PROTOCOL_ERROR', 'too much')
  client.request(5, post('/app/none', '10'))
  t.equal(await client.resetOf(5), 'PROTOCOL_ERROR', 'nothing')
  client
    .request(7, post('/app/exact', '10'), { bodyFollows: true })
    .data(7, Buffer.alloc(10))
    .data(7, Buffer.alloc(0), { endStream: true })
  t.equal(await client.statusOf(7), 200, 'as much as was said')
  for (const path of ['/app/short', '/app/long']) {
    for (const { socket } of app.requestsFor(path)) await eventually(() => socket.destroyed, Boolean)
  }
  t.pass('the application never saw the end of the wrong ones')
  client.close()
})

t.test(
  'a WebSocket to a page of the gateway’s own, or where the application answers 200, is no WebSocket',
  async (t) => {
    const open = await Http2Client.connect(gateway, { door: 'public' })
    t.equal((await open.get('/.sekisho/jwks.json')).status, 200)
    t.equal((await open.request({ ':method': 'HEAD', ':path': '/.sekisho/jwks.json' }).answer()).text, '')
    t.equal((await open.connectWebSocket('/.sekisho/jwks.json').head())[':status'], 405)
    open.close()
    app.answer('/app/no-socket', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno')
    t.equal((await shared.connectWebSocket('/app/no-socket').head())[':status'], 502)
  },
)

t.test('nothing is left behind, and each request was counted once', async (t) => {
  await eventually(
    () => gateway.metric('sekisho_http2_streams_open', { door: 'certificate' }),
    (open) => open === 0,
  )
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
})
