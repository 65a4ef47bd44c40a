// Goal: a WebSocket that was opened in time does not outlive its certificate: what comes after the expiry passes neither way, and the
// connection is cut; another user's goes on. Method: a certificate with seconds to live, one client that keeps sending, one
// application that does, on both roads.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { webSocketRoads } from '../helpers/web-socket.ts'
import { assertTalking, WebSocketSetting } from './websocket-ends.ts'

const setting = await WebSocketSetting.start(t)
const { gateway } = setting

for (const over of webSocketRoads) {
  for (const sender of ['client', 'application'] as const) {
    t.test(`over ${over}, while the ${sender} sends`, async (t) => {
      const notAfterMs = Math.ceil(Date.now() / 1_000) * 1_000 + 2_000
      const brief = gateway.issuingCa.issueClient({ commonName: 'user01', notAfterMs })
      const ends = await setting.open({ over, certificate: brief })
      const other = await setting.open({ over, certificate: setting.certificateOf('user02') })
      await assertTalking(t, ends, 'it talks while the certificate is valid')
      let lastPassedAtMs = 0
      const note = () => {
        lastPassedAtMs = Date.now()
      }
      ends.tunnel.stream.on('data', note)
      ends.side.socket.on('data', note)
      await eventually(
        () => {
          if (sender === 'client') ends.tunnel.send(Buffer.from('x'))
          else ends.side.socket.write('x')
          return ends.tunnel.ended || ends.tunnel.stream.destroyed
        },
        (ended) => ended,
        10_000,
      )
      // notAfter names a whole second that still counts (RFC 5280 4.1.2.5).
      t.ok(lastPassedAtMs < notAfterMs + 1_100, 'nothing passed afterwards')
      await assertTalking(t, other, 'another user goes on')
      other.tunnel.destroy()
    })
  }
}

t.test('the end is counted and audited', async (t) => {
  const cuts = await gateway.metric('sekisho_cuts_total', { door: 'certificate', reason: 'certificate_expired' })
  t.equal(cuts, webSocketRoads.length * 2)
})
