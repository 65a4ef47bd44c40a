// Goal: a store that was emptied gets back all that issuing depends on, and nobody who decided before that is believed after it; what
// lives shortly is not kept for ever. Method: a real server that is emptied by FLUSHALL, and its own word on what expires.
import t from 'tap'
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.ts'
import {
  addPeople,
  allEvents,
  allRecords,
  dayMs,
  futureMs,
  issuerA,
  keyA1,
  keyA2,
  keyB1,
  operator,
  reservationOf,
  reserve,
  revisionOf,
} from '../samples.ts'
import { openStore } from './open-store.ts'

const credentials = { login: '$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA', confirmation: '$argon2id$v=19$x' }
const details = { name: '山田 "太郎" / Taro', email: 'taro@shoji.example', language: 'ja', credentials } as const
const contractDetails = { name: '商事\\', noticeDays: [40, 30] } as const

/** A server with a user of every detail, a used certificate and a pending one. */
async function fill(t: Parameters<typeof openStore>[0], server: RedisServer) {
  const store = await openStore(t, server)
  await addPeople(store)
  await store.upsertContract({
    contractId: 'shoji',
    loginMethod: 'certificate',
    certificateLimit: 100,
    ...contractDetails,
  })
  await store.upsertUser({ loginId: 'user01', contractId: 'shoji', role: 'general', ...details })
  await reserve(t, store, reservationOf('1'))
  await store.useCertificate(keyA1)
  await reserve(t, store, reservationOf('2'))
  return store
}

t.test('an emptied store gets back details, public keys, uses, and what contracts hold', async (t) => {
  const server = await startRedisServer(t)
  const store = await fill(t, server)
  const records = await allRecords(store)
  const holdings = await store.contractHoldings('shoji', 0)
  const before = await store.position()
  await server.cli('FLUSHALL')
  await store.remote.publishDirectoryAgain(records, before.version)
  t.strictSame(
    (await allRecords(store)).map(({ version: _, ...record }) => record),
    records.map(({ version: _, ...record }) => record),
  )
  t.match(await store.user('user01'), details)
  t.match(await store.contract('shoji'), contractDetails)
  const entries = (await allEvents(t, store)).flatMap((event) => (event.kind === 'directory' ? event.entry : []))
  t.match(
    entries.find((entry) => entry.type === 'user' && entry.user.loginId === 'user01'),
    { user: details },
  )
  const again = await store.contractHoldings('shoji', 0)
  t.match(again?.users, [
    {
      user: { loginId: 'user01' },
      certificates: [
        { key: keyA1, state: 'current' },
        { key: keyA2, state: 'issued' },
      ],
    },
    { user: { loginId: 'user02' } },
  ])
  t.ok((again?.revision ?? 0) > (holdings?.revision ?? 0))
  // Before anybody has looked for something there.
  t.equal(await server.cli('ZCARD', '{sekisho}:contract-ids'), 1)
  t.equal(await server.cli('ZCARD', '{sekisho}:users-of'), 2)
  t.equal(await server.cli('ZCARD', '{sekisho}:expiries'), 2)
  t.match(await store.certificateOfPublicKey('public-key-2'), { key: keyA2 })
  t.match(await store.lookUp('user01', keyA2), { certificateUnused: true })
  t.notMatch(await store.lookUp('user01', keyA1), { certificateUnused: true })
  t.strictSame(await store.contractIds('', 9), ['shoji'])
  let expiring = 0
  for await (const page of store.expiringCertificates(futureMs, futureMs)) expiring += page.length
  t.equal(expiring, 2)
  t.match(await store.useCertificate(keyA2), { changed: true, superseded: [keyA1] })
})

t.test('R3 R8: what was decided before the store was emptied must be decided again', async (t) => {
  const server = await startRedisServer(t)
  const store = await fill(t, server)
  const records = await allRecords(store)
  const guard = { contractId: 'shoji', revision: await revisionOf(store), replaces: [keyA2] }
  const before = await store.position()
  await server.cli('FLUSHALL')
  t.equal(await store.reserveCertificate(reservationOf('3'), guard), 'moved', 'while it is empty')
  await store.remote.publishDirectoryAgain(records, before.version)
  t.equal(await store.reserveCertificate(reservationOf('3'), guard), 'moved', 'and when it has been filled again')
  const now = { ...guard, revision: await revisionOf(store) }
  t.equal(await store.reserveCertificate(reservationOf('3'), now), 'reserved')
})

t.test('R3: a certificate that comes back takes a place: whoever decided without it must decide again', async (t) => {
  const server = await startRedisServer(t)
  const store = await fill(t, server)
  const guard = { contractId: 'shoji', revision: await revisionOf(store), replaces: [] }
  const { version } = await store.position()
  const lost = { key: keyB1, loginId: 'user02', notBeforeMs: 0, notAfterMs: futureMs }
  const record = { type: 'certificate', certificate: lost, used: true, superseded: false, version } as const
  await store.remote.publishDirectoryAgain([record], version)
  t.equal(await store.reserveCertificate(reservationOf('3'), guard), 'moved')
  t.match((await store.contractHoldings('shoji', 0))?.users, [{}, { certificates: [{ key: keyB1 }] }])
})

