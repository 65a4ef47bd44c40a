// Goal: a hundred requests at once on one connection each get their own answer, both ways and to the byte; a slow one does not hold up
// the others, one that is reset ends at the application at once, and one that fails fails alone.
// Method: node:http2, nghttp and h2load against the real gateway; bodies are compared by digest.
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { digest, plainAnswer, sendBytes, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const run = promisify(execFile)
const app = await TestUpstream.start()
app.handle('/upload', digest)
app.handle('/hold', () => {})
const gateway = await withGateway({ upstreamPort: app.port })
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})
const connect = (settings = {}) => Http2Client.connect(gateway, { certificate: user01, settings })
const sha256 = (body: Buffer) => createHash('sha256').update(body).digest('hex')

t.test('a hundred uploads and a hundred downloads, each its own', async (t) => {
  app.handle('/mirror', async (request) => {
    const body = await request.body
    request.socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n`)
    for (let at = 0; at < body.length; at += 9_999) {
      const piece = body.subarray(at, at + 9_999)
      request.socket.write(`${piece.length.toString(16)}\r\n`)
      request.socket.write(piece)
      request.socket.write('\r\n')
    }
    request.socket.write('0\r\n\r\n')
  })
  const client = await connect()
  const bodies = Array.from({ length: 100 }, (_, at) => randomBytes(1 + at * 2_000))
  const answers = await Promise.all(bodies.map((body) => client.send('POST', '/mirror', { body })))
  t.strictSame(
    answers.map(({ body }) => sha256(body)),
    bodies.map(sha256),
  )
  client.close()
})

t.test('upload and download of one request at the same time', async (t) => {
  app.handle('/duplex', (request) => {
    request.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    request.takeBody((piece) => {
      request.socket.write(`${piece.length.toString(16)}\r\n`)
      request.socket.write(piece)
      request.socket.write('\r\n')
    })
    request.body.then(
      () => request.socket.write('0\r\n\r\n'),
      () => {},
    )
  })
  const client = await connect()
  const exchange = client.request({ ':method': 'POST', ':path': '/duplex' }, { bodyFollows: true })
  exchange.stream.write('a')
  await exchange.head()
  const body = randomBytes(3_000_000)
  exchange.stream.end(body)
  const answer = await exchange.answer()
  t.equal(sha256(answer.body), sha256(Buffer.concat([Buffer.from('a'), body])))
  client.close()
})

t.test('a stream that is not read does not hold up the others', async (t) => {
  app.handle('/large', sendBytes(20_000_000))
  const client = await connect()
  client.session.setLocalWindowSize(10_000_000)
  const stuck = client.request({ ':path': '/large' })
  stuck.stream.pause()
  await stuck.head()
  for (let turn = 0; turn < 20; turn++) t.equal((await client.get('/quick')).status, 200)
  const body = randomBytes(2_000_000)
  t.equal(JSON.parse((await client.send('POST', '/upload', { body })).text).sha256, sha256(body))
  const answer = stuck.answer()
  stuck.stream.resume()
  t.equal((await answer).body.length, 20_000_000, 'and gets all of its answer in the end')
  client.close()
})

t.test(
  'a reset ends the request at the application at once, before and within the answer and the upload',
  async (t) => {
    const client = await connect()
    app.handle('/part', ({ socket }) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart'))
    app.handle('/taking', () => {})
    const waiting = client.request({ ':path': '/hold' })
    const answering = client.request({ ':path': '/part' })
    const uploading = client.request({ ':method': 'POST', ':path': '/taking' }, { bodyFollows: true })
    uploading.stream.write(Buffer.alloc(1_000))
    await answering.head()
    for (const [path, exchange] of Object.entries({ '/hold': waiting, '/part': answering, '/taking': uploading })) {
      const { socket } = await app.request(path)
      t.notOk(socket.destroyed)
      exchange.reset()
      await eventually(() => socket.destroyed, Boolean)
    }
    t.equal((await client.get('/quick')).status, 200, 'the connection goes on')
    client.close()
  },
)

t.test('an answer that breaks off is a reset of its stream alone', async (t) => {
  app.handle('/breaks', ({ socket }) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart'))
  const client = await connect()
  const other = client.request({ ':path': '/hold' })
  await t.rejects(client.request({ ':path': '/breaks' }).answer(), /INTERNAL_ERROR/)
  app.requestsFor('/hold').at(-1)?.socket.write(plainAnswer('ok'))
  await eventually(
    () => app.requestsFor('/hold').length,
    (count) => count >= 2,
  )
  app.requestsFor('/hold').at(-1)?.socket.write(plainAnswer('ok'))
  t.equal((await other.answer()).text, 'ok')
  client.close()
})

t.test('curl, nghttp and h2load agree', async (t) => {
  const [certificate, key] = [join(gateway.folder, 'client.pem'), join(gateway.folder, 'client.key')]
  writeFileSync(certificate, user01.chainPem)
  writeFileSync(key, user01.keyPem)
  const url = (path: string) => `https://localhost:${gateway.ports.certificate}${path}`
  app.handle('/bytes', sendBytes(1_000_000))
  const curl = ['-sk', '--http2', '--cert', certificate, '--key', key, '--max-time', '20']
  const format = '%{http_version} %{http_code} %{size_download}'
  t.equal((await run('curl', [...curl, '-o', '/dev/null', '-w', format, url('/bytes')])).stdout, '2 200 1000000')
  const nghttp = await run('nghttp', ['-nsv', `--cert=${certificate}`, `--key=${key}`, '-m', '20', url('/bytes')])
  t.equal(nghttp.stdout.match(/recv \(stream_id=\d+\) :status: 200/g)?.length, 20)
  t.notMatch(nghttp.stdout, /PROTOCOL_ERROR|FLOW_CONTROL/)
  const upload = join(gateway.folder, 'upload')
  writeFileSync(upload, randomBytes(300_000))
  const load = ['-n', '300', '-c', '2', '-m', '50', '-d', upload, '-H', ':method: POST', url('/upload')]
  // h2load has no client certificates, so it takes the public door.
  const { stdout } = await run('h2load', [...load.slice(0, -1), `https://localhost:${gateway.ports.public}/upload`])
  t.match(stdout, /300 total, 300 started, 300 done, 300 succeeded, 0 failed, 0 errored, 0 timeout/)
})

t.test('nothing is left behind', async (t) => {
  for (const door of ['certificate', 'public']) {
    await eventually(
      () => gateway.metric('sekisho_http2_streams_open', { door }),
      (open) => open === 0,
    )
  }
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
})
