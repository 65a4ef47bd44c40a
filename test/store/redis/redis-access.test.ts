// Goal: each ACL user of README.md can do what it is for and nothing else; what is refused is said in the right words, and no password
// is ever in them. Method: the very lines of README.md, typed into a real redis-server.
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import type { GatewayReport, TrustStore } from '../../../src/control-path/store-port.ts'
import { RedisStore } from '../../../src/store/redis/redis-store.ts'
import { startRedisServer } from '../../helpers/redis-server.ts'
import { openRedisSession } from '../../helpers/redis-session.ts'
import { addPeople, issuerA, keyA1, keyA2, operator, revocationOf } from '../contract.ts'
import { dayMs, futureMs, reservationOf, reserve } from '../samples.ts'
import { aclLines, setUser } from './acl-users.ts'
import { configFor, openStore } from './open-store.ts'

const password = 'correct-horse-battery'
const report: GatewayReport = {
  gatewayId: 'one',
  name: 'host',
  programVersion: '0.1.0',
  state: 'live',
  position: { version: 1, token: 'x' },
  dataAgeMs: 1,
}

const issued = reservationOf('9', { loginId: 'user02' })
const mail = { id: 'a', loginId: 'user01', to: 'user01@shoji.example', body: '{}', dueMs: 1 }

t.test('README.md has a user for gateways, one that only follows, and one for scripts', async (t) => {
  t.strictSame([...aclLines().keys()], ['sekisho-gateway', 'sekisho-follower', 'sekisho-script'])
})

t.test('the user that only follows reads everything and reports, and may change nothing', async (t) => {
  const server = await startRedisServer(t)
  await setUser(server, 'sekisho-follower', password)
  const writer = await openStore(t, server)
  await addPeople(writer)
  await writer.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: 1 })
  await writer.publish([revocationOf(keyA1), revocationOf(keyA2)], operator)
  await writer.restore(keyA2, operator)
  await writer.publishRule(
    { rule: { by: 'loginId', loginId: 'x', notBeforeMaxMs: 1_000 }, reason: 'unspecified', comment: '' },
    operator,
  )
  await writer.writeMeta('sealingKeys', 'secret', 0)
  await addIssued(writer)

  const store = await openStore(t, server, { username: 'sekisho-follower', password })
  t.strictSame(await store.position(), await writer.position())
  const pages: unknown[] = []
  for await (const page of store.state()) pages.push(...page)
  t.equal(pages.length, 3)
  t.equal((await store.eventsSince({ version: 0, token: '' }, 100)).events.length, 8)
  t.match(await store.revocation(keyA1), { state: 'revoked' })
  t.equal((await store.revocations({ limit: 10 })).revocations.length, 1)
  t.equal((await store.revocations({ limit: 10, loginId: 'user01' })).revocations.length, 1)
  t.equal((await store.rules()).length, 1)
  t.match(await store.user('user01'), { role: 'general' })
  t.match(await store.contract('shoji'), { certificateLimit: 100 })
  t.strictSame(await store.loginIds('user', 9), ['user01', 'user02'])
  t.equal((await store.certificatesOf('user01', 0)).length, 1)
  t.match(await store.lookUp('user01', keyA1), { certificateRegistered: true })
  t.equal(await store.restoreObstacle(keyA1), undefined)
  t.match(await store.readMeta('sealingKeys'), { value: 'secret' })
  t.strictSame(await store.remote.membership([keyA1, keyA2]), [true, false])
  let records = 0
  for await (const page of store.directory()) records += page.length
  t.equal(records, 5)
  await readIssued(t, store)
  const heard = Promise.withResolvers<void>()
  const listening = store.remote.listen(() => heard.resolve())
  await heard.promise
  await listening.close()
  await store.reportGateway(report)
  t.match((await store.gateways()).gateways, [{ gatewayId: 'one' }])
  await store.withdrawGateway('one')
  t.strictSame(await server.cli('ACL', 'LOG'), [], 'nothing it did was refused')

  const changes: Readonly<Record<string, () => Promise<unknown>>> = {
    publish: () => store.publish([revocationOf(keyA2)], operator),
    restore: () => store.restore(keyA1, operator),
    publishRule: () =>
      store.publishRule(
        { rule: { by: 'loginId', loginId: 'y', notBeforeMaxMs: 1 }, reason: 'unspecified', comment: '' },
        operator,
      ),
    withdrawRule: () => store.withdrawRule('login:x', operator),
    publishAgain: () => store.publishAgain({ revocations: [{ key: keyA2, version: 9 }], rules: [] }, 9),
    upsertContract: () => store.upsertContract({ contractId: 'new', loginMethod: 'certificate', certificateLimit: 1 }),
    setSuspended: () => store.setSuspended('user01', true),
    supersede: () => store.supersede(keyA1),
    writeMeta: () => store.writeMeta('sealingKeys', 'mine', 1),
    adopt: () => store.remote.adopt([keyA2]),
    ...issuingChanges(store),
    publishDirectoryAgain: () =>
      store.remote.publishDirectoryAgain([], 9).then(() => Promise.reject({ code: 'store_read_only' })),
  }
  const before = await writer.position()
  for (const [name, change] of Object.entries(changes)) await t.rejects(change(), { code: 'store_read_only' }, name)
  t.strictSame(await writer.position(), before)
  t.ok(await store.position(), 'it goes on reading afterwards')
})

