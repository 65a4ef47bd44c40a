// Goal: a user has no more WebSockets than the limit says, over both workers and both versions of HTTP together; other users are not
// touched; a place is free again after every kind of end, a worker's crash included, and a refused upgrade takes none.
// Method: two workers, places for four; WebSockets of one user are opened and ended in every way.
import type { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { operatorOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { reset } from '../helpers/faults/reset.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { UpgradeRefused, webSocketRoads } from '../helpers/web-socket.ts'
import { assertTalking, type Ends, type OpenOptions, WebSocketSetting } from './websocket-ends.ts'

const max = 4
const workers: Worker[] = []
process.on('worker', (worker: Worker) => workers.push(worker))
const setting = await WebSocketSetting.start(t, { config: { workers: 2, limits: { webSocketsPerUserMax: max } } })
const { app, gateway } = setting
const certificate = setting.certificateOf('user01')
const headers = { accept: 'application/json' }

const roadOf = (at: number) => (at % 2 === 0 ? 'http/1.1' : 'h2')
const fill = (options: Partial<OpenOptions> = {}) =>
  Promise.all(Array.from({ length: max }, (_, at) => setting.open({ over: roadOf(at), certificate, ...options })))

async function assertFull(t: Test): Promise<void> {
  for (const over of webSocketRoads) {
    const { status, body } = await setting.refused({ over, certificate, headers })
    t.match([status, JSON.parse(body).reason], [503, 'upgrade_limit'], over)
  }
}

/** All places are free: they can be taken, and no more. */
async function assertFree(t: Test, message: string): Promise<Ends[]> {
  await setting.untilOpen(0)
  const all = await fill()
  await assertFull(t)
  t.pass(message)
  return all
}

t.test('the limit holds, for this user only', async (t) => {
  const all = await assertFree(t, 'at first')
  const other = await setting.open({ over: 'h2', certificate: setting.certificateOf('user02') })
  const sameUser = await setting.refused({ over: 'h2', certificate: setting.certificateOf('user01'), headers })
  t.equal(sameUser.status, 503, 'another certificate is the same user')
  for (const ends of [...all, other]) await assertTalking(t, ends, 'those that are open work')
  for (const { tunnel } of [...all, other]) tunnel.destroy()
})

t.test('one that was refused for the limit may have other requests', async (t) => {
  const all = await fill()
  const http2 = await Http2Client.connect(gateway, { certificate })
  t.equal((await http2.connectWebSocket('/full').head())[':status'], 503)
  t.equal((await http2.get('/plain')).status, 200)
  http2.close()
  for (const { tunnel } of all) tunnel.destroy()
})

t.test('a place is free again when one side has left', async (t) => {
  for (const end of [
    ({ tunnel }: Ends) => tunnel.destroy(),
    ({ tunnel }: Ends) => tunnel.end(),
    ({ side }: Ends) => side.socket.end(),
    ({ side }: Ends) => reset(side.socket),
  ]) {
    const all = await assertFree(t, 'before')
    for (const ends of all) end(ends)
    await setting.untilOpen(0)
    for (const { tunnel, side } of all) {
      tunnel.destroy()
      side.socket.destroy()
    }
  }
})

t.test('a refused or failed upgrade takes no place', async (t) => {
  app.answer('/no', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
  app.answer('/wrong', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
  app.handle('/gone', ({ socket }) => void socket.destroy())
  for (const path of ['/no', '/wrong', '/gone'])
    for (let at = 0; at < max + 2; at++) await setting.refused({ over: roadOf(at), certificate, path })
  app.handle('/mute', () => {})
  const http2 = await Http2Client.connect(gateway, { certificate })
  for (let at = 0; at < max + 2; at++) {
    const asked = http2.connectWebSocket('/mute')
    await eventually(
      () => app.requestsFor('/mute').length,
      (count) => count > at,
    )
    asked.reset()
    await asked.closed
  }
  http2.close()
  for (const { tunnel } of await assertFree(t, 'afterwards')) tunnel.destroy()
})

t.test('those that the application has not answered count', async (t) => {
  await setting.untilOpen(0)
  app.handle('/pending', () => {})
  const http2 = await Http2Client.connect(gateway, { certificate })
  const pending = Array.from({ length: max }, () => http2.connectWebSocket('/pending'))
  await eventually(
    () => app.requestsFor('/pending').length,
    (count) => count === max,
  )
  await assertFull(t)
  for (const exchange of pending) exchange.reset()
  await Promise.all(pending.map(({ closed }) => closed))
  http2.close()
})

t.test('many at once are never more than the limit', async (t) => {
  await setting.untilOpen(0)
  const opened = await Promise.allSettled(
    Array.from({ length: 3 * max }, (_, at) => setting.open({ over: roadOf(at), certificate })),
  )
  const open = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  t.ok(open.length > 0 && open.length <= max, `${open.length} were let through`)
  for (const one of opened) if (one.status === 'rejected') t.ok(one.reason instanceof UpgradeRefused)
  for (const { tunnel } of open) tunnel.destroy()
})

t.test('a place is free again after a cut', async (t) => {
  await setting.untilOpen(0)
  const revoked = setting.certificateOf('user01')
  await fill({ certificate: revoked })
  await assertFull(t)
  const { body } = await operatorOf(gateway).call('POST', '/v1/revocations', {
    certificates: [{ issuer: 'test-issuing-ca', serial: revoked.serial }],
  })
  t.equal(body.connectionsCut, max)
  for (const { tunnel } of await assertFree(t, 'for the user’s other certificate')) tunnel.destroy()
})

t.test('a place is free again after the crash of a worker', async (t) => {
  await setting.untilOpen(0)
  await fill()
  const before = workers.length
  await Promise.all(workers.slice(-2).map((worker) => worker.terminate()))
  await eventually(
    () => workers.length,
    (count) => count === before + 2,
  )
  for (const { tunnel } of await assertFree(t, 'in the workers that took their places')) tunnel.destroy()
})
