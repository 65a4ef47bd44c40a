// Goal: HTTP/1.1 goes through the door as the RFCs say: framing, keep-alive, pipelining, interim answers, trailers, streams.
// Method: the real gateway between a client and an application that both work with raw bytes; every byte is looked at.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { sendSliced } from '../helpers/faults/sliced.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({ upstreamPort: app.port })
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const connect = () => RawClient.connect(gateway, { certificate: user01 })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

t.test('a request is rebuilt for the application and its answer for the client', async (t) => {
  app.answer('/rebuilt', 'HTTP/1.1 200 Fine\r\nX-App: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok')
  const client = await connect()
  client.send('GET /rebuilt?a=b HTTP/1.1\r\nhost:  localhost\r\nAccept:*/*  \r\nConnection: keep-alive\r\n\r\n')
  const answer = await client.answer()
  t.equal(answer.text, 'ok')
  t.equal(answer.head.split('\r\n')[0], 'HTTP/1.1 200 Fine')
  t.equal(answer.value('x-app'), '1')
  t.equal(answer.value('keep-alive'), undefined, 'hop-by-hop')
  t.ok(answer.value('date'), 'a missing Date is added')
  const request = await app.request('/rebuilt')
  t.match(request.head, /^GET \/rebuilt\?a=b HTTP\/1\.1\r\nHost: localhost\r\nAccept: \*\/\*\r\n/)
  t.strictSame(request.values('connection'), [])
  client.close()
})

t.test('one connection carries many requests, and so does one upstream connection', async (t) => {
  const client = await connect()
  const before = app.connections.length
  for (let i = 0; i < 20; i++) {
    const answer = await client.get(`/many?${i}`).answer()
    t.equal(JSON.parse(answer.text).target, `/many?${i}`)
    t.equal(answer.value('connection'), undefined)
  }
  t.ok(app.connections.length - before <= 1)
  client.close()
})

t.test('pipelined requests are answered in order, bodies and all', async (t) => {
  const client = await connect()
  app.handle(
    '/slow-first',
    ({ socket }) => void setImmediate(() => setImmediate(() => socket.write(plainAnswer('first')))),
  )
  client.send(
    'GET /slow-first HTTP/1.1\r\nHost: localhost\r\n\r\n' +
      'POST /second HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello' +
      'PUT /third HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n' +
      'HEAD /fourth HTTP/1.1\r\nHost: localhost\r\n\r\nGET /fifth HTTP/1.1\r\nHost: localhost\r\n\r\n',
  )
  t.equal((await client.answer()).text, 'first')
  t.match(JSON.parse((await client.answer()).text), { method: 'POST', target: '/second', body: 'hello' })
  t.match(JSON.parse((await client.answer()).text), { method: 'PUT', target: '/third', body: 'abc' })
  t.equal((await client.answer('HEAD')).status, 200)
  t.match(JSON.parse((await client.answer()).text), { target: '/fifth' })
  client.close()
})

t.test('more pipelined requests than are held wait in TCP and all come through', async (t) => {
  const client = await connect()
  const filler = `X-Filler: ${'x'.repeat(2_000)}\r\n`
  let release: (() => void) | undefined
  app.handle('/gate', ({ socket }) => {
    release = () => socket.write(plainAnswer('open'))
  })
  client.get('/gate')
  for (let i = 0; i < 60; i++) client.get(`/waiting?${i}`, filler)
  await app.request('/gate')
  release?.()
  t.equal((await client.answer()).text, 'open')
  for (let i = 0; i < 60; i++) t.equal(JSON.parse((await client.answer()).text).target, `/waiting?${i}`)
  client.close()
})

t.test('requests and answers may come byte by byte', async (t) => {
  const client = await connect()
  app.handle('/bytes', ({ body, socket }) => {
    const answer =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n'
    body.then(() => sendSliced(socket, Buffer.from(answer), 1))
  })
  const request = 'POST /bytes HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n0\r\n\r\n'
  await sendSliced(client.socket, Buffer.from(request), 1)
  const answer = await client.answer()
  t.equal(answer.text, 'hello world')
  t.strictSame(answer.trailers, ['X-Sum: 1'])
  t.equal((await (await app.request('/bytes')).body).toString(), 'wiki')
  client.close()
})