/** What issuing, mails and notes leave in the store: one event. */
async function addIssued(store: TrustStore): Promise<void> {
  await reserve(t, store, issued)
  await store.keepSigned(issued.key, Buffer.from('der'))
  await store.noteSightings([{ key: keyA1, atMs: 1 }])
  await store.addMails([mail])
  await store.keepNote('code', 'value', dayMs)
  await store.countNote('wrong', dayMs)
  await store.addHistory('login:user01', 'entry')
  await store.contractIds('', 1)
}

async function readIssued(t: Test, store: TrustStore): Promise<void> {
  const { key, publicKeyHash } = issued
  t.equal((await store.contractHoldings('shoji', 0))?.users.length, 2)
  t.strictSame(await store.contractIds('', 9), ['shoji'])
  t.ok(await store.signedCertificate(key))
  t.match(await store.certificateOfPublicKey(publicKeyHash), { key, state: 'issued' })
  t.strictSame(await store.sightings([keyA1]), [{ firstMs: 1, lastMs: 1 }])
  let expiring = 0
  for await (const page of store.expiringCertificates(0, futureMs)) expiring += page.length
  t.equal(expiring, 1, 'the other one is revoked')
  t.match(await store.mails({ state: 'waiting', limit: 9 }), [{ id: 'a' }])
  t.strictSame(await store.mails({ state: 'waiting', after: 'a', limit: 9 }), [])
  t.match(await store.mailCounts(), { waiting: 1 })
  t.equal(await store.readNote('code'), 'value')
  t.match(await store.readCount('wrong'), { count: 1 })
  t.strictSame(await store.history('login:user01', 9), ['entry'])
}

/** Calls that change what issuing, mails and notes keep. */
function issuingChanges(store: TrustStore): Readonly<Record<string, () => Promise<unknown>>> {
  const { key } = issued
  const guard = { contractId: 'shoji', revision: 0, replaces: [] }
  return {
    upsertUser: () => store.upsertUser({ loginId: 'new', contractId: 'shoji', role: 'general' }),
    reserveCertificate: () => store.reserveCertificate(reservationOf('a'), guard),
    useCertificate: () => store.useCertificate(key),
    keepSigned: () => store.keepSigned(key, Buffer.from('other')),
    noteSightings: () => store.noteSightings([{ key, atMs: 5 }]),
    addMails: () => store.addMails([{ ...mail, id: 'b' }]),
    leaseMails: () => store.leaseMails(dayMs, 1, 1),
    settleMail: () => store.settleMail('a', { state: 'sent', atMs: 1 }),
    reviveMail: () => store.reviveMail('a'),
    forgetMails: () => store.forgetMails(dayMs),
    keepNote: () => store.keepNote('code', 'other', dayMs),
    takeNote: () => store.takeNote('code'),
    forgetNote: () => store.forgetNote('code'),
    countNote: () => store.countNote('wrong', dayMs),
    addHistory: () => store.addHistory('login:user01', 'other'),
  }
}

