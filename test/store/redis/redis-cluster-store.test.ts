// Goal: over a Redis Cluster the store keeps the same contract, and goes along when its slot moves or its node fails. Method: a real
// cluster of three masters and a replica; moves and failures as operators and machines make them.
import t from 'tap'
import { sekishoSlot } from '../../../src/store/redis/redis-keys.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startRedisCluster } from '../../helpers/redis-cluster.ts'
import { issuerA, keyA1, keyA2, keyB1, operator, revocationOf, testTrustStore } from '../contract.ts'
import { openStore } from './open-store.ts'

t.test('a cluster', async (t) => {
  const cluster = await startRedisCluster(t)
  const [first, second, third] = cluster.masters
  if (first === undefined || second === undefined || third === undefined) return t.fail('three masters')

  t.test('contract', async (t) => {
    testTrustStore(
      t,
      async (t, { eventsMax }) => {
        await first.cli('FLUSHALL')
        // Any node will do to find the others.
        return openStore(t, third, { mode: 'cluster', ...(eventsMax === undefined ? {} : { logEventsMax: eventsMax }) })
      },
      { clock: 'own' },
    )
  })

  t.test('all keys are in one slot, the one that connections are made for', async (t) => {
    t.equal(await second.cli('CLUSTER', 'KEYSLOT', '{sekisho}:log'), sekishoSlot)
    t.equal((await cluster.owner(sekishoSlot)).port, first.port)
    const keys = await first.cli('KEYS', '*')
    t.ok(Array.isArray(keys) && keys.length > 0)
    t.equal(await first.cli('CLUSTER', 'COUNTKEYSINSLOT', sekishoSlot), Array.isArray(keys) ? keys.length : -1)
  })

  t.test('a slot that moves to another node is followed there with all it holds', async (t) => {
    await first.cli('FLUSHALL')
    const store = await openStore(t, third, { mode: 'cluster' })
    await store.publish([revocationOf(keyA1)], operator)
    const before = await store.position()
    await cluster.moveSlot(sekishoSlot, second)
    // The old owner's first answer is MOVED.
    await eventually(
      () => store.position().catch(() => undefined),
      (position) => position !== undefined,
    )
    t.strictSame(await store.position(), before)
    await eventually(() => store.publish([revocationOf(keyA2)], operator).catch(() => undefined), Boolean)
    t.ok((await store.eventsSince(before, 10)).continuous)
    t.equal(await second.cli('SISMEMBER', `{sekisho}:revoked:${issuerA}`, '2'), 1)
  })
})

t.test('when the node fails its replica is found, also if nobody named it in the configuration', async (t) => {
  const cluster = await startRedisCluster(t, { replicas: 1 })
  const [owner, , third] = cluster.masters
  if (owner === undefined || third === undefined) return t.fail('three masters')
  const store = await openStore(t, third, { mode: 'cluster' })
  const { replicas } = await store.publish([revocationOf(keyA1)], operator)
  t.equal(replicas, 1, 'the replica has it')
  const before = await store.position()
  await owner.kill()
  await t.rejects(store.position(), { code: 'store_unavailable' })
  await eventually(
    () => store.position().catch(() => undefined),
    (position) => position !== undefined,
    20_000,
  )
  t.strictSame(await store.position(), before)
  await store.publish([revocationOf(keyB1)], operator)
  t.match(await store.revocation(keyA1), { state: 'revoked' })
})
