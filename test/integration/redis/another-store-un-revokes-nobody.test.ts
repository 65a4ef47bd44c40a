// Goal: invariant 6 when the configuration names another kind of store: what was revoked under the old one stays revoked under the new
// one, is written there, and reaches the gateways that share it; restores stay restores.
// Method: one state folder, a gateway that is started on the embedded store, on Redis, and on the embedded store again.
import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { operatorOf } from '../../helpers/clients.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startRedisServer } from '../../helpers/redis-server.ts'
import { withGateway } from '../../helpers/with-gateway.ts'
import {
  ca,
  issuerName,
  newFolder,
  newUser,
  overRedis,
  push,
  revokedSet,
  startApp,
  startHere,
  untilVerdict,
  verdictAt,
} from './redis-setting.ts'

t.test('from the embedded store to Redis and back', async (t) => {
  const app = await startApp(t)
  const redis = await startRedisServer(t)
  const folder = newFolder(t)
  const start = (config = {}) => withGateway({ upstreamPort: app.port, issuingCa: ca, folder, config })
  const [good, first, second, third, restored] = [newUser(), newUser(), newUser(), newUser(), newUser()]

  const embedded = await start()
  await push(embedded, first, restored)
  const { status } = await operatorOf(embedded).call('DELETE', `/v1/revocations/${issuerName}/${restored.serial}`)
  t.equal(status, 200)
  await embedded.stop()

  const overOne = await start(overRedis(redis.port))
  t.equal(await verdictAt(overOne, first), 'certificate_revoked', 'carried over')
  t.equal(await verdictAt(overOne, restored), '200', 'and so is what was taken back')
  await eventually(
    () => redis.cli('SISMEMBER', revokedSet, first.serial),
    (member) => member === 1,
  )
  const other = await startHere(t, { upstreamPort: app.port, config: overRedis(redis.port) })
  t.equal(await verdictAt(other, first), 'certificate_revoked', 'a gateway that shares this Redis refuses it too')
  await push(other, second)
  await untilVerdict(overOne, second, 'certificate_revoked')
  await overOne.stop()

  const again = await start()
  t.teardown(() => again.stop())
  for (const user of [first, second]) t.equal(await verdictAt(again, user), 'certificate_revoked')
  t.equal(await verdictAt(again, good), '200')
  await push(again, third)
  t.equal(await verdictAt(again, third), 'certificate_revoked')
  await eventually(
    async () => (await operatorOf(again).call('GET', '/v1/revocations?limit=100')).body.revocations.length,
    (count) => count === 3,
  )
})

t.test('with snapshot and Redis both lost the gateway does not begin anew by itself', async (t) => {
  const app = await startApp(t)
  const redis = await startRedisServer(t)
  const folder = newFolder(t)
  const start = () => withGateway({ upstreamPort: app.port, issuingCa: ca, folder, config: overRedis(redis.port) })
  const revoked = newUser()
  const first = await start()
  await push(first, revoked)
  await first.stop()
  const trust = join(folder, 'state', 'trust')
  renameSync(trust, `${trust}.lost`)
  const second = await start()
  t.equal(await verdictAt(second, revoked), 'certificate_revoked', 'Redis alone suffices')
  await second.stop()
  rmSync(trust, { recursive: true })
  await redis.cli('FLUSHALL')
  await t.rejects(start(), { code: 'store_unavailable', message: /audit log shows that there was one/ })
  renameSync(`${trust}.lost`, trust)
  const third = await start()
  t.teardown(() => third.stop())
  t.equal(await verdictAt(third, revoked), 'certificate_revoked', 'and so does the snapshot')
})
