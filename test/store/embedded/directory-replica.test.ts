// Goal: the local copy of the directory follows log and rounds, takes nothing older than it has, gives back what the store has
// lost, and answers as the store does. Method: a real file; events and records by hand, by a real store, and by chance.
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import type { DirectoryRecord } from '../../../src/control-path/directory-port.ts'
import type { TrustEvent } from '../../../src/control-path/ports.ts'
import { EmbeddedStore } from '../../../src/store/embedded/embedded-store.ts'
import { certificateKey, parseCertificateKey } from '../../../src/x509/certificate-key.ts'
import { createRandom, type Random } from '../../fuzz/random.ts'
import { addPeople, issuerA, keyA1, keyA2, keyB1, operator, revocationOf } from '../contract.ts'
import { allRecords, reservationOf, reserve, start } from '../samples.ts'
import { certificateRecord, contentOf, contractRecord, eventOf, openReplica, userRecord } from './replica-samples.ts'

const people: readonly DirectoryRecord[] = [
  contractRecord(1, 'shoji', 'certificate'),
  userRecord(2, 'user01'),
  userRecord(3, 'user02', { role: 'master' }),
  certificateRecord(4, keyA1),
]

function openLoaded(t: Test) {
  const opened = openReplica(t)
  opened.replica.beginRound()
  opened.replica.take(people)
  opened.replica.endRound({ version: 4, token: 'd' })
  return opened
}

t.test('a copy that was never loaded has no position and no answers, but keeps what it hears', async (t) => {
  const { replica, faults } = openReplica(t)
  t.equal(replica.position(), undefined)
  replica.apply([eventOf(userRecord(7, 'user07'))], { version: 7, token: 'g' })
  t.equal(replica.position(), undefined, 'hearing is not having all')
  t.throws(() => replica.lookUp('user07', keyA1), { code: 'store_unavailable', message: /never loaded whole/ })
  replica.beginRound()
  replica.take(people)
  replica.apply([], { version: 8, token: 'h' })
  t.equal(replica.position(), undefined, 'nor is half a round')
  replica.endRound({ version: 6, token: 'f' })
  t.strictSame(replica.position(), { version: 6, token: 'f' })
  t.match(replica.lookUp('user07', keyA1), { user: { contractId: 'shoji' } })
  replica.apply([], { version: 9, token: 'i' })
  t.strictSame(replica.position(), { version: 9, token: 'i' })
  t.strictSame(faults, [])
})

t.test('what was loaded and applied stays after closing and opening, with the position', async (t) => {
  const { file, replica } = openLoaded(t)
  replica.apply(
    [
      { version: 5, kind: 'suspended', loginId: 'user01', suspended: true },
      { version: 6, kind: 'superseded', key: keyA1 },
      { version: 7, kind: 'login_method', contractId: 'shoji', method: 'password' },
      { version: 8, kind: 'revoked', keys: [keyB1], atMs: 1 },
    ],
    { version: 8, token: 'h' },
  )
  replica.close()
  t.throws(() => replica.lookUp('user01', keyA1), { code: 'store_unavailable' })
  const again = openReplica(t, { file })
  t.strictSame(again.replica.position(), { version: 8, token: 'h' })
  t.strictSame(again.replica.lookUp('user01', keyA1), {
    user: { contractId: 'shoji', role: 'general' },
    certificateRegistered: true,
  })
  t.strictSame(contentOf(again.replica), [
    contractRecord(7, 'shoji', 'password'),
    userRecord(5, 'user01', { state: 'suspended' }),
    userRecord(3, 'user02', { role: 'master' }),
    certificateRecord(6, keyA1, { superseded: true }),
  ])
  t.strictSame(again.faults, [])
})

