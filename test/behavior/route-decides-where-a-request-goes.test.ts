// Goal: each request reaches the application of its route and no other, whatever way its path is spelled, and the application gets
// the target as the client sent it; each route has limits of its own. Method: three applications, two hosts, raw requests over
// HTTP/1.1 and HTTP/2.
import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { digest, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const apps = {
  main: await TestUpstream.start(),
  admin: await TestUpstream.start(),
  other: await TestUpstream.start(),
}
const gateway = await withGateway({
  upstreamPort: 0,
  config: {
    upstreams: Object.entries(apps).map(([name, { port }]) => ({
      name,
      targets: [{ url: `http://127.0.0.1:${port}` }],
    })),
    routes: [
      { name: 'main', upstream: 'main', doors: ['certificate'] },
      { name: 'admin', upstream: 'admin', pathPrefix: '/admin' },
      { name: 'reports', upstream: 'main', pathPrefix: '/admin/reports', methods: ['GET', 'HEAD'] },
      { name: 'other-host', upstream: 'other', hosts: ['127.0.0.1'], doors: ['certificate'] },
      { name: 'other-deep', upstream: 'main', hosts: ['127.0.0.1'], pathPrefix: '/deep', doors: ['certificate'] },
      { name: 'small', upstream: 'main', pathPrefix: '/small', bodyBytesMax: 1_000 },
      { name: 'large', upstream: 'main', pathPrefix: '/small/large', bodyBytesMax: 100_000 },
      { name: 'impatient', upstream: 'main', pathPrefix: '/impatient', upstreamResponseTimeoutMs: 200 },
      { name: 'hasty', upstream: 'main', pathPrefix: '/hasty', bodyIdleTimeoutMs: 200 },
    ],
  },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
t.teardown(async () => {
  await gateway.stop()
  for (const app of Object.values(apps)) await app.stop()
})
const json = 'Accept: application/json\r\n'
const connect = () => RawClient.connect(gateway, { certificate: user01 })

/** Requests that each application got so far. */
function counts(): Record<string, number> {
  return Object.fromEntries(Object.entries(apps).map(([name, { requests }]) => [name, requests.length]))
}

/** Sends a request; tells which application got it, and its target there, or why none did. */
async function sentTo(send: () => Promise<{ status: number; text: string }>) {
  const before = counts()
  const { status, text } = await send()
  const after = counts()
  const reached = Object.keys(apps).filter((name) => after[name] !== before[name])
  const target = status === 200 ? (JSON.parse(text) as { target: string }).target : undefined
  const reason = status === 200 || text === '' ? undefined : (JSON.parse(text) as { reason: string }).reason
  return { status, reached: reached.join(' ') || 'none', target, reason }
}

/** Each spelling, and the application that has to get it; a number is the status of a refusal. */
const spellings: readonly (readonly [target: string, goesTo: keyof typeof apps | 400])[] = [
  ['/', 'main'],
  ['/x?/admin', 'main'],
  ['/administration', 'main'],
  ['/x/admin', 'main'],
  ['/admin', 'admin'],
  ['/admin/', 'admin'],
  ['/admin?x=/..', 'admin'],
  ['/admin/users', 'admin'],
  ['/admin/reports', 'main'],
  ['/admin/reportsx', 'admin'],
  ['/%61dmin/users', 'admin'],
  ['/%61%64%6d%69%6e', 'admin'],
  ['/%2561dmin', 'admin'],
  ['/ADMIN/users', 'admin'],
  ['/Admin', 'admin'],
  ['//admin/users', 'admin'],
  ['/admin//users', 'admin'],
  ['/admin;a=b/users', 'admin'],
  ['/admin;/', 'admin'],
  ['/;x/admin', 'admin'],
  ['/admin%3bx', 'admin'],
  ['/admin%3Fx', 'admin'],
  ['/admin%20', 'main'],
  ['/public/../admin', 400],
  ['/./admin', 400],
  ['/public/%2e%2e/admin', 400],
  ['/public/.%2E/admin', 400],
  ['/public/..;/admin', 400],
  ['/public/..%3b/admin', 400],
  ['/public%2fadmin', 400],
  ['/public/..%2fadmin', 400],
  ['/public%5c..%5cadmin', 400],
  ['/%252e%252e/admin', 400],
  ['/admin%00', 400],
  ['/%00/admin', 400],
  ['/%u0061dmin', 400],
  ['/%c0%ae%c0%ae/admin', 400],
]

t.test('every spelling takes its route or none, and arrives as it was sent', async (t) => {
  const client = await connect()
  const http2 = await Http2Client.connect(gateway, { certificate: user01 })
  for (const [target, goesTo] of spellings) {
    const ways = {
      'HTTP/1.1': () => client.get(target, json).answer(),
      // The client in absolute form is a proxy's; the application gets the path of it.
      'absolute form': () =>
        client.send(`GET https://localhost${target} HTTP/1.1\r\nHost: localhost\r\n${json}\r\n`).answer(),
      'HTTP/2': () => http2.get(target, { accept: 'application/json' }),
    }
    for (const [way, send] of Object.entries(ways)) {
      // The refusal of a path leaves the connection of HTTP/1.1 closed.
      const fresh = goesTo === 400 && way !== 'HTTP/2' ? await connect() : undefined
      const once =
        fresh === undefined
          ? send
          : () =>
              fresh
                .send(
                  `GET ${way === 'HTTP/1.1' ? '' : 'https://localhost'}${target} HTTP/1.1\r\nHost: localhost\r\n${json}\r\n`,
                )
                .answer()
      const { status, reached, target: got, reason } = await sentTo(once)
      fresh?.close()
      if (goesTo === 400)
        t.same(
          { status, reached, reason },
          { status: 400, reached: 'none', reason: 'path_ambiguous' },
          `${target}, ${way}`,
        )
      else t.same({ status, reached, got }, { status: 200, reached: goesTo, got: target }, `${target}, ${way}`)
    }
  }
  client.close()
  http2.close()
})

t.test('the asterisk is for the route of everything', async (t) => {
  const client = await connect()
  const sent = await sentTo(() => client.send(`OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n`).answer('OPTIONS'))
  t.match(sent, { status: 200, reached: 'main', target: '*' })
  client.close()
})

t.test('a host with routes of its own has these first; other hosts never get there', async (t) => {
  const byAddress = await RawClient.connect(gateway, { certificate: user01, serverName: '' })
  const ask = (host: string, target: string) => () =>
    byAddress.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${json}\r\n`).answer()
  t.match(await sentTo(ask('127.0.0.1', '/admin')), { reached: 'other' }, 'its own, although another prefix is longer')
  t.match(await sentTo(ask('127.0.0.1', '/deep/x')), { reached: 'main' })
  t.match(await sentTo(ask('127.0.0.1:8443', '/x')), { reached: 'other' }, 'a port is no part of the name')
  t.match(await sentTo(ask('localhost', '/admin')), { reached: 'admin' })
  t.match(await sentTo(ask('LOCALHOST.', '/x')), { reached: 'main' })
  byAddress.close()
})

t.test('a host that is not the name of the connection reaches no route, upgrade or not (CVE-2026-32305)', async (t) => {
  const wish = 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n'
  for (const [target, more] of [
    ['/admin', ''],
    ['/deep', wish],
    ['https://127.0.0.1/x', ''],
  ] as const) {
    // Its SNI says localhost.
    const client = await connect()
    const send = () => client.send(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\n${json}${more}\r\n`).answer()
    t.match(await sentTo(send), { status: 421, reached: 'none', reason: 'host_mismatch' }, target)
    client.close()
  }
  const http2 = await Http2Client.connect(gateway, { certificate: user01 })
  const there = { ':authority': '127.0.0.1', accept: 'application/json' }
  t.match(await sentTo(() => http2.get('/admin', there)), { status: 421, reached: 'none' })
  t.match(await sentTo(() => http2.connectWebSocket('/deep', there).answer()), { status: 421, reached: 'none' })
  t.match(await sentTo(() => http2.get('/admin')), { status: 200, reached: 'admin' }, 'the session goes on')
  http2.close()
})

t.test('what no route of the door takes is a 404 of ours', async (t) => {
  const visitor = await RawClient.connect(gateway, { door: 'public' })
  t.match(await sentTo(() => visitor.get('/x', json).answer()), {
    status: 404,
    reached: 'none',
    reason: 'request_not_found',
  })
  visitor.close()
  const again = await RawClient.connect(gateway, { door: 'public' })
  t.match(await sentTo(() => again.get('/admin', json).answer()), { status: 200, reached: 'admin' })
  again.close()
})

t.test('the gateway’s own paths are nobody else’s', async (t) => {
  for (const target of ['/.sekisho/x', '/%2esekisho/x', '//.sekisho/x', '/.SEKISHO/x']) {
    const client = await connect()
    t.match(await sentTo(() => client.get(target, json).answer()), { status: 404, reached: 'none' }, target)
    client.close()
  }
})

t.test('a method the route does not take is a 405 that names those it takes', async (t) => {
  const client = await connect()
  const answer = await client
    .send(`POST /admin/reports HTTP/1.1\r\nHost: localhost\r\n${json}Content-Length: 5\r\n\r\nhello`)
    .answer()
  t.equal(answer.status, 405)
  t.equal(answer.value('allow'), 'GET, HEAD')
  t.equal(JSON.parse(answer.text).reason, 'method_not_allowed')
  client.close()
  const http2 = await Http2Client.connect(gateway, { certificate: user01 })
  const refused = await http2.send('DELETE', '/admin/reports/1', { body: '' })
  t.same([refused.status, refused.headers.allow], [405, 'GET, HEAD'])
  t.equal((await http2.get('/admin/reports/1')).status, 200)
  t.equal((await http2.send('POST', '/admin/x', { body: 'x' })).status, 200, 'another route takes it')
  http2.close()
  t.equal(apps.main.requests.filter(({ method }) => method !== 'GET' && method !== 'OPTIONS').length, 0)
})

const chunk = (bytes: Buffer) =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])

