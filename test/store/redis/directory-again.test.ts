// Goal: the directory can be read whole and written again by compare-and-set: what is newer stands, and what refuses somebody is never
// lost or taken back by it. Method: two real servers, one of which has lost or kept what the other knows.
import t from 'tap'
import type { DirectoryRecord } from '../../../src/control-path/directory-port.ts'
import type { RedisStore } from '../../../src/store/redis/redis-store.ts'
import { certificateKey } from '../../../src/x509/certificate-key.ts'
import { startRedisServer } from '../../helpers/redis-server.ts'
import { addPeople, allEvents, dayMs, issuerA, keyA1, keyA2, operator, revocationOf, subjectsOf } from '../samples.ts'
import { openStore } from './open-store.ts'

async function directoryOf(store: RedisStore): Promise<Map<string, DirectoryRecord>> {
  const records = new Map<string, DirectoryRecord>()
  for await (const page of store.directory()) for (const record of page) records.set(nameOf(record), record)
  return records
}

function nameOf(record: DirectoryRecord): string {
  if (record.type === 'contract') return record.contract.contractId
  return record.type === 'user' ? record.user.loginId : record.certificate.key
}

async function fill(store: RedisStore): Promise<void> {
  await addPeople(store)
  await store.upsertContract({ contractId: 'yubin', loginMethod: 'password', certificateLimit: 3 })
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 1_000, notAfterMs: dayMs })
  await store.upsertCertificate({ key: keyA2, loginId: 'user01', notBeforeMs: 2_000, notAfterMs: dayMs * 90_000 })
  await store.supersede(keyA1)
  await store.setSuspended('user02', true)
}

t.test('the whole directory comes with the version of the last change of each record', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await fill(store)
  const records = await directoryOf(store)
  const last = new Map(
    (await allEvents(t, store)).flatMap((event) =>
      subjectsOf([event]).map((subject) => [subject, event.version] as const),
    ),
  )
  t.match(records.get('shoji'), {
    type: 'contract',
    contract: { loginMethod: 'certificate', certificateLimit: 100 },
    version: last.get('contract shoji'),
  })
  t.match(records.get('yubin'), { contract: { loginMethod: 'password' }, version: last.get('password yubin') })
  t.match(records.get('user02'), {
    user: { state: 'suspended', role: 'master' },
    version: last.get('suspended user02'),
  })
  t.match(records.get(keyA1), {
    certificate: { loginId: 'user01', notBeforeMs: 1_000, notAfterMs: dayMs },
    superseded: true,
    version: last.get(`superseded ${keyA1}`),
  })
  t.match(records.get(keyA2), { superseded: false, certificate: { notAfterMs: dayMs * 90_000 } })
  t.equal(records.size, 6)
})

t.test('a store that was emptied gets everything back, with newer versions, events, and what refuses', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await fill(store)
  const records = await directoryOf(store)
  const before = await store.position()
  await server.cli('FLUSHALL')
  await store.remote.publishDirectoryAgain([...records.values()], before.version)
  const again = await directoryOf(store)
  const withoutVersion = (found: Map<string, DirectoryRecord>) =>
    [...found].map(([name, { version: _, ...rest }]) => [name, rest]).toSorted()
  t.strictSame(withoutVersion(again), withoutVersion(records))
  t.ok([...again.values()].every(({ version }) => version > before.version))
  const told = subjectsOf(await allEvents(t, store))
  t.strictSame(
    told,
    [
      'contract shoji',
      'contract yubin',
      'password yubin',
      'user user01',
      'user user02',
      'suspended user02',
      `certificate ${keyA1}`,
      `certificate ${keyA2}`,
      `superseded ${keyA1}`,
    ].toSorted(),
  )
  const state = []
  for await (const page of store.state()) state.push(...page)
  t.strictSame(subjectsOf(state), ['password yubin', 'suspended user02', `superseded ${keyA1}`].toSorted())
  t.strictSame(await store.loginIds('', 10), ['user01', 'user02'])
  t.equal((await store.certificatesOf('user01', 0)).length, 2)
  t.match(await store.lookUp('user01', keyA2), { certificateRegistered: true })
  const after = await store.position()
  await store.remote.publishDirectoryAgain([...records.values()], before.version)
  t.strictSame(await store.position(), after, 'a second time changes nothing')
})

