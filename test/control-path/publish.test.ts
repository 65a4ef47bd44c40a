// Goal: a change is answered once every worker has applied it, with its own cuts counted and nobody else's.
// Method: a real store and follower; workers that count, hold back or fail.
import t from 'tap'
import { updateMeta } from '../../src/control-path/update-meta.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { addPeople, issuerA, keyA1, keyB1, operator, revocationOf } from '../store/contract.ts'
import { type FakeWorkers, startFakeGateway } from './fake-gateway.ts'

function connect(workers: FakeWorkers, key = keyA1, loginId = 'user01') {
  workers.live.push({
    door: 'main',
    certificateKey: key,
    loginId,
    contractId: 'shoji',
    openedAtMs: 0,
    clientAddress: '127.0.0.1',
  })
}

t.test('publishing counts the connections cut, and a second time none', async (t) => {
  const { workers, publisher, follower } = await startFakeGateway(t)
  await follower.ready()
  connect(workers)
  connect(workers)
  connect(workers, keyB1, 'user02')
  t.match(await publisher.publish([revocationOf(keyA1)], operator), {
    outcomes: [{ key: keyA1, outcome: 'revoked' }],
    connectionsCut: 2,
  })
  t.match(await publisher.publish([revocationOf(keyA1)], operator), {
    outcomes: [{ outcome: 'already_revoked' }],
    connectionsCut: 0,
  })
})

t.test('two changes at the same time count each their own cuts', async (t) => {
  const { workers, publisher, follower } = await startFakeGateway(t)
  await follower.ready()
  connect(workers)
  connect(workers, keyB1, 'user02')
  connect(workers, keyB1, 'user02')
  const [first, second] = await Promise.all([
    publisher.publish([revocationOf(keyA1)], operator),
    publisher.publish([revocationOf(keyB1)], operator),
  ])
  t.equal(first.connectionsCut, 1)
  t.equal(second.connectionsCut, 2)
})

t.test('it answers after the workers, not before', async (t) => {
  const { workers, publisher, follower, isRevoked } = await startFakeGateway(t)
  await follower.ready()
  const held = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const cut = workers.cut.bind(workers)
  workers.cut = async (selector, reason) => {
    asked.resolve()
    await held.promise
    return cut(selector, reason)
  }
  let answered = false
  const publishing = publisher.publish([revocationOf(keyA1)], operator).then(() => {
    answered = true
  })
  await asked.promise
  t.ok(isRevoked(keyA1), 'refused from now on')
  t.notOk(answered)
  held.resolve()
  await publishing
  t.ok(answered)
})

t.test('whoever waits while the follower is stopped is told', async (t) => {
  const { workers, publisher, follower } = await startFakeGateway(t)
  await follower.ready()
  const asked = Promise.withResolvers<void>()
  const held = Promise.withResolvers<number>()
  workers.cut = () => {
    asked.resolve()
    return held.promise
  }
  const publishing = t.rejects(publisher.publish([revocationOf(keyA1)], operator), { code: 'store_unavailable' })
  await asked.promise
  const stopping = follower.stop()
  await publishing
  held.resolve(0)
  await stopping
})

t.test('thousands go in batches, in order, each answered', async (t) => {
  const { publisher, follower, isRevoked } = await startFakeGateway(t)
  await follower.ready()
  const keys = Array.from({ length: 1_201 }, (_, at) => certificateKey(issuerA, (at + 1).toString(16)))
  const { outcomes } = await publisher.publish(
    keys.map((key) => revocationOf(key)),
    operator,
  )
  t.strictSame(
    outcomes.map(({ key }) => key),
    keys,
  )
  t.ok(keys.every((key) => isRevoked(key)))
})

t.test('the other changes are applied on answering too', async (t) => {
  const { store, workers, publisher, follower } = await startFakeGateway(t)
  await addPeople(store)
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: 1 })
  await follower.ready()
  connect(workers)
  t.match(await publisher.setSuspended('user01', true), { changed: true, connectionsCut: 1 })
  t.match(await publisher.setSuspended('user01', true), { changed: false, connectionsCut: 0 })
  t.match(await publisher.supersede(keyA1), { changed: true, connectionsCut: 1 })
  t.match(await publisher.setLoginMethod('shoji', 'password'), { changed: true, connectionsCut: 1 })
  t.match(await publisher.setLoginMethod('shoji', 'certificate'), { changed: true, connectionsCut: 0 })
  await t.rejects(publisher.setSuspended('nobody', true), { code: 'admin_not_found' })
})

t.test('a shared value is changed by whoever comes first, and the others take it', async (t) => {
  const { store } = await startFakeGateway(t)
  const values = await Promise.all(
    ['one', 'two', 'three'].map((mine) => updateMeta(store, 'sealingKeys', (current) => current ?? mine)),
  )
  t.equal(new Set(values).size, 1)
  const appended = await Promise.all(
    ['a', 'b', 'c'].map((letter) => updateMeta(store, 'assertionKeys', (current) => `${current ?? ''}${letter}`)),
  )
  t.equal(appended.length, 3)
  t.strictSame([...((await store.readMeta('assertionKeys'))?.value ?? '')].toSorted(), ['a', 'b', 'c'])
  const contested = { readMeta: async () => undefined, writeMeta: async () => false }
  await t.rejects(
    updateMeta(contested, 'sealingKeys', () => 'x'),
    { code: 'store_unavailable' },
  )
})
