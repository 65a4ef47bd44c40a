// Goal: a client that goes away ends its upstream request at once, and a request that may have changed something without an
// answer is audited as "outcome unknown".
// Method: clients close, reset and half-close at each stage; the application's socket and the audit log are watched.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { reset } from '../helpers/faults/reset.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({
  upstreamPort: app.port,
  config: { limits: { upstreamResponseTimeoutMs: 2_000, bodyIdleTimeoutMs: 2_000 } },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const connect = () => RawClient.connect(gateway, { certificate: user01 })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

type Unknown = {
  event: string
  reason: string
  requestId: string
  actor: { name: string }
  detail: { method: string; path: string }
}

/** Audit records about requests for this path. */
function unknownOutcomes(path: string): Unknown[] {
  return readFileSync(join(gateway.folder, 'state', 'audit.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('upload_outcome_unknown'))
    .map((line) => JSON.parse(line) as Unknown)
    .filter(({ detail }) => detail.path === path)
}

/** Well before any deadline. */
const atOnceMs = 1_500

const ways: Record<string, (client: RawClient) => void> = {
  close: (client) => client.close(),
  reset: (client) => reset(client.tcp),
  'half-close': (client) => client.socket.end(),
}

for (const [name, leave] of Object.entries(ways)) {
  t.test(`${name} while the answer is awaited ends the upstream request`, async (t) => {
    const path = `/awaited-${name}`
    app.handle(path, () => {})
    const client = await connect()
    client.get(path)
    const { socket } = await app.request(path)
    leave(client)
    await eventually(() => socket.destroyed, Boolean, atOnceMs)
    t.strictSame(unknownOutcomes(path), [], 'a GET changes nothing')
  })

  t.test(`${name} while the answer streams ends the upstream request`, async (t) => {
    const path = `/streamed-${name}`
    app.handle(
      path,
      ({ socket }) => void socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n'),
    )
    const client = await connect()
    await client.get(path).head()
    const { socket } = await app.request(path)
    leave(client)
    await eventually(() => socket.destroyed, Boolean, atOnceMs)
    t.pass('at once')
  })

  t.test(`${name} within an upload ends the upstream request, and its outcome is unknown`, async (t) => {
    const path = `/upload-${name}`
    app.handle(path, () => {})
    const client = await connect()
    client.send(`POST ${path}?secret=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nsome`)
    const request = await app.request(path)
    await eventually(
      () => request.bodyBytes,
      (bytes) => bytes === 4,
    )
    leave(client)
    await eventually(() => request.socket.destroyed, Boolean, atOnceMs)
    await t.rejects(request.body, 'the application sees that the upload broke off')
    const [record] = await eventually(
      () => unknownOutcomes(path),
      (found) => found.length === 1,
    )
    t.match(record, { actor: { name: 'user01' }, reason: 'client_closed', detail: { method: 'POST', path } })
    t.strictSame(
      request.values('sekisho-request-id'),
      [record?.requestId],
      'it can be found in the log of the application',
    )
  })
}

t.test('a POST whose answer never comes is a 504, and its outcome is unknown', async (t) => {
  app.handle('/post-timeout', () => {})
  const client = await connect()
  client.send('POST /post-timeout HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok')
  t.equal((await client.answer()).status, 504)
  const [record] = await eventually(
    () => unknownOutcomes('/post-timeout'),
    (found) => found.length === 1,
  )
  t.equal(record?.reason, 'upstream_response_timeout')
  client.close()
})

t.test('a POST whose connection dies is a 502, and its outcome is unknown', async (t) => {
  app.handle('/post-reset', ({ socket }) => reset(socket))
  const client = await connect()
  client.send('POST /post-reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok')
  t.equal((await client.answer()).status, 502)
  t.equal(
    (
      await eventually(
        () => unknownOutcomes('/post-reset'),
        (found) => found.length === 1,
      )
    )[0]?.reason,
    'upstream_reset',
  )
  client.close()
})

t.test('an answered POST is not audited, nor is one the application never got', async (t) => {
  const client = await connect()
  client.send('POST /answered HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok')
  t.equal((await client.answer()).status, 200)
  client.send('POST /malformed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok')
  t.equal((await client.answer()).status, 400)
  const marker = await connect()
  app.handle('/marker', () => {})
  marker.send('POST /marker HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok')
  await app.request('/marker')
  marker.close()
  await eventually(
    () => unknownOutcomes('/marker'),
    (found) => found.length === 1,
  )
  t.strictSame(unknownOutcomes('/answered'), [])
  t.strictSame(unknownOutcomes('/malformed'), [])
})

t.test('a paused client that has gone is noticed by the deadline at the latest', async (t) => {
  app.handle('/paused', ({ socket }) => void socket.pause())
  const client = await connect()
  client.send('POST /paused HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n')
  const { socket } = await app.request('/paused')
  // The application reads nothing more, so the gateway soon reads nothing more of the client either.
  const piece = Buffer.alloc(65_536)
  for (let i = 0; i < 400; i++) client.socket.write(piece)
  const before = await eventually(
    async () => gateway.metric('sekisho_bytes_total', { door: 'certificate', direction: 'received' }),
    (() => {
      let last = -1
      let same = 0
      return (now: number | undefined) => {
        same = now === last ? same + 1 : 0
        last = now ?? -1
        return same >= 3
      }
    })(),
  )
  t.ok((before ?? 0) > 0)
  reset(client.tcp)
  socket.resume()
  await eventually(() => socket.destroyed, Boolean, 8_000)
  t.pass('ended')
})
