// Goal: nothing waits for ever: each deadline of the HTTP/1.1 data path ends its stall, with the right answer and the right blame.
// Method: gateways with small limits, one stalled side at a time; the tests wait for the answer or the end, never for a time.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { startDeafListener } from '../helpers/faults/deaf-listener.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({
  upstreamPort: app.port,
  config: {
    limits: {
      headTimeoutMs: 300,
      bodyIdleTimeoutMs: 300,
      keepAliveIdleTimeoutMs: 1_000,
      upstreamResponseTimeoutMs: 300,
    },
    upstream: { connectTimeoutMs: 300, idleTimeoutMs: 300, connectionsMax: 2, idleConnectionsMax: 2, queueMax: 1 },
  },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const connect = () => RawClient.connect(gateway, { certificate: user01 })
const json = 'Accept: application/json\r\n'
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

t.test('a head that does not end is a 408', async (t) => {
  const client = await connect()
  client.send('GET / HTTP/1.1\r\nHost: loc')
  const answer = await client.answer()
  t.equal(answer.status, 408)
  t.equal(answer.value('connection'), 'close')
  await client.untilEnd()
})

t.test('a head that drips does not extend its deadline', async (t) => {
  const client = await connect()
  client.send('GET / HTTP/1.1\r\n')
  const drip = setInterval(() => client.send('X: 1\r\n'), 50)
  t.teardown(() => clearInterval(drip))
  t.equal((await client.answer()).status, 408)
  clearInterval(drip)
})

t.test('a connection on which nothing is asked is ended without an answer', async (t) => {
  const client = await connect()
  t.equal((await client.untilEnd()).length, 0)
  t.equal(await client.closed, undefined, 'cleanly')
})

t.test('an idle kept connection is ended after its own, longer time, a stray CRLF or not', async (t) => {
  const outlast = async (stray: string) => {
    const client = await connect()
    await client.get('/kept').answer()
    const began = performance.now()
    client.send(stray)
    t.equal((await client.untilEnd()).length, 0, 'no 408')
    const lastedMs = performance.now() - began
    t.ok(lastedMs >= 900, `${JSON.stringify(stray)}: ${lastedMs} ms`)
  }
  await Promise.all(['', '\r\n', '\r'].map(outlast))
})

t.test('an upload that pauses too long is a 408', async (t) => {
  const client = await connect()
  app.handle('/upload-pause', () => {})
  client.send(`POST /upload-pause HTTP/1.1\r\nHost: localhost\r\n${json}Content-Length: 10\r\n\r\nsome`)
  const answer = await client.answer()
  t.equal(answer.status, 408)
  t.equal(JSON.parse(answer.text).reason, 'body_idle_timeout')
  const { socket } = await app.request('/upload-pause')
  await eventually(() => socket.destroyed, Boolean)
})

t.test('an upload the application does not take is a 504: the client is not to blame', async (t) => {
  const client = await connect()
  app.handle('/upload-stuck', ({ socket }) => void socket.pause())
  client.send(`POST /upload-stuck HTTP/1.1\r\nHost: localhost\r\n${json}Content-Length: 100000000\r\n\r\n`)
  const piece = Buffer.alloc(65_536)
  for (let i = 0; i < 500; i++) client.socket.write(piece)
  const answer = await client.answer()
  t.equal(answer.status, 504)
  t.equal(JSON.parse(answer.text).reason, 'upstream_response_timeout')
  client.close()
})

t.test('an upload that goes on slowly is let through', async (t) => {
  const client = await connect()
  client.send('POST /upload-slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n')
  let sent = 0
  const drip = setInterval(() => {
    client.send('x')
    if (++sent === 8) clearInterval(drip)
  }, 100)
  t.teardown(() => clearInterval(drip))
  t.match(JSON.parse((await client.answer()).text), { body: 'xxxxxxxx' })
  client.close()
})

t.test('an application that does not answer is a 504', async (t) => {
  const client = await connect()
  app.handle('/mute', () => {})
  const answer = await client.get('/mute', json).answer()
  t.equal(answer.status, 504)
  t.equal(JSON.parse(answer.text).reason, 'upstream_response_timeout')
  t.match(answer.value('content-type'), /^application\/problem\+json/)
  t.equal((await client.get('/after').answer()).status, 200, 'the client connection goes on')
  client.close()
})

