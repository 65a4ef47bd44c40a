// Goal: a gateway process that is killed is started again while clients wait in the queue; a supervisor that is killed leaves
// nothing behind; a second one on the same state folder is told who has it; signals of a terminal reach everybody and do no harm.
// Method: supervisor and gateway processes as an operator runs them, and kill.
import { existsSync } from 'node:fs'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { startSupervised, superviseGateway } from '../helpers/supervised-gateway.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'

const app = await TestUpstream.start()
app.answer('/ok', plainAnswer('ok'))
t.teardown(() => app.stop())
const isAlive = (pid: number | undefined) => existsSync(`/proc/${pid}`)

for (const passSockets of [true, false]) {
  t.test(`a gateway process that is killed comes back (sockets ${passSockets ? 'passed' : 'bound'})`, async (t) => {
    const gateway = await superviseGateway({ upstreamPort: app.port, passSockets })
    t.teardown(() => gateway.remove())
    const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
    const before = await RawClient.connect(gateway, { certificate: user01 })
    t.equal((await before.get('/ok').answer()).status, 200)
    const [killed = 0] = gateway.gatewayPids()

    process.kill(killed, 'SIGKILL')
    await before.untilEnd()
    const after = await RawClient.connect(gateway, { certificate: user01 })
    t.equal((await after.get('/ok').answer()).status, 200, 'who came meanwhile has waited')
    t.notOk(gateway.gatewayPids().includes(killed))
    t.match(gateway.output(), /SIGKILL.*the gateway process ended/)
    await eventually(() => gateway.isReady(), Boolean)
  })
}

t.test('nothing outlives a supervisor that is killed', async (t) => {
  const gateway = await superviseGateway({ upstreamPort: app.port })
  t.teardown(() => gateway.remove())
  const [orphan] = gateway.gatewayPids()
  t.ok(isAlive(orphan))
  gateway.signal('SIGKILL')
  t.equal(await gateway.ended, 'SIGKILL')
  await eventually(
    () => isAlive(orphan),
    (alive) => !alive,
  )
  t.equal(JSON.parse(gateway.auditLines().at(-1) ?? '').event, 'gateway_started', 'its log is whole')
})

t.test('a second one on the same state folder ends with exit code 1 and says whose it is', async (t) => {
  const gateway = await superviseGateway({ upstreamPort: app.port })
  t.teardown(() => gateway.remove())
  const second = startSupervised({ upstreamPort: app.port, folder: gateway.folder })
  t.equal(await second.ended, 1)
  t.match(second.output(), `Cannot use ${gateway.folder}/state as state folder: process ${gateway.pid} is using it\n`)
  t.equal(await gateway.isReady(), true)
})

t.test('a terminal’s signals to every process drain once', async (t) => {
  const gateway = await superviseGateway({ upstreamPort: app.port })
  t.teardown(() => gateway.remove())
  const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
  app.handle('/held', () => {})
  const client = await RawClient.connect(gateway, { certificate: user01 })
  client.get('/held')
  const { socket } = await app.request('/held')
  const [pid = 0] = gateway.gatewayPids()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const) process.kill(pid, signal)
  gateway.signal('SIGINT')
  await eventually(
    () => gateway.isReady(),
    (ready) => !ready,
  )
  socket.write(plainAnswer('done'))
  t.equal((await client.answer()).text, 'done')
  t.equal(await gateway.ended, 0)
})

t.test('a second signal ends at once', async (t) => {
  const gateway = await superviseGateway({ upstreamPort: app.port })
  t.teardown(() => gateway.remove())
  const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
  const client = await RawClient.connect(gateway, { certificate: user01 })
  client.get('/held')
  await app.request('/held')
  gateway.signal('SIGTERM')
  await eventually(
    () => gateway.isReady(),
    (ready) => !ready,
  )
  gateway.signal('SIGTERM')
  await client.untilEnd()
  t.equal(await gateway.ended, 0)
})

t.test('a service manager’s socket that no door wants is refused', async (t) => {
  const { bindSocket } = await import('../../src/supervise/socket-handle.ts')
  const extra = bindSocket({ host: '127.0.0.1', port: 0 })
  const gateway = startSupervised({ upstreamPort: app.port, moreSockets: [extra.fd] })
  t.teardown(() => gateway.remove())
  t.equal(await gateway.ended, 1)
  t.match(
    gateway.output(),
    /Cannot use the service manager's socket 127\.0\.0\.1 port \d+ .file descriptor 7.: no door/,
  )
  t.strictSame(gateway.gatewayPids(), [])
  extra.close()
})
