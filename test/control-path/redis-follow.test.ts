// Goal: over a real Redis every gateway applies what any of them publishes, and nothing that was in force is ever forgotten: not when
// Redis is emptied, rolled back, stopped, killed or written to by hand, and not when gateway and Redis die together.
// Method: a real redis-server, two or more followers with real snapshots and directories; workers that write down what they are told.
import t from 'tap'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { startRedisServer } from '../helpers/redis-server.ts'
import { addPeople, issuerA, keyA1, keyA2, keyB1, operator, revocationOf } from '../store/contract.ts'
import { eventually, type FakeGateway } from './fake-gateway.ts'
import { enter, folders, live } from './redis-gateway.ts'

t.test('what one gateway publishes is applied and cut at the other, restores too', async (t) => {
  const redis = await startRedisServer(t)
  const { one: folder1, two: folder2 } = folders(t)
  const one = await enter(t, redis, { keepIn: folder1, pollMs: 60_000 })
  const two = await enter(t, redis, { keepIn: folder2, pollMs: 60_000 })
  await Promise.all([one.follower.ready(), two.follower.ready()])
  await one.publisher.publish([revocationOf(keyA1), revocationOf(keyB1)], operator)
  // Its own poll is a minute away: the listening connection woke it.
  await eventually(() => two.workers.told.includes(`cut ${keyA1} certificate_revoked`), 'the cut at the other gateway')
  t.ok(one.isRevoked(keyA1) && two.isRevoked(keyB1))
  t.notOk(two.isRevoked(keyA2), 'nobody else')
  await two.publisher.restore(keyA1, operator)
  await eventually(() => !one.isRevoked(keyA1), 'the restore at the first one')
  t.ok(one.isRevoked(keyB1))
  t.strictSame([...one.workers.cutTooEarly, ...two.workers.cutTooEarly], [])
})

t.test('FLUSHALL un-revokes nobody, deletes nobody, and is mended; later changes count everywhere', async (t) => {
  const redis = await startRedisServer(t)
  const { one: folder1, two: folder2 } = folders(t)
  const one = await enter(t, redis, { keepIn: folder1 })
  const two = await enter(t, redis, { keepIn: folder2 })
  await Promise.all([one.follower.ready(), two.follower.ready()])
  await addPeople(one.store)
  await one.store.upsertCertificate({ key: keyA2, loginId: 'user01', notBeforeMs: 0, notAfterMs: 1 })
  await one.publisher.publish([revocationOf(keyA1), revocationOf(keyB1)], operator)
  await one.publisher.publishRule(
    { rule: { by: 'loginId', loginId: 'user02', notBeforeMaxMs: undefined }, reason: 'keyCompromise', comment: '' },
    operator,
  )
  await two.follower.caughtUp()
  await redis.cli('FLUSHALL')
  await eventually(
    () => one.follower.status().storeBehindCount + two.follower.status().storeBehindCount > 0,
    'the loss',
  )
  await Promise.all([one.follower.caughtUp(), two.follower.caughtUp()])
  for (const gateway of [one, two]) {
    t.ok(gateway.isRevoked(keyA1) && gateway.isRevoked(keyB1))
    t.equal(gateway.memory.rulesInForce().length, 1)
  }
  t.match(await one.store.revocation(keyA1), { state: 'revoked' }, 'written again')
  t.equal((await one.store.rules()).length, 1)
  t.equal(await redis.cli('SISMEMBER', `{sekisho}:revoked:${issuerA}`, '1'), 1)
  await eventually(() => two.follower.status().unrecorded === 0 && live(two)(), 'the numbers to agree')
  const answer = await one.store.lookUp('user01', keyA2)
  t.match(answer, { user: { contractId: 'shoji' }, certificateRegistered: true }, 'the directory is back')
  await two.publisher.restore(keyA1, operator)
  await eventually(() => !one.isRevoked(keyA1), 'an explicit restore after the loss counts')
  t.ok(one.isRevoked(keyB1))
})

t.test('a plain SADD in any spelling is found, a SREM is put back, neither needs the log', async (t) => {
  const redis = await startRedisServer(t)
  const gateway = await enter(t, redis)
  await gateway.follower.ready()
  await gateway.publisher.publish([revocationOf(keyA1)], operator)
  const set = `{sekisho}:revoked:${issuerA}`
  await redis.cli('SADD', set, '0A:1B:2C', 'FF')
  const [spelt, upper] = [certificateKey(issuerA, 'a1b2c'), certificateKey(issuerA, 'ff')]
  await eventually(() => gateway.isRevoked(spelt) && gateway.isRevoked(upper), 'both spellings')
  t.ok(gateway.workers.told.includes(`cut ${upper} certificate_revoked`))
  t.notOk(gateway.isRevoked(certificateKey(issuerA, 'fe')), 'nobody else')
  await eventually(() => gateway.audited.some(({ event }) => event === 'store_changed_by_hand'), 'the alert')
  await redis.cli('SREM', set, '1')
  t.ok(gateway.isRevoked(keyA1))
  await eventually(() => gateway.audited.some(({ event }) => event === 'store_behind'), 'the alert of the removal')
  await gateway.follower.caughtUp()
  t.ok(gateway.isRevoked(keyA1), 'un-revoked nothing')
  t.equal(await redis.cli('SISMEMBER', set, '1'), 1, 'put back')
  await redis.cli('SADD', set, 'not a serial')
  await eventually(() => gateway.follower.status().reconcile.unreadable > 0, 'the unreadable member to be told')
  await eventually(live(gateway), 'it goes on')
})