t.test('the user for scripts may add serial numbers, and only that', async (t) => {
  const server = await startRedisServer(t)
  await setUser(server, 'sekisho-script', password)
  const session = await openRedisSession(server.socketPath)
  t.teardown(() => session.close())
  await session.send('AUTH', 'sekisho-script', password)
  const set = `{sekisho}:revoked:${issuerA}`
  t.equal(await session.send('SADD', set, '1', '2'), 2)
  const store = await openStore(t, server)
  t.strictSame(await store.remote.membership([keyA1, keyA2]), [true, true])
  for (const command of [
    ['SREM', set, '1'],
    ['SMEMBERS', set],
    ['DEL', set],
    ['SADD', '{sekisho}:issuers', issuerA],
    ['SADD', `{sekisho}:records:${issuerA}`, '1'],
    ['HGET', '{sekisho}:meta', 'sealingKeys'],
    ['XADD', '{sekisho}:log', '*', 'a', 'b'],
    ['EVAL', 'return 1', '0'],
    ['FLUSHALL'],
    ['CONFIG', 'GET', '*'],
    ['KEYS', '*'],
  ]) {
    await t.rejects(session.send(...command), { message: /^NOPERM/ }, command.join(' '))
  }
  t.strictSame(await store.remote.membership([keyA1, keyA2]), [true, true])
})

t.test('a user who may not read is told apart from a store that is away, by the words of Redis', async (t) => {
  const server = await startRedisServer(t)
  await server.cli('ACL', 'SETUSER', 'blind', 'on', `>${password}`, '~*', '+@all', '-hmget')
  const store = await openStore(t, server, { username: 'blind', password })
  await t.rejects(store.position(), { code: 'store_unavailable', message: /NOPERM.*hmget/ })
  t.match(await store.readMeta('sealingKeys'), undefined, 'what it may do it does')
})

t.test('a user who may not ask for the policy: the start says which right is missing', async (t) => {
  const server = await startRedisServer(t)
  await server.cli('ACL', 'SETUSER', 'mute', 'on', `>${password}`, '~*', '+@all', '-info')
  await t.rejects(openStore(t, server, { username: 'mute', password }), {
    code: 'config_invalid',
    path: 'store.redis',
    message: /ACL SETUSER mute \+info/,
  })
})

t.test('no password is in any message, log line or cause', async (t) => {
  const server = await startRedisServer(t, { directives: { requirepass: 'right-password' } })
  const said: unknown[] = []
  const log = {
    info: (...words: unknown[]) => said.push(words),
    warn: (...words: unknown[]) => said.push(words),
    error: (...words: unknown[]) => said.push(words),
  }
  const wrong = 'wrong-password-7'
  for (const username of [undefined, 'somebody', wrong]) {
    const store = await RedisStore.open(configFor(server, { username, password: wrong }), { clock: systemClock, log })
    const fault = await store.position().then(
      () => undefined,
      (error: unknown) => error,
    )
    t.match(fault, { code: 'store_unavailable', message: /WRONGPASS/ })
    said.push(fault, String(fault), (fault as Error).cause, (fault as Error).stack)
    await store.close()
  }
  const without = await RedisStore.open(configFor(server), { clock: systemClock, log })
  t.teardown(() => without.close())
  await t.rejects(without.position(), { code: 'store_unavailable', message: /NOAUTH/ })
  const right = await openStore(t, server, { password: 'right-password', log })
  t.ok(await right.position())
  const everything = JSON.stringify(said, (_, value) =>
    value instanceof Error ? { ...value, message: value.message, stack: value.stack } : value,
  )
  t.match(everything, /WRONGPASS/)
  t.notMatch(everything, new RegExp(wrong))
  t.notMatch(everything, /right-password/)
})