t.test('only what is newer counts: older records and ties change nothing', async (t) => {
  const { replica } = openLoaded(t)
  const before = contentOf(replica)
  const old = [
    userRecord(3, 'user02'),
    userRecord(1, 'user01', { role: 'master' }),
    contractRecord(1, 'shoji', 'password'),
  ]
  replica.take(old)
  replica.apply(old.map(eventOf), { version: 5, token: 'e' })
  replica.apply([{ version: 3, kind: 'suspended', loginId: 'user02', suspended: true }], { version: 5, token: 'e' })
  t.strictSame(contentOf(replica), before)
  replica.apply([eventOf(userRecord(5, 'user02'))], { version: 5, token: 'e' })
  t.match(replica.lookUp('user02', keyA1), { user: { role: 'general' } }, 'a newer one does')
  replica.apply([eventOf(certificateRecord(6, keyA1, { loginId: 'user02' }))], { version: 6, token: 'f' })
  t.match(replica.lookUp('user02', keyA1), { certificateRegistered: true })
  t.match(replica.lookUp('user01', keyA1), { certificateRegistered: false })
})

t.test('a change that comes before its record is kept for it, and is no record by itself', async (t) => {
  const { replica } = openLoaded(t)
  replica.apply(
    [
      { version: 10, kind: 'suspended', loginId: 'user09', suspended: true },
      { version: 11, kind: 'superseded', key: keyA2 },
      { version: 12, kind: 'login_method', contractId: 'yubin', method: 'password' },
    ],
    { version: 12, token: 'l' },
  )
  t.strictSame(contentOf(replica), people)
  t.match(replica.lookUp('user09', keyA2), { user: undefined, certificateRegistered: false })
  t.match(replica.lookUp('user01', keyA2), { certificateRegistered: false })
  replica.take([
    contractRecord(7, 'yubin', 'certificate'),
    userRecord(8, 'user09', { contractId: 'yubin' }),
    certificateRecord(9, keyA2, { loginId: 'user09' }),
  ])
  t.match(replica.lookUp('user09', keyA2), { user: { contractId: 'yubin' }, certificateRegistered: true })
  const found = contentOf(replica).filter(({ version }) => version > 4)
  t.strictSame(found, [
    contractRecord(12, 'yubin', 'password'),
    userRecord(10, 'user09', { contractId: 'yubin', state: 'suspended' }),
    certificateRecord(11, keyA2, { loginId: 'user09', superseded: true }),
  ])
})

t.test('a record that was read before a suspension still brings what else had changed by then', async (t) => {
  const { replica } = openLoaded(t)
  replica.beginRound()
  replica.apply([{ version: 9, kind: 'suspended', loginId: 'user01', suspended: true }], { version: 9, token: 'i' })
  // The role had changed at version 8, in the part of the log that was missed.
  replica.take([userRecord(8, 'user01', { role: 'master' })])
  replica.endRound({ version: 8, token: 'h' })
  t.match(replica.lookUp('user01', keyA1), { user: { role: 'master' } })
  t.strictSame(
    contentOf(replica).find(({ version }) => version === 9),
    userRecord(9, 'user01', { role: 'master', state: 'suspended' }),
  )
})

t.test('a store that shows nothing any more gets all back, whole and in order; nothing is deleted here', async (t) => {
  const { replica } = openLoaded(t)
  const many = Array.from({ length: 1_200 }, (_, index) => certificateKey(issuerA, (0x1000 + index).toString(16)))
  replica.take(many.map((key) => certificateRecord(20, key)))
  replica.apply([{ version: 21, kind: 'suspended', loginId: 'user02', suspended: true }], { version: 21, token: 'u' })
  replica.beginRound()
  const chunks = [...replica.missing()]
  t.ok(chunks.every((chunk) => chunk.length <= 500))
  const records = chunks.flat()
  t.strictSame(records.slice(0, 3), [
    contractRecord(1, 'shoji', 'certificate'),
    userRecord(2, 'user01'),
    userRecord(21, 'user02', { role: 'master', state: 'suspended' }),
  ])
  t.ok(records.slice(3).every(({ type }) => type === 'certificate'))
  t.equal(records.length, 3 + 1 + many.length)
  replica.endRound({ version: 30, token: 'new' })
  t.strictSame(replica.position(), { version: 30, token: 'new' })
  t.match(replica.lookUp('user02', keyA1), { user: { role: 'master' } })
  t.strictSame([...replica.missing()], [], 'the round is over')
  t.equal(contentOf(replica).length, records.length)
})