t.test(
  'a SADD of a connected certificate is found by asking for it, before any comparison of the whole set',
  async (t) => {
    const redis = await startRedisServer(t)
    const gateway = await enter(t, redis, { pollMs: 60_000 })
    await gateway.follower.ready()
    const connect = (key: typeof keyA1) =>
      gateway.workers.live.push({
        door: 'main',
        certificateKey: key,
        loginId: undefined,
        contractId: undefined,
        openedAtMs: 0,
        clientAddress: '127.0.0.1',
      })
    connect(keyA1)
    connect(keyA2)
    await redis.cli('SADD', `{sekisho}:revoked:${issuerA}`, '1')
    await eventually(() => gateway.workers.told.includes(`cut ${keyA1} certificate_revoked`), 'the cut')
    t.equal(gateway.follower.status().reconcile.runs, 1, 'only the first load has read the whole set')
    t.notOk(gateway.isRevoked(keyA2), 'the other one stays')
    await eventually(() => gateway.follower.status().version > 0, 'it is adopted into the log')
    t.match(await gateway.store.revocation(keyA1), { state: 'revoked' })
  },
)

t.test('a stopped Redis makes the gateway stale, and it goes on when Redis does', async (t) => {
  const redis = await startRedisServer(t, { directives: { appendonly: 'yes', appendfsync: 'always' } })
  const gateway = await enter(t, redis, { maxStalenessSeconds: 1 })
  await gateway.follower.ready()
  await gateway.publisher.publish([revocationOf(keyA1)], operator)
  redis.pause()
  await eventually(() => gateway.follower.status().state === 'stale', 'stale while Redis is stopped')
  t.ok(gateway.isRevoked(keyA1))
  await eventually(() => !gateway.freshness.freshEnough(), 'too stale')
  await t.rejects(gateway.publisher.publish([revocationOf(keyA2)], operator), { code: 'store_unavailable' })
  redis.resume()
  await eventually(live(gateway), 'live again')
  t.ok(gateway.freshness.freshEnough(), 'fresh again')
  await redis.kill()
  await eventually(() => gateway.follower.status().state === 'stale', 'stale while Redis is gone')
  await redis.restart()
  await eventually(live(gateway), 'live after the restart')
  await gateway.publisher.publish([revocationOf(keyA2)], operator)
  t.ok(gateway.isRevoked(keyA2), 'an unconfirmed push may be repeated')
})

t.test('a gateway starts from its snapshot while Redis is away, and knows how old that is', async (t) => {
  const redis = await startRedisServer(t)
  const folder = t.testdir()
  const first = await enter(t, redis, { keepIn: folder })
  await first.follower.ready()
  await addPeople(first.store)
  await first.publisher.publish([revocationOf(keyA1), revocationOf(keyB1)], operator)
  await first.publisher.restore(keyB1, operator)
  await first.publisher.setSuspended('user01', true)
  await first.end()
  await redis.kill()
  const second = await enter(t, redis, { keepIn: folder })
  await second.follower.ready()
  t.equal(second.follower.status().state, 'stale')
  t.ok(second.isRevoked(keyA1))
  t.notOk(second.isRevoked(keyB1), 'the restore is remembered')
  t.ok(second.memory.suspended.get('user01')?.value)
  t.ok(second.freshness.freshEnough(), 'it was heard a moment ago')
  t.ok(second.freshness.ageMs() > 0)
  await second.end()
  const tooOld = await enter(t, redis, { keepIn: folder, maxStalenessSeconds: 0 })
  await tooOld.follower.ready()
  t.notOk(tooOld.freshness.freshEnough(), 'beyond the bound it denies')
  t.ok(tooOld.isRevoked(keyA1))
  await tooOld.end()
  await redis.restart()
  const third = await enter(t, redis, { keepIn: folder })
  await eventually(live(third), 'live over a Redis that came back empty')
  t.ok(third.isRevoked(keyA1))
  await eventually(() => third.follower.status().revocationsLostByStore === 1, 'the loss to be noticed')
  await third.follower.caughtUp()
  t.match(await third.store.revocation(keyA1), { state: 'revoked' }, 'and has it again')
})

