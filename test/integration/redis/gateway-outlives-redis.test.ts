// Goal: whatever Redis does, a gateway lets nobody in whom it knows to be revoked, goes on while its data is fresh enough, denies when
// it is not (or serves on where that is configured), starts from its snapshot, and mends what was lost.
// Method: real gateways over a real redis-server that is stopped (SIGSTOP), partitioned (a relay that passes nothing), killed, emptied;
// gateway processes killed with it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { operatorOf } from '../../helpers/clients.ts'
import { eventually } from '../../helpers/eventually.ts'
import { Relay } from '../../helpers/partition.ts'
import { startRedisServer } from '../../helpers/redis-server.ts'
import { startSupervised } from '../../helpers/supervised-gateway.ts'
import { type RunningGateway, withGateway } from '../../helpers/with-gateway.ts'
import {
  ca,
  connect,
  newFolder,
  newUser,
  overRedis,
  push,
  revokedSet,
  startApp,
  startHere,
  startSupervisedHere,
  untilVerdict,
  verdictAt,
} from './redis-setting.ts'

const app = await startApp(t)
const stateOf = async (gateway: RunningGateway) =>
  (await operatorOf(gateway).call('GET', '/v1/status')).body.state as string

async function untilState(gateway: RunningGateway, wanted: string): Promise<void> {
  await eventually(
    () => stateOf(gateway),
    (state) => state === wanted,
    20_000,
  )
}

for (const way of ['stopped', 'partitioned'] as const) {
  t.test(`Redis ${way}: known revocations stay, then everybody is denied, then all is as before`, async (t) => {
    const redis = await startRedisServer(t)
    const relay = await Relay.start(redis.port)
    t.teardown(() => relay.close())
    const config = overRedis(relay.port, { revocation: { maxStalenessSeconds: 3 } })
    const gateway = await startHere(t, { upstreamPort: app.port, config })
    const [good, revoked] = [newUser(), newUser()]
    await push(gateway, revoked)
    if (way === 'stopped') redis.pause()
    else relay.blackhole()
    await untilState(gateway, 'stale')
    t.equal(await verdictAt(gateway, good), '200', 'fresh enough yet')
    const verbose = gateway.gateway.readiness().checks.find(({ name }) => name === 'follower')
    t.match(verbose, { ok: false, fatal: false, detail: /^stale/ })
    await untilVerdict(gateway, good, 'trust_data_stale')
    t.equal(await verdictAt(gateway, revoked), 'certificate_revoked', 'and it keeps its reason')
    t.notOk(gateway.gateway.readiness().ready)
    if (way === 'stopped') redis.resume()
    else relay.heal()
    await untilVerdict(gateway, good, '200')
    await untilState(gateway, 'live')
    t.equal(await gateway.metric('sekisho_follower_state', { state: 'live' }), 1)
    const later = newUser()
    await push(gateway, later)
    t.equal(await verdictAt(gateway, later), 'certificate_revoked')
  })
}

t.test('insecureServeWhenStale serves on without Redis, and refuses whom it knows', async (t) => {
  const redis = await startRedisServer(t)
  const config = overRedis(redis.port, { revocation: { maxStalenessSeconds: 1, insecureServeWhenStale: true } })
  const gateway = await startHere(t, { upstreamPort: app.port, config })
  const [good, revoked] = [newUser(), newUser()]
  await push(gateway, revoked)
  await redis.kill()
  await eventually(
    () => gateway.metric('sekisho_revocation_data_age_seconds'),
    (age) => (age ?? 0) > 1.5,
  )
  t.equal(await verdictAt(gateway, good), '200')
  t.equal(await verdictAt(gateway, revoked), 'certificate_revoked')
})

