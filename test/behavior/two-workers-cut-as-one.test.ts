// Goal: with two workers a revocation ends the connections of both, on both versions of HTTP, and counts each once; those of another
// user stay in both.
// Method: the beginning of the request id tells the worker; connections are opened until each worker has every kind of both users.
import t from 'tap'
import { operatorOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { sendBytes } from '../helpers/upstream.ts'
import { webSocketRoads } from '../helpers/web-socket.ts'
import { assertTalking, type Ends, untilEnded, WebSocketSetting } from './websocket-ends.ts'

const triesMax = 60

const setting = await WebSocketSetting.start(t, {
  config: { workers: 2, limits: { webSocketsPerUserMax: 200, unauthenticatedPerAddressMax: 200 } },
})
const { app, gateway } = setting

const workerOf = (requestId: string | undefined) => (requestId ?? '').slice(0, 8)

/** Opens one after the other until both workers have one. */
async function openOnBoth<T>(open: () => Promise<{ opened: T; worker: string }>): Promise<T[]> {
  const workers = new Set<string>()
  const all: T[] = []
  while (workers.size < 2) {
    if (all.length === triesMax) throw new Error(`One worker had all of ${triesMax} connections`)
    const { opened, worker } = await open()
    workers.add(worker)
    all.push(opened)
  }
  return all
}

type Download = { readonly http2: Http2Client; bytes: number; closed: boolean }

async function openDownload(loginId: string): Promise<{ opened: Download; worker: string }> {
  const path = setting.newPath()
  app.handle(path, sendBytes(1e12))
  const http2 = await Http2Client.connect(gateway, { certificate: setting.certificateOf(loginId) })
  const download: Download = { http2, bytes: 0, closed: false }
  const { stream } = http2.request({ ':path': path })
  stream.on('data', (bytes: Buffer) => {
    download.bytes += bytes.length
    // One piece a turn is enough, and leaves the processor to the others.
    stream.pause()
    setImmediate(() => stream.resume())
  })
  void http2.closed.then(() => {
    download.closed = true
  })
  return { opened: download, worker: workerOf((await app.request(path)).values('sekisho-request-id')[0]) }
}

async function openAll(loginId: string): Promise<{ sockets: Ends[]; downloads: Download[] }> {
  const sockets: Ends[] = []
  for (const over of webSocketRoads) {
    const opened = await openOnBoth(async () => {
      const ends = await setting.open({ over, certificate: setting.certificateOf(loginId) })
      return { opened: ends, worker: workerOf(ends.side.request.values('sekisho-request-id')[0]) }
    })
    sockets.push(...opened)
  }
  return { sockets, downloads: await openOnBoth(() => openDownload(loginId)) }
}

t.test('a revocation reaches both workers', async (t) => {
  const [cut, stays] = [await openAll('user02'), await openAll('user01')]
  await setting.untilOpen(cut.sockets.length + stays.sockets.length)
  const { body } = await operatorOf(gateway).call('POST', '/v1/revocations', { loginIds: ['user02'] })
  t.equal(body.connectionsCut, cut.sockets.length + cut.downloads.length)
  await Promise.all(cut.sockets.map(untilEnded))
  await eventually(
    () => cut.downloads.map(({ closed }) => closed),
    (closed) => closed.every(Boolean),
    1_000,
  )
  await setting.untilOpen(stays.sockets.length)
  for (const ends of stays.sockets) await assertTalking(t, ends, 'the other user’s WebSocket stays')
  for (const download of stays.downloads) {
    const before = download.bytes
    await eventually(
      () => download.bytes,
      (bytes) => bytes > before,
    )
    t.notOk(download.closed, 'and the downloads')
    download.http2.close()
  }
  for (const { tunnel } of stays.sockets) tunnel.destroy()
  await setting.untilOpen(0)
})
