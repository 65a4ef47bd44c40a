// Goal: every fault of Redis and of the ways to it really happens, and its repair leaves everything as before. Method: a real Sentinel
// set, relays in place of a gateway's ways, and each fault begun, looked at, and repaired.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { createRandom } from '../fuzz/random.ts'
import { eventually } from '../helpers/eventually.ts'
import { Relay } from '../helpers/partition.ts'
import { askServer, startSentinelSet } from '../helpers/redis-sentinel.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { CertificatePool } from './certificate-pool.ts'
import { FaultMaker } from './fault-maker.ts'
import type { ChaosGateway } from './gateway-set.ts'
import { setOf } from './pusher.ts'
import { Recorder } from './recorder.ts'
import type { Fault } from './schedule.ts'

const store = await startSentinelSet(t, { directives: { appendonly: 'yes' } })
const relays = await Promise.all(store.servers.map(({ port }) => Relay.start(port)))
t.teardown(() => Promise.all(relays.map((relay) => relay.close())))
const recorder = new Recorder(systemClock)
const pool = new CertificatePool(createTestCa({ commonName: 'test' }), { random: createRandom(1), size: 3 })
// Only its ways to the store are used here.
const supervised = { gatewayPids: () => [] }
const gateway = { number: 0, servers: relays, sentinels: [], supervised } as unknown as ChaosGateway
const maker = new FaultMaker({ store, gateways: [gateway], pool, recorder })
const master = await store.settled()
const replica = store.servers.find((server) => server !== master) ?? master
const happen = async (fault: Fault) => await (await maker.begin(fault))?.()
const losses = () =>
  recorder
    .history({ maxStalenessMs: 0, marginMs: 0, calmMs: 0, handMs: 0, replicas: 2 }, undefined)
    .losses.map(({ what, endMs }) => `${what}${Number.isFinite(endMs) ? '' : ' now'}`)

t.test('data is removed as the fault says', async (t) => {
  const key = setOf(pool)
  const serials = [0, 1, 2].map((number) => pool.certificate(number).serial)
  const fill = async () => {
    await master.cli('SADD', key, ...serials)
    await master.cli('XADD', '{sekisho}:log', '*', 'a', 'b')
    await master.cli('XADD', '{sekisho}:log', '*', 'a', 'b')
  }
  await fill()
  await happen({ kind: 'log_trimmed' })
  t.equal(await master.cli('XLEN', '{sekisho}:log'), 1)
  await happen({ kind: 'log_deleted' })
  t.equal(await master.cli('EXISTS', '{sekisho}:log'), 0)
  t.same(losses(), [], 'the set has everything still')
  t.equal(await maker.begin({ kind: 'serials_removed', count: 1 }), undefined, 'nothing was acknowledged yet')
  recorder.pushes.push({ certificate: 1, gateway: 0, askedMs: 0, acknowledgedMs: 0, replicas: 0 })
  await happen({ kind: 'serials_removed', count: 1 })
  t.same(await master.cli('SMISMEMBER', key, ...serials), [1, 0, 1])
  await happen({ kind: 'set_deleted' })
  t.equal(await master.cli('EXISTS', key), 0)
  await fill()
  await happen({ kind: 'flushed' })
  t.equal(await master.cli('DBSIZE'), 0)
  t.same(losses(), ['serials removed by hand', 'the set deleted', 'FLUSHALL'])
})

t.test('a server without room takes nothing until the repair', async (t) => {
  const repair = await maker.begin({ kind: 'redis_full' })
  await t.rejects(master.cli('SET', 'a', 'b'), /OOM/)
  t.equal(recorder.faultsInForce, 1)
  await repair?.()
  t.equal(await master.cli('SET', 'a', 'b'), 'OK')
  t.equal(recorder.faultsInForce, 0)
})

t.test('a server is paused, and cannot be broken twice at a time', async (t) => {
  const repair = await maker.begin({ kind: 'redis_paused', server: 'master' })
  t.equal(await askServer(master, ['PING']), undefined)
  t.equal(await maker.begin({ kind: 'redis_killed', server: 'master' }), undefined)
  await repair?.()
  t.equal(await askServer(master, ['PING'], 2_000), 'PONG')
})

t.test('a server is killed and comes back with its data, or empty', async (t) => {
  await master.cli('SET', 'fruit', 'kaki')
  t.equal(await master.cli('WAIT', 2, 5_000), 2)
  const killed = await maker.begin({ kind: 'redis_killed', server: 'replica' })
  const away = store.servers.filter((server) => server !== master)
  t.equal((await Promise.all(away.map((server) => askServer(server, ['PING'])))).filter(Boolean).length, 1)
  await killed?.()
  await store.settled()
  const emptied = await maker.begin({ kind: 'redis_emptied', server: 'master' })
  t.match(losses().at(-1), /started empty now/)
  await emptied?.()
  t.match(losses().at(-1), /started empty$/)
  t.equal(await master.cli('GET', 'fruit'), null)
  t.equal(await store.settled(), master, 'so soon that nobody took its place')
  await eventually(
    () => replica.cli('GET', 'fruit'),
    (value) => value === null,
    10_000,
  )
})

t.test('a Sentinel is killed and comes back with what it knew', async (t) => {
  const repair = await maker.begin({ kind: 'sentinel_killed', sentinel: 1 })
  t.equal((await store.look()).masterPorts[1], undefined)
  await repair?.()
  await eventually(
    async () => (await store.look()).masterPorts[1],
    (port) => port === master.port,
  )
})

t.test('ways are parted and healed', async (t) => {
  for (const way of ['silent', 'answers_held', 'requests_held', 'reset', 'slow'] as const) {
    const repair = await maker.begin({ kind: 'partition', gateways: [0], way, of: 'servers' })
    t.ok(relays.every(({ isOpen }) => !isOpen))
    t.equal(await maker.begin({ kind: 'partition', gateways: [0], way, of: 'everything' }), undefined)
    await repair?.()
    t.ok(relays.every(({ isOpen }) => isOpen))
  }
})

t.test('a failover is asked for, and all that was left broken is healed in the end', async (t) => {
  await happen({ kind: 'failed_over' })
  const next = await eventually(
    () => store.master(),
    (one) => one !== undefined && one !== master,
    15_000,
  )
  relays[0]?.cut()
  next?.pause()
  await maker.healAll()
  t.ok(relays[0]?.isOpen)
  await store.settled()
})
