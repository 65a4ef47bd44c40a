// Goal: the Redis store keeps the contract of TrustStore, however the server is reached. Method: a real redis-server, emptied before
// each part: plain, in another database, over TLS with client certificates, as the ACL user of README.md.
import t, { type Test } from 'tap'
import type { RedisConfig } from '../../../src/config/gateway-config.ts'
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.ts'
import { createTestCa } from '../../helpers/test-ca.ts'
import { keyA1, operator, revocationOf, testTrustStore } from '../contract.ts'
import { setUser } from './acl-users.ts'
import { configFor, openStore } from './open-store.ts'

function testContract(t: Test, server: RedisServer, changes: Partial<RedisConfig> = {}): void {
  testTrustStore(
    t,
    async (t, { eventsMax }) => {
      await server.cli('FLUSHALL')
      return openStore(t, server, { ...changes, ...(eventsMax === undefined ? {} : { logEventsMax: eventsMax }) })
    },
    { clock: 'own' },
  )
}

t.test('contract', async (t) => {
  testContract(t, await startRedisServer(t))
})

t.test('contract, as the user that README.md gives to gateways, in database 3', async (t) => {
  const server = await startRedisServer(t)
  await setUser(server, 'sekisho-gateway', 'opensesame')
  await server.cli('ACL', 'LOG', 'RESET')
  t.test('contract', async (t) => {
    testContract(t, server, { username: 'sekisho-gateway', password: 'opensesame', database: 3 })
  })
  t.test('nothing that was done is missing in its rights, and nothing is in another database', async (t) => {
    const store = await openStore(t, server, { username: 'sekisho-gateway', password: 'opensesame', database: 3 })
    await store.publish([revocationOf(keyA1)], operator)
    t.strictSame(await server.cli('ACL', 'LOG'), [])
    t.equal(await server.cli('DBSIZE'), 0)
    t.match(await server.cli('INFO', 'keyspace'), /^db3:/m)
  })
})

t.test('over TLS with client certificates', async (t) => {
  const ca = createTestCa({ commonName: 'Store CA' })
  const other = createTestCa({ commonName: 'Other CA' })
  const { chainPem, keyPem } = ca.issueServer({ names: ['redis.bank.example'] })
  const gateway = ca.issueClient({ commonName: 'gateway' })
  const server = await startRedisServer(t, {
    tls: { certificatePem: chainPem, keyPem, caPem: ca.certificatePem },
  })
  const tls = {
    caPem: ca.certificatePem,
    serverName: 'redis.bank.example',
    certificatePem: gateway.chainPem,
    keyPem: gateway.keyPem,
  }
  t.test('contract', async (t) => {
    testContract(t, server, { tls })
  })
  const refused = [
    { name: 'a CA that is not trusted', tls: { ...tls, caPem: other.certificatePem }, why: /self-signed|unable to/i },
    { name: 'another name', tls: { ...tls, serverName: 'other.example' }, why: /redis\.bank\.example|altnames/ },
    {
      name: 'no client certificate',
      tls: { ...tls, certificatePem: undefined, keyPem: undefined },
      why: /certificate/,
    },
  ]
  for (const { name, tls, why } of refused) {
    t.test(`${name}: no connection, and the fault says why`, async (t) => {
      const store = await openStore(t, server, { tls })
      await t.rejects(store.position(), { code: 'store_unavailable', message: why })
    })
  }
  t.test('a server that speaks TLS is not reached without', async (t) => {
    const store = await openStore(t, server, { connectTimeoutMs: 300 })
    await t.rejects(store.position(), { code: 'store_unavailable' })
  })
  t.match(configFor(server).tls, undefined)
})
