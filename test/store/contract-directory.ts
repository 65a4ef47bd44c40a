import type { Test } from 'tap'
import type { TrustEvent } from '../../src/control-path/ports.ts'
import {
  addPeople,
  allEvents,
  allRecords,
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
  testOptionalFields(t, setting)
  testWhole(t, setting)
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
    t.strictSame(await store.loginIds('user', 10, 'user01'), ['user02'], 'the next page')
    t.strictSame(await store.loginIds('', 10, 'user02'), [])
    t.strictSame(
      await store.loginIds('user', 10, 'a'),
      ['user01', 'user02'],
      'a cursor before the prefix takes nothing away',
    )
    t.strictSame(await store.loginIds('x', 10), [])
    await store.upsertContract({ contractId: 'shojikai', loginMethod: 'certificate', certificateLimit: 1 })
    await store.upsertContract({ contractId: 'shiro', loginMethod: 'certificate', certificateLimit: 1 })
    t.strictSame(await store.contractIds('sho', 10), ['shoji', 'shojikai'])
    t.strictSame(await store.contractIds('', 10, 'shiro'), ['shoji', 'shojikai'])
    t.strictSame(await store.contractIds('', 2), ['shiro', 'shoji'])
    t.strictSame(await store.contractIds('x', 10), [])
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

function testOptionalFields(t: Test, { open }: ContractSetting): void {
  const odd = `株式会社 "o'brien" 😀\n`

  t.test('optional fields of a contract: left out they stay, empty they are taken away', async (t) => {
    const store = await open(t, { nowMs })
    const contract = { contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 100 } as const
    await store.upsertContract({ ...contract, name: odd, noticeDays: [40, 10, 1] })
    const whole = { ...contract, name: odd, noticeDays: [40, 10, 1] }
    t.strictSame(await store.contract('shoji'), whole)
    const created = await store.position()
    await store.upsertContract(contract)
    await store.upsertContract(whole)
    t.strictSame(await store.position(), created, 'nothing new to tell')
    await store.upsertContract({ ...contract, certificateLimit: 5 })
    t.strictSame(await store.contract('shoji'), { ...whole, certificateLimit: 5 })
    await store.upsertContract({ ...contract, noticeDays: [] })
    t.strictSame(await store.contract('shoji'), { ...contract, name: odd })
    await store.upsertContract({ ...contract, name: '', noticeDays: [7] })
    t.strictSame(await store.contract('shoji'), { ...contract, noticeDays: [7] })
    t.strictSame((await store.contractHoldings('shoji', 0))?.contract, { ...contract, noticeDays: [7] })
    await store.setLoginMethod('shoji', 'password')
    t.match(await store.contract('shoji'), { loginMethod: 'password', noticeDays: [7] }, 'the rest stays')
    t.match(entriesOf(await allEvents(t, store, { from: created })), [
      { entry: { type: 'contract', contract: { ...whole, certificateLimit: 5 } } },
      { entry: { type: 'contract', contract: { name: odd } } },
      { entry: { type: 'contract', contract: { noticeDays: [7] } } },
      'password shoji',
    ])
  })

  t.test('optional fields of a user: left out they stay, empty they are taken away, each by itself', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    const user = { loginId: 'user01', contractId: 'shoji', role: 'general' } as const
    const credentials = { login: '$argon2id$v=19$login', confirmation: '$argon2id$v=19$confirmation' }
    const given = { name: odd, email: 'user01@shoji.example', language: 'ja', credentials } as const
    const before = await store.position()
    await store.upsertUser({ ...user, ...given })
    t.strictSame(await store.user('user01'), { ...user, state: 'active', ...given })
    t.strictSame(entriesOf(await allEvents(t, store, { from: before })), [
      { loginId: 'user01', entry: { type: 'user', user: { ...user, state: 'active', ...given } } },
    ])
    const created = await store.position()
    await store.upsertUser(user)
    await store.upsertUser({ ...user, ...given })
    await store.upsertUser({ ...user, credentials: {} })
    t.strictSame(await store.position(), created, 'nothing new to tell')
    await store.setSuspended('user01', true)
    await store.upsertUser({ ...user, email: '', language: '', credentials: { login: '$argon2id$v=19$new' } })
    const changed = { name: odd, credentials: { ...credentials, login: '$argon2id$v=19$new' } }
    t.strictSame(await store.user('user01'), { ...user, state: 'suspended', ...changed })
    t.strictSame((await store.contractHoldings('shoji', 0))?.users[0]?.user, {
      ...user,
      state: 'suspended',
      ...changed,
    })
    await store.upsertUser({ ...user, name: '', credentials: { login: '' } })
    t.strictSame(await store.user('user01'), {
      ...user,
      state: 'suspended',
      credentials: { confirmation: credentials.confirmation },
    })
    await store.upsertUser({ ...user, credentials: { confirmation: '' } })
    t.strictSame(await store.user('user01'), { ...user, state: 'suspended' })
    t.strictSame(await store.user('user02'), {
      loginId: 'user02',
      contractId: 'shoji',
      role: 'master',
      state: 'active',
    })
  })
}

