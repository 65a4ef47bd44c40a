// Goal: what people and scripts do to the keys past the gateways is found, put on record or told, and never lets a revoked certificate
// in. Method: their very commands on a real redis-server, beside a store that goes on working.
import t from 'tap'
import type { TrustEvent } from '../../../src/control-path/ports.ts'
import type { RedisStore } from '../../../src/store/redis/redis-store.ts'
import { serialSpellings } from '../../../src/store/redis/serial-spellings.ts'
import { certificateKey } from '../../../src/x509/certificate-key.ts'
import { startRedisServer } from '../../helpers/redis-server.ts'
import {
  addPeople,
  dayMs,
  issuerA,
  issuerB,
  keyA1,
  keyA2,
  keyB1,
  operator,
  revocationOf,
  revokedKeys,
  start,
  subjectsOf,
} from '../samples.ts'
import { openStore } from './open-store.ts'

const setA = `{sekisho}:revoked:${issuerA}`

async function stateOf(store: RedisStore): Promise<TrustEvent[]> {
  const events: TrustEvent[] = []
  for await (const page of store.state()) events.push(...page)
  return events
}

async function countsOf(store: RedisStore): Promise<[revoked: number, unrecorded: number]> {
  const { revokedCount, unrecordedCount } = await store.eventsSince(await store.position(), 1)
  return [revokedCount, unrecordedCount]
}

t.test(
  'a serial number that is added by hand is counted, found in the state, and adopted with a record and an event',
  async (t) => {
    const server = await startRedisServer(t)
    const store = await openStore(t, server)
    await addPeople(store)
    await store.upsertCertificate({ key: keyA2, loginId: 'user01', notBeforeMs: 0, notAfterMs: dayMs })
    await store.publish([revocationOf(keyA1)], operator)
    const before = await store.position()
    await server.cli('SADD', setA, '2')
    t.strictSame(await countsOf(store), [2, 1])
    t.strictSame(revokedKeys(await stateOf(store)), [keyA1, keyA2])
    t.match(await store.revocation(keyA2), { state: 'revoked', version: before.version })
    t.equal(await store.remote.adopt([keyA1, keyA2, keyB1]), 1, 'only what stands in a set without a record')
    t.strictSame(await countsOf(store), [2, 0])
    const { events } = await store.eventsSince(before, 10)
    t.match(events, [{ kind: 'revoked', keys: [keyA2] }])
    t.match(await store.revocation(keyA2), {
      version: events[0]?.version,
      revocation: { loginId: 'user01', actor: 'sekisho' },
    })
    t.equal(await store.remote.adopt([keyA1, keyA2, keyB1]), 0)
    t.equal(await store.revocation(keyB1), undefined)
  },
)

t.test(
  'every usual spelling of a serial number revokes, is adopted as one certificate, and is restored whole',
  async (t) => {
    const server = await startRedisServer(t)
    for (const serial of ['a1b', 'ab12', '7', 'f'.repeat(40), '12']) {
      const key = certificateKey(issuerA, serial)
      const spellings = serialSpellings(serial)
      t.equal(spellings[0], serial)
      for (const spelling of spellings) {
        await server.cli('FLUSHALL')
        const store = await openStore(t, server)
        await server.cli('SADD', setA, spelling)
        t.strictSame(
          await store.remote.membership([keyB1, key, certificateKey(issuerA, 'eee')]),
          [false, true, false],
          spelling,
        )
        t.strictSame(revokedKeys(await stateOf(store)), [key], spelling)
        t.equal(await store.remote.adopt([key]), 1, spelling)
        t.strictSame(await server.cli('SMEMBERS', setA), [serial], 'one member, as the gateways write it')
        t.strictSame(await countsOf(store), [1, 0])
        await server.cli('SADD', setA, ...spellings)
        t.equal((await store.restore(key, operator)).outcome, 'restored')
        t.strictSame(await stateOf(store).then(subjectsOf), [`restored ${key}`])
        t.strictSame(await countsOf(store), [0, 0])
        await store.close()
      }
    }
    t.strictSame(serialSpellings('a1b'), ['a1b', '0a1b', '0a:1b', 'A1B', '0A1B', '0A:1B'])
    t.strictSame(serialSpellings('12'), ['12'], 'each once')
  },
)

