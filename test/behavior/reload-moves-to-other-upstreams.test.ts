// Goal: upstreams, their targets and how they are known change while requests are under way: those end on the connections they have,
// the next ones go by the new configuration. Method: applications with and without TLS; two workers; kept client connections.
import { createServer } from 'node:https'
import { createServer as createTcpServer, type Socket } from 'node:net'
import t from 'tap'
import { LiveClient } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa, type TestCa } from '../helpers/test-ca.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { ReloadSetting } from './reload-setting.ts'

const setting = await ReloadSetting.start(t, { config: { workers: 2 } })
const { gateway, app } = setting
const port = gateway.ports.certificate
const certificate = setting.certificateOf('user01')
const clients = await Promise.all(Array.from({ length: 8 }, () => LiveClient.connect({ port, certificate })))

/** The bodies of one answer on each kept connection. */
async function answers(path = '/who'): Promise<string[]> {
  const all = await Promise.all(clients.map((client) => client.request(path)))
  return [...new Set(all.map((answer) => (answer.kind === 'answer' ? answer.body : answer.detail)))]
}

const targets = (...ports: number[]) => ports.map((each) => ({ url: `http://127.0.0.1:${each}` }))

async function startApp(name: string): Promise<TestUpstream> {
  const started = await TestUpstream.start()
  started.answer('/who', plainAnswer(name))
  t.teardown(() => started.stop())
  return started
}

app.answer('/who', plainAnswer('old'))
const next = await startApp('next')

t.test('other targets: what is under way ends on the old one, connections that are unused are closed', async (t) => {
  t.strictSame(await answers(), ['old'])
  app.handle('/held', () => {})
  const holding = await LiveClient.connect({ port, certificate })
  holding.write('GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const held = await app.request('/held')
  await setting.apply((config) => {
    config.upstreams[0].targets = targets(next.port)
  })
  t.strictSame(await answers(), ['next'])
  await eventually(
    () => app.connections.filter((socket) => !socket.destroyed && socket !== held.socket).length,
    (open) => open === 0,
  )
  const before = app.requests.length
  held.socket.write(plainAnswer('at last'))
  t.match(await holding.answer(), { status: 200, body: 'at last' })
  await eventually(
    () => held.socket.destroyed,
    (destroyed) => destroyed,
  )
  t.match(await holding.request('/who'), { body: 'next' })
  t.equal(app.requests.length, before)
  const state = (target: number) =>
    gateway.metric('sekisho_upstream_target_state', { target: `127.0.0.1:${target}`, state: 'available' })
  t.equal(await state(next.port), 2)
  t.equal(await state(app.port), undefined, 'a target that is gone has no state')
  holding.destroy()
})

t.test('a request that waits in the queue of an upstream that is changed is answered all the same', async (t) => {
  await setting.apply((config) => {
    config.upstreams[0].targets = targets(app.port)
    config.upstreams[0].connectionsMax = 2
    config.upstreams[0].idleConnectionsMax = 2
  })
  app.handle('/one-place', () => {})
  const waiting = clients.map((client) => client.request('/one-place'))
  await eventually(
    () => app.requestsFor('/one-place').length,
    (count) => count === 2,
  )
  await setting.apply((config) => {
    config.upstreams[0].targets = targets(next.port)
    delete config.upstreams[0].connectionsMax
    delete config.upstreams[0].idleConnectionsMax
  })
  app.answer('/one-place', plainAnswer('served'))
  for (const { socket } of app.requestsFor('/one-place')) socket.write(plainAnswer('served'))
  t.match(
    (await Promise.all(waiting)).map((answer) => answer.kind === 'answer' && answer.status),
    clients.map(() => 200),
  )
  t.strictSame(await answers(), ['next'])
})

t.test('an upstream that is left out, and a route that leads elsewhere', async (t) => {
  await setting.apply((config) => {
    config.upstreams.push({ name: 'other', targets: targets(app.port) })
    config.routes = [
      { name: 'app', upstream: 'app' },
      { name: 'who', upstream: 'other', pathPrefix: '/who', methods: ['GET'], bodyBytesMax: 10 },
    ]
  })
  t.strictSame(await answers(), ['old'])
  const refused = await LiveClient.connect({ port, certificate })
  refused.write('POST /who HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n')
  t.match(await refused.answer(), { status: 405, headers: { allow: 'GET' } })
  await setting.apply((config) => {
    config.upstreams.pop()
    config.routes = [{ name: 'only', upstream: 'app', pathPrefix: '/who' }]
  })
  t.strictSame(await answers(), ['next'])
  const lost = await LiveClient.connect({ port, certificate })
  t.match(await lost.request('/elsewhere'), { status: 404 })
  lost.destroy()
  t.ok(Number(await gateway.metric('sekisho_requests_total', { route: 'who', status_class: '2xx' })) >= 8)
  refused.destroy()
})

/** Answers over TLS with its name; the sockets it has. */
async function startSecure(name: string, ca: TestCa): Promise<{ port: number; sockets: Socket[] }> {
  const { chainPem, keyPem } = ca.issueServer({ names: ['127.0.0.1'] })
  const sockets: Socket[] = []
  const server = createServer({ cert: chainPem, key: keyPem }, (_request, response) => response.end(name))
  server.on('connection', (socket: Socket) => sockets.push(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as { port: number }).port, sockets }
}

t.test('the CA of an upstream behind TLS', async (t) => {
  const [firstCa, secondCa] = [createTestCa({ commonName: 'app-ca-1' }), createTestCa({ commonName: 'app-ca-2' })]
  const [first, second] = [await startSecure('first', firstCa), await startSecure('second', secondCa)]
  const ca = (name: string, of: TestCa) => setting.write(`${name}.pem`, of.certificatePem)
  await setting.apply((config) => {
    delete config.routes
    config.upstreams = [
      { name: 'app', targets: [{ url: `https://127.0.0.1:${first.port}` }], tls: { ca: ca('app-ca', firstCa) } },
    ]
  })
  t.strictSame(await answers(), ['first'])
  ca('app-ca', secondCa)
  t.match(await setting.reload(), { result: 'applied' })
  const refused = await LiveClient.connect({ port, certificate })
  t.match(await refused.request('/who'), { status: 502 }, 'no connection that was made under the old CA is used')
  await setting.apply((config) => {
    config.upstreams[0].targets = [{ url: `https://127.0.0.1:${second.port}` }]
  })
  t.strictSame(await answers(), ['second'])
  await eventually(
    () => first.sockets.filter((socket) => !socket.destroyed).length,
    (open) => open === 0,
  )
  refused.destroy()
})

t.test('a reload that is refused leaves nothing of its upstreams behind', async (t) => {
  let connections = 0
  const listener = createTcpServer(() => connections++)
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  t.teardown(() => listener.close())
  const { port: unused } = listener.address() as { port: number }
  setting.edit((config) => {
    config.upstreams.push({
      name: 'never',
      targets: targets(unused),
      healthCheck: { path: '/', intervalMs: 100, timeoutMs: 50 },
    })
    config.directory = 'embedded'
  })
  t.match(await setting.reload(), { result: 'refused' })
  t.strictSame(await answers(), ['second'])
  t.equal(connections, 0)
  await setting.apply((config) => {
    config.upstreams.pop()
    config.directory = 'none'
    config.limits = { headFieldsMax: 100 }
  })
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
})

t.teardown(() => {
  for (const client of clients) client.destroy()
})
