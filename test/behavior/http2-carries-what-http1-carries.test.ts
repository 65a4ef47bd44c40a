// Goal: over HTTP/2 a request gets what it gets over HTTP/1.1: verdict, identity, limits, pages, bodies, trailers, early hints.
// Method: a real gateway, node:http2, curl and nghttp as clients, an upstream that records what reaches it.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { answerAfterHints, answerWithTrailers, digest, sendBytes, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const upstream = await TestUpstream.start()
const gateway = await withGateway({ upstreamPort: upstream.port })
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
t.teardown(async () => {
  await gateway.stop()
  await upstream.stop()
})

t.test('a request and its answer', async (t) => {
  const client = await Http2Client.connect(gateway, { certificate: user01 })
  const answer = await client.get('/accounts?page=2', { 'x-test': 'one', cookie: 'a=1' })
  t.equal(answer.status, 200)
  const seen = JSON.parse(answer.text)
  t.equal(seen.method, 'GET')
  t.equal(seen.target, '/accounts?page=2')
  client.close()
})

t.test('many streams at once, each with its own body', async (t) => {
  upstream.handle('/upload', digest)
  const client = await Http2Client.connect(gateway, { certificate: user01 })
  const bodies = Array.from({ length: 40 }, (_, index) => Buffer.alloc(10_000 * (index + 1), index))
  const answers = await Promise.all(bodies.map((body) => client.send('POST', '/upload', { body })))
  for (const [index, answer] of answers.entries()) {
    t.equal(JSON.parse(answer.text).bytes, bodies[index]?.length)
  }
  client.close()
})

t.test('a large answer keeps to the windows of the client', async (t) => {
  upstream.handle(
    '/large',
    sendBytes(5_000_000, (offset, size) => Buffer.alloc(size, offset >> 16)),
  )
  const client = await Http2Client.connect(gateway, { certificate: user01 })
  const answers = await Promise.all([client.get('/large'), client.get('/large'), client.get('/large')])
  for (const answer of answers) t.equal(answer.body.length, 5_000_000)
  t.ok(answers[0]?.body.equals(answers[1]?.body as Buffer))
  client.close()
})

t.test('trailers and early hints', async (t) => {
  const client = await Http2Client.connect(gateway, { certificate: user01 })
  upstream.answer('/trailers', answerWithTrailers('hello', 'X-Digest: abc\r\n'))
  const answer = await client.get('/trailers')
  t.equal(answer.text, 'hello')
  t.equal(answer.trailers['x-digest'], 'abc')
  upstream.answer('/hints', answerAfterHints('hello', 'Link: </style.css>; rel=preload\r\n'))
  const hinted = await client.get('/hints')
  t.strictSame(
    hinted.interim.map(({ status }) => status),
    [103],
  )
  const sent = await client.send('POST', '/upload', { body: 'x', trailers: { 'x-checksum': '1' } })
  t.match(sent.text, /x-checksum/i)
  client.close()
})

t.test('a denial is a page, and then the connection is closed', async (t) => {
  const client = await Http2Client.connect(gateway, {})
  const answer = await client.get('/', { accept: 'application/json' })
  t.equal(answer.status, 403)
  t.equal(JSON.parse(answer.text).reason, 'certificate_missing')
  await client.closed
  t.equal(client.goAways.length, 1)
})

t.test('nothing is left behind', async (t) => {
  await eventually(
    () => gateway.metric('sekisho_http2_streams_open', { door: 'certificate' }),
    (open) => open === 0,
  )
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
})
