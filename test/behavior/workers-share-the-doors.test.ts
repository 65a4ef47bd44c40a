// Goal: two workers serve one door: both get connections, lists, cuts and drains reach both, and the end of one costs its own
// connections only, while newcomers wait for no more than another worker.
// Method: the real gateway with two workers, whose threads are caught as Node announces them; one is terminated.
import type { Worker } from 'node:worker_threads'
import t from 'tap'
import { operatorOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { RawClient } from '../helpers/raw-client.ts'
import type { TestCertificate } from '../helpers/test-ca.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
app.answer('/ok', plainAnswer('ok'))
const workers: Worker[] = []
process.on('worker', (worker: Worker) => workers.push(worker))
const gateway = await withGateway({ upstreamPort: app.port, config: { workers: 2 } })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})
const operator = operatorOf(gateway)
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const user02 = gateway.issuingCa.issueClient({ commonName: 'user02' })
const connect = (count: number, certificate: TestCertificate) =>
  Promise.all(Array.from({ length: count }, () => RawClient.connect(gateway, { certificate })))
const statusOf = async (client: RawClient) => (await client.get('/ok').answer()).status

const clients = await connect(32, user01)

t.test('each address is one, however many listen on it', async (t) => {
  t.equal(workers.length, 2)
  t.strictSame(
    gateway.gateway.addresses.map(({ door, port }) => [door, port]),
    [
      ['certificate', gateway.ports.certificate],
      ['public', gateway.ports.public],
    ],
  )
})

t.test('lists and cuts reach every worker', async (t) => {
  const others = await connect(16, user02)
  t.strictSame(new Set(await Promise.all([...clients, ...others].map(statusOf))), new Set([200]))
  const listed = await operator.call('GET', '/v1/connections')
  t.equal(listed.body.connections.length, 48)
  const { body } = await operator.call('POST', '/v1/revocations', { loginIds: ['user02'] })
  t.match(body, { revoked: 1, connectionsCut: 16 })
  await Promise.all(others.map((client) => client.untilEnd()))
  t.strictSame(new Set(await Promise.all(clients.map(statusOf))), new Set([200]), 'user01 stays')
})

t.test('a worker’s end costs its own connections, and newcomers are served', async (t) => {
  await workers[0]?.terminate()
  await eventually(
    () => gateway.metric('sekisho_worker_restarts_total'),
    (restarts) => restarts === 1,
  )
  const newcomers = await connect(8, user01)
  t.strictSame(new Set(await Promise.all(newcomers.map(statusOf))), new Set([200]))
  const left = clients.filter(({ socket }) => !socket.destroyed)
  t.ok(left.length > 0 && left.length < clients.length, `${left.length} of ${clients.length} were the other worker’s`)
  t.strictSame(new Set(await Promise.all(left.map(statusOf))), new Set([200]))
  await eventually(
    () => workers.length,
    (started) => started === 3,
  )
})

t.test('a drain reaches every worker', async (t) => {
  await gateway.sockets.close()
  const open = (await connectedClients()).length
  t.ok(open > 0)
  await gateway.gateway.drain()
  t.equal((await connectedClients()).length, 0)
})

async function connectedClients(): Promise<readonly unknown[]> {
  return (await operator.call('GET', '/v1/connections')).body.connections
}
