// Goal: through reloads that bring and take names no counter goes back and no series of one is lost, gauges tell what is there, and no
// observation goes astray. Method: the whole metrics page before and after reloads that change every kind of name while WebSockets,
// HTTP/2 streams and requests are open on what is taken away.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { acceptWebSocket, plainAnswer } from '../helpers/upstream.ts'
import { openTunnel } from '../helpers/web-socket.ts'
import { ReloadSetting } from './reload-setting.ts'

const setting = await ReloadSetting.start(t, { config: { workers: 2 } })
const { gateway, app } = setting
const certificate = setting.certificateOf('user01')

/** Every sample of counters and histograms. */
async function counters(): Promise<Map<string, number>> {
  const { body } = await gateway.gateway.metrics.render()
  const types = new Map([...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]))
  const samples = [...body.matchAll(/^(sekisho_\S+?)(\{.*\})? (\S+)$/gm)].flatMap(
    ([, name = '', labels = '', value]) => {
      const family = types.get(name) ?? types.get(name.replace(/_(bucket|sum|count)$/, ''))
      return family === 'gauge' ? [] : [[name + labels, Number(value)] as const]
    },
  )
  return new Map(samples)
}

function assertNothingLost(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): void {
  const wrong = [...before].filter(([series, value]) => !((after.get(series) ?? -1) >= value))
  t.strictSame(wrong, [])
}

const rename = (name: string) => (config: { upstreams: { name: string }[]; routes?: unknown }) => {
  config.upstreams = [{ ...config.upstreams[0], name }]
  config.routes = [{ name: `${name}-route`, upstream: name }]
}

t.test('names come and go', async (t) => {
  app.answer('/', plainAnswer('ok'))
  app.handle('/held', () => {})
  const client = await setting.connect({ certificate })
  await client.get('/').answer()
  app.handle(
    '/socket',
    acceptWebSocket(() => {}),
  )
  const tunnels = [
    await openTunnel(gateway, { over: 'http/1.1', certificate, path: '/socket' }),
    await openTunnel(gateway, { over: 'h2', certificate, path: '/socket' }),
  ]
  const http2 = await Http2Client.connect(gateway, { certificate })
  const held = http2.request({ ':path': '/held' })
  const heldRequest = await app.request('/held')
  const open = () => gateway.metric('sekisho_upgrades_open', { route: 'app' })
  await eventually(open, (count) => count === 2)
  const first = await counters()
  t.ok((first.get('sekisho_requests_total{route="app",status_class="2xx"}') ?? 0) >= 1)

  const secondCa = createTestCa({ commonName: 'second-ca' })
  await setting.apply((config) => {
    rename('second')(config)
    config.issuers.push({ name: 'second', certificate: setting.write('second.pem', secondCa.certificatePem) })
    config.doors.certificate[0].issuers.push('second')
    config.doors.certificate[0].serverCertificates.push(config.doors.certificate[0].serverCertificates[0])
  })
  const second = await counters()
  assertNothingLost(first, second)
  t.equal(await open(), 2, 'WebSockets of a route that is gone are open still')
  t.equal(await gateway.metric('sekisho_connections_open', { door: 'certificate' }), 4)
  t.equal(await gateway.metric('sekisho_http2_streams_open', { door: 'certificate' }), 2)
  t.equal(await gateway.metric('sekisho_revocation_entries', { issuer: 'second' }), 0)
  t.ok(Number(await gateway.metric('sekisho_certificate_days_left', { kind: 'issuer', name: 'second' })) > 300)
  t.ok(Number(await gateway.metric('sekisho_certificate_days_left', { kind: 'server', name: 'certificate-1' })) > 300)
  t.equal((await client.get('/').answer()).status, 200)
  heldRequest.socket.write(plainAnswer('late'))
  t.equal((await held.answer()).text, 'late')
  for (const tunnel of tunnels) tunnel.destroy()
  await eventually(open, (count) => count === 0)
  await eventually(
    () => gateway.metric('sekisho_upstream_connections', { upstream: 'second', state: 'idle' }),
    (idle) => Number(idle) >= 1,
  )
  t.equal(await gateway.metric('sekisho_requests_total', { route: 'second-route', status_class: '2xx' }), 1)

  await setting.apply((config) => {
    rename('third')(config)
    config.issuers.pop()
    config.doors.certificate[0].issuers.pop()
    config.doors.certificate[0].serverCertificates.pop()
  })
  assertNothingLost(second, await counters())
  t.equal(await gateway.metric('sekisho_upstream_connections', { upstream: 'second', state: 'idle' }), 0)
  t.equal(await gateway.metric('sekisho_revocation_entries', { issuer: 'second' }), undefined)
  t.equal(await gateway.metric('sekisho_certificate_days_left', { name: 'certificate-1' }), undefined)
  t.equal((await client.get('/').answer()).status, 200)
  client.close()
  http2.close()
  await eventually(
    () => gateway.metric('sekisho_connections_open', { door: 'certificate' }),
    (count) => count === 0,
  )
  t.equal(await gateway.metric('sekisho_http2_streams_open', { door: 'certificate' }), 0)
})

t.test('the same name again and again: the page does not grow, and nothing is lost', async (t) => {
  await setting.apply(rename('other'))
  const size = (await counters()).size
  for (let at = 0; at < 10; at++) {
    const before = await counters()
    await setting.apply(rename(at % 2 === 0 ? 'third' : 'other'))
    assertNothingLost(before, await counters())
  }
  t.equal((await counters()).size, size)
  const { value } = { value: await gateway.metric('sekisho_config_reloads_total', { result: 'applied' }) }
  t.equal(value, 13)
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
})