t.test('each route has its own bound for bodies, stated or not', async (t) => {
  for (const path of ['/small/body', '/small/large/body']) apps.main.handle(path, digest)
  const sized = async (path: string, bytes: number) => {
    const client = await connect()
    client.send(`POST ${path} HTTP/1.1\r\nHost: localhost\r\n${json}Content-Length: ${bytes}\r\n\r\n`)
    if (bytes <= 1_000) client.send(Buffer.alloc(bytes))
    const answer = await client.answer()
    client.close()
    return answer
  }
  const chunked = async (path: string, bytes: number) => {
    const client = await connect()
    client.send(`POST ${path} HTTP/1.1\r\nHost: localhost\r\n${json}Transfer-Encoding: chunked\r\n\r\n`)
    for (let sent = 0; sent < bytes; sent += 500) client.send(chunk(Buffer.alloc(Math.min(500, bytes - sent))))
    client.send('0\r\n\r\n')
    const answer = await client.answer()
    client.close()
    return answer
  }
  const http2 = await Http2Client.connect(gateway, { certificate: user01 })
  const overHttp2 = (path: string, bytes: number) =>
    http2.send('POST', path, { headers: { accept: 'application/json' }, body: Buffer.alloc(bytes) })
  const before = apps.main.requestsFor('/small/body').length
  t.equal((await sized('/small/body', 1_000)).status, 200)
  t.equal((await chunked('/small/body', 1_000)).status, 200)
  t.equal((await overHttp2('/small/body', 1_000)).status, 200)
  for (const send of [sized, chunked, overHttp2]) {
    const refused = await send('/small/body', 1_001)
    t.equal(refused.status, 413, send.name)
    t.equal(JSON.parse(refused.text).reason, 'body_too_large')
  }
  const reached = apps.main.requestsFor('/small/body').slice(before + 3)
  for (const { bodyBytes } of reached) t.ok(bodyBytes <= 1_000, 'not a byte more reaches the application')
  t.equal((await chunked('/small/large/body', 100_000)).status, 200, 'the longer prefix has another bound')
  t.equal((await chunked('/small/large/body', 100_001)).status, 413)
  t.equal((await http2.get('/small/x')).status, 200, 'the session goes on')
  http2.close()
})