t.test(
  'less usual spellings are understood when everything is read; what is no serial number is told and passed over',
  async (t) => {
    const server = await startRedisServer(t)
    const unreadable: [string, string][] = []
    const store = await openStore(t, server, {
      unreadableMember: (issuerId, member) => unreadable.push([issuerId, member]),
    })
    await store.publish([revocationOf(keyA1)], operator)
    await server.cli(
      'SADD',
      setA,
      '0x00Ab',
      'serial=00:cd',
      ' ef ',
      'xyz',
      '',
      '-5',
      '0',
      '1'.repeat(41),
      Buffer.from([0xff, 0xfe]),
    )
    t.strictSame(
      revokedKeys(await stateOf(store)),
      ['1', 'ab', 'cd', 'ef'].map((serial) => certificateKey(issuerA, serial)),
    )
    t.equal(unreadable.length, 6)
    t.ok(unreadable.every(([issuerId]) => issuerId === issuerA))
    t.strictSame(await countsOf(store), [10, 9])
  },
)

t.test('an issuer of whom nobody has published anything is looked at, if the gateway knows of it', async (t) => {
  const server = await startRedisServer(t)
  await server.cli('SADD', setA, '1')
  const store = await openStore(t, server, { issuerIds: [issuerA, issuerB] })
  t.strictSame(await countsOf(store), [1, 1])
  t.strictSame(revokedKeys(await stateOf(store)), [keyA1])
  const other = await openStore(t, server)
  t.strictSame(await countsOf(other), [0, 0])
  t.strictSame(await other.remote.membership([keyA1]), [true])
  t.strictSame(await countsOf(other), [1, 1], 'from now on it knows')
})

t.test('SREM takes nothing back: it is counted, and the next that publishes puts the member back', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  const { outcomes } = await store.publish([revocationOf(keyA1), revocationOf(keyA2)], operator)
  const before = await store.position()
  await server.cli('SREM', setA, '1')
  t.strictSame(await countsOf(store), [1, -1])
  t.match(await store.revocation(keyA1), { state: 'revoked', version: outcomes[0]?.version })
  await store.publishAgain(
    { revocations: [{ key: keyA1, version: outcomes[0]?.version ?? 0 }], rules: [] },
    before.version,
  )
  t.strictSame(await countsOf(store), [2, 0])
  t.strictSame(await store.position(), before, 'everybody knows it already')
  await server.cli('SREM', setA, '1')
  t.match((await store.publish([revocationOf(keyA1)], operator)).outcomes, [{ outcome: 'already_revoked' }])
  t.strictSame(await countsOf(store), [2, 0])
})

t.test('what is added by hand and then published is revoked now, with a record, an event and one member', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await server.cli('SADD', setA, '01')
  const { outcomes } = await store.publish([revocationOf(keyA1)], operator)
  t.match(outcomes, [{ outcome: 'revoked', version: 1 }])
  t.strictSame(await server.cli('SMEMBERS', setA), ['1'])
  t.strictSame(revokedKeys((await store.eventsSince(start, 9)).events), [keyA1])
})

t.test('a certificate that was restored and is then added by hand is revoked', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await store.publish([revocationOf(keyA1)], operator)
  const restored = await store.restore(keyA1, operator)
  await server.cli('SADD', setA, '1')
  const state = await stateOf(store)
  t.ok(
    state.some((event) => event.kind === 'revoked' && event.version >= restored.version),
    'a tie means revoked',
  )
  t.equal(await store.remote.adopt([keyA1]), 1)
  t.strictSame(subjectsOf(await stateOf(store)), [`revoked ${keyA1}`], 'and the tombstone is gone')
})

t.test('entries written into the log by hand are passed over, and versions go on above them', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await store.publish([revocationOf(keyA1)], operator)
  for (let n = 0; n < 5; n++) await server.cli('XADD', '{sekisho}:log', '*', 'hello', 'world')
  const before = await store.position()
  t.equal(before.version, 1)
  t.match(await store.eventsSince(before, 2), { continuous: true, events: [], lastVersion: 1 })
  const { outcomes } = await store.publish([revocationOf(keyA2)], operator)
  t.ok((outcomes[0]?.version ?? 0) > 1_000_000_000_000, 'ids only rise')
  for (const limit of [1, 2, 3, 10]) {
    const page = await store.eventsSince(before, limit)
    t.ok(page.continuous)
    t.strictSame(revokedKeys(page.events), [keyA2], `pages of ${limit}`)
  }
  t.match((await store.revocations({ limit: 1 })).revocations, [{ key: keyA2 }])
  const { nextCursor } = await store.revocations({ limit: 1 })
  t.match(await store.revocations({ limit: 1, cursor: nextCursor ?? 0 }), { revocations: [{ key: keyA1 }] })
})

