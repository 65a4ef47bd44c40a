// Goal: a reload under load that changes the server certificate, adds a route and removes an issuer fails no request but those of the
// removed issuer: whatever is under way goes on, on every road, and connections of the removed issuer end at once, with their reason.
// Method: two workers, users of two issuers; requests on kept and new connections and parallel HTTP/2 streams without a pause, while
// an upload, a stream of events and WebSockets on both roads stay open from before the reload until after it.
import { Agent, request } from 'node:https'
import t from 'tap'
import { visitWithCurl } from '../helpers/curl-client.ts'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { acceptWebSocket, digest, plainAnswer, TestUpstream, type UpgradedSide } from '../helpers/upstream.ts'
import { openTunnel, type WebSocketRoad, webSocketRoads } from '../helpers/web-socket.ts'
import { ReloadSetting } from './reload-setting.ts'
import { assertTalking, type Ends, untilEnded } from './websocket-ends.ts'

const stayingCa = createTestCa({ commonName: 'staying-ca' })
const setting = await ReloadSetting.start(t, { config: { workers: 2 }, moreIssuers: { staying: stayingCa } })
const { app, gateway } = setting
app.answer('/load', plainAnswer('served'))
app.answer('/added/x', plainAnswer('by the old one'))
app.handle('/upload', digest)
const addedApp = await TestUpstream.start()
addedApp.answer('/added/x', plainAnswer('by the added one'))
t.teardown(() => addedApp.stop())

const staying = stayingCa.issueClient({ commonName: 'user01' })
const removed = setting.certificateOf('user02')

/** Asks until it is told to stop; every request must be answered. */
class Load {
  readonly answered: number[]
  readonly failures: string[] = []
  #stopped = false
  readonly #ended: Promise<unknown>

  constructor(clients: readonly (() => Promise<string>)[]) {
    this.answered = clients.map(() => 0)
    this.#ended = Promise.all(clients.map((ask, at) => this.#run(ask, at)))
  }

  async #run(ask: () => Promise<string>, at: number): Promise<void> {
    while (!this.#stopped) {
      const answer = await ask().catch((error: Error) => error.message)
      if (answer === 'served') this.answered[at] = (this.answered[at] ?? 0) + 1
      else this.failures.push(`client ${at}: ${answer}`)
    }
  }

  /** Resolves once every client had so many more answers. */
  async more(requests: number): Promise<void> {
    const before = [...this.answered]
    await eventually(
      () => this.answered.map((count, at) => count - (before[at] ?? 0)),
      (counts) => counts.every((count) => count >= requests) || this.failures.length > 0,
      20_000,
    )
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#ended
  }
}

function askWithNode(agent: Agent | false): () => Promise<string> {
  const { ports } = gateway
  const trust = { servername: 'localhost', rejectUnauthorized: false, cert: staying.chainPem, key: staying.keyPem }
  return () =>
    new Promise((resolve, reject) => {
      const target = {
        host: '127.0.0.1',
        port: ports.certificate,
        path: '/load',
        headers: { Host: 'localhost' },
        agent,
      }
      const sent = request({ ...target, ...trust }, (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (part: string) => (text += part))
        answer.on('end', () => resolve(text))
        answer.on('error', reject)
      })
      sent.on('error', reject)
      sent.end()
    })
}

async function askWithCurl(): Promise<string> {
  const visit = { port: gateway.ports.certificate, certificate: staying, path: '/load' }
  const [visited] = await visitWithCurl(visit, { folder: gateway.folder })
  return visited?.kind === 'answer' ? visited.body : (visited?.detail ?? '')
}

/** What is open from before the reload until after it, for one user. */
async function openLong(certificate: TestCertificate, name: string) {
  const sockets = await Promise.all(
    webSocketRoads.map((over) => openSocket(over, certificate, `/${name}-socket-${over}`)),
  )
  const events = await setting.connect({ certificate })
  app.handle(`/${name}-events`, ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
  })
  events.get(`/${name}-events`)
  const source = (await app.request(`/${name}-events`)).socket
  await events.head()
  const idle = await setting.connect({ certificate })
  await idle.get('/load').answer()
  const http2 = await Http2Client.connect(gateway, { certificate })
  await http2.get('/load')
  return { sockets, events, source, idle, http2 }
}

async function openSocket(over: WebSocketRoad, certificate: TestCertificate, path: string): Promise<Ends> {
  const { promise, resolve } = Promise.withResolvers<UpgradedSide>()
  app.handle(path, acceptWebSocket(resolve))
  const tunnel = (await openTunnel(gateway, { over, certificate, path })).listen()
  return { tunnel, side: await promise }
}

const event = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

