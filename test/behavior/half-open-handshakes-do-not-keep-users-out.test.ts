// Goal: thousands of handshakes that never go on cost a bounded amount of memory each and keep no user out. Method: 2,000
// connections that stop within their ClientHello are held, from many addresses; users come in meanwhile, to one worker and to two.
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { LiveClient, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { startJudgingApp } from './judging-app.ts'

const app = await startJudgingApp()
t.teardown(() => app.stop())

const halfOpenCount = 2_000
/** From 127.0.1.1 on; fewer connections of each than one address may have in one worker. */
const addressCount = 10
/** Both sides of a connection stand in this process: the gateway's with its TLS state, ours with its socket. */
const bytesEachMax = 200 * 1024
const helloStart = Buffer.from('16030102000100', 'hex')

/** Opens the connections, a hundred at a time; each sends the beginning of a ClientHello and no more. */
async function openHalf(port: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < halfOpenCount) {
    const some = Array.from({ length: 100 }, (_, at) => {
      const localAddress = `127.0.1.${1 + ((sockets.length + at) % addressCount)}`
      return connect({ host: '127.0.0.1', port, localAddress })
    })
    await Promise.all(
      some.map(
        (socket) =>
          new Promise<void>((resolve, reject) => {
            socket.once('error', reject)
            socket.once('connect', () => resolve())
          }),
      ),
    )
    for (const socket of some) socket.on('error', () => {}).write(helloStart)
    sockets.push(...some)
  }
  return sockets
}

for (const workers of [1, 2]) {
  t.test(`users come in past 2,000 half-open handshakes, workers: ${workers}`, async (t) => {
    const limits = { handshakeTimeoutMs: 60_000, handshakesPerSecondMax: 100_000 }
    const gateway = await withGateway({ upstreamPort: app.port, config: { workers, limits } })
    t.teardown(() => gateway.stop())
    const port = gateway.ports.certificate
    const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })
    const before = await LiveClient.connect({ port, certificate })
    t.equal(verdictOf(await before.request()), '200')

    const residentBefore = process.memoryUsage.rss()
    const halfOpen = await openHalf(port)
    await eventually(
      () => gateway.metric('sekisho_connections_open', { door: 'certificate' }),
      (open) => open === halfOpenCount + 1,
    )
    const residentGrowth = process.memoryUsage.rss() - residentBefore
    t.ok(residentGrowth < halfOpenCount * bytesEachMax, `memory grew by ${residentGrowth} bytes`)

    t.equal(verdictOf(await before.request()), '200', 'who was in goes on')
    const visits = await Promise.all(Array.from({ length: 20 }, () => visitWithNode({ port, certificate })))
    t.equal(visits.filter(({ visited }) => verdictOf(visited) === '200').length, 20, 'new ones come in')
    await eventually(
      () => gateway.metric('sekisho_connections_open', { door: 'certificate' }),
      (open) => open === halfOpenCount + 1,
    )
    t.equal(await gateway.metric('sekisho_faults_total', { code: 'connection_limit' }), 0, 'nobody gave way')

    for (const socket of halfOpen) socket.destroy()
    before.destroy()
    await eventually(
      () => gateway.metric('sekisho_connections_open', { door: 'certificate' }),
      (open) => open === 0,
    )
  })
}

t.test('over all workers there are no more of them than one door may have', async (t) => {
  const limits = {
    handshakeTimeoutMs: 60_000,
    handshakesPerSecondMax: 100_000,
    unauthenticatedConnectionsMax: 500,
    unauthenticatedPerAddressMax: 500,
  }
  const gateway = await withGateway({ upstreamPort: app.port, config: { workers: 2, limits } })
  t.teardown(() => gateway.stop())
  const port = gateway.ports.certificate
  const halfOpen = await openHalf(port)
  await eventually(
    () => gateway.metric('sekisho_connections_total', { door: 'certificate' }),
    (accepted) => accepted === halfOpenCount,
  )
  await eventually(
    () => gateway.metric('sekisho_connections_open', { door: 'certificate' }),
    (open) => open !== undefined && open <= 500,
  )
  const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })
  const visits = await Promise.all(Array.from({ length: 20 }, () => visitWithNode({ port, certificate })))
  t.equal(visits.filter(({ visited }) => verdictOf(visited) === '200').length, 20)
  for (const socket of halfOpen) socket.destroy()
})