t.test('an event that was deleted from the log by hand does not go unnoticed', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  for (const key of [keyA1, keyA2, keyB1]) await store.publish([revocationOf(key)], operator)
  await server.cli('XDEL', '{sekisho}:log', '2-0')
  const first = await store.eventsSince(start, 10)
  t.ok(first.continuous)
  t.strictSame(revokedKeys(first.events), [keyA1], 'up to there it is whole')
  t.equal((await store.eventsSince(first.end, 10)).continuous, false)
  t.ok((await store.eventsSince(await store.position(), 10)).continuous, 'who was beyond it goes on')
})

t.test(
  'keys that were deleted: the sets stay the truth, versions never go back, and what is lost can be written again',
  async (t) => {
    const server = await startRedisServer(t)
    for (const keys of [
      ['log'],
      ['state'],
      ['log', 'state', 'news'],
      ['records:'.concat(issuerA)],
      ['history:'.concat(issuerA)],
    ]) {
      await server.cli('FLUSHALL')
      const store = await openStore(t, server)
      for (const key of [keyA1, keyA2]) await store.publish([revocationOf(key)], operator)
      const before = await store.position()
      await server.cli('DEL', ...keys.map((key) => `{sekisho}:${key}`))
      t.equal((await store.eventsSince(before, 10)).continuous, keys.length < 3, `${keys}: who has applied it all`)
      t.strictSame(revokedKeys(await stateOf(store)), [keyA1, keyA2], `${keys}: the sets are the truth`)
      const found = await store.position()
      t.ok((await store.eventsSince(found, 10)).continuous, `${keys}: from where it ends now it goes on`)
      await store.publishAgain(
        {
          revocations: [
            { key: keyA1, version: 1 },
            { key: keyB1, version: 2 },
          ],
          rules: [],
        },
        before.version,
      )
      t.ok((await store.position()).version > before.version, `${keys}: versions never go back`)
      t.ok((await store.eventsSince(found, 10)).continuous)
      t.match(await store.revocation(keyA2), { state: 'revoked' })
      t.strictSame(revokedKeys(await stateOf(store)), [keyA1, keyA2, keyB1])
      await store.close()
    }
  },
)

t.test(
  'FLUSHALL between calls: another log, another epoch, and everything can be written again above what was known',
  async (t) => {
    const server = await startRedisServer(t)
    const store = await openStore(t, server)
    await addPeople(store)
    await store.publish([revocationOf(keyA1), revocationOf(keyB1)], operator)
    const before = await store.position()
    const epoch = await server.cli('HGET', '{sekisho}:state', 'epoch')
    const records = []
    for await (const page of store.directory()) records.push(...page)
    await server.cli('FLUSHALL')
    t.match(await store.eventsSince(before, 10), { continuous: false, events: [], lastVersion: 0, revokedCount: 0 })
    t.strictSame(await store.position(), start)
    // As many events as before, so that only the tokens differ.
    for (let n = 1; n <= before.version; n++)
      await store.publish([revocationOf(certificateKey(issuerB, `c${n}`))], operator)
    const after = await store.position()
    t.equal(after.version, before.version)
    t.not(after.token, before.token)
    t.equal((await store.eventsSince(before, 10)).continuous, false)
    t.not(await server.cli('HGET', '{sekisho}:state', 'epoch'), epoch)
    await store.remote.publishDirectoryAgain(records, before.version)
    await store.publishAgain({ revocations: [{ key: keyA1, version: 4 }], rules: [] }, before.version)
    t.match(await store.user('user02'), { role: 'master', state: 'active', contractId: 'shoji' })
    t.match(await store.contract('shoji'), { certificateLimit: 100 })
    t.match(await store.revocation(keyA1), { state: 'revoked' })
    const page = await store.eventsSince(after, 100)
    t.ok(page.continuous)
    t.ok(page.events.every(({ version }) => version > before.version))
    t.strictSame(
      subjectsOf(page.events),
      ['contract shoji', 'user user01', 'user user02', `revoked ${keyA1}`].toSorted(),
    )
  },
)