t.test(
  'a round finds what was not shown or only in an older version; what the store told meanwhile is no loss',
  async (t) => {
    const { replica } = openLoaded(t)
    replica.apply([eventOf(userRecord(10, 'user03')), eventOf(userRecord(11, 'user04'))], { version: 11, token: 'k' })
    replica.beginRound()
    replica.take([userRecord(2, 'user01'), userRecord(4, 'user03'), userRecord(50, 'user04', { role: 'master' })])
    replica.apply([eventOf(userRecord(51, 'user05')), { version: 52, kind: 'superseded', key: keyA1 }], {
      version: 52,
      token: 'z',
    })
    t.strictSame([...replica.missing()].flat(), [
      contractRecord(1, 'shoji', 'certificate'),
      userRecord(3, 'user02', { role: 'master' }),
      userRecord(10, 'user03'),
    ])
    t.strictSame(replica.position(), { version: 11, token: 'k' }, 'during a round the position stays')
    replica.endRound({ version: 52, token: 'z' })
    t.match(replica.lookUp('user04', keyA1), { user: { role: 'master' } })
    t.match(replica.lookUp('user05', keyA1), { user: { role: 'general' } })
  },
)

t.test('a round that begins anew takes nothing over from the one before, also that of another process', async (t) => {
  const { file, replica } = openLoaded(t)
  replica.beginRound()
  replica.take(people)
  const early = replica.missing()[Symbol.iterator]()
  replica.beginRound()
  t.strictSame([...replica.missing()].flat(), people)
  t.ok(early.next().done, 'what was begun before finds nothing')
  const other = openReplica(t, { file }).replica
  other.beginRound()
  other.take(people)
  t.strictSame([...replica.missing()], [], 'the newer round has marks of its own')
  t.strictSame([...other.missing()].flat(), [])
  replica.take(people)
  t.strictSame([...other.missing()].flat(), [], 'and keeps them')
  replica.endRound({ version: 9, token: 'i' })
  other.endRound({ version: 9, token: 'i' })
  t.strictSame(openReplica(t, { file }).replica.position(), { version: 9, token: 'i' })
})

t.test('following a real store it answers as that store does', async (t) => {
  const { file, replica } = openReplica(t)
  const store = await EmbeddedStore.open(`${file}.store`, { clock: systemClock })
  t.teardown(() => store.close())
  replica.beginRound()
  replica.endRound(start)
  await addPeople(store)
  const odd = `o'brien "x" \n 日本 😀`
  const yubin = { contractId: 'yubin', loginMethod: 'password', certificateLimit: 3 } as const
  await store.upsertContract(yubin)
  await store.upsertUser({ loginId: odd, contractId: 'yubin', role: 'general' })
  for (const [key, loginId] of [[keyA1, 'user01'] as const, [keyB1, odd] as const])
    await store.upsertCertificate({ key, loginId, notBeforeMs: 1, notAfterMs: 2 })
  await store.upsertUser({ loginId: 'user01', contractId: 'yubin', role: 'master' })
  await store.publish([revocationOf(keyA2)], operator)
  await store.setSuspended('user02', true)
  await store.upsertContract({ ...yubin, name: odd, noticeDays: [40, 1] })
  const credentials = { login: '$argon2id$login', confirmation: '$argon2id$confirmation' }
  await store.upsertUser({
    loginId: 'user02',
    contractId: 'shoji',
    role: 'master',
    name: odd,
    language: 'ja',
    credentials,
  })
  await store.upsertUser({ loginId: 'user02', contractId: 'shoji', role: 'master', name: '' })
  const [replaced, used, pending] = [reservationOf('11'), reservationOf('12'), reservationOf('13')]
  for (const reservation of [replaced, used, pending]) {
    const replaces = reservation === used ? [replaced.key] : []
    await reserve(t, store, { ...reservation, loginId: 'user02' }, replaces)
  }
  await store.useCertificate(used.key)
  const { events, end } = await store.eventsSince(start, 100)
  replica.apply(events, end)
  replica.apply(events, end)
  t.strictSame(replica.position(), await store.position())
  for (const loginId of ['user01', 'user02', odd, 'nobody', '', "' OR '1'='1"]) {
    for (const key of [keyA1, keyA2, keyB1, replaced.key, used.key, pending.key])
      t.strictSame(replica.lookUp(loginId, key), await store.lookUp(loginId, key), JSON.stringify([loginId, key]))
  }
  t.match(replica.lookUp('user02', pending.key), { certificateRegistered: true, certificateUnused: true })
  const successor = { serial: parseCertificateKey(used.key).serial, notAfterMs: used.notAfterMs }
  t.match(replica.lookUp('user02', replaced.key), { successor }, 'R13: a superseded one names the one to choose')
  t.equal(replica.lookUp('user02', used.key).successor, undefined, 'one that counts names none')
  const byVersion = (records: DirectoryRecord[]) => records.toSorted((left, right) => left.version - right.version)
  t.strictSame(byVersion(contentOf(replica)), byVersion(await allRecords(store)), 'and holds what that store holds')
})

