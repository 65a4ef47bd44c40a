// Goal: a push says how many replicas have it, waits no longer than it may, and promises no more. Method: a real primary with real
// replicas, running, paused and gone.
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import type { RedisStore } from '../../../src/store/redis/redis-store.ts'
import { certificateKey } from '../../../src/x509/certificate-key.ts'
import { eventually } from '../../helpers/eventually.ts'
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.ts'
import { issuerA, operator, revocationOf } from '../samples.ts'
import { openStore } from './open-store.ts'

const quick = { 'repl-diskless-sync-delay': '0' }
let serials = 0x1000

async function startWithReplicas(t: Test, count: number): Promise<{ primary: RedisServer; replicas: RedisServer[] }> {
  const primary = await startRedisServer(t, { directives: quick })
  const replicas: RedisServer[] = []
  for (let position = 0; position < count; position++) {
    const replicaof = `${primary.host} ${primary.port}`
    replicas.push(await startRedisServer(t, { directives: { ...quick, replicaof } }))
  }
  const links = () => Promise.all(replicas.map((replica) => replica.cli('INFO', 'replication')))
  await eventually(links, (texts) => texts.every((text) => String(text).includes('master_link_status:up')), 20_000)
  // A replica counts once it has said how far it is, beyond the start.
  await primary.cli('SET', 'ballast', 'x')
  const inStep = async () => {
    const [, offset, found] = (await primary.cli('ROLE')) as [string, number, [string, string, string][]]
    return found.filter(([, , at]) => Number(at) === offset).length
  }
  await eventually(inStep, (found) => found === count, 20_000)
  return { primary, replicas }
}

async function push(store: RedisStore): Promise<{ replicas: number | undefined; ms: number }> {
  const startMs = systemClock.monotonicMs()
  const { replicas, outcomes } = await store.publish(
    [revocationOf(certificateKey(issuerA, (serials++).toString(16)))],
    operator,
  )
  if (outcomes[0]?.outcome !== 'revoked') throw new Error('It was not revoked')
  return { replicas, ms: systemClock.monotonicMs() - startMs }
}

t.test('without replicas nobody is waited for, and none has it', async (t) => {
  const { primary } = await startWithReplicas(t, 0)
  const store = await openStore(t, primary, { replicasTimeoutMs: 5_000 })
  const { replicas, ms } = await push(store)
  t.equal(replicas, 0)
  t.ok(ms < 1_000)
})

t.test('with a replica the push says that it has it, and it has', async (t) => {
  const { primary, replicas } = await startWithReplicas(t, 1)
  const store = await openStore(t, primary, { replicasTimeoutMs: 5_000 })
  const pushed = await push(store)
  t.equal(pushed.replicas, 1)
  const serial = (serials - 1).toString(16)
  t.equal(await replicas[0]?.cli('SISMEMBER', `{sekisho}:revoked:${issuerA}`, serial), 1)
  t.strictSame(await replicas[0]?.cli('XLEN', '{sekisho}:log'), 1, 'the event too')
  const nobodyWaits = await openStore(t, primary, { replicasWanted: 0 })
  t.equal((await push(nobodyWaits)).replicas, undefined)
})

t.test('of more wanted than there are, those that are there are waited for', async (t) => {
  const { primary } = await startWithReplicas(t, 1)
  const store = await openStore(t, primary, { replicasWanted: 3, replicasTimeoutMs: 5_000 })
  const { replicas, ms } = await push(store)
  t.equal(replicas, 1)
  t.ok(ms < 2_000, `${ms} ms`)
})

t.test(
  'a replica that stands still costs one waiting time, not one a push; when it goes on it counts again',
  async (t) => {
    const { primary, replicas } = await startWithReplicas(t, 1)
    const store = await openStore(t, primary, { replicasTimeoutMs: 300, commandTimeoutMs: 1_000 })
    t.equal((await push(store)).replicas, 1)
    replicas[0]?.pause()
    t.teardown(() => replicas[0]?.resume())
    const first = await push(store)
    t.equal(first.replicas, 0, 'it is told that none has it')
    t.ok(first.ms >= 290, `waited ${first.ms} ms`)
    for (let n = 0; n < 10; n++) {
      const later = await push(store)
      t.equal(later.replicas, 0)
      t.ok(later.ms < 250, `not waited again: ${later.ms} ms`)
    }
    replicas[0]?.resume()
    await eventually(
      () => push(store),
      (pushed) => pushed.replicas === 1,
    )
  },
)

t.test(
  'fifty pushes at the same time, while a replica stands still, share the waiting, and all of them are taken',
  async (t) => {
    const { primary, replicas } = await startWithReplicas(t, 1)
    const store = await openStore(t, primary, { replicasTimeoutMs: 400, commandTimeoutMs: 300 })
    t.equal((await push(store)).replicas, 1)
    replicas[0]?.pause()
    t.teardown(() => replicas[0]?.resume())
    const startMs = systemClock.monotonicMs()
    const pushed = await Promise.all(Array.from({ length: 50 }, () => push(store)))
    const ms = systemClock.monotonicMs() - startMs
    t.ok(pushed.every((one) => one.replicas === 0))
    t.ok(ms < 1_500, `${ms.toFixed(0)} ms`)
  },
)

t.test('one that stands still does not keep the other from counting', async (t) => {
  const { primary, replicas } = await startWithReplicas(t, 2)
  const store = await openStore(t, primary, { replicasWanted: 2, replicasTimeoutMs: 300 })
  t.equal((await push(store)).replicas, 2)
  replicas[0]?.pause()
  t.teardown(() => replicas[0]?.resume())
  t.equal((await push(store)).replicas, 1)
  const { replicas: counted, ms } = await push(store)
  t.equal(counted, 1)
  t.ok(ms < 250, `${ms} ms`)
})

t.test('a user who may not ask for the role still pushes; what cannot be told is told as none', async (t) => {
  const { primary } = await startWithReplicas(t, 1)
  await primary.cli('ACL', 'SETUSER', 'narrow', 'on', '>password', '~*', '+@all', '-role')
  const store = await openStore(t, primary, { username: 'narrow', password: 'password' })
  t.equal((await push(store)).replicas, 0)
})
