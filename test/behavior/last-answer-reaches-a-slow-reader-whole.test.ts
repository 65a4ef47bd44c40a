// Goal: the last answer of a connection arrives whole at a client that reads slowly: closing waits until what was written has left, and
// only then for the client to close too. Method: first it is seen how much fits between a gateway and a client that does not read; then
// answers of about that length, of which the end still waits in the gateway while another connection is closed and let go of.
import { once } from 'node:events'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { connectDoor } from '../helpers/http2-client.ts'
import { plainAnswer, sendBytes, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({ upstreamPort: app.port })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})
const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })
app.answer('/at-once', plainAnswer('done'))

const countOf = async (name: string, labels: Record<string, string>) => (await gateway.metric(name, labels)) ?? 0
const sent = () => countOf('sekisho_bytes_total', { door: 'certificate', direction: 'sent' })
const ended = () => countOf('sekisho_requests_total', { route: 'app', status_class: '2xx' })

/** Asks for a last answer; nothing of it is read yet. */
async function ask(path: string) {
  const { socket } = await connectDoor(gateway, { certificate, protocols: ['http/1.1'] })
  socket.on('error', () => {})
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
  return socket
}

/** What the gateway takes for a client that does not read. */
async function capacity(): Promise<number> {
  app.handle('/endless', sendBytes(1e12))
  const before = await sent()
  const socket = await ask('/endless')
  let last = -1
  let quiet = 0
  const after = await eventually(sent, (now) => {
    quiet = now === last && now > before ? quiet + 1 : 0
    last = now
    return quiet === 20
  })
  socket.destroy()
  return after - before
}

t.test('what waits in the gateway when the application is done still arrives', async (t) => {
  const fits = await capacity()
  const lengths = [4_096, 16_384, 32_768, 49_152, 65_536].map((less) => fits - less)
  const before = await ended()
  const slow = await Promise.all(
    lengths.map(async (bytes) => {
      app.handle(`/${bytes}`, sendBytes(bytes))
      return { bytes, socket: await ask(`/${bytes}`) }
    }),
  )
  await eventually(ended, (now) => now > before)
  // It does not close its side, so it is let go of when it has had its time; so have the slow ones that were done before it.
  const other = await ask('/at-once')
  let alive = true
  other.resume()
  other.on('close', () => {
    alive = false
  })
  const tick = setInterval(() => other.write('x'), 50)
  t.teardown(() => clearInterval(tick))
  await eventually(
    () => alive,
    (still) => !still,
  )
  for (const { bytes, socket } of slow) {
    let received = 0
    socket.on('data', (piece: Buffer) => {
      received += piece.length
    })
    await Promise.race([once(socket, 'end'), once(socket, 'close')])
    t.ok(received > bytes, `${received} bytes came: ${bytes} and a head`)
    socket.destroy()
  }
})