t.test('a first use that this gateway knows and the store has lost is written again', async (t) => {
  const server = await startRedisServer(t)
  const store = await fill(t, server)
  const unused = (await allRecords(store)).filter((record) => record.type === 'certificate')
  await store.useCertificate(keyA2)
  const used = (await allRecords(store)).filter((record) => record.type === 'certificate')
  await store.remote.publishDirectoryAgain(unused, 0)
  t.match(await store.certificatesOf('user01', 0), [{ state: 'superseded' }, { state: 'current' }], 'older: it stays')
  const { version } = await store.position()
  await server.cli('FLUSHALL')
  await store.remote.publishDirectoryAgain(unused, version)
  const { version: above } = await store.position()
  await store.remote.publishDirectoryAgain(
    used.map((record) => ({ ...record, version: record.version + above })),
    above,
  )
  t.match(await store.certificatesOf('user01', 0), [{ state: 'superseded' }, { state: 'current' }])
})

t.test('a user who comes back in another contract is in that one only', async (t) => {
  const server = await startRedisServer(t)
  const store = await fill(t, server)
  await store.upsertContract({ contractId: 'yubin', loginMethod: 'certificate', certificateLimit: 1 })
  const user = { loginId: 'user01', contractId: 'yubin', role: 'general', state: 'active' } as const
  const { version } = await store.position()
  await store.remote.publishDirectoryAgain([{ type: 'user', user, version: version + 1 }], version)
  t.match((await store.contractHoldings('shoji', 0))?.users, [{ user: { loginId: 'user02' } }])
  t.match((await store.contractHoldings('yubin', 0))?.users, [{ user }])
  t.strictSame(await store.user('user01'), user, 'what the record does not say is gone')
  t.equal(await server.cli('ZCARD', '{sekisho}:users-of'), 2)
  await store.upsertUser({ loginId: 'user01', contractId: 'shoji', role: 'general' })
  t.match((await store.contractHoldings('yubin', 0))?.users, [])
  t.equal(await server.cli('ZCARD', '{sekisho}:users-of'), 2)
})

t.test('only notes, counts and signed certificates expire; a certificate with its notAfter', async (t) => {
  const server = await startRedisServer(t)
  const store = await fill(t, server)
  await store.keepSigned(keyA1, Buffer.from('der'))
  await store.keepNote('code', 'value', dayMs)
  await store.countNote('wrong', dayMs)
  await store.addHistory('login:user01', 'entry')
  await store.addMails([{ id: 'a', loginId: 'user01', to: 'x@y.example', body: '{}', dueMs: 1 }])
  await store.noteSightings([{ key: keyA1, atMs: 1 }])
  await store.restore(keyA1, operator)
  const names = ((await server.cli('KEYS', '*')) as string[]).toSorted()
  const ends = await Promise.all(
    names.map(async (name) => [name, Number(await server.cli('PEXPIRETIME', name))] as const),
  )
  const expiring = ends.filter(([, endMs]) => endMs !== -1)
  t.strictSame(
    expiring.map(([name]) => name),
    ['{sekisho}:count:wrong', '{sekisho}:note:code', `{sekisho}:signed:${issuerA}:1`],
  )
  t.equal(expiring.at(-1)?.[1], futureMs)
})

t.test('mails are added and forgotten in parts, none left out', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  const mails = Array.from({ length: 1_203 }, (_, number) => ({
    id: `mail-${number}`,
    loginId: 'user01',
    to: 'user01@shoji.example',
    body: '{}',
    dueMs: 1,
  }))
  t.strictSame(new Set(await store.addMails(mails)), new Set([true]))
  t.strictSame(new Set(await store.addMails(mails)), new Set([false]))
  await Promise.all(mails.slice(1).map(({ id }) => store.settleMail(id, { state: 'sent', atMs: 5 })))
  t.equal(await store.forgetMails(6), 1_202)
  t.strictSame(await store.mailCounts(), { waiting: 1, sent: 0, dead: 0 })
  t.equal(await server.cli('HLEN', '{sekisho}:mails'), 1)
  t.equal(await server.cli('HLEN', '{sekisho}:mail-states'), 1)
})

t.test('a mail whose text was deleted by hand is passed over, and the others are sent', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  const mail = { loginId: 'user01', to: 'user01@shoji.example', body: '{}', dueMs: 1 }
  await store.addMails([
    { ...mail, id: 'a' },
    { ...mail, id: 'b' },
  ])
  await server.cli('HDEL', '{sekisho}:mails', 'a')
  t.match(await store.leaseMails(1, 10, 9), [{ id: 'b' }])
  t.match(await store.mails({ state: 'waiting', limit: 9 }), [{ id: 'b' }])
})
