// Goal: with a tracing module there are spans of handshake, verdict, request and upstream that hang together, over both versions of HTTP
// and for WebSockets; the application gets the request's own context; a stranger chooses neither trace ids nor what is sampled; spans
// hold no personal data unless configured.
// Method: real gateways whose workers load a provider of the tests' own, which tells of each span that ended.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { type EndedSpan, SpanListener, spanProviderFile } from '../helpers/span-listener.ts'
import { acceptWebSocket, plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { openTunnel, webSocketRoads } from '../helpers/web-socket.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const listener = new SpanListener()
const config = { accessLog: { file: 'access.log' }, tracing: { module: spanProviderFile } }
const gateway = await withGateway({ upstreamPort: app.port, config })
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
t.teardown(async () => {
  listener.close()
  await gateway.stop()
  await app.stop()
})

const stranger = { trace: '0af7651916cd43dd8448eb211c80319c', span: 'b7ad6b7169203331' }
const strangersContext = `00-${stranger.trace}-${stranger.span}-01`

/** Parts of the context that the application got with the first request for this path. */
async function contextAtApp(path: string, upstream = app) {
  const request = await upstream.request(path)
  const [value = '', ...more] = request.values('traceparent')
  const [, traceId = '', spanId = ''] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/.exec(value) ?? []
  return { traceId, spanId, more, state: request.values('tracestate'), request }
}

const named = (spans: readonly EndedSpan[], name: string) => spans.find((span) => span.name === name)

async function lineOf(path: string, folder = gateway.folder): Promise<Record<string, unknown>> {
  const lines = () => readFileSync(join(folder, 'access.log'), 'utf8').split('\n')
  const found = await eventually(
    () => lines().filter((line) => line.includes(`"${path}"`)),
    (all) => all.length > 0,
  )
  return JSON.parse(found[0] as string)
}

const inside = (inner: EndedSpan | undefined, outer: EndedSpan | undefined) =>
  inner !== undefined && outer !== undefined && inner.startMs >= outer.startMs && inner.endMs <= outer.endMs

for (const version of ['http1', 'http2'] as const) {
  t.test(`${version}: handshake, verdict, request and upstream`, async (t) => {
    listener.spans.length = 0
    const path = `/${version}?account=1234567`
    const begun = Date.now()
    const client =
      version === 'http1'
        ? await RawClient.connect(gateway, { certificate: user01 })
        : await Http2Client.connect(gateway, { certificate: user01 })
    if (client instanceof RawClient) t.equal((await client.get(path).answer()).status, 200)
    else t.equal((await client.get(path)).status, 200)
    client.close()
    const { traceId, spanId, request } = await contextAtApp(`/${version}`)
    const spans = await listener.ofTrace(traceId)

    const server = named(spans, 'GET app')
    t.match(server, { kind: 1, spanId, parentSpanId: undefined, status: 0 })
    t.strictSame(server?.attributes, {
      'sekisho.door': 'certificate',
      'network.protocol.version': version === 'http1' ? '1.1' : '2',
      'http.request.method': 'GET',
      'http.route': 'app',
      'url.scheme': 'https',
      'sekisho.request_id': request.values('sekisho-request-id')[0],
      'sekisho.outcome': 'answered',
      'http.response.status_code': 200,
    })
    t.ok(server && server.startMs >= begun - 100 && server.endMs <= Date.now() + 100, 'wall time')

    const upstream = named(spans, 'upstream app')
    t.match(upstream, { kind: 2, parentSpanId: spanId, status: 0 })
    t.match(upstream?.attributes, {
      'http.request.method': 'GET',
      'server.address': '127.0.0.1',
      'server.port': app.port,
      'http.response.status_code': 200,
      'sekisho.upstream': 'app',
      'sekisho.upstream.reused': version !== 'http1',
    })
    t.equal('sekisho.upstream.connect.duration' in (upstream?.attributes ?? {}), version === 'http1')
    t.ok(inside(upstream, server), 'an attempt is a part of its request')

    const [handshake] = await listener.find(({ name }) => name === 'tls.handshake')
    t.strictSame(handshake?.attributes, {
      'sekisho.door': 'certificate',
      'tls.established': true,
      'tls.protocol.name': 'tls',
      'tls.protocol.version': '1.3',
      'tls.resumed': false,
      ...(version === 'http2' && { 'tls.next_protocol': 'h2' }),
    })
    t.strictSame(server?.links, [{ traceId: handshake?.traceId, spanId: handshake?.spanId }])
    t.not(handshake?.traceId, traceId, 'a connection carries many requests: each has a trace of its own')
    const [verdict] = await listener.find(({ name }) => name === 'sekisho.verdict')
    t.match(verdict, { traceId: handshake?.traceId, parentSpanId: handshake?.spanId })
    t.match(verdict?.attributes, { 'sekisho.door': 'certificate', 'sekisho.verdict': 'permitted' })

    t.equal((await lineOf(`/${version}`)).traceId, traceId)
    t.notMatch(JSON.stringify(spans), /user01|1234567|localhost/, 'no login ID, query string or header')
  })
}

t.test('a stranger’s context is linked and goes no further; a malformed one leaves nothing', async (t) => {
  const client = await RawClient.connect(gateway, { certificate: user01 })
  await client.get('/linked', `TraceParent: ${strangersContext}\r\ntracestate: a=1\r\nX-Kept: 1\r\n`).answer()
  const linked = await contextAtApp('/linked')
  t.not(linked.traceId, stranger.trace)
  t.strictSame([linked.more, linked.state], [[], []], 'the client’s own copy is replaced')
  t.strictSame(linked.request.values('x-kept'), ['1'])
  const server = named(await listener.ofTrace(linked.traceId), 'GET app')
  t.equal(server?.parentSpanId, undefined)
  t.match(server?.links.slice(1), [{ traceId: stranger.trace, spanId: stranger.span }])

  await client.get('/malformed', 'traceparent: 00-xyz\r\ntracestate: a=1\r\n').answer()
  const malformed = await contextAtApp('/malformed')
  t.match(malformed.traceId, /^[0-9a-f]{32}$/)
  t.strictSame([malformed.more, malformed.state], [[], []])
  t.equal(named(await listener.ofTrace(malformed.traceId), 'GET app')?.links.length, 1)
  client.close()
})

t.test(
  'a trusted forwarder’s context is gone on with, and spans name login IDs where that is configured',
  async (t) => {
    const trusting = await withGateway({
      upstreamPort: app.port,
      issuingCa: gateway.issuingCa,
      config: { ...config, tracing: { ...config.tracing, loginId: true }, http: { trustedForwarders: ['127.0.0.1'] } },
    })
    t.teardown(() => trusting.stop())
    const client = await RawClient.connect(trusting, { certificate: user01 })
    await client.get('/continued', `traceparent: ${strangersContext}\r\ntracestate: a=1,b=2\r\n`).answer()
    const { traceId, spanId, state } = await contextAtApp('/continued')
    t.equal(traceId, stranger.trace)
    t.not(spanId, stranger.span)
    t.strictSame(state, ['a=1,b=2'])
    const server = named(await listener.ofTrace(traceId), 'GET app')
    t.match(server, { parentSpanId: stranger.span, spanId, attributes: { 'user.id': 'user01' } })
    const other = { trace: '1'.repeat(32), span: '2'.repeat(16) }
    const fields = `Host: other.example\r\ntraceparent: 00-${other.trace}-${other.span}-01\r\n`
    t.equal((await client.send(`GET /elsewhere HTTP/1.1\r\n${fields}\r\n`).answer()).status, 421)
    t.match(named(await listener.ofTrace(other.trace), 'GET refused'), { parentSpanId: other.span })
    client.close()
  },
)

t.test('answers of the gateway’s own have a span and a trace id too', async (t) => {
  listener.spans.length = 0
  const refused = await RawClient.connect(gateway, { door: 'certificate' })
  t.equal((await refused.get('/refused').answer()).status, 403)
  refused.close()
  const [span] = await listener.find(({ kind }) => kind === 1)
  t.match(span, { name: 'GET refused', status: 0 })
  t.match(span?.attributes, { 'http.response.status_code': 403, 'sekisho.outcome': 'certificate_missing' })
  const [verdict] = await listener.find(({ name }) => name === 'sekisho.verdict')
  t.equal(verdict?.attributes['sekisho.verdict'], 'certificate_missing')
  t.equal((await lineOf('/refused')).traceId, span?.traceId)
})

t.test(
  'what failed says so: no connection, a reset, an error of the application; a login’s result is told',
  async (t) => {
    app.handle('/reset', ({ socket }) => void socket.resetAndDestroy())
    app.answer('/fails', 'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n')
    app.answer('/missing', 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
    app.answer('/login', plainAnswer('in', 'Sekisho-Login-Result: locked\r\n'))
    const fates: readonly (readonly [path: string, server: object, upstream: object])[] = [
      ['/reset', { 'error.type': 'upstream_reset' }, { 'error.type': 'upstream_reset' }],
      ['/fails', { 'error.type': '503' }, { 'error.type': '503' }],
      ['/missing', { 'http.response.status_code': 404 }, { 'error.type': '404' }],
      ['/login', { 'sekisho.login_result': 'locked' }, { 'http.response.status_code': 200 }],
    ]
    for (const [path, server, upstream] of fates) {
      const client = await RawClient.connect(gateway, { certificate: user01 })
      const { status } = await client
        .send(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`)
        .answer()
      client.close()
      const spans = await listener.ofTrace((await contextAtApp(path)).traceId)
      const whole = named(spans, 'POST app')
      t.match(whole?.attributes, server, path)
      t.equal(whole?.status, status >= 500 ? 2 : 0, path)
      t.match(named(spans, 'upstream app')?.attributes, upstream, path)
    }
  },
)

for (const road of webSocketRoads) {
  t.test(`a WebSocket over ${road} is traced until it stands`, async (t) => {
    const path = `/socket-${road.replace('/', '')}`
    const { promise, resolve } = Promise.withResolvers<{ socket: { end(): void } }>()
    app.handle(path, acceptWebSocket(resolve))
    const tunnel = (await openTunnel(gateway, { over: road, path, certificate: user01 })).listen()
    await promise
    const { traceId } = await contextAtApp(path)
    const spans = await listener.ofTrace(traceId)
    const server = spans.find(({ kind }) => kind === 1)
    t.equal(server?.attributes['http.response.status_code'], road === 'h2' ? 200 : 101, 'while it is still open')
    t.equal(named(spans, 'upstream app')?.attributes['http.response.status_code'], 101)
    tunnel.destroy()
    t.equal((await lineOf(path)).traceId, traceId)
    t.equal(listener.spans.filter((span) => span.spanId === server?.spanId).length, 1, 'and never again')
  })
}

t.test('a directory that is asked, and a target that is away: each attempt is a span', async (t) => {
  const away = await TestUpstream.start()
  await away.stop()
  const seed = {
    contracts: [{ contractId: 'shoji', loginMethod: 'certificate' as const, certificateLimit: 10 }],
    users: [{ loginId: 'user01', contractId: 'shoji', role: 'general' as const }],
    ...{ certificates: [], revoked: [] },
  }
  const targets = [away.port, app.port].map((port) => ({ url: `http://127.0.0.1:${port}` }))
  const certificates = { mustBeRegistered: false }
  const retrying = await withGateway({
    upstreamPort: app.port,
    issuingCa: gateway.issuingCa,
    config: { ...config, directory: 'embedded', certificates, upstream: { targets } },
    seed,
  })
  t.teardown(() => retrying.stop())
  listener.spans.length = 0
  const client = await RawClient.connect(retrying, { certificate: user01 })
  t.equal((await client.get('/retried').answer()).status, 200)
  client.close()
  const { traceId } = await contextAtApp('/retried')
  const attempts = (await listener.ofTrace(traceId)).filter(({ kind }) => kind === 2)
  t.match(
    attempts.map(({ attributes }) => attributes),
    [
      { 'server.port': away.port, 'error.type': 'upstream_connect_failed' },
      { 'server.port': app.port, 'http.request.resend_count': 1, 'http.response.status_code': 200 },
    ],
  )
  const [verdict] = await listener.find(({ name }) => name === 'sekisho.verdict')
  t.match(verdict?.attributes, { 'sekisho.directory.asked': true, 'sekisho.directory.duration': Number })
})

t.test('a failed handshake has a span; a worker that drains sends its last ones', async (t) => {
  listener.spans.length = 0
  const client = await RawClient.connect(gateway, { certificate: user01 })
  client.close()
  const { connect } = await import('node:net')
  const plain = connect(gateway.ports.certificate, '127.0.0.1')
  plain.end('GET / HTTP/1.1\r\n\r\n')
  const failed = await listener.find(({ attributes }) => attributes['error.type'] === 'failed')
  t.match(failed[0], { name: 'tls.handshake', status: 2, attributes: { 'tls.established': false } })
  await gateway.gateway.drain()
  await eventually(
    () => listener.flushes,
    (flushes) => flushes === 1,
  )
})