type PlayedStore = { readonly records: Map<string, DirectoryRecord>; readonly log: TrustEvent[] }

/** One more change of a played store, whose records carry the version of their last change. */
function change({ records, log }: PlayedStore, random: Random): void {
  const version = log.length + 1
  const number = random.integer(6)
  const loginId = `user${number}`
  const key = certificateKey(issuerA, (number + 1).toString(16))
  const user = records.get(loginId)
  const certificate = records.get(key)
  const what = random.integer(5)
  if (what === 0 && user?.type === 'user') {
    const suspended = random.chance(0.5)
    records.set(loginId, { ...user, version, user: { ...user.user, state: suspended ? 'suspended' : 'active' } })
    log.push({ version, kind: 'suspended', loginId, suspended })
  } else if (what === 1 && certificate?.type === 'certificate') {
    records.set(key, { ...certificate, version, superseded: true })
    log.push({ version, kind: 'superseded', key })
  } else if (what === 2 && certificate === undefined) {
    const issued = random.chance(0.5) ? { used: false, publicKeyHash: `hash-${key}` } : {}
    records.set(key, certificateRecord(version, key, { loginId, ...issued }))
    log.push(eventOf(certificateRecord(version, key, { loginId, ...issued })))
  } else if (what === 3 && certificate?.type === 'certificate' && !certificate.superseded) {
    const record = { ...certificate, version, used: true }
    records.set(key, record)
    log.push(eventOf(record))
  } else {
    const state = user?.type === 'user' ? user.user.state : 'active'
    const name = random.chance(0.5) ? { name: `name ${random.integer(3)}` } : {}
    const record = userRecord(version, loginId, { state, role: random.pick(['master', 'general']), ...name })
    records.set(loginId, record)
    log.push(eventOf(record))
  }
}

t.test('whatever comes in between, log and rounds lead to what the store holds', async (t) => {
  const seed = 20_260_726
  const folder = t.testdir()
  const random = createRandom(seed)
  for (let run = 0; run < 12; run++) {
    const { replica } = openReplica(t, { file: `${folder}/directory-${run}.db` })
    const store: PlayedStore = { records: new Map(), log: [] }
    let applied = 0
    const follow = (most: number) => {
      const events = store.log.slice(applied, applied + random.integer(most + 1))
      applied += events.length
      replica.apply(events, { version: applied, token: 'x' })
    }
    for (let round = 0; round < 4; round++) {
      for (let step = 0; step < 25; step++) {
        change(store, random)
        if (random.chance(0.5)) follow(6)
      }
      // The log was read too late: what is between was never heard of.
      if (random.chance(0.7)) applied = store.log.length
      const position = { version: applied, token: 'x' }
      replica.beginRound()
      for (const name of [...store.records.keys()].toSorted(() => (random.chance(0.5) ? 1 : -1))) {
        const record = store.records.get(name)
        if (record !== undefined) replica.take([record])
        if (random.chance(0.5)) change(store, random)
        if (random.chance(0.3)) follow(6)
      }
      replica.endRound(position)
    }
    follow(0)
    replica.apply(store.log.slice(applied), { version: store.log.length, token: 'x' })
    const order = (records: Iterable<DirectoryRecord>) =>
      [...records].toSorted((left, right) => left.version - right.version)
    t.strictSame(order(contentOf(replica)), order(store.records.values()), `run ${run} of seed ${seed}`)
    replica.close()
  }
})
