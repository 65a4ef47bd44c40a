// Goal: no page of another origin opens a WebSocket with the user's certificate (RFC 6455 10.2): what a browser says as Origin must
// be one of the door's names over https, or configured; what is no browser sends none. Method: every kind of Origin on both roads.
import t from 'tap'
import { FrameClient, requestFields } from '../helpers/frame-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { webSocketRoads } from '../helpers/web-socket.ts'
import { assertTalking, WebSocketSetting } from './websocket-ends.ts'

const setting = await WebSocketSetting.start(t, {
  config: { http: { webSocketOrigins: ['https://partner.example:8443'] } },
})
const { app, gateway } = setting
const certificate = setting.certificateOf('user01')

const good = [
  'https://localhost',
  'https://localhost:443',
  'https://LOCALHOST',
  'https://127.0.0.1',
  'https://partner.example:8443',
  'HTTPS://Partner.Example:8443',
]
const foreign = [
  'https://localhost:8443',
  'null',
  'https://evil.example',
  'http://localhost',
  'wss://localhost',
  'localhost',
  'https://localhost.evil.example',
  'https://evil.example/localhost',
  'https://evil.example@localhost',
  'https://localhost@evil.example',
  'https://localhost#.evil.example',
  'https://localhost/',
  'https://localhost https://evil.example',
  'https://localhost, https://evil.example',
  'https://',
  'https://partner.example',
  'https://sub.partner.example:8443',
]

for (const over of webSocketRoads) {
  t.test(`over ${over}`, async (t) => {
    const none = await setting.open({ over, certificate })
    await assertTalking(t, none, 'without Origin')
    none.tunnel.destroy()
    for (const origin of good) {
      const ends = await setting.open({ over, certificate, headers: { origin } })
      t.strictSame(ends.side.request.values('origin'), [origin], 'the application hears of it')
      ends.tunnel.destroy()
    }
    const seen = app.requests.length
    for (const origin of foreign) {
      const headers = { origin, accept: 'application/json' }
      const { status, body } = await setting.refused({ over, certificate, headers })
      t.match([status, JSON.parse(body).reason], [403, 'upgrade_origin_mismatch'], origin)
    }
    t.equal(app.requests.length, seen, 'the application hears of none of these')
  })
}

t.test('of two Origin fields each must be right', async (t) => {
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n'
  const two = ['https://localhost', 'https://evil.example']
  for (const origins of [two, two.toReversed()]) {
    const http1 = await RawClient.connect(gateway, { certificate })
    http1.get('/two', `${upgrade}${origins.map((origin) => `Origin: ${origin}\r\n`).join('')}`)
    t.equal((await http1.answer()).status, 403)
    http1.close()
    const http2 = await FrameClient.connect(gateway, { certificate })
    const [, ...fields] = requestFields('/two', [
      [':protocol', 'websocket'],
      ...origins.map((origin) => ['origin', origin] as const),
    ])
    const pseudo = fields.filter(([name]) => name.startsWith(':'))
    const rest = fields.filter(([name]) => !name.startsWith(':'))
    http2.request(1, [[':method', 'CONNECT'], ...pseudo, ...rest], { bodyFollows: true })
    t.equal(await await http2.statusOf(1), 403)
    http2.close()
  }
  t.strictSame(app.requestsFor('/two'), [])
})

t.test('a plain request may come from any page: that is the application’s to decide', async (t) => {
  const client = await RawClient.connect(gateway, { certificate })
  t.equal((await client.get('/plain', 'Origin: https://evil.example\r\n').answer()).status, 200)
  client.close()
})