function testWhole(t: Test, { open }: ContractSetting): void {
  t.test('the whole directory is read in pages: each record as it is now, none newer than the log', async (t) => {
    const store = await open(t, { nowMs })
    t.strictSame(await allRecords(store), [])
    await addPeople(store)
    await store.upsertContract({ contractId: 'yubin', loginMethod: 'password', certificateLimit: 3, name: 'Yubin' })
    await store.upsertUser({ loginId: 'pass01', contractId: 'yubin', role: 'general', credentials: { login: '$a$b' } })
    const { version: created } = await store.position()
    const certificate = { key: keyA1, loginId: 'user01', notBeforeMs: 10, notAfterMs: 20, publicKeyHash: 'hash' }
    await store.upsertCertificate(certificate)
    await store.setSuspended('user02', true)
    await store.setLoginMethod('shoji', 'password')
    await store.upsertUser({ loginId: 'user01', contractId: 'shoji', role: 'general', name: 'Sato' })
    await store.supersede(keyA1)
    const records = await allRecords(store)
    const { version: end } = await store.position()
    const user = { contractId: 'shoji', role: 'general', state: 'active' } as const
    t.strictSame(
      records.map(({ version, ...entry }) => entry),
      [
        { type: 'certificate', certificate, used: true, superseded: true },
        { type: 'contract', contract: { contractId: 'shoji', loginMethod: 'password', certificateLimit: 100 } },
        {
          type: 'contract',
          contract: { contractId: 'yubin', loginMethod: 'password', certificateLimit: 3, name: 'Yubin' },
        },
        { type: 'user', user: { ...user, loginId: 'pass01', contractId: 'yubin', credentials: { login: '$a$b' } } },
        { type: 'user', user: { ...user, loginId: 'user01', name: 'Sato' } },
        { type: 'user', user: { ...user, loginId: 'user02', role: 'master', state: 'suspended' } },
      ],
    )
    const changedSince = records.filter(({ version }) => version > created).map((record) => record.type)
    t.strictSame(changedSince, ['certificate', 'contract', 'user', 'user'], 'a version is that of the last change')
    t.ok(records.every(({ version }) => version > 0 && version <= end))
  })

  t.test('a directory of many pages is read to its end, each record once', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    const loginIds = Array.from({ length: 1_100 }, (_, index) => `many${String(index).padStart(4, '0')}`)
    await Promise.all(loginIds.map((loginId) => store.upsertUser({ loginId, contractId: 'shoji', role: 'general' })))
    const found = (await allRecords(store)).flatMap((record) => (record.type === 'user' ? record.user.loginId : []))
    t.strictSame(found, [...loginIds, 'user01', 'user02'])
    t.equal((await store.contractHoldings('shoji', 0))?.users.length, loginIds.length + 2)
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
      { loginId: 'user01', entry: { type: 'certificate', certificate, used: true, superseded: false } },
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
