// Goal: each request is counted once, with the right route and class, and logged once, with the right status, bytes and
// outcome; no query string, cookie or header value gets into the logs.
// Method: one request of each fate; the changes of the counters and the lines of the access log are compared with what was done.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({
  upstreamPort: app.port,
  config: { accessLog: { file: 'access.log' }, limits: { upstreamResponseTimeoutMs: 300, headTimeoutMs: 300 } },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

type Line = Readonly<Record<string, unknown>>
const logFile = () => join(gateway.folder, 'access.log')
const logText = () => readFileSync(logFile(), 'utf8')
const logLines = (): Line[] =>
  logText()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)

const classes = ['none', '1xx', '2xx', '3xx', '4xx', '5xx']
const routes = ['app', 'own', 'refused']

/** All request counters, as `route class`, that are not 0. */
async function counts(): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const route of routes) {
    for (const status of classes) {
      const value = (await gateway.metric('sekisho_requests_total', { route, status_class: status })) ?? 0
      if (value > 0) found[`${route} ${status}`] = value
    }
  }
  return found
}

/** What changed in the counters, and the log lines added, once as many requests as expected have ended. */
async function observe(
  requests: number,
  act: () => Promise<void>,
): Promise<{ changes: Record<string, number>; lines: Line[] }> {
  const before = await counts()
  const total = (all: Record<string, number>) => Object.values(all).reduce((sum, one) => sum + one, 0)
  const linesBefore = logLines().length
  await act()
  const after = await eventually(counts, (now) => total(now) - total(before) >= requests)
  const lines = await eventually(
    () => logLines().slice(linesBefore),
    (found) => found.length >= requests,
  )
  const changes: Record<string, number> = {}
  for (const [name, value] of Object.entries(after))
    if (value !== (before[name] ?? 0)) changes[name] = value - (before[name] ?? 0)
  return { changes, lines }
}

const connect = () => RawClient.connect(gateway, { certificate: user01 })

