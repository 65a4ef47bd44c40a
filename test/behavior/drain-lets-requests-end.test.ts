// Goal: a drain refuses new connections, ends idle ones, lets requests in progress finish with `Connection: close`, and ends.
// Method: the real gateway is drained, after the sockets' holder closed its own, with requests at every stage; readiness, answers
// and ends are watched.
import { connect as connectTcp } from 'node:net'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { type AppRequest, plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
t.teardown(() => app.stop())
for (const path of ['/awaited', '/streaming', '/upload', '/never', '/late']) app.handle(path, () => {})

t.test('drain', async (t) => {
  const gateway = await withGateway({ upstreamPort: app.port })
  const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
  const connect = () => RawClient.connect(gateway, { certificate: user01 })
  const [idle, awaited, streaming, uploading, partial] = (await Promise.all(Array.from({ length: 5 }, connect))) as [
    RawClient,
    RawClient,
    RawClient,
    RawClient,
    RawClient,
  ]
  await idle.get('/idle').answer()
  awaited.get('/awaited')
  streaming.get('/streaming')
  const stream = await app.request('/streaming')
  stream.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n')
  t.equal((await streaming.head()).value('connection'), undefined, 'its head went out before the drain')
  uploading.send('POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab')
  const [waiting, upload] = (await Promise.all([app.request('/awaited'), app.request('/upload')])) as [
    AppRequest,
    AppRequest,
  ]
  await partial.get('/warm').answer()
  const received = () => gateway.metric('sekisho_bytes_total', { door: 'certificate', direction: 'received' })
  const before = (await received()) ?? 0
  partial.send('GET /partial HTTP/1.1\r\n')
  await eventually(received, (now) => (now ?? 0) > before)

  await gateway.sockets.close()
  const drained = gateway.gateway.drain()
  t.equal((await idle.untilEnd()).length, 0, 'an idle connection is ended at once')
  t.equal(await idle.closed, undefined, 'cleanly')
  t.equal(gateway.gateway.readiness().ready, false)
  await t.rejects(
    new Promise((resolve, reject) =>
      connectTcp(gateway.ports.certificate, '127.0.0.1').once('connect', resolve).once('error', reject),
    ),
    { code: 'ECONNREFUSED' },
    'no new connection',
  )

  waiting.socket.write(plainAnswer('done'))
  const answer = await awaited.answer()
  t.equal(answer.text, 'done')
  t.equal(answer.value('connection'), 'close')
  await awaited.untilEnd()

  uploading.send('cd')
  t.equal((await upload.body).toString(), 'abcd')
  upload.socket.write(plainAnswer('stored'))
  t.equal((await uploading.answer()).value('connection'), 'close')

  partial.send('Host: localhost\r\n\r\n')
  t.equal((await partial.answer()).value('connection'), 'close', 'a request whose head had begun is served')

  stream.socket.write('2\r\ncd\r\n0\r\n\r\n')
  t.equal(
    (await streaming.untilEnd()).toString(),
    '2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n',
    'the stream ends whole, then its connection',
  )
  await drained
  await gateway.stop()
})

t.test('a drain waits no longer than it may', async (t) => {
  const gateway = await withGateway({ upstreamPort: app.port, config: { limits: { drainTimeoutMs: 200 } } })
  const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
  const client = await RawClient.connect(gateway, { certificate: user01 })
  client.get('/never')
  const { socket } = await app.request('/never')
  await gateway.gateway.drain()
  const stopped = gateway.stop()
  await client.untilEnd()
  await eventually(() => socket.destroyed, Boolean)
  t.pass('the request and its upstream side are cut')
  await stopped
})

t.test('with a successor, idle connections may ask once more, and hear then that it was the last time', async (t) => {
  const gateway = await withGateway({ upstreamPort: app.port, config: { limits: { drainTimeoutMs: 1_000 } } })
  const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
  const connect = () => RawClient.connect(gateway, { certificate: user01 })
  const [asking, silent, streaming] = (await Promise.all([connect(), connect(), connect()])) as [
    RawClient,
    RawClient,
    RawClient,
  ]
  for (const client of [asking, silent]) t.equal((await client.get('/idle').answer()).value('connection'), undefined)
  streaming.get('/late')
  const stream = await app.request('/late')
  stream.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n')
  await streaming.head()

  const drained = gateway.gateway.drain({ successor: true })
  await eventually(
    () => gateway.gateway.readiness().ready,
    (ready) => !ready,
  )
  t.equal((await asking.get('/idle').answer()).value('connection'), 'close')
  await asking.untilEnd()
  stream.socket.write('2\r\ncd\r\n0\r\n\r\n')
  t.equal((await streaming.bytes(19)).toString(), '2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n')
  t.equal((await streaming.get('/idle').answer()).value('connection'), 'close', 'one that had no notice, too')
  await silent.untilEnd()
  t.equal(await silent.closed, undefined, 'cleanly')
  await drained
  await gateway.stop()
})
