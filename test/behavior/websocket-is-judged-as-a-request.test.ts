// Goal: an upgrade is judged as any request is: who is refused gets the page of the reason in place of a 101, on both roads, and the
// application hears nothing of it. Method: refused certificates of each kind, one that expires between two requests, and routes that
// ask for less or more than their door.
import t from 'tap'
import { operatorOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { webSocketRoads } from '../helpers/web-socket.ts'
import { assertTalking, WebSocketSetting } from './websocket-ends.ts'

const setting = await WebSocketSetting.start(t, {
  config: {
    routes: [
      { name: 'app', upstream: 'app' },
      { name: 'open', upstream: 'app', pathPrefix: '/open', certificate: 'optional' },
      { name: 'closed', upstream: 'app', pathPrefix: '/closed', certificate: 'required' },
    ],
  },
})
const { app, gateway } = setting
const headers = { accept: 'application/json' }
const nowMs = Date.now()

const revoked = setting.certificateOf('user02')
await operatorOf(gateway).call('POST', '/v1/revocations', {
  certificates: [{ issuer: 'test-issuing-ca', serial: revoked.serial }],
})

const refused = {
  certificate_missing: undefined,
  certificate_revoked: revoked,
  certificate_expired: gateway.issuingCa.issueClient({ commonName: 'user01', notAfterMs: nowMs - 60_000 }),
  certificate_not_yet_valid: gateway.issuingCa.issueClient({ commonName: 'user01', notBeforeMs: nowMs + 600_000 }),
  issuer_not_trusted: createTestCa({ commonName: 'stranger' }).issueClient({ commonName: 'user01' }),
}

for (const over of webSocketRoads) {
  for (const [reason, certificate] of Object.entries(refused)) {
    t.test(`${reason}, over ${over}`, async (t) => {
      const seen = app.requests.length
      const who = certificate === undefined ? {} : { certificate }
      const { status, body } = await setting.refused({ over, headers, ...who })
      t.equal(status, 403)
      t.equal(JSON.parse(body).reason, reason)
      t.equal(app.requests.length, seen, 'the application hears nothing')

      const ends = await setting.open({ over, path: setting.newPath().replace('/', '/open/'), ...who })
      const identity = ends.side.request.fields.filter(([name]) => /^(sekisho-login-id|client-cert)/i.test(name))
      t.strictSame(identity, [], 'a route that is open to everybody vouches for nobody')
      await assertTalking(t, ends, 'and lets the WebSocket through')
      ends.tunnel.destroy()
    })
  }

  t.test(`the public door, over ${over}`, async (t) => {
    const ends = await setting.open({ over, door: 'public' })
    t.strictSame(ends.side.request.values('sekisho-login-method'), ['password'])
    await assertTalking(t, ends, 'lets it through')
    ends.tunnel.destroy()
    const { status, body } = await setting.refused({ over, headers, door: 'public', path: '/closed/socket' })
    t.equal(status, 403)
    t.equal(JSON.parse(body).reason, 'certificate_missing', 'but not where the route wants a certificate')
  })
}

t.test('a certificate that expires between two requests of a connection', async (t) => {
  const notAfterMs = Math.ceil((Date.now() + 2_000) / 1_000) * 1_000
  const certificate = gateway.issuingCa.issueClient({ commonName: 'user01', notAfterMs })
  const http1 = await RawClient.connect(gateway, { certificate })
  const http2 = await Http2Client.connect(gateway, { certificate })
  t.equal((await http1.get('/before').answer()).status, 200)
  t.equal((await http2.get('/before')).status, 200)
  await eventually(
    () => Date.now(),
    (now) => now >= notAfterMs + 1_000,
  )
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n'
  const answer = await http1.get('/late', `Accept: application/json\r\n${upgrade}`).answer()
  t.match([answer.status, answer.text], [403, /certificate_expired/])
  t.match(await http2.connectWebSocket('/late', headers).answer(), { status: 403, text: /certificate_expired/ })
  t.strictSame(app.requestsFor('/late'), [])
  await http1.untilEnd()
  await http2.closed
})

t.test('nothing stays counted', async () => {
  for (const route of ['app', 'open', 'closed']) await setting.untilOpen(0, route)
})
