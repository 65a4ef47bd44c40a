// Goal: no desync (CVE-2026-48931 class): whatever a client sends along with a wish to switch protocols, and whatever the application
// says to it, no bytes are read as a request by anybody who did not judge them. Method: requests for an upgrade with bytes behind
// them, applications that agree, refuse, agree wrongly or late; the application's own reading is looked at.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { type AppRequest, acceptWebSocket, plainAnswer, TestUpstream, type UpgradedSide } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({
  upstreamPort: app.port,
  config: {
    routes: [
      { name: 'main', upstream: 'app' },
      { name: 'admin', upstream: 'app', pathPrefix: '/admin', methods: ['GET'], certificate: 'required' },
      { name: 'plain', upstream: 'app', pathPrefix: '/plain', webSocket: false },
    ],
  },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const user02 = gateway.issuingCa.issueClient({ commonName: 'user02' })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})
const connect = (certificate = user01) => RawClient.connect(gateway, { certificate })

const wish =
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
const upgrade = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${wish}${more}\r\n`
const smuggled = (path: string) =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nSekisho-Login-Id: admin\r\nContent-Length: 0\r\n\r\n`
const destroyed = ({ socket }: AppRequest) => eventually(() => socket.destroyed, Boolean)

const refusals: Record<string, string> = {
  'a page': plainAnswer('no'),
  'an upgrade required': 'HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n',
  'an answer that mentions the upgrade': plainAnswer('no', 'Upgrade: websocket\r\nConnection: Upgrade\r\n'),
  'early hints, then a page': `HTTP/1.1 103 Early Hints\r\n\r\n${plainAnswer('no')}`,
}

t.test(
  'what stands behind a refused upgrade is a request like any other: read, judged and routed by the gateway',
  async (t) => {
    for (const [what, bytes] of Object.entries(refusals)) {
      const path = `/refused-${Object.keys(refusals).indexOf(what)}`
      app.handle(path, ({ socket }) => void socket.write(bytes))
      const client = await connect()
      client.send(upgrade(path) + smuggled('/admin/smuggled') + smuggled(`/next${path}`))
      t.not((await client.answer()).status, 101, what)
      t.equal((await client.answer()).status, 405, 'the route of its own path has the say')
      // A refusal before the body is read ends the connection; what stands behind it is nobody's.
      await client.untilEnd()
      t.same(app.requestsFor('/admin/smuggled'), [])
      t.same(app.requestsFor(`/next${path}`), [])
      const again = await connect()
      again.send(upgrade(path) + smuggled(`/next${path}`))
      await again.answer()
      t.equal((await again.answer()).status, 200, what)
      t.same((await app.request(`/next${path}`)).values('sekisho-login-id'), ['user01'], 'with the identity it has')
      again.close()
    }
  },
)

t.test('nothing behind a wish to upgrade reaches the application before it has agreed', async (t) => {
  const waiting: AppRequest[] = []
  app.handle('/late', (request) => {
    waiting.push(request)
  })
  const client = await connect()
  client.send(upgrade('/late') + smuggled('/smuggled-early'))
  const request = await app.request('/late')
  // The gateway has read both by now: it answers another user.
  const other = await connect(user02)
  t.equal((await other.get('/other').answer()).status, 200)
  other.close()
  t.same(app.requestsFor('/smuggled-early'), [])
  t.equal(request.bodyBytes, 0)
  request.socket.write(plainAnswer('no'))
  t.equal((await client.answer()).text, 'no')
  t.equal((await client.answer()).status, 200)
  t.not((await app.request('/smuggled-early')).values('sekisho-login-id')[0], 'admin')
  client.close()
})

t.test(
  'behind an agreed upgrade every byte belongs to it, and its connections carry nothing else afterwards',
  async (t) => {
    let side: UpgradedSide | undefined
    app.handle(
      '/agreed',
      acceptWebSocket((taken) => {
        side = taken
      }),
    )
    const client = await connect()
    client.send(upgrade('/agreed') + smuggled('/within'))
    t.equal((await client.head()).status, 101)
    await eventually(
      () => side?.received.toString('latin1'),
      (text) => text === smuggled('/within'),
    )
    side?.socket.write(plainAnswer('no answer'))
    t.equal((await client.bytes(plainAnswer('no answer').length)).toString(), plainAnswer('no answer'))
    const connection = side?.request.connection
    client.close()
    await eventually(() => side?.ended, Boolean)
    const other = await connect(user02)
    t.equal((await other.get('/after-agreed').answer()).status, 200)
    t.not((await app.request('/after-agreed')).connection, connection)
    other.close()
    t.same(app.requestsFor('/within'), [])
  },
)

t.test('a 101 that nobody asked for, or to something else, is a 502 and ends the upstream connection', async (t) => {
  const agreed = 'HTTP/1.1 101 Switching Protocols\r\n'
  const cases: Record<string, [request: string, answer: string]> = {
    '/unasked': [
      'GET /unasked HTTP/1.1\r\nHost: localhost\r\n\r\n',
      `${agreed}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
    ],
    '/h2c': [upgrade('/h2c'), `${agreed}Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n`],
    '/bare': [upgrade('/bare'), `${agreed}\r\n`],
    '/half': [upgrade('/half'), `${agreed}Upgrade: websocket\r\n\r\n`],
    '/plain/x': [upgrade('/plain/x'), `${agreed}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`],
  }
  for (const [path, [request, answer]] of Object.entries(cases)) {
    app.handle(path, ({ socket }) => void socket.write(answer + plainAnswer('poison')))
    const client = await connect()
    t.equal((await client.send(request).answer()).status, 502, path)
    await destroyed(await app.request(path))
    const next = await client.get(`/after${path}`).answer()
    t.equal(JSON.parse(next.text).target, `/after${path}`, 'the next answer is its own')
    client.close()
  }
})

t.test('over HTTP/2 an agreement with the wrong key is a 502 page, and counts as no WebSocket', async (t) => {
  const http2 = await Http2Client.connect(gateway, { certificate: user01 })
  app.answer(
    '/wrong-key',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\npoison',
  )
  const answer = await http2.connectWebSocket('/wrong-key', { accept: 'application/json' }).answer()
  t.same([answer.status, JSON.parse(answer.text).reason], [502, 'upstream_response_malformed'])
  await destroyed(await app.request('/wrong-key'))
  t.equal(await gateway.metric('sekisho_upgrades_open', { route: 'main' }), 0)
  t.equal((await http2.get('/after-wrong-key')).status, 200)
  http2.close()
})

t.test('only WebSocket without a body is a wish that is passed on', async (t) => {
  const cases: Record<string, string> = {
    '/to-h2c':
      'GET /to-h2c HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
    '/to-both': 'GET /to-both HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket, h2c\r\nConnection: Upgrade\r\n\r\n',
    '/unnominated': 'GET /unnominated HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n',
    '/with-body': `POST /with-body HTTP/1.1\r\nHost: localhost\r\n${wish}Content-Length: 2\r\n\r\nab`,
    '/with-length': `GET /with-length HTTP/1.1\r\nHost: localhost\r\n${wish}Content-Length: 0\r\n\r\n`,
    '/with-chunks': `GET /with-chunks HTTP/1.1\r\nHost: localhost\r\n${wish}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    '/plain/wish': upgrade('/plain/wish'),
  }
  for (const [path, request] of Object.entries(cases)) {
    const client = await connect()
    t.equal((await client.send(request).answer()).status, 200, path)
    const { head } = await app.request(path)
    t.notMatch(head, /^(upgrade|connection|http2-settings):/im, path)
    client.close()
  }
})
