// Goal: invariant 5 over HTTP/2: a revocation cuts the sessions of that certificate with every stream on them, upstream sides too, in the
// same turn as its HTTP/1.1 connections; other users' sessions stay; what only ends with time is judged with each request.
// Method: user02 and user01 do the same on both versions of HTTP; user02's certificate is revoked through the admin API.

import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { operatorOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import type { TestCertificate } from '../helpers/test-ca.ts'
import { acceptWebSocket, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
for (const path of ['/hold', '/upload']) app.handle(path, () => {})
app.handle(
  '/socket',
  acceptWebSocket(() => {}),
)
app.handle('/stream', ({ socket }) => {
  socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
  const send = () => {
    while (!socket.destroyed && socket.write('4\r\nabcd\r\n'));
  }
  socket.on('drain', send)
  send()
})
const gateway = await withGateway({
  upstreamPort: app.port,
  config: {
    certificateDoor: { resumption: { enabled: true } },
    revocation: { pollMs: 10 },
    routes: [
      { name: 'open', pathPrefix: '/open', upstream: 'app', certificate: 'optional' },
      { name: 'app', pathPrefix: '/', upstream: 'app' },
    ],
  },
})
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})
const operator = operatorOf(gateway)

async function revoke({ serial }: TestCertificate): Promise<number> {
  const { body } = await operator.call('POST', '/v1/revocations', {
    certificates: [{ issuer: 'test-issuing-ca', serial }],
  })
  return body.connectionsCut
}

const of = (path: string, loginId: string) =>
  app.requestsFor(path).filter((request) => request.values('sekisho-login-id')[0] === loginId)
const arrived = (path: string, loginId: string, count = 1) =>
  eventually(
    () => of(path, loginId).length,
    (found) => found >= count,
  )

t.test('every stream of the revoked user ends, on both versions of HTTP, and none of another’s', async (t) => {
  const revoked = gateway.issuingCa.issueClient({ commonName: 'user02' })
  const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
  const [cut, stays] = [
    await Http2Client.connect(gateway, { certificate: revoked }),
    await Http2Client.connect(gateway, { certificate: user01 }),
  ]
  const http1 = await RawClient.connect(gateway, { certificate: revoked })
  http1.get('/hold')
  const streams = [cut, stays].map((client) => {
    const waiting = client.request({ ':path': '/hold' })
    const streaming = client.request({ ':path': '/stream' })
    const uploading = client.request({ ':method': 'POST', ':path': '/upload' }, { bodyFollows: true })
    uploading.stream.write(Buffer.alloc(10_000))
    const webSocket = client.connectWebSocket('/socket')
    return { waiting, streaming, uploading, webSocket }
  })
  for (const loginId of ['user01', 'user02']) {
    for (const path of ['/stream', '/upload', '/socket']) await arrived(path, loginId)
  }
  await Promise.all([arrived('/hold', 'user02', 2), arrived('/hold', 'user01')])
  await Promise.all(streams.map(({ webSocket }) => webSocket.head()))

  t.equal(await revoke(revoked), 2, 'the session and the HTTP/1.1 connection')
  await Promise.all([cut.closed, http1.untilEnd()])
  t.strictSame(cut.goAways, [], 'cut, not drained')
  for (const exchange of Object.values(streams[0] ?? {})) await exchange.closed
  for (const path of ['/hold', '/stream', '/upload', '/socket']) {
    await eventually(() => of(path, 'user02').every(({ socket }) => socket.destroyed || socket.readableEnded), Boolean)
    t.ok(
      of(path, 'user01').every(({ socket }) => !socket.destroyed),
      `${path} of the other user goes on`,
    )
  }
  t.equal((await stays.get('/after')).status, 200)
  t.notOk(stays.session.closed)
  stays.close()

  const again = await Http2Client.connect(gateway, { certificate: revoked })
  const answer = await again.get('/again', { accept: 'application/json' })
  t.equal(JSON.parse(answer.text).reason, 'certificate_revoked')
  await again.closed
})

t.test('a resumed session is judged again', async (t) => {
  const certificate = gateway.issuingCa.issueClient({ commonName: 'user03' })
  const options = {
    host: '127.0.0.1',
    port: gateway.ports.certificate,
    servername: 'localhost',
    ca: gateway.serverCaPem,
    cert: certificate.chainPem,
    key: certificate.keyPem,
    ALPNProtocols: ['h2'],
  }
  const ask = async (session?: Buffer) => {
    const socket = connectTls({ ...options, ...(session && { session }) })
    const tickets: Buffer[] = []
    socket.on('session', (ticket: Buffer) => tickets.push(ticket))
    await once(socket, 'secureConnect')
    const client = connectHttp2('https://localhost', { createConnection: () => socket })
    client.on('error', () => {})
    const stream = client.request({ ':path': '/resumed', accept: 'application/json' })
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    const pieces: Buffer[] = []
    for await (const piece of stream) pieces.push(piece as Buffer)
    const resumed = socket.isSessionReused()
    client.destroy()
    return { status: headers[':status'], text: Buffer.concat(pieces).toString(), ticket: tickets.at(-1), resumed }
  }
  const first = await ask()
  t.equal(first.status, 200)
  const second = await ask(first.ticket)
  t.match(second, { status: 200, resumed: true }, 'while nothing is wrong')
  await revoke(certificate)
  const third = await ask(second.ticket ?? first.ticket)
  t.match(third, { status: 403, resumed: true })
  t.equal(JSON.parse(third.text).reason, 'certificate_revoked')
})

t.test(
  'expired while connected: the next request gets the page, GOAWAY, and the streams under way are finished',
  async (t) => {
    const notAfterMs = Math.ceil((Date.now() + 2_000) / 1_000) * 1_000
    const certificate = gateway.issuingCa.issueClient({ commonName: 'user04', notAfterMs })
    const [client, open, http1] = [
      await Http2Client.connect(gateway, { certificate }),
      await Http2Client.connect(gateway, { certificate }),
      await RawClient.connect(gateway, { certificate }),
    ]
    const held = client.request({ ':path': '/hold' })
    await arrived('/hold', 'user04')
    t.equal((await open.get('/open/before')).status, 200)
    t.strictSame((await app.request('/open/before')).values('sekisho-login-id'), ['user04'])
    t.equal((await http1.get('/open/before').answer()).status, 200)
    await eventually(
      () => Date.now(),
      (nowMs) => nowMs >= notAfterMs + 1_000,
    )
    const answer = await client.get('/late', { accept: 'application/json' })
    t.equal(answer.status, 403)
    t.equal(JSON.parse(answer.text).reason, 'certificate_expired')
    of('/hold', 'user04')[0]?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    t.equal((await held.answer()).text, 'ok')
    t.equal(await client.closed, undefined)
    t.equal(client.goAways.length, 1)

    // Who was vouched for is not let on without being judged anew, and is never vouched for any more.
    t.equal((await open.get('/open/after')).status, 403)
    t.equal((await http1.get('/open/after').answer()).status, 403)
    t.strictSame(app.requestsFor('/open/after'), [])
    const anew = await Http2Client.connect(gateway, { certificate })
    t.equal((await anew.get('/open/anew')).status, 200, 'a new connection, to a route that is open to everybody')
    t.strictSame((await app.request('/open/anew')).values('sekisho-login-id'), [])
    anew.close()
  },
)
