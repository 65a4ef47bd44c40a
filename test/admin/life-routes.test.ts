// Goal: contracts, users, certificates and mails are read and changed through the admin door by those who may, on record. Method: a real
// door on loopback over a real embedded store, follower and index.
import t from 'tap'
import { findRefused, RefusedRequests } from '../../src/lifecycle/refused-requests.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { futureMs, keyA1, keyA2 } from '../store/samples.ts'
import { operators, withAdmin } from './with-admin.ts'

const { branch, helpdesk, auditor } = operators
const switchBody = { method: 'password', form: 'A-17', reason: '申込書による' }

t.test(
  'R23, R25: the login method is switched by a branch operator, on record with who, when and which form',
  async (t) => {
    const { call, index, audited } = await withAdmin(t)
    const path = '/v1/contracts/shoji/login-method'
    const inPasswordMode = () => index.has(fingerprintOf('password_mode', 'shoji'))
    for (const certificate of [helpdesk, auditor, operators.security]) {
      t.match(await call('PUT', path, { certificate, json: switchBody }), { status: 403 })
    }
    t.match(await call('PUT', path, { certificate: branch, json: { ...switchBody, form: ' ' } }), {
      status: 400,
      body: { path: 'form' },
    })
    const dryRun = await call('PUT', path, { certificate: branch, json: { ...switchBody, dryRun: true } })
    t.match(dryRun, { status: 200, body: { outcome: 'would_be_changed', users: 2, previousMethod: 'certificate' } })
    t.notOk(inPasswordMode())
    t.match(await call('PUT', path, { certificate: branch, json: switchBody }), {
      status: 200,
      body: { outcome: 'changed' },
    })
    t.ok(inPasswordMode())
    t.match(audited.at(-1), {
      event: 'login_method_changed',
      actor: { kind: 'operator', name: 'sato.hanako' },
      reason: '申込書による',
      detail: { form: 'A-17', role: 'branch' },
    })
    const history = await call('GET', '/v1/contracts/shoji/history', { certificate: helpdesk })
    t.match(history.body, { entries: [{ what: 'login_method_changed', who: 'sato.hanako', detail: { form: 'A-17' } }] })
    t.match(await call('PUT', '/v1/contracts/shoji', { certificate: branch, json: { loginMethod: 'certificate' } }), {
      status: 400,
      body: { path: 'loginMethod', detail: /takes an application form/ },
    })
  },
)

t.test('R25: contracts and users are added and changed, on record with the fields; readers only read', async (t) => {
  const { call, audited, store } = await withAdmin(t)
  t.equal((await call('PUT', '/v1/contracts/acme', { certificate: helpdesk, json: {} })).status, 403)
  t.match(await call('PUT', '/v1/contracts/acme', { certificate: branch, json: { name: 'Acme' } }), {
    status: 400,
    body: { path: 'loginMethod' },
  })
  const json = { loginMethod: 'certificate', name: 'アクメ商事', noticeDays: [1, 40] }
  const dry = await call('PUT', '/v1/contracts/acme', { certificate: branch, json: { ...json, dryRun: true } })
  t.match(dry.body, { dryRun: true, outcome: 'added', changes: [{ field: 'loginMethod' }] })
  t.equal(await store.contract('acme'), undefined, 'a dry run adds nothing')
  t.match((await call('PUT', '/v1/contracts/acme', { certificate: branch, json })).body, { outcome: 'added' })
  t.match((await call('PUT', '/v1/contracts/acme', { certificate: branch, json })).body, { outcome: 'unchanged' })
  t.match((await call('GET', '/v1/contracts/acme', { certificate: auditor })).body, {
    contractId: 'acme',
    certificateLimit: 100,
    name: 'アクメ商事',
    noticeDays: [40, 1],
  })
  const user = { contractId: 'acme', role: 'master', email: 'taro@example.jp' }
  t.match((await call('PUT', '/v1/users/taro', { certificate: branch, json: user })).body, { outcome: 'added' })
  t.match(audited.at(-1), {
    event: 'directory_changed',
    target: { kind: 'login_id', name: 'taro' },
    actor: { name: 'sato.hanako' },
    detail: { outcome: 'added', fields: 'contractId role state email' },
  })
  t.match(await call('PUT', '/v1/users/hanako', { certificate: branch, json: user }), {
    status: 400,
    body: { path: 'role', detail: /two masters in the contract acme: its master is taro/ },
  })
  t.match(
    (await call('PUT', '/v1/users/hanako', { certificate: branch, json: { ...user, role: 'general' } })).status,
    200,
  )
  for (const [loginId, right] of [
    ['ｔａｒｏ', /U\+FF54; "taro" would be right/],
    ['a\u0007b', /U\+0007/],
    ['x'.repeat(65), /65 characters/],
  ] as const) {
    const refused = await call('PUT', `/v1/users/${encodeURIComponent(loginId)}`, { certificate: branch, json: user })
    t.match(refused, { status: 400, body: { path: 'loginId', detail: right } })
  }
  t.match(await call('PUT', '/v1/users/x', { certificate: branch, json: { ...user, email: 'a@b\r\nBcc: c' } }), {
    status: 400,
    body: { path: 'email', detail: /taro@example\.jp/ },
  })
})