t.test('gateway and Redis killed together: what had been applied is in force, whatever was on disk', async (t) => {
  const redis = await startRedisServer(t)
  const folder = t.testdir()
  const first = await enter(t, redis, { keepIn: folder })
  await first.follower.ready()
  for (let serial = 1; serial <= 20; serial++) {
    await first.publisher.publish([revocationOf(certificateKey(issuerA, serial.toString(16)))], operator)
  }
  // Not ended: its files stay as a kill would leave them, and it writes no more once Redis is gone.
  await redis.kill()
  await redis.restart()
  const second = await enter(t, redis, { keepIn: folder })
  await second.follower.ready()
  for (let serial = 1; serial <= 20; serial++) t.ok(second.isRevoked(certificateKey(issuerA, serial.toString(16))))
})

t.test('a log trimmed under a slow gateway is noticed, and what it missed is read from the sets', async (t) => {
  const redis = await startRedisServer(t)
  const { one: folder1, two: folder2 } = folders(t)
  const slow = await enter(t, redis, { keepIn: folder1 })
  await slow.follower.ready()
  await slow.publisher.publish([revocationOf(keyA1)], operator)
  await slow.end()
  const fast = await enter(t, redis, { keepIn: folder2 })
  await fast.follower.ready()
  for (const serial of ['10', '11', '12']) {
    await fast.publisher.publish([revocationOf(certificateKey(issuerA, serial))], operator)
  }
  await redis.cli('XTRIM', '{sekisho}:log', 'MAXLEN', '1')
  const back = await enter(t, redis, { keepIn: folder1 })
  await eventually(live(back), 'live')
  for (const serial of ['1', '10', '11', '12']) t.ok(back.isRevoked(certificateKey(issuerA, serial)), serial)
  await redis.cli('DEL', '{sekisho}:log')
  await fast.publisher.publish([revocationOf(keyB1)], operator)
  await eventually(() => back.isRevoked(keyB1), 'the log that somebody deleted')
  t.equal(back.follower.status().storeBehindCount, 0)
})

t.test('an event of a newer schema is not ignored: the gateway is stale and says so', async (t) => {
  const redis = await startRedisServer(t)
  const gateway = await enter(t, redis)
  await gateway.follower.ready()
  await gateway.publisher.publish([revocationOf(keyA1)], operator)
  // What a program of a later version would write.
  const [version, before] = (await redis.cli('HMGET', '{sekisho}:state', 'version', 'token')) as [string, string]
  const next = String(Number(version) + 1)
  const fields = ['v', '99', 't', 'later', 'p', before, 'e', '{}']
  await redis.cli('XADD', '{sekisho}:log', `${next}-0`, ...fields)
  await redis.cli('HSET', '{sekisho}:state', 'version', next, 'last', next, 'token', 'later')
  await eventually(() => gateway.follower.status().state === 'stale', 'stale')
  t.match(gateway.follower.status().lastFault, /schema/)
  t.ok(gateway.isRevoked(keyA1))
})

t.test(
  'a restore races with a gateway that lags: the tombstone is newer and wins; a lost one means revoked',
  async (t) => {
    const redis = await startRedisServer(t)
    const { one: folder1, two: folder2 } = folders(t)
    const lagging = await enter(t, redis, { keepIn: folder1 })
    await lagging.follower.ready()
    await lagging.publisher.publish([revocationOf(keyA1), revocationOf(keyB1)], operator)
    await lagging.end()
    const other = await enter(t, redis, { keepIn: folder2 })
    await other.follower.ready()
    await other.publisher.restore(keyA1, operator)
    const back = await enter(t, redis, { keepIn: folder1 })
    await eventually(live(back), 'live')
    t.notOk(back.isRevoked(keyA1), 'it learnt of the restore')
    t.ok(back.isRevoked(keyB1))
    t.notOk(other.isRevoked(keyA1), 'and took nothing back')
    await back.end()
    await redis.cli('HDEL', '{sekisho}:tombstones', keyA1)
    await redis.cli('SADD', `{sekisho}:revoked:${issuerA}`, '1')
    await eventually(() => other.isRevoked(keyA1), 'without its tombstone, and in the set: revoked')
  },
)

t.test('every gateway confirms a push, a silent one is named', async (t) => {
  const redis = await startRedisServer(t)
  const { one: folder1, two: folder2 } = folders(t)
  const one = await enter(t, redis, { keepIn: folder1 })
  const two = await enter(t, redis, { keepIn: folder2 })
  await Promise.all([one.follower.ready(), two.follower.ready()])
  one.reports.start()
  two.reports.start()
  const { version } = await one.publisher.publish([revocationOf(keyA1)], operator)
  t.ok(version > 0)
  const confirmation = await one.publisher.confirmed(version, 5_000)
  t.match(confirmation, { complete: true })
  t.equal(confirmation.gateways.length, 2)
  await two.end()
  const again = await one.publisher.publish([revocationOf(keyA2)], operator)
  t.match(await one.publisher.confirmed(again.version, 5_000), { complete: true }, 'one that ended is not waited for')
})