t.test('records that the store has in the same or a newer version stay; older ones are written over', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await fill(store)
  const known = await directoryOf(store)
  const user = known.get('user01')
  const contract = known.get('shoji')
  if (user?.type !== 'user' || contract?.type !== 'contract') return t.fail('both are there')
  const before = await store.position()
  await store.remote.publishDirectoryAgain(
    [
      { ...user, user: { ...user.user, role: 'master' } },
      { ...contract, contract: { ...contract.contract, certificateLimit: 5 }, version: contract.version - 1 },
    ],
    before.version,
  )
  t.strictSame(await store.position(), before, 'the same version or an older one')
  await store.remote.publishDirectoryAgain(
    [{ ...user, user: { ...user.user, role: 'master' }, version: user.version + 1 }],
    90,
  )
  t.match(await store.user('user01'), { role: 'master' })
  t.match(await allEvents(t, store, { from: before }), [{ kind: 'directory', loginId: 'user01', version: 91 }])
})

t.test('a user whom the store has suspended since stays so, whatever an older gateway writes', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await fill(store)
  const user = (await directoryOf(store)).get('user01')
  if (user === undefined) return t.fail('it is there')
  await store.setSuspended('user01', true)
  await store.setLoginMethod('shoji', 'password')
  await store.remote.publishDirectoryAgain([user], 0)
  t.match(await store.user('user01'), { state: 'suspended' })
  t.match(await store.contract('shoji'), { loginMethod: 'password' })
})

t.test(
  'a user whom a gateway knows to be suspended is suspended again; one known to be reinstated is reinstated',
  async (t) => {
    const server = await startRedisServer(t)
    const store = await openStore(t, server)
    await addPeople(store)
    const { version } = await store.setSuspended('user02', true)
    const records = [...(await directoryOf(store)).values()]
    const suspended = records.map(
      (record): DirectoryRecord =>
        record.type === 'user' && record.user.loginId === 'user01'
          ? { ...record, user: { ...record.user, state: 'suspended' }, version: version + 5 }
          : record,
    )
    await store.remote.publishDirectoryAgain(suspended, version + 5)
    t.match(await store.user('user01'), { state: 'suspended' })
    const reinstated = suspended.map(
      (record): DirectoryRecord =>
        record.type === 'user'
          ? { ...record, user: { ...record.user, state: 'active' }, version: version + 50 }
          : record,
    )
    const before = await store.position()
    await store.remote.publishDirectoryAgain(reinstated, version + 50)
    t.match(await store.user('user01'), { state: 'active' })
    t.match(await store.user('user02'), { state: 'active' })
    t.ok(subjectsOf(await allEvents(t, store, { from: before })).includes('reinstated user02'))
  },
)

t.test(
  'what was revoked before the store was emptied is as old as it was: restoring looks at the versions of then',
  async (t) => {
    const server = await startRedisServer(t)
    const store = await openStore(t, server)
    await addPeople(store)
    const never = certificateKey(issuerA, 'abc')
    const { outcomes } = await store.publish([revocationOf(never, { loginId: 'user01' })], operator)
    await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: dayMs })
    t.match(await store.restoreObstacle(never), /newer certificate/)
    const records = [...(await directoryOf(store)).values()]
    const before = await store.position()
    await server.cli('FLUSHALL')
    await store.remote.publishDirectoryAgain(records, before.version)
    await store.publishAgain(
      { revocations: [{ key: never, version: outcomes[0]?.version ?? 0 }], rules: [] },
      before.version,
    )
    await store.publish([revocationOf(keyA2, { loginId: 'user01' })], operator)
    t.equal(await store.restoreObstacle(keyA2), undefined, 'what was recorded before it is no obstacle')
  },
)

t.test('ten thousand records are read and written again in pages', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  const records = Array.from(
    { length: 10_000 },
    (_, n): DirectoryRecord => ({
      type: 'user',
      user: {
        loginId: `user${n}`,
        contractId: 'shoji',
        role: 'general',
        state: n % 100 === 0 ? 'suspended' : 'active',
      },
      version: n + 1,
    }),
  )
  await store.remote.publishDirectoryAgain(records, 20_000)
  const found = await directoryOf(store)
  t.equal(found.size, 10_000)
  t.equal(
    [...found.values()].filter((record) => record.type === 'user' && record.user.state === 'suspended').length,
    100,
  )
})