t.test('a gateway starts from its snapshot while Redis is down; a push is then not acknowledged', async (t) => {
  const redis = await startRedisServer(t)
  const folder = newFolder(t)
  const start = () => withGateway({ upstreamPort: app.port, issuingCa: ca, folder, config: overRedis(redis.port) })
  const [good, revoked] = [newUser(), newUser()]
  const first = await start()
  await push(first, revoked)
  await first.stop()
  await redis.kill()
  const second = await start()
  t.teardown(() => second.stop())
  t.equal(await verdictAt(second, good), '200')
  t.equal(await verdictAt(second, revoked), 'certificate_revoked')
  t.equal(await stateOf(second), 'stale')
  const refused = await operatorOf(second).call('POST', '/v1/revocations', {
    certificates: [{ issuer: 'test-issuing-ca', serial: good.serial }],
  })
  t.match(refused, { status: 503, body: { code: 'store_unavailable' } })
  await redis.restart()
  await untilState(second, 'live')
  await eventually(
    () => redis.cli('SISMEMBER', revokedSet, revoked.serial),
    (member) => member === 1,
  )
  t.equal(await verdictAt(second, good), '200', 'Redis came back empty, and has its revocation again')
})

t.test('a gateway without a snapshot waits for Redis and says so, then opens its doors', async (t) => {
  const redis = await startRedisServer(t)
  await redis.kill()
  const gateway = startSupervised({ upstreamPort: app.port, issuingCa: ca, config: overRedis(redis.port) })
  t.teardown(() => gateway.remove())
  await eventually(() => gateway.output().includes('waiting for the store'), Boolean, 20_000)
  t.match(gateway.output(), new RegExp(`Redis at 127.0.0.1:${redis.port}`))
  t.notOk(await gateway.isReady())
  await redis.restart()
  await untilVerdict(gateway, newUser(), '200')
})

t.test('a gateway that waits for Redis ends when it is told to', async (t) => {
  const redis = await startRedisServer(t)
  await redis.kill()
  const gateway = startSupervised({ upstreamPort: app.port, issuingCa: ca, config: overRedis(redis.port) })
  t.teardown(() => gateway.remove())
  await eventually(() => gateway.output().includes('waiting for the store'), Boolean, 20_000)
  gateway.signal('SIGTERM')
  t.equal(await gateway.ended, 0)
})

t.test('gateway killed and Redis emptied at once: what was acknowledged is refused by the next process', async (t) => {
  const redis = await startRedisServer(t)
  const gateway = await startSupervisedHere(t, { upstreamPort: app.port, config: overRedis(redis.port) })
  const good = newUser()
  for (let round = 0; round < 2; round++) {
    const revoked = newUser()
    await push(gateway, revoked)
    const [pid = 0] = gateway.gatewayPids()
    process.kill(pid, 'SIGKILL')
    await redis.cli('FLUSHALL')
    await untilVerdict(gateway, revoked, 'certificate_revoked')
    t.equal(await verdictAt(gateway, good), '200')
    await eventually(() => gateway.isReady(), Boolean, 20_000)
  }
})

t.test('a rolling restart hands snapshot and journal over; both processes cut meanwhile', async (t) => {
  const redis = await startRedisServer(t)
  const gateway = await startSupervisedHere(t, { upstreamPort: app.port, config: overRedis(redis.port) })
  const [good, before, during, after] = [newUser(), newUser(), newUser(), newUser()]
  await push(gateway, before)
  const live = await connect(gateway, during)
  gateway.signal('SIGUSR2')
  await eventually(
    () => gateway.gatewayPids().length,
    (count) => count === 2,
    20_000,
  )
  // Through Redis, so that it does not matter which of the two has the admin door.
  await redis.cli('SADD', revokedSet, during.serial)
  await live.ended()
  await eventually(
    () => gateway.gatewayPids().length,
    (count) => count === 1,
    40_000,
  )
  for (const user of [before, during]) await untilVerdict(gateway, user, 'certificate_revoked')
  await push(gateway, after)
  const [pid = 0] = gateway.gatewayPids()
  process.kill(pid, 'SIGKILL')
  await redis.cli('FLUSHALL')
  for (const user of [before, during, after]) await untilVerdict(gateway, user, 'certificate_revoked')
  t.equal(await verdictAt(gateway, good), '200')
})

t.test('an audit record tells of a store that lost revocations', async (t) => {
  const redis = await startRedisServer(t)
  const gateway = await startHere(t, { upstreamPort: app.port, config: overRedis(redis.port) })
  await push(gateway, newUser())
  await redis.cli('FLUSHALL')
  await eventually(
    () => readFileSync(join(gateway.folder, 'state', 'audit.log'), 'utf8'),
    (text) => text.includes('"store_behind"'),
  )
  t.equal(await gateway.metric('sekisho_store_behind_total'), 1)
})
