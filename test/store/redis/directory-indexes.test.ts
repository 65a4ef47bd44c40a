// Goal: a directory that an older program has written, without the indexes of this one, is found in all the same, and only whoever may
// write needs to add them. Method: records as older programs write them, put into a real server by hand.
import t from 'tap'
import type { TrustStore } from '../../../src/control-path/store-port.ts'
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.ts'
import { addPeople, dayMs, issuerA, keyA1, keyA2, keyB1 } from '../samples.ts'
import { setUser } from './acl-users.ts'
import { openStore } from './open-store.ts'

async function writeAsBefore(server: RedisServer): Promise<void> {
  await server.cli('HSET', '{sekisho}:contracts', 'shoji', '{"certificateLimit":100,"version":1}')
  await server.cli('HSET', '{sekisho}:contracts', 'yubin', '{"certificateLimit":3,"version":2}')
  for (const [loginId, contractId] of [
    ['user01', 'shoji'],
    ['user02', 'shoji'],
    ['user03', 'yubin'],
  ] as const) {
    const record = { contractId, role: 'general', version: 3 }
    await server.cli('HSET', '{sekisho}:users', loginId, JSON.stringify(record))
    await server.cli('ZADD', '{sekisho}:login-ids', 0, loginId)
  }
  const certificate = { loginId: 'user01', notBeforeMs: 0, notAfterMs: dayMs, recorded: 4, version: 4 }
  await server.cli('HSET', '{sekisho}:certificates', keyA1, JSON.stringify(certificate))
  await server.cli('SADD', '{sekisho}:certificates-of:user01', keyA1)
  await server.cli('HSET', '{sekisho}:state', 'schema', 1, 'epoch', 'e', 'version', 4)
}

async function expiringIn(store: TrustStore): Promise<string[]> {
  const found: string[] = []
  for await (const page of store.expiringCertificates(0, 2 * dayMs))
    found.push(...page.map(({ certificate }) => certificate.key))
  return found
}

async function loginIdsOf(store: TrustStore, contractId: string): Promise<string[] | undefined> {
  return (await store.contractHoldings(contractId, 0))?.users.map(({ user }) => user.loginId)
}

t.test('records of an older program are found by contract, by prefix and by expiry', async (t) => {
  const server = await startRedisServer(t)
  await writeAsBefore(server)
  const store = await openStore(t, server)
  t.strictSame(await loginIdsOf(store, 'shoji'), ['user01', 'user02'])
  t.strictSame(await loginIdsOf(store, 'yubin'), ['user03'])
  t.strictSame(await store.contractIds('', 9), ['shoji', 'yubin'])
  t.strictSame(await store.contractIds('y', 9), ['yubin'])
  t.strictSame(await expiringIn(store), [keyA1])
})

t.test('R20: a certificate that an older program has recorded counts as used', async (t) => {
  const server = await startRedisServer(t)
  await writeAsBefore(server)
  const store = await openStore(t, server)
  t.match(await store.certificatesOf('user01', 0), [{ key: keyA1, state: 'current', recordedVersion: 4 }])
  t.strictSame(await store.lookUp('user01', keyA1), {
    user: { contractId: 'shoji', role: 'general' },
    certificateRegistered: true,
  })
  t.match(await store.useCertificate(keyA1), { changed: false, superseded: [], version: 4 })
  const guard = { contractId: 'shoji', revision: 0, replaces: [] }
  const reserved = { key: keyA2, loginId: 'user01', notBeforeMs: 0, notAfterMs: dayMs, publicKeyHash: 'p' }
  t.equal(await store.reserveCertificate(reserved, guard), 'reserved')
  t.match(await store.useCertificate(keyA2), { changed: true, superseded: [keyA1] })
})

t.test('what an older program adds beside this one is found as well', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await addPeople(store)
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: dayMs })
  t.strictSame(await expiringIn(store), [keyA1])
  await server.cli('HSET', '{sekisho}:users', 'user09', '{"contractId":"shoji","role":"general","version":90}')
  const certificate = { loginId: 'user09', notBeforeMs: 0, notAfterMs: dayMs, recorded: 91, version: 91 }
  await server.cli('HSET', '{sekisho}:certificates', keyB1, JSON.stringify(certificate))
  t.strictSame(await loginIdsOf(store, 'shoji'), ['user01', 'user02', 'user09'])
  t.strictSame((await expiringIn(store)).toSorted(), [keyA1, keyB1])
})