t.test(
  'a Redis that comes back older, as after a failover to a replica that lagged: nothing is forgotten',
  async (t) => {
    const redis = await startRedisServer(t, { directives: { dbfilename: 'dump.rdb' } })
    const { one: folder1, two: folder2 } = folders(t)
    const one = await enter(t, redis, { keepIn: folder1 })
    const two = await enter(t, redis, { keepIn: folder2 })
    await Promise.all([one.follower.ready(), two.follower.ready()])
    await one.publisher.publish([revocationOf(keyA1)], operator)
    await redis.cli('SAVE')
    await one.publisher.publish([revocationOf(keyB1)], operator)
    await eventually(() => two.isRevoked(keyB1), 'the second one at the other gateway')
    await redis.kill()
    await redis.restart()
    // Before the loss is noticed somebody writes on: the same version number, another event.
    const third = certificateKey(issuerA, '77')
    await eventually(live(one), 'live')
    await two.publisher.publish([revocationOf(third)], operator)
    await Promise.all([one.follower.caughtUp(), two.follower.caughtUp()])
    for (const gateway of [one, two]) {
      for (const key of [keyA1, keyB1, third]) await eventually(() => gateway.isRevoked(key), key)
      t.notOk(gateway.isRevoked(keyA2), 'still allowed')
    }
    t.match(await one.store.revocation(keyB1), { state: 'revoked' }, 'written again')
  },
)

t.test('gateways whose clocks are ten minutes apart agree: every time is that of Redis', async (t) => {
  const redis = await startRedisServer(t)
  const { one: folder1, two: folder2 } = folders(t)
  const ahead = await enter(t, redis, { keepIn: folder1, clockAheadMs: 600_000 })
  const behind = await enter(t, redis, { keepIn: folder2, clockAheadMs: -600_000 })
  await Promise.all([ahead.follower.ready(), behind.follower.ready()])
  const publishRule = (gateway: FakeGateway, loginId: string) =>
    gateway.publisher.publishRule(
      { rule: { by: 'loginId', loginId, notBeforeMaxMs: undefined }, reason: 'unspecified', comment: '' },
      operator,
    )
  const [seconds] = (await redis.cli('TIME')) as [string]
  await publishRule(ahead, 'user01')
  await publishRule(behind, 'user02')
  await Promise.all([ahead.follower.caughtUp(), behind.follower.caughtUp()])
  for (const gateway of [ahead, behind]) {
    for (const { rule } of gateway.memory.rulesInForce()) {
      t.ok(Math.abs(rule.notBeforeMaxMs / 1_000 - Number(seconds)) < 60, 'the bound is now, by the clock of Redis')
    }
    t.ok(gateway.freshness.freshEnough())
  }
  await ahead.publisher.publish([revocationOf(keyA1)], operator)
  await eventually(() => behind.isRevoked(keyA1), 'the push')
  const record = await behind.store.revocation(keyA1)
  t.ok(Math.abs((record?.revocation.revokedAtMs ?? 0) / 1_000 - Number(seconds)) < 60)
})

t.test(
  'a store that loses a push before it is read: it is acknowledged only because it is in force, and is written again',
  async (t) => {
    const redis = await startRedisServer(t)
    const gateway = await enter(t, redis, { keepIn: t.testdir() })
    await gateway.follower.ready()
    await gateway.publisher.publish([revocationOf(keyB1)], operator)
    const { store } = gateway
    // The follower reads nothing between the script and the loss.
    const gate = Promise.withResolvers<void>()
    const eventsSince = store.eventsSince.bind(store)
    store.eventsSince = async (...page) => {
      await gate.promise
      return eventsSince(...page)
    }
    const publish = store.publish.bind(store)
    store.publish = async (...requests) => {
      const published = await publish(...requests)
      await redis.cli('FLUSHALL')
      gate.resolve()
      return published
    }
    t.match(await gateway.publisher.publish([revocationOf(keyA1)], operator), { outcomes: [{ outcome: 'revoked' }] })
    t.ok(gateway.isRevoked(keyA1))
    t.ok(gateway.workers.told.includes(`cut ${keyA1} certificate_revoked`))
    t.equal(await redis.cli('SISMEMBER', `{sekisho}:revoked:${issuerA}`, '1'), 1)
    t.notOk(gateway.isRevoked(keyA2), 'nobody else')
  },
)
