import type { Test } from 'tap'
import type { TrustEvent } from '../../src/control-path/ports.ts'
import {
  addPeople,
  allEvents,
  type ContractSetting,
  dayMs,
  keyA1,
  keyA2,
  keyB1,
  nowMs,
  operator,
  revocationOf,
  subjectsOf,
} from './samples.ts'

/** What `directory` events say, in full. */
function entriesOf(events: readonly TrustEvent[]): unknown[] {
  return events.map((event) =>
    event.kind === 'directory' ? { loginId: event.loginId, entry: event.entry } : subjectsOf([event])[0],
  )
}

/** Contracts, users and certificates. */
export function testDirectory(t: Test, setting: ContractSetting): void {
  testRecords(t, setting)
  testDirectoryEvents(t, setting)
}

function testRecords(t: Test, { open }: ContractSetting): void {
  t.test('the directory: upserts are idempotent and keep what operators changed', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    const before = await store.position()
    await addPeople(store)
    t.strictSame(await store.position(), before, 'nothing new to tell')
    await store.setLoginMethod('shoji', 'password')
    await store.setSuspended('user01', true)
    await addPeople(store)
    t.strictSame(await store.contract('shoji'), { contractId: 'shoji', loginMethod: 'password', certificateLimit: 100 })
    t.match(await store.user('user01'), { state: 'suspended', role: 'general' })
    await store.upsertUser({ loginId: 'user01', contractId: 'shoji', role: 'master' })
    t.match(await store.user('user01'), { state: 'suspended', role: 'master' })
    t.equal(await store.user('nobody'), undefined)
    t.equal(await store.contract('nobody'), undefined)
    t.strictSame(await store.loginIds('user', 10), ['user01', 'user02'])
    t.strictSame(await store.loginIds('user', 1), ['user01'])
    t.strictSame(await store.loginIds('x', 10), [])
    await t.rejects(store.upsertUser({ loginId: 'a', contractId: 'nowhere', role: 'general' }), {
      code: 'admin_not_found',
    })
    await t.rejects(store.setSuspended('nobody', true), { code: 'admin_not_found' })
    await t.rejects(store.setLoginMethod('nowhere', 'password'), { code: 'admin_not_found' })
  })

  t.test('a certificate names one login ID for ever, and is found by it until it expires', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    const certificate = { key: keyA1, loginId: 'user01', notBeforeMs: 10, notAfterMs: 20 }
    t.equal(await store.upsertCertificate(certificate), 'recorded')
    t.equal(await store.upsertCertificate(certificate), 'known')
    t.equal(await store.upsertCertificate({ ...certificate, loginId: 'user02' }), 'belongs_to_another')
    await t.rejects(store.upsertCertificate({ ...certificate, key: keyA2, loginId: 'nobody' }), {
      code: 'admin_not_found',
    })
    await store.upsertCertificate({ key: keyA2, loginId: 'user01', notBeforeMs: 15, notAfterMs: 30 })
    await store.publish([revocationOf(keyA2)], operator)
    t.equal((await store.revocation(keyA2))?.revocation.loginId, 'user01', 'taken from the record')
    t.strictSame(
      (await store.certificatesOf('user01', 20)).map(({ key, revoked, state }) => [key, revoked, state]),
      [
        [keyA1, false, 'current'],
        [keyA2, true, 'current'],
      ],
    )
    t.equal((await store.certificatesOf('user01', 21)).length, 1)
    t.strictSame(await store.certificatesOf('user02', 0), [])
    t.match(await store.supersede(keyA1), { changed: true })
    t.match(await store.supersede(keyA1), { changed: false })
    t.match(await store.certificatesOf('user01', 20), [{ state: 'superseded' }, {}])
    await t.rejects(store.supersede(keyB1), { code: 'admin_not_found' })
  })

  t.test('looking up answers who the user is and whether the certificate is theirs', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: 1 })
    const general = { contractId: 'shoji', role: 'general' }
    t.strictSame(await store.lookUp('user01', keyA1), { user: general, certificateRegistered: true })
    t.strictSame(await store.lookUp('user01', keyA2), { user: general, certificateRegistered: false })
    t.match(await store.lookUp('user02', keyA1), { user: { role: 'master' }, certificateRegistered: false })
    t.strictSame(await store.lookUp('nobody', keyA1), { user: undefined, certificateRegistered: false })
    t.strictSame(await store.lookUp("user01' OR '1'='1", keyA1), { user: undefined, certificateRegistered: false })
  })

  t.test('changes that change nothing make no event', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    t.match(await store.setSuspended('user01', false), { changed: false })
    t.match(await store.setLoginMethod('shoji', 'certificate'), { changed: false })
    t.match(await store.setSuspended('user01', true), { changed: true })
    const before = await store.position()
    t.match(await store.setSuspended('user01', true), { changed: false, version: before.version })
    t.strictSame(await store.position(), before)
  })
}

function testDirectoryEvents(t: Test, { open }: ContractSetting): void {
  t.test('each change of the directory tells the log what there is now, in full', async (t) => {
    const store = await open(t, { nowMs })
    const contract = { contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 100 } as const
    const user = { loginId: 'user01', contractId: 'shoji', role: 'general' } as const
    const certificate = { key: keyA1, loginId: 'user01', notBeforeMs: 5_000, notAfterMs: dayMs * 20_000 }
    await store.upsertContract(contract)
    await store.upsertUser(user)
    await store.upsertCertificate(certificate)
    await store.upsertCertificate(certificate)
    await store.upsertCertificate({ ...certificate, loginId: 'user01', notAfterMs: 1 })
    t.strictSame(entriesOf(await allEvents(t, store)), [
      { loginId: undefined, entry: { type: 'contract', contract } },
      { loginId: 'user01', entry: { type: 'user', user: { ...user, state: 'active' } } },
      { loginId: 'user01', entry: { type: 'certificate', certificate, superseded: false } },
    ])
    const created = await store.position()
    await store.setLoginMethod('shoji', 'password')
    await store.setSuspended('user01', true)
    await store.supersede(keyA1)
    await store.upsertContract({ ...contract, certificateLimit: 7 })
    await store.upsertUser({ ...user, role: 'master' })
    t.strictSame(entriesOf(await allEvents(t, store, { from: created })), [
      'password shoji',
      'suspended user01',
      `superseded ${keyA1}`,
      {
        loginId: undefined,
        entry: { type: 'contract', contract: { ...contract, loginMethod: 'password', certificateLimit: 7 } },
      },
      { loginId: 'user01', entry: { type: 'user', user: { ...user, role: 'master', state: 'suspended' } } },
    ])
  })

  t.test('a contract that begins with passwords tells both: that it is there, and its login method', async (t) => {
    const store = await open(t, { nowMs })
    const contract = { contractId: 'yubin', loginMethod: 'password', certificateLimit: 3 } as const
    await store.upsertContract(contract)
    const events = await allEvents(t, store)
    t.strictSame(subjectsOf(events), ['contract yubin', 'password yubin'])
    t.strictSame(entriesOf(events.filter(({ kind }) => kind === 'directory')), [
      { loginId: undefined, entry: { type: 'contract', contract } },
    ])
    t.match(await store.setLoginMethod('yubin', 'password'), { changed: false })
    t.match(await store.setLoginMethod('yubin', 'certificate'), { changed: true })
  })
}