t.test('a user whom an older program has moved is in the old contract no longer', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await addPeople(store)
  await server.cli('HSET', '{sekisho}:users', 'user01', '{"contractId":"yubin","role":"general","version":90}')
  t.strictSame(await loginIdsOf(store, 'shoji'), ['user02'])
})

t.test('a record that nobody can read is passed over, and the indexes are not made again for it', async (t) => {
  const server = await startRedisServer(t)
  await writeAsBefore(server)
  await server.cli('HSET', '{sekisho}:users', 'garbage', 'no JSON')
  await server.cli('HSET', '{sekisho}:certificates', keyB1, '7')
  const store = await openStore(t, server)
  t.strictSame(await loginIdsOf(store, 'shoji'), ['user01', 'user02'])
  t.strictSame(await expiringIn(store), [keyA1])
  t.equal(await server.cli('ZCARD', '{sekisho}:users-of'), 4)
  t.equal(await server.cli('ZCARD', '{sekisho}:expiries'), 2)
  t.equal(await store.user('garbage'), undefined)
})

t.test('indexes that were deleted are made again, public keys with them', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await addPeople(store)
  const certificate = { key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: dayMs, publicKeyHash: 'hash' }
  await store.upsertCertificate(certificate)
  const keys = ['{sekisho}:users-of', '{sekisho}:contract-ids', '{sekisho}:expiries', '{sekisho}:public-keys']
  await server.cli('DEL', ...keys)
  t.strictSame(await loginIdsOf(store, 'shoji'), ['user01', 'user02'])
  t.strictSame(await store.contractIds('sho', 9), ['shoji'])
  t.strictSame(await expiringIn(store), [keyA1])
  t.match(await store.certificateOfPublicKey('hash'), { key: keyA1 })
  t.equal(await server.cli('EXISTS', ...keys), keys.length)
})

t.test(
  'a gateway that may not write says so instead of telling half; with complete indexes it tells all',
  async (t) => {
    const server = await startRedisServer(t)
    await writeAsBefore(server)
    await setUser(server, 'sekisho-follower', 'opensesame')
    const follower = await openStore(t, server, { username: 'sekisho-follower', password: 'opensesame' })
    await t.rejects(follower.contractHoldings('shoji', 0), { code: 'store_read_only' })
    await t.rejects(follower.contractIds('', 9), { code: 'store_read_only' })
    await t.rejects(expiringIn(follower), { code: 'store_read_only' })
    const store = await openStore(t, server)
    await store.contractHoldings('shoji', 0)
    await store.contractIds('', 9)
    await expiringIn(store)
    t.strictSame(await loginIdsOf(follower, 'shoji'), ['user01', 'user02'])
    t.strictSame(await follower.contractIds('', 9), ['shoji', 'yubin'])
    t.strictSame(await expiringIn(follower), [keyA1])
  },
)

t.test(
  'R10: thousands that end at the same moment are told once each, while others are added before them',
  async (t) => {
    const server = await startRedisServer(t)
    const store = await openStore(t, server)
    await addPeople(store)
    const keyOf = (number: number) => `${issuerA}:${(number + 0x100000).toString(16)}` as typeof keyA1
    const at = (number: number, notAfterMs: number) =>
      ({
        type: 'certificate',
        certificate: { key: keyOf(number), loginId: 'user01', notBeforeMs: 0, notAfterMs },
        used: true,
        superseded: false,
        version: 5,
      }) as const
    const count = 5_000
    await store.remote.publishDirectoryAgain(
      Array.from({ length: count }, (_, number) => at(number, dayMs)),
      9,
    )
    const found: string[] = []
    let added = count
    for await (const page of store.expiringCertificates(0, dayMs)) {
      found.push(...page.map(({ certificate }) => certificate.key))
      await store.remote.publishDirectoryAgain([at(added++, 1), at(added++, dayMs - 1)], 9)
    }
    t.equal(found.length, count)
    t.equal(new Set(found).size, count)
  },
)
