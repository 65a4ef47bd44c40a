// Goal: an upstream that has no room, or that the health checks find dead, costs its own requests a quick 503 page and nobody else
// anything; it is used again as soon as it can be. Method: small bounds, applications that hold requests or say they are ill, and
// users of a second upstream beside them.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const [narrow, first, second, other] = await Promise.all([
  TestUpstream.start(),
  TestUpstream.start(),
  TestUpstream.start(),
  TestUpstream.start(),
])
const healthCheck = { path: '/health', intervalMs: 100, timeoutMs: 100, healthyAfter: 1, unhealthyAfter: 1 }
const target = ({ port }: TestUpstream) => ({ url: `http://127.0.0.1:${port}` })
const gateway = await withGateway({
  upstreamPort: 0,
  config: {
    upstreams: [
      {
        name: 'narrow',
        targets: [target(narrow)],
        connectionsMax: 2,
        idleConnectionsMax: 2,
        queueMax: 2,
        queueTimeoutMs: 300,
      },
      { name: 'checked', targets: [target(first), target(second)], healthCheck, slowStartMs: 0 },
      { name: 'other', targets: [target(other)] },
    ],
    routes: [
      { name: 'narrow', upstream: 'narrow', pathPrefix: '/narrow' },
      { name: 'checked', upstream: 'checked', pathPrefix: '/checked' },
      { name: 'other', upstream: 'other' },
    ],
  },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const connect = () => RawClient.connect(gateway, { certificate: user01 })
t.teardown(async () => {
  await gateway.stop()
  for (const app of [narrow, first, second, other]) await app.stop()
})
const json = 'Accept: application/json\r\n'
const reasonOf = ({ status, text }: { status: number; text: string }) => [status, JSON.parse(text).reason]

t.test('a full queue refuses at once, a waiting request after its time, and others go on', async (t) => {
  narrow.handle('/narrow/held', () => {})
  const clients = await Promise.all(Array.from({ length: 5 }, connect))
  const [one, two, three, four, five] = clients as [RawClient, RawClient, RawClient, RawClient, RawClient]
  for (const client of [one, two]) client.get('/narrow/held')
  await eventually(
    () => narrow.requestsFor('/narrow/held').length,
    (count) => count === 2,
  )
  three.get('/narrow/waits', json)
  four.send(`POST /narrow/waits HTTP/1.1\r\nHost: localhost\r\n${json}Content-Length: 3\r\n\r\nabc`)
  await eventually(
    async () => reasonOf(await five.get('/narrow/third', json).answer()),
    ([, reason]) => reason === 'upstream_too_busy',
  )
  const refused = await five.get('/narrow/third', 'Accept: text/html\r\n').answer()
  t.same([refused.status, refused.value('retry-after')], [503, '5'])
  t.match(refused.text, /<!doctype html>/i)
  t.equal((await five.get('/').answer()).status, 200, 'another upstream, on the same connection')
  const http2 = await Http2Client.connect(gateway, { certificate: user01 })
  const streams = [http2.get('/x'), http2.get('/narrow/fourth', { accept: 'application/json' }), http2.get('/y')]
  const [before, busy, after] = await Promise.all(streams)
  t.same([before?.status, busy && reasonOf(busy), after?.status], [200, [503, 'upstream_too_busy'], 200])
  http2.close()
  for (const client of [three, four]) t.same(reasonOf(await client.answer()), [503, 'upstream_too_busy'])
  t.same(narrow.requestsFor('/narrow/waits'), [], 'who gave up is not sent after all')
  for (const { socket } of narrow.requestsFor('/narrow/held')) socket.write(plainAnswer('done'))
  for (const client of [one, two]) t.equal((await client.answer()).text, 'done')
  t.equal((await three.get('/narrow/later').answer()).status, 200, 'its connection goes on')
  for (const client of clients) client.close()
})

t.test('who leaves the queue takes no connection', async (t) => {
  narrow.handle('/narrow/held-again', () => {})
  const clients = await Promise.all(Array.from({ length: 4 }, connect))
  const [one, two, leaver, stayer] = clients as [RawClient, RawClient, RawClient, RawClient]
  for (const client of [one, two]) client.get('/narrow/held-again')
  await eventually(
    () => narrow.requestsFor('/narrow/held-again').length,
    (count) => count === 2,
  )
  leaver.get('/narrow/left')
  leaver.socket.end()
  await leaver.untilEnd()
  stayer.get('/narrow/stayed')
  narrow.requestsFor('/narrow/held-again')[0]?.socket.write(plainAnswer('done'))
  t.equal((await stayer.answer()).status, 200)
  t.same(narrow.requestsFor('/narrow/left'), [])
  for (const client of clients) client.close()
})

const ill = 'HTTP/1.1 500 Ill\r\nContent-Length: 0\r\n\r\n'
const well = 'HTTP/1.1 204 Well\r\n\r\n'
const healthy = (app: TestUpstream, state: string) =>
  eventually(
    () =>
      gateway.metric('sekisho_upstream_target_state', { upstream: 'checked', target: `127.0.0.1:${app.port}`, state }),
    (is) => is === 1,
  )

t.test(
  'a target that says it is ill gets nothing more; with none left there is a page; then all as before',
  async (t) => {
    for (const app of [first, second]) app.answer('/health', well)
    const client = await connect()
    t.equal((await client.get('/checked/a').answer()).status, 200)
    first.answer('/health', ill)
    await healthy(first, 'unhealthy')
    const before = first.requestsFor('/checked/b').length
    for (let at = 0; at < 5; at++) t.equal((await client.get('/checked/b').answer()).status, 200)
    t.equal(first.requestsFor('/checked/b').length, before)
    second.answer('/health', ill)
    await healthy(second, 'unhealthy')
    const refused = await client.get('/checked/c', 'Accept: text/html\r\n').answer()
    t.same([refused.status, refused.value('retry-after')], [503, '5'])
    t.same(reasonOf(await client.get('/checked/c', json).answer()), [503, 'upstream_unavailable'])
    t.equal((await client.get('/d').answer()).status, 200, 'another upstream')
    first.answer('/health', well)
    await healthy(first, 'available')
    t.equal((await client.get('/checked/e').answer()).status, 200)
    t.equal(first.requestsFor('/checked/e').length, 1)
    t.same(
      [first, second].flatMap((app) => app.requestsFor('/checked/c')),
      [],
    )
    client.close()
  },
)
