// Goal: a WebSocket through which nothing goes for as long as the idle deadline says is ended on both sides; a ping from either side
// keeps it. Method: a short deadline; silent ones end, two in a row, while others are pinged by their client or by the application.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { opcodes, webSocketRoads, writeWebSocketFrame } from '../helpers/web-socket.ts'
import { assertTalking, type Ends, WebSocketSetting } from './websocket-ends.ts'

const setting = await WebSocketSetting.start(t, { config: { limits: { webSocketIdleTimeoutMs: 600 } } })
const { gateway } = setting
const certificate = setting.certificateOf('user01')
const ping = writeWebSocketFrame({ opcode: opcodes.ping })

async function untilGone({ tunnel, side }: Ends): Promise<void> {
  let closed = false
  void tunnel.closed.then(() => {
    closed = true
  })
  await eventually(() => (closed || tunnel.ended) && (side.ended || side.socket.destroyed), Boolean)
  side.socket.destroy()
}

for (const over of webSocketRoads) {
  t.test(`over ${over}`, async (t) => {
    const timeouts = () => gateway.metric('sekisho_faults_total', { code: 'upgrade_idle_timeout' })
    const before = (await timeouts()) ?? 0
    const [byClient, byApp] = [await setting.open({ over, certificate }), await setting.open({ over, certificate })]
    const pings = setInterval(() => {
      byClient.tunnel.send(ping)
      byApp.side.socket.write(ping)
    }, 50)
    t.teardown(() => clearInterval(pings))
    for (let at = 0; at < 2; at++) await untilGone(await setting.open({ over, certificate }))
    t.equal((await timeouts()) ?? 0, before + 2)
    clearInterval(pings)
    await assertTalking(t, byClient, 'pinged by the client')
    await assertTalking(t, byApp, 'pinged by the application')
    await Promise.all([untilGone(byClient), untilGone(byApp)])
    t.equal((await timeouts()) ?? 0, before + 4, 'without pings they end too')
    await setting.untilOpen(0)
  })
}