t.test('many small chunks of one read leave as one chunk', async (t) => {
  const client = await connect()
  const small = Array.from({ length: 200 }, (_, i) => `2\r\n${String(i % 100).padStart(2, '0')}\r\n`).join('')
  app.answer('/small-chunks', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${small}0\r\n\r\n`)
  const answer = await client.get('/small-chunks').answer()
  t.equal(answer.body.length, 400)
  t.ok(answer.chunks.length <= 3, `came in ${answer.chunks.length} chunks`)
  client.close()
})

t.test('answers without a body: HEAD, 204, 304', async (t) => {
  const client = await connect()
  app.answer('/head', 'HTTP/1.1 200 OK\r\nContent-Length: 123\r\n\r\n')
  client.send('HEAD /head HTTP/1.1\r\nHost: localhost\r\n\r\n')
  t.equal((await client.answer('HEAD')).value('content-length'), '123')
  app.answer('/204', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n')
  const empty = await client.get('/204').answer()
  t.equal(empty.status, 204)
  t.equal(empty.value('content-length'), undefined, 'a 204 has no Content-Length (RFC 9110 8.6)')
  app.answer('/head-204', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n')
  client.send('HEAD /head-204 HTTP/1.1\r\nHost: localhost\r\n\r\n')
  t.equal((await client.answer('HEAD')).value('content-length'), undefined)
  app.answer('/304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: "x"\r\n\r\n')
  const unchanged = await client.get('/304').answer()
  t.equal(unchanged.value('content-length'), '77')
  t.equal((await client.get('/after').answer()).status, 200, 'the connection goes on')
  client.close()
})

t.test('a body that lasts until the application closes becomes chunked for HTTP/1.1', async (t) => {
  const client = await connect()
  app.handle('/until-close', ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\npart one, ')
    setImmediate(() => socket.end('part two'))
  })
  const answer = await client.get('/until-close').answer()
  t.equal(answer.text, 'part one, part two')
  t.equal(answer.value('transfer-encoding'), 'chunked')
  t.equal((await client.get('/after').answer()).status, 200, 'the client connection goes on')
  client.close()
})

t.test('HTTP/1.0: closes unless keep-alive was asked for; never chunked', async (t) => {
  const once = await connect()
  once.send('GET /old HTTP/1.0\r\nHost: localhost\r\n\r\n')
  const answer = await once.answer()
  t.equal(answer.value('connection'), 'close')
  t.equal((await once.untilEnd()).length, 0)

  const kept = await connect()
  const asking = 'HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n'
  t.equal((await kept.send(`GET /old1 ${asking}`).answer()).value('connection'), 'keep-alive')
  app.answer('/old-chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-T: 1\r\n\r\n')
  const unframed = await kept.send(`GET /old-chunked ${asking}`).answer()
  t.equal(unframed.value('transfer-encoding'), undefined)
  t.equal(unframed.value('connection'), 'close')
  t.equal(unframed.text, 'ab')

  const nameless = await connect()
  nameless.send('GET /nameless HTTP/1.0\r\n\r\n')
  t.equal((await nameless.answer()).status, 200)
  t.strictSame((await app.request('/nameless')).values('host'), ['localhost'], 'the name it came under')
})

t.test('Connection: close is honoured and answered', async (t) => {
  const client = await connect()
  const answer = await client.get('/close', 'Connection: close\r\n').answer()
  t.equal(answer.value('connection'), 'close')
  t.equal((await client.untilEnd()).length, 0)
  t.equal(await client.closed, undefined, 'a clean end, no reset')
})

t.test('an application that says Connection: close loses its connection, the client does not', async (t) => {
  const client = await connect()
  app.answer('/app-closes', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
  const answer = await client.get('/app-closes').answer()
  t.equal(answer.value('connection'), undefined)
  const { socket } = await app.request('/app-closes')
  await eventually(() => socket.destroyed, Boolean)
  t.equal((await client.get('/after').answer()).status, 200)
  client.close()
})

t.test('100 (Continue) is relayed, then the body, then the answer', async (t) => {
  const client = await connect()
  app.handle('/expect', ({ socket, body }) => {
    socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    body.then((bytes) => socket.write(plainAnswer(`got ${bytes}`)))
  })
  client.send('POST /expect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n')
  const interim = await client.head()
  t.equal(interim.status, 100)
  t.strictSame((await app.request('/expect')).values('expect'), ['100-continue'])
  const answer = await client.send('body').answer()
  t.equal(answer.text, 'got body')
  t.equal(answer.value('connection'), undefined, 'the body was read, so the connection stays')
  client.close()
})

t.test('an application that refuses before 100 ends the connection: nobody knows whether a body follows', async (t) => {
  const client = await connect()
  app.handle('/refuses', ({ socket }) => socket.write('HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n'))
  client.send('POST /refuses HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n')
  const answer = await client.answer()
  t.equal(answer.status, 417)
  t.equal(answer.value('connection'), 'close')
  await client.untilEnd()
  const { socket } = await app.request('/refuses')
  await eventually(() => socket.destroyed, Boolean)
  t.pass('the upstream connection, which still waits for a body, is not used again')
})

t.test('early hints pass at once; interim answers are kept from HTTP/1.0', async (t) => {
  const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nSekisho-Login-Id: x\r\n\r\n'
  app.handle('/hints', ({ socket }) => socket.write(hints))
  const client = await connect()
  const interim = await client.get('/hints').head()
  t.equal(interim.status, 103)
  t.equal(interim.value('link'), '</a.css>; rel=preload')
  t.equal(interim.value('sekisho-login-id'), undefined)
  t.equal(interim.value('date'), undefined, 'nothing is added')
  ;(await app.request('/hints')).socket.write(plainAnswer('final'))
  t.equal((await client.answer()).text, 'final')
  client.close()
  app.answer('/hints-old', `${hints}${plainAnswer('final')}`)
  const old = await connect()
  t.strictSame((await old.send('GET /hints-old HTTP/1.0\r\nHost: localhost\r\n\r\n').answer()).interim, [])
})

t.test('trailers pass both ways but for those that end here', async (t) => {
  const client = await connect()
  const answer =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: x-hop\r\nTrailer: X-Sum\r\n\r\n2\r\nab\r\n0\r\n' +
    'X-Sum: 9\r\nX-Hop: 1\r\nSekisho-Login-Id: forged\r\nSet-Cookie: BANKSESSION=1\r\n\r\n'
  app.answer('/trailers', answer)
  client.send(
    'POST /trailers HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: x-mine\r\n\r\n1\r\na\r\n0\r\n' +
      'X-Check: 7\r\nx-mine: 1\r\nClient-Cert: :AA==:\r\nSekisho_Login.Id: user02\r\nAuthorization: Basic x\r\n\r\n',
  )
  const got = await client.answer()
  t.strictSame(got.trailers, ['X-Sum: 9'])
  const request = await app.request('/trailers')
  await request.body
  t.strictSame(request.trailers, ['X-Check: 7'])
  client.close()
})

t.test('server-sent events arrive one by one, while the answer goes on', async (t) => {
  const client = await connect()
  app.handle('/events', ({ socket }) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'),
  )
  t.equal((await client.get('/events').head()).status, 200, 'the head comes before any event')
  const { socket } = await app.request('/events')
  for (let i = 0; i < 5; i++) {
    const event = `data: ${i}\n\n`
    socket.write(`${event.length.toString(16)}\r\n${event}\r\n`)
    t.equal(await client.line(), event.length.toString(16))
    t.equal((await client.bytes(event.length + 2)).toString(), `${event}\r\n`)
  }
  socket.write('0\r\n\r\n')
  t.equal(await client.line(), '0')
  t.equal(await client.line(), '')
  t.equal((await client.get('/after').answer()).status, 200)
  client.close()
})

t.test(
  'an answer that comes before the upload is complete reaches the client, and the connection ends with it',
  async (t) => {
    const client = await connect()
    app.handle('/early', ({ socket }) => socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig'))
    client.send('POST /early HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nsome')
    const answer = await client.answer()
    t.equal(answer.status, 413)
    t.equal(answer.value('connection'), 'close')
    t.equal(answer.text, 'big')
    const { socket } = await app.request('/early')
    await eventually(() => socket.destroyed, Boolean)
    await client.untilEnd()
  },
)

t.test('upload and download run at the same time', async (t) => {
  const client = await connect()
  app.handle('/both', ({ socket, body }) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n')
    body.then((bytes) => socket.write(`${bytes.length.toString(16)}\r\n${bytes}\r\n0\r\n\r\n`))
  })
  client.send('POST /both HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\nabc')
  const head = await client.head()
  t.equal(head.status, 200)
  t.equal((await client.bytes(10)).toString(), '5\r\nbegun\r\n')
  client.send('def')
  t.equal((await client.bytes(11)).toString(), '6\r\nabcdef\r\n')
  client.close()
})

t.test('a CRLF too much after a request is no request', async (t) => {
  const client = await connect()
  client.send('POST /crlf HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx\r\n')
  t.equal((await client.answer()).status, 200)
  t.equal((await client.get('/after-crlf').answer()).status, 200)
  client.close()
})
