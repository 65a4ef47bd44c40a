// Goal: many clients that ask for much and read nothing cost a bounded amount of memory each, and others are served meanwhile.
// Method: thirty clients ask for 32 MiB each and stop reading; what the application could push and what the process grew by are
// measured; then they go away.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { writeUntilStuck } from '../helpers/faults/sliced.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({ upstreamPort: app.port })
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const connect = () => RawClient.connect(gateway, { certificate: user01 })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

const slowReaders = 30
const totalBytes = 32 * 1024 * 1024
const piece = randomBytes(256 * 1024)
/** What the gateway, the client's TLS and the application's stream may hold of one answer, with room for what is not collected yet. */
const bytesEachMax = 8 * 1024 * 1024

t.test('thirty clients that do not read', async (t) => {
  const pushed: number[] = []
  app.handle('/large', async ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${totalBytes}\r\n\r\n`)
    pushed.push(await writeUntilStuck(socket, piece, { totalBytes, quietMs: 1_000 }))
  })
  const clients = await Promise.all(Array.from({ length: slowReaders }, connect))
  const residentBefore = process.memoryUsage.rss()
  for (const client of clients) {
    client.socket.pause()
    client.get('/large')
  }
  await eventually(
    () => pushed.length,
    (stuck) => stuck === slowReaders,
    30_000,
  )
  const residentGrowth = process.memoryUsage.rss() - residentBefore
  t.equal(pushed.filter((bytes) => bytes < totalBytes).length, slowReaders, 'every one held the application back')
  t.ok(residentGrowth < slowReaders * bytesEachMax, `memory grew by ${residentGrowth} bytes`)

  const other = await connect()
  for (let i = 0; i < 50; i++) t.equal((await other.get('/quick').answer()).status, 200, 'others are served')
  other.close()

  for (const client of clients) client.close()
  await eventually(
    () => app.requestsFor('/large').filter(({ socket }) => socket.destroyed).length,
    (ended) => ended === slowReaders,
  )
  t.pass('with the clients their upstream connections end')
})
