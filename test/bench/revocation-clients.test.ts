// Goal: the clients that measure a push see what a gateway does: how long it permits, that it never refuses, that it ends
// connections it should keep. Method: small TLS servers that permit and revoke when the test says so.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { eventually } from '../helpers/eventually.ts'
import { BenchClient, clientContext, visit } from './bench-client.ts'
import { HeldClients } from './held-clients.ts'
import { RefusalWatch } from './refusal-watch.ts'
import { createRevocationPki, makeClient } from './revocation-pki.ts'

const pki = await createRevocationPki(t.testdir())
const certificate = makeClient(pki.issuing, 'user-0')
const context = clientContext({ ca: pki.root.pem, cert: certificate.certificatePem, key: certificate.keyPem })

type Gateway = {
  readonly port: number
  readonly connections: ReadonlySet<TLSSocket>
  /** From now on new connections are denied, and the old ones are closed. */
  revoke(): void
  /** Answers everything like this. */
  status: number
  asked: number
}

async function startGateway(t: Test): Promise<Gateway> {
  const connections = new Set<TLSSocket>()
  const gateway = {
    port: 0,
    connections,
    status: 200,
    asked: 0,
    revoke: () => {
      gateway.status = 403
      for (const socket of connections) socket.destroy()
    },
  }
  const server: Server = createServer(
    {
      cert: readFileSync(pki.serverCertificateFile),
      key: readFileSync(pki.serverKeyFile),
      ca: readFileSync(pki.clientIssuersFile),
      requestCert: true,
    },
    (_request, response) => {
      gateway.asked++
      response.writeHead(gateway.status, { 'Content-Length': 4 }).end('page')
    },
  )
  server.on('secureConnection', (socket: TLSSocket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  gateway.port = (server.address() as AddressInfo).port
  return gateway
}

t.test('a client tells permission, denial, the end of the connection, and anything else apart', async (t) => {
  const gateway = await startGateway(t)
  t.match(await visit(gateway.port, context), { answer: 'permitted' })
  gateway.status = 403
  t.match(await visit(gateway.port, context), { answer: 'denied' })
  gateway.status = 502
  await t.rejects(visit(gateway.port, context), /Cannot count this answer of port \d+: HTTP\/1\.1 502/)
  gateway.status = 200
  const client = new BenchClient(gateway.port, context)
  t.match(await client.ask(), { answer: 'permitted' })
  t.ok(client.isOpen)
  gateway.revoke()
  t.ok((await client.closed) <= systemClock.monotonicMs())
  t.notOk(client.isOpen)
  t.match(await client.ask(), { answer: 'closed' })
})

t.test('nobody there is a fault and no refusal', async (t) => {
  await t.rejects(visit(1, context), /Cannot connect to port 1: ECONNREFUSED/)
})

t.test('the last permission and the first refusal lie around the moment of the revocation', async (t) => {
  const [first, second, third] = [await startGateway(t), await startGateway(t), await startGateway(t)]
  const watch = new RefusalWatch(context)
  await watch.begin({ requests: first.port, connections: second.port })
  await eventually(
    () => Math.min(first.asked, second.asked),
    (asked) => asked > 4,
  )
  const revokedMs = systemClock.monotonicMs()
  const refused = watch.refused([third.port, first.port, second.port])
  for (const gateway of [first, second, third]) gateway.revoke()
  const refusal = await refused
  t.ok(refusal.firstRefusedMs >= revokedMs)
  t.ok(refusal.lastPermittedMs <= refusal.firstRefusedMs)
  t.ok(refusal.attempts >= 10)
})

t.test('a gateway that goes on permitting is found, though it was not one of those that were watched', async (t) => {
  const [first, second, late] = [await startGateway(t), await startGateway(t), await startGateway(t)]
  const watch = new RefusalWatch(context)
  await watch.begin({ requests: first.port, connections: second.port })
  const refused = watch.refused([late.port])
  first.revoke()
  second.revoke()
  await eventually(
    () => late.asked,
    (asked) => asked > 3,
  )
  const stillMs = systemClock.monotonicMs()
  await eventually(
    () => late.asked,
    (asked) => asked > 6,
  )
  late.revoke()
  t.ok((await refused).lastPermittedMs > stillMs)
})

t.test('a certificate that is never refused is no figure', async (t) => {
  const gateway = await startGateway(t)
  const watch = new RefusalWatch(context, 200)
  await watch.begin({ requests: gateway.port, connections: gateway.port })
  await t.rejects(watch.refused([gateway.port]), /still permitted 200 ms after it was revoked/)
  gateway.status = 403
  const other = new RefusalWatch(context)
  await t.rejects(other.begin({ requests: gateway.port, connections: gateway.port }), /not permitted: denied, denied/)
})

t.test('a held connection that ends by itself is lost; one that was let go is not', async (t) => {
  const gateway = await startGateway(t)
  const held = new HeldClients(pki.root.pem)
  const pairs = [certificate, makeClient(pki.issuing, 'user-1'), makeClient(pki.issuing, 'user-2')]
  await held.openAll(pairs, [gateway.port])
  t.equal(held.count, 3)
  t.equal(await held.useAll(), 3)
  const letGo = held.letGo()
  letGo.client.end()
  await letGo.client.closed
  t.equal(held.count, 2)
  t.strictSame(held.lost, [])
  for (const socket of gateway.connections) socket.destroy()
  await eventually(
    () => held.count,
    (count) => count === 0,
  )
  t.equal(held.lost.length, 2)
  t.match(held.lost[0], `port ${gateway.port} ended a connection`)
  gateway.status = 403
  await t.rejects(held.open(certificate, gateway.port), /it was denied/)
})