t.test('lists go page by page, and never hold credentials', async (t) => {
  const { call, store } = await withAdmin(t)
  await store.upsertUser({
    loginId: 'user01',
    contractId: 'shoji',
    role: 'general',
    credentials: { login: '$argon2id$x' },
  })
  const first = await call('GET', '/v1/users?prefix=user&limit=1', { certificate: helpdesk })
  t.match(first.body, { users: [{ loginId: 'user01', state: 'active' }], nextCursor: 'user01' })
  const second = await call('GET', '/v1/users?prefix=user&limit=1&cursor=user01', { certificate: helpdesk })
  t.match(second.body, { users: [{ loginId: 'user02' }] })
  t.match((await call('GET', '/v1/contracts?prefix=sho', { certificate: helpdesk })).body, {
    contracts: [{ contractId: 'shoji' }],
    nextCursor: undefined,
  })
  for (const path of [
    '/v1/users',
    '/v1/users/user01',
    '/v1/contracts/shoji/users',
    '/v1/directory/export?kind=users&format=ndjson',
  ]) {
    const { status, items } = await call('GET', path)
    t.equal(status, 200, path)
    t.notMatch(JSON.stringify(items), /argon2id|credentials/, path)
  }
  t.match(await call('GET', '/v1/users/user0'), { status: 404, body: { detail: /alike: user01/ } })
  t.match(await call('GET', '/v1/contracts/shojj'), { status: 404, body: { detail: /alike: shoji/ } })
})

t.test('the certificates of a user are told with state and when they were seen', async (t) => {
  const { call, store } = await withAdmin(t)
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: futureMs })
  await store.upsertCertificate({ key: keyA2, loginId: 'user01', notBeforeMs: 0, notAfterMs: 500 })
  await store.noteSightings([{ key: keyA1, atMs: 2_000 }])
  await call('POST', '/v1/revocations', { json: { certificates: [{ issuer: 'demo-issuing-ca', serial: '2' }] } })
  const list = await call('GET', '/v1/users/user01/certificates', { certificate: helpdesk })
  t.match(list.body, {
    certificates: [
      { serial: '2', state: 'revoked' },
      { serial: '1', state: 'current', firstSeen: '1970-01-01T00:00:02.000Z', loginId: 'user01' },
    ],
  })
  t.match((await call('GET', '/v1/certificates/demo-issuing-ca/0x01', { certificate: helpdesk })).body, {
    serial: '1',
    loginId: 'user01',
    issuer: 'demo-issuing-ca',
  })
  t.match(await call('GET', '/v1/certificates/demo-issuing-ca/77'), { status: 404, body: { path: 'serial' } })
  t.match(await call('GET', '/v1/certificates/nobody/1'), { status: 400, body: { path: 'issuer' } })
})

t.test('users are suspended, reinstated and unlocked, by those who may', async (t) => {
  const { call, audited, store } = await withAdmin(t)
  const path = '/v1/users/user01/suspension'
  const json = { suspended: true, reason: 'left the company' }
  t.equal((await call('POST', path, { certificate: helpdesk, json })).status, 403)
  t.match((await call('POST', path, { certificate: branch, json })).body, { changed: true })
  t.match(await store.user('user01'), { state: 'suspended' })
  t.match(audited.at(-1), { event: 'user_suspended', reason: 'left the company' })
  t.match((await call('POST', path, { certificate: branch, json: { ...json, suspended: false } })).body, {
    changed: true,
  })
  await store.countNote('locked:login:user01', 60_000)
  t.ok((await call('GET', '/v1/users/user01')).body.lockedUntil)
  t.equal((await call('POST', '/v1/users/user01/unlock', { certificate: auditor })).status, 403)
  t.match((await call('POST', '/v1/users/user01/unlock', { certificate: branch })).body, { wasLocked: true })
  t.equal((await call('GET', '/v1/users/user01')).body.lockedUntil, undefined)
})

t.test('a refused request is found by the id on the user’s error page', async (t) => {
  const { call, ports } = await withAdmin(t)
  const book = new RefusedRequests(ports)
  const refused = { reason: 'certificate_revoked', loginId: 'user01', serial: '1', door: 'main', address: '192.0.2.9' }
  book.note('k3f9-1a', { ...refused, atMs: 1_000 })
  await book.settled()
  t.ok(await findRefused('k3f9-1a', ports))
  t.match((await call('GET', '/v1/requests/K3F9-1A', { certificate: helpdesk })).body, {
    ...refused,
    at: '1970-01-01T00:00:01.000Z',
  })
  t.match(await call('GET', '/v1/requests/other'), { status: 404, body: { path: 'requestId' } })
})

t.test('mails that were given up are listed and revived; what would go out is foreseen', async (t) => {
  const { call, store } = await withAdmin(t)
  const body = JSON.stringify({ kind: 'expiry' })
  const id = 'expiry:k/1:30'
  await store.addMails([{ id, loginId: 'user01', to: 'a@example.jp', body, dueMs: 0 }])
  await store.leaseMails(1, 1_000, 1)
  await store.settleMail(id, { state: 'dead', error: 'bounced: no such box', atMs: 5 })
  t.match((await call('GET', '/v1/notices', { certificate: helpdesk })).body, {
    notices: [{ id, state: 'dead', bounced: true }],
    counts: { dead: 1 },
  })
  const path = `/v1/notices/${encodeURIComponent(id)}/revive`
  t.equal((await call('POST', path, { certificate: helpdesk })).status, 403)
  t.match((await call('POST', path, { certificate: branch })).body, { id, revived: true })
  t.equal((await call('POST', path, { certificate: branch })).status, 404)
  t.match((await call('GET', '/v1/notices/bounced')).body, { addresses: [] })
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: futureMs })
  const date = new Date(futureMs - 30 * 86_400_000).toISOString().slice(0, 10)
  t.match((await call('GET', `/v1/notices/foresee?date=${date}`)).body, {
    total: 1,
    notices: [{ loginId: 'user01', step: 30, alreadySent: false }],
  })
  t.match(await call('GET', '/v1/notices/foresee?date=tomorrow'), { status: 400, body: { detail: /YYYY-MM-DD/ } })
})