t.test('a stated length above the bound is refused before the application is asked', async (t) => {
  const client = await connect()
  client.send('PUT /small/stated HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n')
  const answer = await client.answer()
  t.same([answer.status, answer.interim.length], [413, 0])
  t.equal(apps.main.requestsFor('/small/stated').length, 0)
  await client.untilEnd()
})

t.test('each route has its own patience with the application and with the client', async (t) => {
  apps.main.handle('/impatient/x', () => {})
  const client = await connect()
  const answer = await client.get('/impatient/x', json).answer()
  t.same([answer.status, JSON.parse(answer.text).reason], [504, 'upstream_response_timeout'])
  client.send(`POST /hasty HTTP/1.1\r\nHost: localhost\r\n${json}Content-Length: 2\r\n\r\na`)
  const late = await client.answer()
  t.same([late.status, JSON.parse(late.text).reason], [408, 'body_idle_timeout'])
  client.close()
})

t.test('bodies of 1 MiB pass whole where the route lets them', async (t) => {
  apps.admin.handle('/admin/upload', digest)
  const body = randomBytes(1_048_576)
  const sha256 = createHash('sha256').update(body).digest('hex')
  const http2 = await Http2Client.connect(gateway, { certificate: user01 })
  t.match(JSON.parse((await http2.send('POST', '/admin/upload', { body })).text), { bytes: body.length, sha256 })
  http2.close()
})

t.test('requests are counted under the name of their route, refusals under none', async (t) => {
  const count = async () => [
    await gateway.metric('sekisho_requests_total', { route: 'reports', status_class: '2xx' }),
    await gateway.metric('sekisho_requests_total', { route: 'refused', status_class: '4xx' }),
  ]
  const before = await count()
  const client = await connect()
  await client.get('/admin/reports/y').answer()
  await client.get('/../x').answer()
  t.same(
    await count(),
    before.map((number) => (number ?? 0) + 1),
  )
  client.close()
})
