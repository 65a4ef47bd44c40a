// Goal: uploads of any size and pace arrive byte for byte, in either framing and over either version of HTTP; an application that
// answers early is heard, a client that leaves ends its request, and no size costs memory.
// Method: random bodies whose digests are compared at both ends; applications and clients that stop half way.
import { createHash, randomBytes } from 'node:crypto'
import type { Writable } from 'node:stream'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { reset } from '../helpers/faults/reset.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { digest, plainAnswer, sendBytes, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({ upstreamPort: app.port, config: { limits: { bodyBytesMax: 1_000_000_000 } } })
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const connect = () => RawClient.connect(gateway, { certificate: user01 })
const connectHttp2 = () => Http2Client.connect(gateway, { certificate: user01 })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})
app.handle('/digest', digest)

const mebibyte = 1_048_576
const large = randomBytes(16 * mebibyte)
const digestOf = (bytes: Buffer) => ({ bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })

/** Resolves when the other side has taken it, or is gone. */
function write(stream: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => stream.write(bytes, () => resolve()))
}

const head = (path: string, framing: string) => `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${framing}\r\n\r\n`

/** A chunk of each size in turn, from one byte to more than one read takes. */
async function sendChunked(client: RawClient, body: Buffer): Promise<void> {
  const sizes = [1, 15, 16, 1_000, 16_384, 65_537, 300_000]
  for (let at = 0, turn = 0; at < body.length; turn++) {
    const piece = body.subarray(at, at + (sizes[turn % sizes.length] as number))
    at += piece.length
    await write(
      client.socket,
      Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]),
    )
  }
  client.send('0\r\n\r\n')
}

t.test('16 MiB with a length, in chunks, and over HTTP/2 with and without a length', async (t) => {
  const client = await connect()
  client.send(head('/digest', `Content-Length: ${large.length}`))
  await write(client.socket, large)
  t.match(JSON.parse((await client.answer()).text), digestOf(large), 'length')
  client.send(head('/digest', 'Transfer-Encoding: chunked'))
  await sendChunked(client, large)
  t.match(JSON.parse((await client.answer()).text), digestOf(large), 'chunks')
  t.equal((await client.get('/after').answer()).status, 200, 'the connection goes on')
  client.close()
  const http2 = await connectHttp2()
  const sized = { headers: { 'content-length': String(large.length) }, body: large }
  const answers = await Promise.all([
    http2.send('POST', '/digest', sized),
    http2.send('POST', '/digest', { body: large }),
  ])
  for (const { text } of answers) t.match(JSON.parse(text), digestOf(large))
  http2.close()
  const framings = app
    .requestsFor('/digest')
    .map((request) => request.values('transfer-encoding').concat(request.values('content-length')))
  t.same(framings.map(String).toSorted(), ['16777216', '16777216', 'chunked', 'chunked'])
})

t.test('an upload that comes drop by drop arrives whole', async (t) => {
  const body = randomBytes(2_000)
  const client = await connect()
  client.send(head('/digest', `Content-Length: ${body.length}`))
  for (let at = 0; at < body.length; at += 20) {
    await new Promise<void>((resolve) => client.socket.write(body.subarray(at, at + 20), () => setImmediate(resolve)))
  }
  t.match(JSON.parse((await client.answer()).text), digestOf(body))
  client.close()
})

t.test('an application that answers while the upload goes on is heard at once, over HTTP/1.1 and HTTP/2', async (t) => {
  app.handle('/early', ({ socket, takeBody }) => {
    takeBody(() => {})
    socket.write('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno')
  })
  const client = await connect()
  client.send(head('/early', `Content-Length: ${large.length}`)).send(large.subarray(0, 100_000))
  const answer = await client.answer()
  t.same([answer.status, answer.text, answer.value('connection')], [403, 'no', 'close'])
  await client.untilEnd()
  const http2 = await connectHttp2()
  const exchange = http2.request({ ':method': 'POST', ':path': '/early' }, { bodyFollows: true })
  exchange.stream.write(large.subarray(0, 100_000))
  const early = await exchange.answer()
  t.same([early.status, early.text], [403, 'no'])
  t.equal((await http2.get('/goes-on')).status, 200, 'the session goes on')
  http2.close()
  for (const { socket } of app.requestsFor('/early')) await eventually(() => socket.destroyed, Boolean)
})