t.test('a client that waits for 100 while the application says nothing gets the 504, not the blame', async (t) => {
  const client = await connect()
  app.handle('/mute-expect', () => {})
  client.send(
    `POST /mute-expect HTTP/1.1\r\nHost: localhost\r\n${json}Content-Length: 4\r\nExpect: 100-continue\r\n\r\n`,
  )
  const answer = await client.answer()
  t.equal(answer.status, 504)
  t.equal(JSON.parse(answer.text).reason, 'upstream_response_timeout')
  client.close()
})

t.test('an answer that pauses too long is cut off', async (t) => {
  const client = await connect()
  app.handle('/answer-pause', ({ socket }) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome'))
  await t.rejects(client.get('/answer-pause').answer(), /ended before/)
  t.ok(await client.closed.then(() => true))
  t.equal(await gateway.metric('sekisho_upstream_failures_total', { fault: 'body_idle_timeout' }), 1)
})

t.test('a client that does not take its answer is cut off, and the application is not blamed', async (t) => {
  const client = await connect()
  app.handle('/not-taken', ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * 1024 * 1024}\r\n\r\n`)
    const piece = Buffer.alloc(1_048_576)
    for (let i = 0; i < 64; i++) socket.write(piece)
  })
  const blamed = await gateway.metric('sekisho_upstream_failures_total', { fault: 'body_idle_timeout' })
  client.socket.pause()
  client.get('/not-taken')
  const { socket } = await app.request('/not-taken')
  await eventually(() => socket.destroyed, Boolean)
  t.equal(await gateway.metric('sekisho_upstream_failures_total', { fault: 'body_idle_timeout' }), blamed)
  client.close()
})

t.test(
  'all upstream connections in use: a few requests wait, the others get 503, and who waits too long too',
  async (t) => {
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect()))
    app.handle(
      '/busy',
      ({ socket }) => void socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n'),
    )
    const drips: NodeJS.Timeout[] = []
    t.teardown(() => drips.forEach(clearInterval))
    const [first, second, third, fourth] = clients as [RawClient, RawClient, RawClient, RawClient]
    for (const client of [first, second]) {
      await client.get('/busy').head()
      const { socket } = app.requestsFor('/busy').at(-1) as { socket: import('node:net').Socket }
      drips.push(setInterval(() => socket.writable && socket.write('1\r\n.\r\n'), 50))
    }
    const times: number[] = []
    const answers = [third.get('/waits', json).answer(), fourth.get('/refused', json).answer()]
    for (const answer of answers) answer.then(() => times.push(performance.now()))
    for (const answer of await Promise.all(answers)) {
      t.equal(answer.status, 503)
      t.equal(JSON.parse(answer.text).reason, 'upstream_too_busy')
      t.equal(answer.value('retry-after'), '5')
    }
    t.ok((times[1] ?? 0) - (times[0] ?? 0) > 100, 'the queue has one place: one is refused at once, one after its time')
    t.strictSame(app.requestsFor('/refused'), [])
    t.strictSame(app.requestsFor('/waits'), [], 'a request that waited too long is never sent')
    for (const client of clients) client.close()
  },
)

t.test('a waiting request goes on as soon as a connection is free', async (t) => {
  const clients = await Promise.all([connect(), connect(), connect()])
  app.handle('/held', () => {})
  const [first, second, third] = clients as [RawClient, RawClient, RawClient]
  first.get('/held')
  second.get('/held')
  await eventually(
    () => app.requestsFor('/held').length,
    (count) => count === 2,
  )
  third.get('/freed')
  app.requestsFor('/held')[0]?.socket.write(plainAnswer('done'))
  t.match(JSON.parse((await third.answer()).text), { target: '/freed' })
  for (const client of clients) client.close()
})

t.test('unused upstream connections are closed', async (t) => {
  const client = await connect()
  await client.get('/pooled').answer()
  const { socket } = await app.request('/pooled')
  await eventually(() => socket.destroyed, Boolean)
  await eventually(
    () => gateway.metric('sekisho_upstream_connections', { state: 'idle' }),
    (idle) => idle === 0,
  )
  t.pass('the pool is empty')
  client.close()
})

t.test('an application that does not accept connections is a 504', async (t) => {
  const deaf = await startDeafListener()
  const other = await withGateway({
    upstreamPort: deaf.port,
    issuingCa: gateway.issuingCa,
    config: { upstream: { connectTimeoutMs: 200 } },
  })
  t.teardown(async () => {
    await other.stop()
    await deaf.stop()
  })
  const client = await RawClient.connect(other, { certificate: user01 })
  const answer = await client.get('/', json).answer()
  t.equal(answer.status, 504)
  t.equal(JSON.parse(answer.text).reason, 'upstream_connect_timeout')
  client.close()
})
