// Goal: demos that start at once over one Redis find the same people there, once each, and what operators changed since stays.
// Method: a real redis-server with a password; the demo's own configuration and seed, from two folders and ports, seeded together.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { demoPeople } from '../../src/demo/demo-people.ts'
import { type Demo, loadDemo } from '../../src/demo/start-demo.ts'
import { seedDirectory } from '../../src/lifecycle/seed-directory.ts'
import { RedisStore } from '../../src/store/redis/redis-store.ts'
import { startRedisServer } from '../helpers/redis-server.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const operator = { name: 'sato.hanako', role: 'security', requestId: 'r-1' }

const redis = await startRedisServer(t, { directives: { requirepass: 's3cret' } })
const root = t.testdir()
const env = { SEKISHO_REDIS_URL: `redis://:s3cret@${redis.host}:${redis.port}/0` }
const demos = await Promise.all([
  loadDemo({ root, env }),
  loadDemo({ root, env: { ...env, SEKISHO_PORT_OFFSET: '200' } }),
])
const starts = await Promise.all(
  demos.map(async (demo) => {
    const { store: place } = demo.config
    if (place.kind !== 'redis') throw new Error('the demo takes the store of its environment')
    const store = await RedisStore.open(place, { clock: systemClock, log: quiet })
    t.teardown(() => store.close())
    return { demo, store }
  }),
)
const [first] = starts
if (first === undefined) throw new Error('there are two demos')

async function seed({ demo, store }: { demo: Demo; store: RedisStore }): Promise<void> {
  const publish = async (...request: Parameters<RedisStore['publish']>) => {
    const { outcomes, replicas } = await store.publish(...request)
    return { outcomes, replicas, connectionsCut: 0, version: 0 }
  }
  // Nothing else of a publisher is called.
  const publisher = { publish } as unknown as Parameters<typeof seedDirectory>[1]['publisher']
  await seedDirectory(demo.seed, { store, publisher })
}

t.test('two that seed at once leave everybody there once, and user06 revoked', async (t) => {
  await Promise.all(starts.map(seed))
  const { demo, store } = first
  const { revocations } = await store.revocations({ limit: 10 })
  t.same(
    revocations.map(({ key, loginId }) => [key, loginId]),
    demo.seed.revoked.map((key) => [key, 'user06']),
  )
  t.same(await store.loginIds('', 100), demoPeople.map(({ loginId }) => loginId).toSorted())
  for (const { loginId, contractId } of demoPeople) {
    t.match(await store.user(loginId), { loginId, contractId, state: 'active' })
    const wanted = demo.seed.certificates.filter((certificate) => certificate.loginId === loginId)
    const found = await store.certificatesOf(loginId, 0)
    t.same(
      found.map(({ key }) => key),
      wanted.map(({ key }) => key),
      loginId,
    )
  }
})

t.test('seeding again changes nothing', async (t) => {
  const before = await first.store.position()
  await Promise.all(starts.map(seed))
  t.same(await first.store.position(), before)
})

t.test('what operators changed since stays', async (t) => {
  const { demo, store } = first
  const [key] = demo.seed.revoked
  if (key === undefined) throw new Error('user06 is revoked')
  await store.restore(key, operator)
  await store.setSuspended('user01', true)
  await store.setLoginMethod('demo-shoji', 'password')
  await Promise.all(starts.map(seed))
  t.match(await store.revocation(key), { state: 'restored' })
  t.same((await store.revocations({ limit: 10 })).revocations, [])
  t.equal((await store.user('user01'))?.state, 'suspended')
  t.equal((await store.contract('demo-shoji'))?.loginMethod, 'password')
})
