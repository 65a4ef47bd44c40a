// Goal: R22: a switch to certificate mode takes effect at every gateway over one store: logins are refused, sessions and WebSockets that a
// password has begun end, wherever they came in; another contract's stay.
// Method: two real gateways over one Redis; the store is told by a third party; each gateway is asked.
import t from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { loadConfig } from '../../../src/config/load-config.ts'
import { createLog } from '../../../src/observe/log.ts'
import { RedisStore } from '../../../src/store/redis/redis-store.ts'
import { formLogin, passwordConfig, passwordSeed, sessionOf } from '../../behavior/password-setting.ts'
import { assertTalking, type Ends, untilEnded } from '../../behavior/websocket-ends.ts'
import { eventually } from '../../helpers/eventually.ts'
import { RawClient } from '../../helpers/raw-client.ts'
import { startRedisServer } from '../../helpers/redis-server.ts'
import { acceptWebSocket, plainAnswer, TestUpstream, type UpgradedSide } from '../../helpers/upstream.ts'
import { openTunnel } from '../../helpers/web-socket.ts'
import type { RunningGateway } from '../../helpers/with-gateway.ts'
import { overRedis, startHere } from './redis-setting.ts'

const redis = await startRedisServer(t)
const app = await TestUpstream.start()
t.teardown(() => app.stop())
app.answer('/login', plainAnswer('in', 'Set-Cookie: BANKSESSION=plain; Path=/\r\n'))
const options = { upstreamPort: app.port, config: overRedis(redis.port, passwordConfig()), seed: passwordSeed }
const [first, second] = [await startHere(t, options), await startHere(t, options)]
const gateways = [first, second]
const { config } = loadConfig(first.configFile, { env: {}, clock: systemClock })
if (config.store.kind !== 'redis') throw new Error('The gateways are over Redis')
const store = await RedisStore.open(config.store, {
  ...{ clock: systemClock, issuerIds: [], unreadableMember: () => {} },
  log: createLog({ level: 'error', destination: { write: () => {} } }),
})
t.teardown(() => store.close())

let paths = 0
async function openSocket(gateway: RunningGateway, cookie: string): Promise<Ends> {
  const path = `/socket-${++paths}`
  const { promise, resolve } = Promise.withResolvers<UpgradedSide>()
  app.handle(path, acceptWebSocket(resolve))
  const tunnel = await openTunnel(gateway, { over: 'http/1.1', door: 'public', path, headers: { cookie } })
  return { tunnel: tunnel.listen(), side: await promise }
}

async function statusOf(gateway: RunningGateway, loginId: string): Promise<number | undefined> {
  const client = await RawClient.connect(gateway, { door: 'public' })
  const answer = await client
    .send(formLogin(loginId))
    .answer()
    .catch(() => undefined)
  client.close()
  return answer?.status
}

async function seen(gateway: RunningGateway, cookie: string): Promise<readonly string[]> {
  const client = await RawClient.connect(gateway, { door: 'public' })
  const path = `/seen-${++paths}`
  await client.get(path, `Cookie: ${cookie}\r\n`).answer()
  client.close()
  return (await app.request(path)).values('cookie')
}

t.test('R22: the switch reaches every gateway at once', async (t) => {
  const [session, other] = [await sessionOf(first, 'pass01'), await sessionOf(first, 'pass03')]
  for (const gateway of gateways)
    t.strictSame(await seen(gateway, session), ['BANKSESSION=plain'], 'one login, any gateway')
  const cut = [await openSocket(first, session), await openSocket(second, session)]
  const stays = [await openSocket(first, other), await openSocket(second, other)]
  await store.setLoginMethod('yubin', 'certificate')
  await Promise.all(cut.map(untilEnded))
  for (const gateway of gateways) {
    await eventually(
      () => statusOf(gateway, 'pass01'),
      (status) => status === 403,
    )
    t.strictSame(await seen(gateway, session), [], 'the session is worth nothing')
    t.equal(await statusOf(gateway, 'pass03'), 200, 'another contract logs in')
    t.strictSame(await seen(gateway, other), ['BANKSESSION=plain'])
  }
  for (const ends of stays) await assertTalking(t, ends, 'and keeps what it has open')
  for (const { tunnel } of stays) tunnel.destroy()
})
