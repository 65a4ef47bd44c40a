// Goal: whatever is killed at whichever step of a push, a push that was acknowledged is in force everywhere in the end, one that was
// not may be repeated, and nobody who was refused once is let in again.
// Method: a relay before Redis holds requests or answers, so that each step can be stopped at; gateway processes, workers and Redis are
// killed there. A second gateway shares the Redis.
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { operatorOf } from '../../helpers/clients.ts'
import { eventually } from '../../helpers/eventually.ts'
import { Relay } from '../../helpers/partition.ts'
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.ts'
import type { SupervisedGateway } from '../../helpers/supervised-gateway.ts'
import type { RunningGateway } from '../../helpers/with-gateway.ts'
import {
  connect,
  issuerName,
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

type Stand = { redis: RedisServer; relay: Relay; gateway: SupervisedGateway; other: RunningGateway }

/** A gateway that reaches Redis through a relay, and one that reaches it directly. */
async function stand(t: Test): Promise<Stand> {
  const redis = await startRedisServer(t)
  const relay = await Relay.start(redis.port)
  t.teardown(() => relay.close())
  const gateway = await startSupervisedHere(t, { upstreamPort: app.port, config: overRedis(relay.port) })
  const other = await startHere(t, { upstreamPort: app.port, config: overRedis(redis.port) })
  // Its connections stand from now on.
  await push(gateway, newUser())
  return { redis, relay, gateway, other }
}

/** Sends a push and waits for no answer. */
function beginPush(gateway: SupervisedGateway, serial: string): Promise<string> {
  return operatorOf(gateway)
    .call('POST', '/v1/revocations', { certificates: [{ issuer: issuerName, serial }] })
    .then(
      ({ status }) => String(status),
      () => 'no answer',
    )
}

function killGateway(gateway: SupervisedGateway): void {
  const [pid = 0] = gateway.gatewayPids()
  process.kill(pid, 'SIGKILL')
}

t.test('the gateway is killed before Redis has heard: nothing happened, and the push may be repeated', async (t) => {
  const { relay, gateway, other } = await stand(t)
  const user = newUser()
  relay.blackhole()
  const answer = beginPush(gateway, user.serial)
  await eventually(() => relay.isHolding(user.serial), Boolean)
  killGateway(gateway)
  relay.cut()
  relay.heal()
  t.equal(await answer, 'no answer')
  await untilVerdict(gateway, user, '200')
  t.equal(await verdictAt(other, user), '200')
  await push(gateway, user)
  for (const one of [gateway, other]) await untilVerdict(one, user, 'certificate_revoked')
})

t.test('the gateway is killed when Redis has it and it does not know: it is in force everywhere', async (t) => {
  const { redis, relay, gateway, other } = await stand(t)
  const user = newUser()
  relay.blackhole(['answers'])
  const answer = beginPush(gateway, user.serial)
  await eventually(
    () => redis.cli('SISMEMBER', revokedSet, user.serial),
    (member) => member === 1,
  )
  killGateway(gateway)
  relay.heal()
  t.equal(await answer, 'no answer')
  for (const one of [other, gateway]) await untilVerdict(one, user, 'certificate_revoked')
})

t.test('the gateway is killed when it has applied it and nobody was told: it is in force everywhere', async (t) => {
  const { gateway, other } = await stand(t)
  const [user, good] = [newUser(), newUser()]
  const live = await connect(gateway, user)
  const answer = beginPush(gateway, user.serial)
  await live.ended()
  killGateway(gateway)
  t.match(await answer, /^(200|no answer)$/)
  for (const one of [other, gateway]) await untilVerdict(one, user, 'certificate_revoked')
  for (const one of [other, gateway]) await untilVerdict(one, good, '200')
})

t.test(
  'Redis is killed and comes back empty after the push was acknowledged: every gateway has it, and Redis again',
  async (t) => {
    const { redis, gateway, other } = await stand(t)
    const [user, good] = [newUser(), newUser()]
    await push(gateway, user)
    await untilVerdict(other, user, 'certificate_revoked')
    await redis.kill()
    for (const one of [gateway, other]) t.equal(await verdictAt(one, user), 'certificate_revoked')
    await redis.restart()
    await eventually(
      () => redis.cli('SISMEMBER', revokedSet, user.serial),
      (member) => member === 1,
      20_000,
    )
    for (const one of [gateway, other]) {
      t.equal(await verdictAt(one, user), 'certificate_revoked')
      await untilVerdict(one, good, '200')
    }
  },
)

t.test('Redis is killed in the middle of a push: the push fails, may be repeated, and is then in force', async (t) => {
  const { redis, relay, gateway, other } = await stand(t)
  const user = newUser()
  relay.blackhole(['answers'])
  const answer = beginPush(gateway, user.serial)
  await eventually(
    () => redis.cli('SISMEMBER', revokedSet, user.serial),
    (member) => member === 1,
  )
  await untilVerdict(other, user, 'certificate_revoked')
  await redis.kill()
  relay.cut()
  t.equal(await answer, '503')
  relay.heal()
  await redis.restart()
  // One gateway had applied it, so Redis gets it from there.
  await untilVerdict(gateway, user, 'certificate_revoked')
  await eventually(
    () => beginPush(gateway, user.serial),
    (status) => status === '200',
    20_000,
  )
})

t.test('a worker that is killed while it is told: its connections are gone, the next one refuses', async (t) => {
  const redis = await startRedisServer(t)
  const announced = once(process, 'worker') as Promise<[Worker]>
  const gateway = await startHere(t, { upstreamPort: app.port, config: overRedis(redis.port) })
  const [worker] = await announced
  const [user, good] = [newUser(), newUser()]
  const live = await connect(gateway, user)
  const pushed = push(gateway, user)
  await worker.terminate()
  t.match(await pushed, { revoked: 1 }, 'acknowledged: whoever was connected there is connected no more')
  await live.ended()
  await untilVerdict(gateway, user, 'certificate_revoked')
  t.equal(await verdictAt(gateway, good), '200')
})
