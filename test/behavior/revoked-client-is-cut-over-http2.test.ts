// Goal: invariant 5 over HTTP/2: a revocation ends the whole session at once, whatever its streams are doing, upstream sides
// included; another user's session, doing the same, goes on. Whoever comes back at once is told why.
// Method: two users download, upload, wait for an answer and hold a WebSocket, each on one session; user02 is revoked through the
// admin API.
import t from 'tap'
import { operatorOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client, type Http2Exchange } from '../helpers/http2-client.ts'
import { type AppRequest, plainAnswer, sendBytes } from '../helpers/upstream.ts'
import { assertTalking, type Ends, untilEnded, WebSocketSetting } from './websocket-ends.ts'

const setting = await WebSocketSetting.start(t, { config: { limits: { bodyBytesMax: 1e12 } } })
const { app, gateway } = setting
const operator = operatorOf(gateway)
app.handle('/download', sendBytes(1e12))
app.handle('/upload', () => {})
app.handle('/poll', () => {})

const paths = ['/download', '/upload', '/poll'] as const

/** A session with everything in progress. */
type Busy = {
  readonly http2: Http2Client
  readonly exchanges: Readonly<Record<(typeof paths)[number], Http2Exchange>>
  readonly requests: Readonly<Record<(typeof paths)[number], AppRequest>>
  readonly ends: Ends
  downloaded: number
}

async function startBusy(loginId: string): Promise<Busy> {
  const certificate = setting.certificateOf(loginId)
  const http2 = await Http2Client.connect(gateway, { certificate })
  const exchanges = {
    '/download': http2.request({ ':path': '/download' }),
    '/upload': http2.request({ ':path': '/upload', ':method': 'POST' }, { bodyFollows: true }),
    '/poll': http2.request({ ':path': '/poll' }),
  }
  exchanges['/upload'].stream.write(Buffer.alloc(100_000))
  const ends = await setting.open({ over: 'h2', http2 })
  const requestOf = async (path: string) =>
    (await eventually(
      () => app.requestsFor(path).find((request) => request.values('sekisho-login-id')[0] === loginId),
      (request) => request !== undefined,
    )) as AppRequest
  const [download, upload, poll] = await Promise.all(paths.map(requestOf))
  const requests = { '/download': download, '/upload': upload, '/poll': poll } as Busy['requests']
  const busy: Busy = { http2, exchanges, requests, ends, downloaded: 0 }
  exchanges['/download'].stream.on('data', (bytes: Buffer) => {
    busy.downloaded += bytes.length
  })
  await eventually(
    () => [busy.downloaded > 1_000_000, requests['/upload'].bodyBytes === 100_000],
    (done) => done.every(Boolean),
  )
  return busy
}

t.test('the session of the revoked user ends, and the other one goes on', async (t) => {
  const [stays, cut] = [await startBusy('user01'), await startBusy('user02')]
  let closed = false
  void cut.http2.closed.then(() => {
    closed = true
  })
  const { body } = await operator.call('POST', '/v1/revocations', { loginIds: ['user02'] })
  t.match(body, { revoked: 1, connectionsCut: 1 }, 'one connection, however many streams')
  await eventually(() => closed, Boolean, 1_000)
  await untilEnded(cut.ends)
  for (const path of paths) {
    await cut.exchanges[path].closed
    await eventually(() => cut.requests[path].socket.destroyed, Boolean, 1_000)
    t.pass(`${path} has ended on both sides`)
    t.notOk(stays.requests[path].socket.destroyed, `${path} of the other user has not`)
  }
  t.equal(cut.requests['/upload'].bodyBytes, 100_000, 'nothing more of the upload arrived')

  const before = stays.downloaded
  await eventually(
    () => stays.downloaded,
    (bytes) => bytes > before + 1_000_000,
  )
  stays.exchanges['/upload'].stream.end(Buffer.alloc(100_000))
  t.equal((await stays.requests['/upload'].body).length, 200_000)
  stays.requests['/upload'].socket.write(plainAnswer('stored'))
  stays.requests['/poll'].socket.write(plainAnswer('news'))
  t.equal((await stays.exchanges['/upload'].answer()).text, 'stored')
  t.equal((await stays.exchanges['/poll'].answer()).text, 'news')
  await assertTalking(t, stays.ends, 'its WebSocket works')
  t.equal((await stays.http2.get('/again')).status, 200, 'and takes new requests')
  t.strictSame(stays.http2.goAways, [])
  stays.http2.close()
  t.equal(await gateway.metric('sekisho_cuts_total', { reason: 'certificate_revoked' }), 1)
})

t.test('who comes back at once with the same certificate gets the page, whatever is asked', async (t) => {
  const certificate = setting.certificateOf('user03')
  const first = await Http2Client.connect(gateway, { certificate })
  t.equal((await first.get('/before')).status, 200)
  const seen = app.requests.length
  const revoked = operator.call('POST', '/v1/revocations', {
    certificates: [{ issuer: 'test-issuing-ca', serial: certificate.serial }],
  })
  await first.closed
  const headers = { accept: 'application/json' }
  const asked = [
    (again: Http2Client) => again.get('/', headers),
    (again: Http2Client) => again.connectWebSocket('/socket', headers).answer(),
    (again: Http2Client) => again.send('POST', '/', { headers, body: 'x' }),
  ]
  for (const ask of asked) {
    const again = await Http2Client.connect(gateway, { certificate })
    const { status, text } = await ask(again)
    t.equal(status, 403)
    t.equal(JSON.parse(text).reason, 'certificate_revoked')
    await again.closed
  }
  t.equal((await revoked).body.revoked, 1)
  t.equal(app.requests.length, seen, 'the application hears of none of it')
})