t.test('an answer that begins early goes on beside the upload', async (t) => {
  app.handle('/beside', (request) => {
    request.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n')
    const hash = createHash('sha256')
    request.takeBody((piece) => hash.update(piece))
    request.body.then(() => request.socket.write(`40\r\n${hash.digest('hex')}\r\n0\r\n\r\n`))
  })
  const body = large.subarray(0, mebibyte)
  const http2 = await connectHttp2()
  const exchange = http2.request({ ':method': 'POST', ':path': '/beside' }, { bodyFollows: true })
  t.equal((await exchange.head())[':status'], 200, 'before a byte of the body')
  exchange.stream.end(body)
  t.equal((await exchange.answer()).text, `begin${digestOf(body).sha256}`)
  http2.close()
})

t.test('a client that leaves within its upload ends the request, over HTTP/1.1 and HTTP/2', async (t) => {
  const client = await connect()
  client.send(head('/left', 'Transfer-Encoding: chunked')).send('5\r\nhello\r\n')
  const request = await app.request('/left')
  await eventually(
    () => request.bodyBytes,
    (bytes) => bytes === 5,
  )
  reset(client.tcp)
  await eventually(() => request.socket.destroyed, Boolean)
  await t.rejects(request.body, 'it never looked complete')
  const http2 = await connectHttp2()
  const exchange = http2.request(
    { ':method': 'POST', ':path': '/left-http2', 'content-length': '1000' },
    { bodyFollows: true },
  )
  exchange.stream.write('hello')
  const second = await app.request('/left-http2')
  exchange.reset()
  await eventually(() => second.socket.destroyed, Boolean)
  await t.rejects(second.body)
  t.equal((await http2.get('/x')).status, 200, 'other streams go on')
  http2.close()
})

t.test('an application that dies within an upload is a 502', async (t) => {
  app.handle('/dies', ({ socket, takeBody }) => takeBody(() => reset(socket)))
  const client = await connect()
  client.send(`${head('/dies', 'Content-Length: 1000000\r\nAccept: application/json')}some`)
  const answer = await client.answer()
  t.same([answer.status, JSON.parse(answer.text).reason], [502, 'upstream_reset'])
  t.equal(app.requestsFor('/dies').length, 1, 'and is not asked again')
  await client.untilEnd()
})

t.test('neither an upload nor a download of 160 MiB is held in memory', async (t) => {
  const piece = randomBytes(mebibyte)
  const pieces = 160
  const hash = createHash('sha256')
  for (let at = 0; at < pieces; at++) hash.update(piece)
  const sha256 = hash.digest('hex')
  const client = await connect()
  const residentBefore = process.memoryUsage.rss()
  let most = 0
  const look = () => {
    most = Math.max(most, process.memoryUsage.rss() - residentBefore)
  }
  client.send(head('/digest', `Content-Length: ${pieces * mebibyte}`))
  for (let at = 0; at < pieces; at++) {
    await write(client.socket, piece)
    look()
  }
  t.match(JSON.parse((await client.answer()).text), { bytes: pieces * mebibyte, sha256 })
  app.handle(
    '/large',
    sendBytes(pieces * mebibyte, (at, size) => piece.subarray(at % mebibyte, (at % mebibyte) + size)),
  )
  const http2 = await connectHttp2()
  const download = http2.request({ ':path': '/large' })
  const received = createHash('sha256')
  for await (const bytes of download.stream) {
    received.update(bytes as Buffer)
    look()
  }
  t.equal(received.digest('hex'), sha256)
  t.ok(most < 100 * mebibyte, `memory grew by ${Math.round(most / mebibyte)} MiB at most`)
  client.close()
  http2.close()
})

t.test(
  'what was answered is not answered twice: the connection behind is used again only when all was read',
  async (t) => {
    app.handle('/all', ({ body, socket }) => void body.then(() => socket.write(plainAnswer('all'))))
    const client = await connect()
    for (let at = 0; at < 3; at++) {
      client.send(`${head('/all', 'Content-Length: 5')}hello`)
      t.equal((await client.answer()).text, 'all')
    }
    const used = new Set(app.requestsFor('/all').map(({ connection }) => connection))
    t.equal(used.size, 1)
    client.close()
  },
)
