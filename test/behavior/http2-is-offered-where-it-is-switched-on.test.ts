// Goal: HTTP/2 is chosen where both sides want it, over TLS 1.2 and 1.3, and only there; without it a door speaks HTTP/1.1 as before.
// Method: clients that offer h2, HTTP/1.1, both, in any order, or nothing, at gateways with and without it.
import { once } from 'node:events'
import { connect, type SecureVersion } from 'node:tls'
import t from 'tap'
import { TestUpstream } from '../helpers/upstream.ts'
import { type RunningGateway, withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const [on, off] = await Promise.all([
  withGateway({ upstreamPort: app.port }),
  withGateway({ upstreamPort: app.port, config: { http: { http2: false } } }),
])
t.teardown(async () => {
  await Promise.all([on.stop(), off.stop()])
  await app.stop()
})

/** The protocol the door chose, false for none, or what ended the handshake. */
async function chosen(
  gateway: RunningGateway,
  door: 'certificate' | 'public',
  version: SecureVersion,
  offered: string[],
) {
  const { chainPem, keyPem } = gateway.issuingCa.issueClient({ commonName: 'user01' })
  const socket = connect({
    host: '127.0.0.1',
    port: gateway.ports[door],
    servername: 'localhost',
    ca: gateway.serverCaPem,
    cert: chainPem,
    key: keyPem,
    minVersion: version,
    maxVersion: version,
    ...(offered.length > 0 && { ALPNProtocols: offered }),
  })
  try {
    await once(socket, 'secureConnect')
    return socket.alpnProtocol
  } catch (error) {
    return (error as { code: string }).code
  } finally {
    socket.destroy()
  }
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const door of ['certificate', 'public'] as const) {
    t.test(`${version}, ${door} door`, async (t) => {
      t.equal(await chosen(on, door, version, ['h2']), 'h2')
      t.equal(await chosen(on, door, version, ['h2', 'http/1.1']), 'h2')
      t.equal(await chosen(on, door, version, ['http/1.1', 'h2']), 'h2', 'the gateway’s order counts')
      t.equal(await chosen(on, door, version, ['http/1.1']), 'http/1.1')
      t.equal(await chosen(on, door, version, []), false)
      t.equal(await chosen(off, door, version, ['h2', 'http/1.1']), 'http/1.1')
      t.equal(await chosen(off, door, version, ['http/1.1']), 'http/1.1')
      t.match(await chosen(off, door, version, ['h2']), /NO_APPLICATION_PROTOCOL/)
    })
  }
}