app.answer('/redirect', 'HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n')
app.answer('/missing', 'HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone')
app.answer('/fails', 'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n')
app.answer('/chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n')
app.answer('/interim', `HTTP/1.1 103 Early Hints\r\n\r\n${plainAnswer('ok')}`)
app.handle('/mute', () => {})
app.handle('/cut', ({ socket }) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart'))

t.test('answers of the application, one of each class', async (t) => {
  const { changes, lines } = await observe(5, async () => {
    const client = await connect()
    for (const path of ['/redirect', '/missing', '/fails', '/chunked?account=1234567', '/interim'])
      await client.get(path).answer()
    client.close()
  })
  t.strictSame(changes, { 'app 2xx': 2, 'app 3xx': 1, 'app 4xx': 1, 'app 5xx': 1 })
  t.match(lines, [
    { target: '/redirect', status: 302, bytesSent: 0, outcome: 'answered' },
    { target: '/missing', status: 404, bytesSent: 4, outcome: 'answered' },
    { target: '/fails', status: 503, bytesSent: 0 },
    { target: '/chunked', status: 200, bytesSent: 5 },
    { target: '/interim', status: 200, bytesSent: 2 },
  ])
  t.match(lines[0], {
    time: /^\d{4}-\d\d-\d\dT/,
    requestId: /^[0-9a-z]{8}(-[0-9a-z]+)+$/,
    door: 'certificate',
    clientAddress: '127.0.0.1',
    method: 'GET',
    host: 'localhost',
    loginId: 'user01',
    certificateSerial: user01.serial,
    durationMs: Number,
    upstreamMs: Number,
  })
  const ids = lines.map(({ requestId }) => requestId)
  t.strictSame(
    ids,
    ['/redirect', '/missing', '/fails', '/chunked', '/interim'].map(
      (path) => app.requestsFor(path)[0]?.values('sekisho-request-id')[0],
    ),
  )
})

t.test('faults and refusals', async (t) => {
  const { changes, lines } = await observe(5, async () => {
    const slow = await connect()
    await slow.get('/mute').answer()
    slow.close()
    const cut = await connect()
    await cut.get('/cut').head()
    await cut.closed
    const bad = await connect()
    await bad.send('GET / HTTP/1.1\r\n\r\n').answer()
    const late = await connect()
    await late.send('GET / HT').answer()
    const other = await connect()
    await other.send('GET /elsewhere?x=1 HTTP/1.1\r\nHost: other.example\r\n\r\n').answer()
  })
  t.strictSame(changes, { 'app 5xx': 1, 'app 2xx': 1, 'refused 4xx': 3 })
  t.match(lines, [
    { target: '/mute', status: 504, outcome: 'upstream_response_timeout', upstreamMs: undefined },
    { target: '/cut', status: 200, bytesSent: 4, outcome: 'upstream_reset' },
    { method: '', target: '', status: 400, outcome: 'head_malformed' },
    { method: '', target: '', status: 408, outcome: 'head_timeout' },
    { target: '/elsewhere', host: 'other.example', status: 421, outcome: 'host_mismatch' },
  ])
  t.ok((lines[3]?.durationMs as number) >= 250, 'a head counts from its first byte')
  for (const code of [
    'upstream_response_timeout',
    'upstream_reset',
    'head_malformed',
    'head_timeout',
    'host_mismatch',
  ]) {
    t.equal(await gateway.metric('sekisho_faults_total', { code }), 1, code)
  }
})

t.test('a denied connection: one verdict, one request, no login ID taken on trust', async (t) => {
  const verdicts = (await gateway.metric('sekisho_verdicts_total', { verdict: 'certificate_missing' })) ?? 0
  const { changes, lines } = await observe(1, async () => {
    const client = await RawClient.connect(gateway)
    await client.get('/login?next=x').answer()
  })
  t.strictSame(changes, { 'refused 4xx': 1 })
  t.match(lines, [{ target: '/login', status: 403, outcome: 'certificate_missing', loginId: undefined }])
  t.equal(await gateway.metric('sekisho_verdicts_total', { verdict: 'certificate_missing' }), verdicts + 1)
})

t.test('a client that went away before the answer has no status', async (t) => {
  const { changes, lines } = await observe(1, async () => {
    app.handle('/left', () => {})
    const client = await connect()
    client.get('/left')
    await app.request('/left')
    client.close()
  })
  t.strictSame(changes, { 'app none': 1 })
  t.match(lines, [{ target: '/left', status: 0, outcome: 'client_closed' }])
})

t.test('answers of the gateway’s own are a route of their own', async (t) => {
  const { changes, lines } = await observe(2, async () => {
    const client = await RawClient.connect(gateway, { door: 'public' })
    await client.get('/.sekisho/jwks.json').answer()
    await client.get('/.sekisho/nothing').answer()
  })
  t.strictSame(changes, { 'own 2xx': 1, 'refused 4xx': 1 })
  t.match(lines, [
    { door: 'public', target: '/.sekisho/jwks.json', status: 200, outcome: 'own' },
    { status: 404, outcome: 'request_not_found' },
  ])
})

t.test('a request that is tried twice is counted once', async (t) => {
  const { changes } = await observe(2, async () => {
    app.handle('/twice', ({ socket }) => {
      if (app.requestsFor('/twice').length === 1) socket.resetAndDestroy()
      else socket.write(plainAnswer('ok'))
    })
    const client = await connect()
    await client.get('/warm').answer()
    t.equal((await client.get('/twice').answer()).text, 'ok')
    client.close()
  })
  t.equal(app.requestsFor('/twice').length, 2)
  t.strictSame(changes, { 'app 2xx': 2 })
})

t.test('bytes are those inside TLS, heads and bodies', async (t) => {
  const bytes = (direction: string) => gateway.metric('sekisho_bytes_total', { door: 'certificate', direction })
  const [sentBefore = 0, receivedBefore = 0] = [await bytes('sent'), await bytes('received')]
  const client = await connect()
  const request = 'GET /chunked HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const answer = await client.send(request).answer()
  const expected = answer.head.length + '5\r\nhello\r\n0\r\n\r\n'.length
  await eventually(
    () => bytes('sent'),
    (now) => now === sentBefore + expected,
  )
  t.equal(await bytes('received'), receivedBefore + request.length)
  client.close()
})

t.test('connections open and idle upstream connections go back to where they were', async (t) => {
  await eventually(
    () => gateway.metric('sekisho_connections_open', { door: 'certificate' }),
    (open) => open === 0,
  )
  await eventually(
    () => gateway.metric('sekisho_upstream_connections', { state: 'in_use' }),
    (inUse) => inUse === 0,
  )
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
})

t.test('neither log holds query strings, cookies or credentials', async (t) => {
  await observe(1, async () => {
    const client = await connect()
    await client.get('/chunked?token=s3cret', 'Cookie: BANKSESSION=s3cret\r\nAuthorization: Bearer s3cret\r\n').answer()
    client.close()
  })
  t.notMatch(logText(), /s3cret|1234567|\?/)
  t.notMatch(gateway.logLines.join(''), /s3cret/)
})
