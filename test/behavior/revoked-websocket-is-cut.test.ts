// Goal: invariant 5 for WebSockets: a revocation ends those of its certificate within a second, on both roads and both sides, while
// quiet and while busy; those of other users, and of the same user's other certificate, stay.
// Method: four WebSockets on each road, one revoked certificate, revoked through the admin API; close events, metrics, access log.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { operatorOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { webSocketRoads } from '../helpers/web-socket.ts'
import { assertTalking, type Ends, untilEnded, WebSocketSetting } from './websocket-ends.ts'

const setting = await WebSocketSetting.start(t, { config: { accessLog: { file: 'access.log' } } })
const { gateway } = setting
const operator = operatorOf(gateway)

function linesOf(path: string) {
  const lines = readFileSync(join(gateway.folder, 'access.log'), 'utf8').split('\n')
  return lines
    .filter((line) => line !== '')
    .flatMap((line) => (JSON.parse(line).target === path ? JSON.parse(line) : []))
}

/** Writes without end from both sides. */
function keepBusy({ tunnel, side }: Ends): void {
  for (const stream of [tunnel.stream, side.socket]) {
    const pump = () => {
      while (!stream.destroyed && stream.write(Buffer.alloc(65_536)));
    }
    stream.on('drain', pump)
    pump()
  }
}

for (const over of webSocketRoads) {
  t.test(`over ${over}`, async (t) => {
    const revoked = setting.certificateOf('user02')
    const [quietPath, busyPath] = [setting.newPath(), setting.newPath()]
    const quiet = await setting.open({ over, certificate: revoked, path: quietPath })
    const busy = await setting.open({ over, certificate: revoked, path: busyPath })
    const sameUser = await setting.open({ over, certificate: setting.certificateOf('user02') })
    const otherUser = await setting.open({ over, certificate: setting.certificateOf('user01') })
    await assertTalking(t, quiet, 'it works before')
    keepBusy(busy)
    await eventually(
      () => [busy.tunnel.receivedBytes, busy.side.receivedBytes],
      (bytes) => bytes.every((count) => count > 1_000_000),
    )
    await setting.untilOpen(4)
    const { body } = await operator.call('POST', '/v1/revocations', {
      certificates: [{ issuer: 'test-issuing-ca', serial: revoked.serial }],
    })
    t.match(body, { revoked: 1, connectionsCut: 2 })
    await Promise.all([untilEnded(quiet), untilEnded(busy)])
    await assertTalking(t, sameUser, 'the other certificate of the same user stays')
    await assertTalking(t, otherUser, 'the other user stays')
    await setting.untilOpen(2)
    for (const path of [quietPath, busyPath]) {
      const lines = await eventually(
        () => linesOf(path),
        (found) => found.length > 0,
      )
      t.match(lines, [{ status: over === 'h2' ? 200 : 101, outcome: 'certificate_revoked', loginId: 'user02' }])
      t.equal(lines.length, 1, 'logged once')
    }
    for (const { tunnel } of [sameUser, otherUser]) tunnel.destroy()
    await setting.untilOpen(0)
  })

  t.test(`over ${over}, while the application has not answered yet`, async (t) => {
    const path = setting.newPath()
    setting.app.handle(path, () => {})
    // Another user each time: a login ID's revocation covers all that was valid before, and these certificates are backdated.
    const loginId = over === 'h2' ? 'user04' : 'user05'
    const certificate = setting.certificateOf(loginId)
    const opening = setting.refused({ over, certificate, path })
    opening.catch(() => {})
    const { socket } = await setting.app.request(path)
    const { body } = await operator.call('POST', '/v1/revocations', { loginIds: [loginId] })
    t.equal(body.connectionsCut, 1)
    await t.rejects(opening, { message: /No answer|ended without an answer/ })
    await eventually(() => socket.destroyed, Boolean, 1_000)
    t.equal(await gateway.metric('sekisho_upgrades_open', { route: 'app' }), 0)
    t.equal((await setting.refused({ over, certificate })).status, 403, 'and then it gets the page')
  })
}
