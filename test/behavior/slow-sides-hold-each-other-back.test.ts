// Goal: back-pressure both ways with bounded memory: a slow reader stops the writer behind it, and everything arrives intact.
// Method: 64 MiB towards a side that does not read; what the other side could push is counted, then all is read and compared.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { writeUntilStuck } from '../helpers/faults/sliced.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({ upstreamPort: app.port })
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const connect = () => RawClient.connect(gateway, { certificate: user01 })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

const totalBytes = 64 * 1024 * 1024
const piece = randomBytes(1024 * 1024)
const pieces = totalBytes / piece.length
const digest = (() => {
  const hash = createHash('sha256')
  for (let i = 0; i < pieces; i++) hash.update(piece)
  return hash.digest('hex')
})()
/** What two TCP connections on loopback and the buffers of four sockets may hold, with room to spare. */
const heldBytesMax = 40 * 1024 * 1024

/** Reads a stream as it comes, without keeping it. */
async function hashOf(client: RawClient, bytes: number): Promise<string> {
  const hash = createHash('sha256')
  let left = bytes
  while (left > 0) {
    const got = await client.bytes(Math.min(left, 65_536))
    hash.update(got)
    left -= got.length
  }
  return hash.digest('hex')
}

t.test('a slow client holds the application back; memory stays bounded; the download arrives intact', async (t) => {
  const pushed = new Promise<number>((resolve) => {
    app.handle('/download', async ({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${totalBytes}\r\n\r\n`)
      const written = await writeUntilStuck(socket, piece, { totalBytes, quietMs: 400 })
      resolve(written)
      for (let at = written; at < totalBytes; at += piece.length) if (!socket.write(piece)) await once(socket, 'drain')
    })
  })
  const client = await connect()
  const residentBefore = process.memoryUsage.rss()
  client.get('/download')
  await client.head()
  client.socket.pause()
  const written = await pushed
  const residentGrowth = process.memoryUsage.rss() - residentBefore
  t.ok(written < heldBytesMax, `the application could write ${written} bytes`)
  t.ok(residentGrowth < 48 * 1024 * 1024, `memory grew by ${residentGrowth} bytes`)
  client.socket.resume()
  t.equal(await hashOf(client, totalBytes), digest)
  t.equal((await client.get('/after').answer()).status, 200, 'the connection goes on')
  client.close()
})

t.test('a slow application holds the client back; memory stays bounded; the upload arrives intact', async (t) => {
  const hash = createHash('sha256')
  app.handle('/upload', ({ socket }) => {
    socket.pause()
    // From here on the body is counted, not kept.
    socket.removeAllListeners('data')
    let left = totalBytes
    socket.on('data', (bytes: Buffer) => {
      hash.update(bytes)
      left -= bytes.length
      if (left === 0) socket.write(plainAnswer(hash.digest('hex'), 'Connection: close\r\n'))
    })
    socket.pause()
  })
  const client = await connect()
  const residentBefore = process.memoryUsage.rss()
  client.send(`POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${totalBytes}\r\n\r\n`)
  const { socket } = await app.request('/upload')
  const written = await writeUntilStuck(client.socket, piece, { totalBytes, quietMs: 400 })
  const residentGrowth = process.memoryUsage.rss() - residentBefore
  t.ok(written < heldBytesMax, `the client could write ${written} bytes`)
  t.ok(residentGrowth < 48 * 1024 * 1024, `memory grew by ${residentGrowth} bytes`)
  socket.resume()
  for (let at = written; at < totalBytes; at += piece.length) {
    if (!client.socket.write(piece)) await once(client.socket, 'drain')
  }
  t.equal((await client.answer()).text, digest)
  t.equal((await client.get('/after').answer()).status, 200)
  client.close()
})

t.test('a client that is held back does not slow the others down', async (t) => {
  app.handle('/stuck', ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${totalBytes}\r\n\r\n`)
    for (let i = 0; i < 32; i++) socket.write(piece)
  })
  const stuck = await connect()
  await stuck.get('/stuck').head()
  stuck.socket.pause()
  const other = await connect()
  for (let i = 0; i < 50; i++) t.equal((await other.get('/quick').answer()).status, 200)
  stuck.close()
  other.close()
})

t.test('a client that asks and asks without reading is held back too', async (t) => {
  const answer = plainAnswer('x'.repeat(32_768))
  app.answer('/asked', answer)
  const client = await connect()
  client.socket.pause()
  const asked = 4_000
  for (let i = 0; i < asked; i++) client.get('/asked')
  // The number of requests that reach the application stops rising long before all are through.
  let last = -1
  let quiet = 0
  const reached = await eventually(
    () => app.requestsFor('/asked').length,
    (now) => {
      quiet = now === last && now > 0 ? quiet + 1 : 0
      last = now
      return quiet > 30
    },
    10_000,
  )
  t.ok(reached * answer.length < heldBytesMax, `${reached} of ${asked} requests reached the application`)
  client.socket.resume()
  for (let i = 0; i < asked; i++) {
    const { body } = await client.answer()
    if (body.length !== 32_768) t.fail(`answer ${i}`)
  }
  t.equal(app.requestsFor('/asked').length, asked, 'all are answered in the end')
  client.close()
})