t.test('reload under load', async (t) => {
  const serial = async () =>
    (await setting.connect({ certificate: staying })).socket.getPeerX509Certificate()?.serialNumber
  const before = await serial()
  const kept = await openLong(staying, 'kept')
  const gone = await openLong(removed, 'gone')
  const upload = await setting.connect({ certificate: staying })
  upload
    .send('POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400000\r\n\r\n')
    .send(Buffer.alloc(100_000, 'a'))
  const uploading = await app.request('/upload')
  await eventually(
    () => uploading.bodyBytes,
    (bytes) => bytes === 100_000,
  )
  const upload2 = kept.http2.request({ ':method': 'POST', ':path': '/upload' }, { bodyFollows: true })
  upload2.stream.write(Buffer.alloc(50_000, 'b'))
  await eventually(
    () => app.requestsFor('/upload')[1]?.bodyBytes,
    (bytes) => bytes === 50_000,
  )
  kept.source.write(event('before'))
  t.equal((await kept.events.bytes(event('before').length)).toString(), event('before'))
  t.equal((await kept.idle.get('/added/x').answer()).text, 'by the old one')

  const agents = Array.from({ length: 4 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  t.teardown(() => {
    for (const agent of agents) agent.destroy()
  })
  const session = await Http2Client.connect(gateway, { certificate: staying })
  t.teardown(() => session.close())
  const load = new Load([
    ...agents.map(askWithNode),
    askWithNode(false),
    askWithCurl,
    ...Array.from({ length: 8 }, () => async () => (await session.get('/load')).text),
  ])
  await load.more(10)

  const serverCa = createTestCa({ commonName: 'next-server-ca' })
  const server = serverCa.issueServer({ names: ['localhost', '127.0.0.1'] })
  const result = await setting.apply((config) => {
    const certificates = [
      { certificate: setting.write('next.pem', server.chainPem), key: setting.write('next.key', server.keyPem) },
    ]
    config.doors.certificate[0].serverCertificates = certificates
    config.doors.certificate[0].issuers = ['staying']
    config.issuers = config.issuers.slice(1)
    config.upstreams.push({ name: 'added', targets: [{ url: `http://127.0.0.1:${addedApp.port}` }] })
    config.routes = [
      { name: 'app', upstream: 'app' },
      { name: 'added', upstream: 'added', pathPrefix: '/added' },
    ]
  })
  t.match(result, { issuersRemoved: ['test-issuing-ca'], connectionsCut: 5 })

  t.test('connections of the removed issuer have been cut, and are refused now', async (t) => {
    await Promise.all(gone.sockets.map(untilEnded))
    await Promise.all([gone.events.untilEnd(), gone.idle.untilEnd(), gone.http2.closed])
    t.equal(await gateway.metric('sekisho_cuts_total', { reason: 'issuer_not_trusted' }), 5)
    const next = { ...gateway, serverCaPem: serverCa.certificatePem }
    const refused = await setting
      .connect({ certificate: removed, ...{ port: gateway.ports.certificate } })
      .catch((error) => error)
    t.match(refused.message, /self.signed|issuer|verify/, 'who trusts the old CA only sees the new certificate')
    const http2 = await Http2Client.connect(next, { certificate: removed })
    const page = await http2.get('/load', { accept: 'application/json' })
    t.match({ status: page.status, ...JSON.parse(page.text) }, { status: 403, reason: 'issuer_not_trusted' })
    http2.close()
  })

  t.test('what was open goes on, whole', async (t) => {
    for (const ends of kept.sockets) await assertTalking(t, ends, 'a WebSocket goes on')
    kept.source.write(event('after'))
    t.equal((await kept.events.bytes(event('after').length)).toString(), event('after'))
    upload.send(Buffer.alloc(300_000, 'a'))
    t.match(JSON.parse((await upload.answer('POST')).text), { bytes: 400_000 })
    upload2.stream.end(Buffer.alloc(50_000, 'b'))
    t.match(JSON.parse((await upload2.answer()).text), { bytes: 100_000 })
    t.equal((await kept.idle.get('/added/x').answer()).text, 'by the added one', 'the new route, on a kept connection')
    t.equal((await kept.http2.get('/added/x')).text, 'by the added one')
    t.equal((await kept.http2.get('/load')).text, 'served')
  })

  await load.more(10)
  await load.stop()
  t.strictSame(load.failures, [])
  t.equal(session.goAways.length, 0)
  const visit = { certificate: staying, port: gateway.ports.certificate }
  const { RawClient } = await import('../helpers/raw-client.ts')
  const fresh = await RawClient.connect({ ...gateway, serverCaPem: serverCa.certificatePem }, visit)
  t.not(fresh.socket.getPeerX509Certificate()?.serialNumber, before)
  t.equal((await fresh.get('/added/x').answer()).text, 'by the added one')
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
})
