// Goal: limits on strangers bound strangers: who has been permitted no longer counts, and neither failures nor an
// address in use by many keep them out (R6); a handshake that does not go on is ended at its deadline.
// Method: a door with tiny limits; strangers of the same address use them up while users are connected and come in.
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { LiveClient, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { type RunningGateway, withGateway } from '../helpers/with-gateway.ts'
import { startJudgingApp } from './judging-app.ts'

const app = await startJudgingApp()
t.teardown(() => app.stop())
const stranger = createTestCa({ commonName: 'another-ca' }).issueClient({ commonName: 'user01' })

async function start(t: Tap, limits: Readonly<Record<string, number>>): Promise<RunningGateway> {
  const gateway = await withGateway({ upstreamPort: app.port, config: { limits } })
  t.teardown(() => gateway.stop())
  return gateway
}

type Tap = { teardown(undo: () => unknown): unknown }

/** A connection that never says anything; resolves once it stands. */
async function idle(port: number): Promise<Socket & { gone: boolean }> {
  const socket = Object.assign(connect({ host: '127.0.0.1', port }), { gone: false })
  socket.on('error', () => {})
  socket.on('close', () => {
    socket.gone = true
  })
  await new Promise((resolve) => socket.once('connect', resolve))
  return socket
}

function openConnections(gateway: RunningGateway): Promise<number | undefined> {
  return gateway.metric('sekisho_connections_open', { door: 'certificate' })
}

t.test('permitted connections leave the count of strangers, whatever their number', async (t) => {
  const gateway = await start(t, { unauthenticatedPerAddressMax: 4, unauthenticatedConnectionsMax: 4 })
  const port = gateway.ports.certificate
  const clients: LiveClient[] = []
  for (let at = 0; at < 25; at++) {
    const client = await LiveClient.connect({
      port,
      certificate: gateway.issuingCa.issueClient({ commonName: `user${at}` }),
    })
    t.equal(verdictOf(await client.request()), '200')
    clients.push(client)
  }
  // Strangers take all places there are for strangers; the one that came first gives way to the next.
  const strangers = [await idle(port), await idle(port), await idle(port), await idle(port)]
  await eventually(
    () => openConnections(gateway),
    (open) => open === 29,
  )
  const fifth = await idle(port)
  await eventually(
    () => strangers.filter(({ gone }) => gone).length,
    (gone) => gone === 1,
  )
  t.notOk(fifth.gone)
  for (const client of clients) t.equal(verdictOf(await client.request()), '200', 'users who are in stay in')
  const certificate = gateway.issuingCa.issueClient({ commonName: 'user99' })
  t.equal(verdictOf((await visitWithNode({ port, certificate })).visited), '200', 'and a new one gets in all the same')
  for (const one of [...strangers, fifth]) one.destroy()
  for (const client of clients) client.destroy()
})

t.test('failures of an address do not keep its users out', async (t) => {
  const gateway = await start(t, { handshakeFailuresPerAddressPerMinuteMax: 3 })
  const port = gateway.ports.certificate
  for (let at = 0; at < 12; at++) {
    const { visited } = await visitWithNode({ port, certificate: stranger })
    t.equal(verdictOf(visited), 'issuer_not_trusted', 'even a stranger is told why')
  }
  const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })
  const visits = await Promise.all(Array.from({ length: 100 }, () => visitWithNode({ port, certificate })))
  t.equal(visits.filter(({ visited }) => verdictOf(visited) === '200').length, 100, 'a hundred at once')
})

t.test('an authenticated user whose connection is denied gives the place back when it ends', async (t) => {
  const gateway = await start(t, { unauthenticatedPerAddressMax: 2, unauthenticatedConnectionsMax: 2 })
  const port = gateway.ports.certificate
  for (let at = 0; at < 10; at++) {
    const { visited } = await visitWithNode({ port, certificate: stranger })
    t.equal(verdictOf(visited), 'issuer_not_trusted')
    await eventually(
      () => openConnections(gateway),
      (open) => open === 0,
    )
  }
})

t.test('a handshake has a deadline, whichever part of it is missing', async (t) => {
  const gateway = await start(t, { handshakeTimeoutMs: 1_000, headTimeoutMs: 60_000 })
  const port = gateway.ports.certificate
  const permitted = await LiveClient.connect({
    port,
    certificate: gateway.issuingCa.issueClient({ commonName: 'user01' }),
  })
  const silent = await idle(port)
  const halfHello = await idle(port)
  halfHello.write(Buffer.from('160301020001', 'hex'))
  const startedAt = performance.now()
  await eventually(
    () => silent.gone && halfHello.gone,
    (gone) => gone,
    5_000,
  )
  t.ok(performance.now() - startedAt < 4_000)
  t.equal(await gateway.metric('sekisho_handshakes_total', { door: 'certificate', result: 'timeout' }), 2)
  t.equal(verdictOf(await permitted.request()), '200', 'it does not touch a connection that is past its handshake')
  permitted.destroy()
})
