// Goal: behind Sentinels the store keeps its contract and goes to the new primary by itself when the old one dies, stands still, or is
// only replaced; it never goes on with one that is primary no longer. Method: real servers and Sentinels.
import t from 'tap'
import type { RedisConfig } from '../../../src/config/gateway-config.ts'
import { eventually } from '../../helpers/eventually.ts'
import { type SentinelSet, startSentinelSet } from '../../helpers/redis-sentinel.ts'
import { issuerA, keyA1, keyA2, keyB1, operator, revocationOf, testTrustStore } from '../contract.ts'
import { sentinelUser } from './acl-users.ts'
import { openStore } from './open-store.ts'

function reachedBy({ name, sentinels }: SentinelSet): Partial<RedisConfig> {
  return {
    mode: 'sentinel',
    sentinelName: name,
    nodes: sentinels.map(({ host, port }) => ({ host, port })),
    commandTimeoutMs: 500,
    connectTimeoutMs: 500,
  }
}

const nowhere = { host: '127.0.0.1', port: 1 } as const

t.test('a primary with a replica', async (t) => {
  const set = await startSentinelSet(t, { servers: 2, sentinels: 3, downAfterMs: 500, failoverTimeoutMs: 1_000 })
  const old = await set.settled()

  t.test('contract', async (t) => {
    testTrustStore(
      t,
      async (t, { eventsMax }) => {
        await old.cli('FLUSHALL')
        return openStore(t, nowhere, {
          ...reachedBy(set),
          ...(eventsMax === undefined ? {} : { logEventsMax: eventsMax }),
        })
      },
      { clock: 'own' },
    )
  })

  t.test('a Sentinel that stands still does not hold up the others', async (t) => {
    const [first] = set.sentinels
    first?.pause()
    t.teardown(() => first?.resume())
    const store = await openStore(t, nowhere, reachedBy(set))
    t.ok(await store.position())
  })

  t.test('it is replaced while it is well: connections go to the new one, and nothing is lost', async (t) => {
    await old.cli('FLUSHALL')
    const store = await openStore(t, nowhere, reachedBy(set))
    await store.publish([revocationOf(keyA1)], operator)
    let news = 0
    const listening = store.remote.listen(() => news++)
    t.teardown(() => listening.close())
    await eventually(
      () => news,
      (count) => count > 0,
    )
    const before = await store.position()
    await set.failOver()
    const now = await eventually(
      () => set.master(),
      (master) => master !== undefined && master.port !== old.port,
      20_000,
    )
    const connections = async () => {
      const list = String(await now?.cli('CLIENT', 'LIST'))
      return list.match(/ name=sekisho:(commands|publishing|listening)/g)?.length
    }
    await eventually(connections, (found) => found === 3, 10_000)
    t.strictSame(await store.position(), before)
    t.match((await store.publish([revocationOf(keyA2)], operator)).outcomes, [{ outcome: 'revoked' }])
    t.equal(await now?.cli('SCARD', `{sekisho}:revoked:${issuerA}`), 2)
  })
})

t.test(
  'the primary stands still: after the failover pushes go to the new one, and the old one is left for good',
  async (t) => {
    const set = await startSentinelSet(t, { servers: 2, sentinels: 3, downAfterMs: 500, failoverTimeoutMs: 1_000 })
    const old = await set.settled()
    const store = await openStore(t, nowhere, reachedBy(set))
    await store.publish([revocationOf(keyA1)], operator)
    const replica = set.servers.find(({ port }) => port !== old.port)
    await eventually(
      () => replica?.cli('SCARD', `{sekisho}:revoked:${issuerA}`),
      (count) => count === 1,
    )
    old.pause()
    t.teardown(() => old.resume())
    await t.rejects(store.position(), { code: 'store_unavailable' })
    const result = await eventually(
      () => store.publish([revocationOf(keyB1)], operator).catch(() => undefined),
      Boolean,
      20_000,
    )
    t.match(result?.outcomes, [{ outcome: 'revoked' }])
    t.equal(await replica?.cli('SCARD', '{sekisho}:revoked:'.concat('b'.repeat(32))), 1, 'the replica is primary now')
    t.match(await store.revocation(keyA1), { state: 'revoked' }, 'what it had is there')
    old.resume()
    for (let n = 0; n < 20; n++) {
      const outcome = await store.publish([revocationOf(keyB1)], operator).catch(() => undefined)
      t.match(
        outcome?.outcomes,
        [{ outcome: 'already_revoked' }],
        'nobody asks the old one, though it thinks it is primary',
      )
    }
  },
)

t.test('no Sentinel answers, or none knows the name: the fault names them', async (t) => {
  const set = await startSentinelSet(t, { servers: 1, sentinels: 1 })
  const unknown = await openStore(t, nowhere, { ...reachedBy(set), sentinelName: 'another' })
  await t.rejects(unknown.position(), { code: 'store_unavailable', message: /“another”.*does not know that name/ })
  const away = await openStore(t, nowhere, { ...reachedBy(set), nodes: [nowhere] })
  await t.rejects(away.position(), { code: 'store_unavailable', message: /127\.0\.0\.1:1: / })
})

t.test('Sentinels with users of their own are asked with their own password', async (t) => {
  const set = await startSentinelSet(t, { servers: 1, sentinels: 1 })
  const [sentinel] = set.sentinels
  await sentinel?.cli('ACL', 'SETUSER', ...sentinelUser('sentinels-own'))
  await sentinel?.cli('ACL', 'SETUSER', 'default', '-@all', '+auth', '+acl')
  const refused = await openStore(t, nowhere, reachedBy(set))
  await t.rejects(refused.position(), { code: 'store_unavailable', message: /NOPERM/ })
  const store = await openStore(t, nowhere, {
    ...reachedBy(set),
    sentinelUsername: 'sekisho-gateway',
    sentinelPassword: 'sentinels-own',
  })
  t.ok(await store.position())
})
