// Goal: revoke and restore do what the operator named, no more, say what they did, and put it on record.
// Method: the real functions over a real embedded store; workers that list connections.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { GatewayError } from '../../src/base/errors.ts'
import { restore } from '../../src/lifecycle/restore.ts'
import { type RevokeRequest, revoke } from '../../src/lifecycle/revoke.ts'
import { seedDirectory } from '../../src/lifecycle/seed-directory.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { issuerA, issuerB, keyA1, keyA2, keyB1, operator } from '../store/contract.ts'
import { startFakeLifecycle } from './fake-lifecycle.ts'

const nothing: RevokeRequest = {
  certificates: [],
  loginIds: [],
  reason: 'keyCompromise',
  comment: 'lost',
  dryRun: false,
}
const why = { reason: 'wrong user', comment: '' }

t.test('R17: by login ID: every unexpired certificate, the superseded one too, expired ones not', async (t) => {
  const { store, ports, audited, isRevoked } = await startFakeLifecycle(t)
  const old = certificateKey(issuerA, 'dead')
  await store.upsertCertificate({ key: old, loginId: 'user01', notBeforeMs: 0, notAfterMs: 999 })
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: 5_000 })
  await store.upsertCertificate({ key: keyA2, loginId: 'user01', notBeforeMs: 1, notAfterMs: 5_000 })
  await store.upsertCertificate({ key: keyB1, loginId: 'user02', notBeforeMs: 1, notAfterMs: 5_000 })
  await store.supersede(keyA1)
  const result = await revoke({ ...nothing, loginIds: ['user01'] }, operator, ports)
  t.match(result, {
    dryRun: false,
    revoked: 2,
    alreadyRevoked: 0,
    version: (await store.position()).version,
    notes: [
      /^user01: any other certificate of it that became valid before this moment is refused too, seen here or not$/,
    ],
  })
  t.strictSame(
    result.certificates.map(({ issuer, serial, loginId, outcome }) => [issuer, serial, loginId, outcome]),
    [
      ['demo-issuing-ca', '1', 'user01', 'revoked'],
      ['demo-issuing-ca', '2', 'user01', 'revoked'],
    ],
  )
  t.notOk(isRevoked(old))
  t.notOk(isRevoked(keyB1), 'the other user’s stays')
  t.match(audited, [
    {
      event: 'certificate_revoked',
      actor: { kind: 'operator', name: 'sato.hanako' },
      target: { kind: 'certificate', name: 'demo-issuing-ca 1' },
      reason: 'keyCompromise',
      requestId: 'r-1',
      detail: { loginId: 'user01', outcome: 'revoked', comment: 'lost', role: 'security' },
    },
    { target: { name: 'demo-issuing-ca 2' } },
    { event: 'rule_published', target: { name: 'login:user01' }, detail: { outcome: 'published', comment: 'lost' } },
  ])
  t.match(await revoke({ ...nothing, loginIds: ['user01'] }, operator, ports), { revoked: 0, alreadyRevoked: 2 })
})

t.test('by login ID: certificates that nobody has seen are covered, those of others are not', async (t) => {
  const { ports, store, index, workers } = await startFakeLifecycle(t)
  const beforeMs = systemClock.nowMs()
  const dryRun = await revoke({ ...nothing, loginIds: ['user01', 'user01'], dryRun: true }, operator, ports)
  t.match(dryRun.notes, [/any other certificate of it .* would be refused too/, /user01/])
  t.strictSame(await store.rules(), [])
  await revoke({ ...nothing, loginIds: ['user01', 'user01'] }, operator, ports)
  t.match(await store.rules(), [{ ruleId: 'login:user01', reason: 'keyCompromise', comment: 'lost' }])
  const covering = (loginId: string, notBeforeMs: number) =>
    index.coveringRule({ issuerId: issuerB, loginEntry: fingerprintOf('login_rule', loginId), notBeforeMs })
  t.ok(covering('user01', beforeMs - 1_000) > 0)
  t.equal(covering('user01', beforeMs + 3_600_000), 0, 'what is issued afterwards is good (R16)')
  t.equal(covering('user02', beforeMs - 1_000), 0, 'the other user’s stay')
  t.ok(workers.told.includes('recheck {"loginId":"user01"}'))
})

t.test('by login ID: certificates minted elsewhere are reached by their live connections', async (t) => {
  const { workers, ports, isRevoked } = await startFakeLifecycle(t)
  const stranger = certificateKey('c'.repeat(32), '7')
  for (const certificateKey of [keyB1, stranger, undefined]) {
    workers.live.push({
      door: 'main',
      certificateKey,
      loginId: 'user02',
      contractId: undefined,
      openedAtMs: 0,
      clientAddress: '',
    })
  }
  const result = await revoke({ ...nothing, loginIds: ['user02'] }, operator, ports)
  t.match(result, {
    revoked: 1,
    connectionsCut: 1,
    certificates: [{ issuer: 'second-ca', serial: '1', loginId: 'user02' }],
  })
  t.ok(isRevoked(keyB1))
  t.notOk(isRevoked(stranger), 'a CA that is not configured passes no door anyway')
})

t.test('a login ID of which nothing is known: said clearly, and unknown ones are not found', async (t) => {
  const { ports } = await startFakeLifecycle(t)
  const result = await revoke({ ...nothing, loginIds: ['user01'] }, operator, ports)
  t.match(result, {
    revoked: 0,
    alreadyRevoked: 0,
    certificates: [],
    notes: [/^user01: no unexpired certificate is known/],
  })
  await t.rejects(revoke({ ...nothing, loginIds: ['user01', 'user09'] }, operator, ports), {
    code: 'admin_not_found',
    path: 'loginIds[1]',
    message: /alike: user01, user02/,
  })
  await t.rejects(revoke({ ...nothing, loginIds: ['zz'] }, operator, ports), { code: 'admin_not_found' })
})

t.test('without a directory no login ID is unknown', async (t) => {
  const { ports } = await startFakeLifecycle(t, { directory: 'none' })
  t.match(await revoke({ ...nothing, loginIds: ['zz'] }, operator, ports), {
    revoked: 0,
    notes: [/^zz: no unexpired .* is refused too/],
  })
})

t.test('one unknown name among many: nothing is revoked at all', async (t) => {
  const { ports, isRevoked, audited } = await startFakeLifecycle(t)
  const good = { issuer: 'demo-issuing-ca', serial: '1' }
  await t.rejects(
    revoke({ ...nothing, certificates: [good, { issuer: 'demo-isuing-ca', serial: '2' }] }, operator, ports),
    {
      code: 'admin_request_invalid',
      path: 'certificates[1].issuer',
      message: /demo-issuing-ca, second-ca.*"demo-isuing-ca"/,
    },
  )
  await t.rejects(revoke({ ...nothing, certificates: [good, { ...good, serial: 'xyz' }] }, operator, ports), {
    code: 'serial_invalid',
    path: 'certificates[1].serial',
  })
  t.notOk(isRevoked(keyA1))
  t.strictSame(audited, [])
})

t.test('by serial number: in any spelling, by name or id of the issuer, once', async (t) => {
  const { ports, isRevoked } = await startFakeLifecycle(t)
  const certificates = [
    { issuer: 'demo-issuing-ca', serial: '0A:1B' },
    { issuer: issuerA.toUpperCase(), serial: 'a1b' },
    { issuer: 'second-ca', serial: '0x0a1b' },
  ]
  t.match(await revoke({ ...nothing, certificates }, operator, ports), { revoked: 2, alreadyRevoked: 0 })
  t.ok(isRevoked(certificateKey(issuerA, 'a1b')))
  t.ok(isRevoked(certificateKey(issuerB, 'a1b')))
})

t.test('a dry run says what would happen and changes nothing', async (t) => {
  const { store, ports, audited, isRevoked, workers } = await startFakeLifecycle(t)
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: 5_000 })
  const before = await store.position()
  const request = { ...nothing, loginIds: ['user01'], dryRun: true }
  t.match(await revoke(request, operator, ports), {
    dryRun: true,
    revoked: 1,
    connectionsCut: 0,
    certificates: [{ outcome: 'would_be_revoked' }],
  })
  t.strictSame(await store.position(), before)
  t.notOk(isRevoked(keyA1))
  t.strictSame(audited, [])
  t.strictSame(
    workers.told.filter((line) => line.startsWith('cut')),
    [],
  )
  await revoke({ ...request, dryRun: false }, operator, ports)
  t.match(await revoke(request, operator, ports), { revoked: 0, alreadyRevoked: 1 })
})

t.test('restore: audited, refused when there is a newer certificate, and dry run', async (t) => {
  const { store, ports, audited, isRevoked } = await startFakeLifecycle(t)
  const certificate = { issuer: 'demo-issuing-ca', serial: '01' }
  await t.rejects(restore({ certificate, dryRun: false, ...why }, operator, ports), { code: 'admin_not_found' })
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: 5_000 })
  await revoke({ ...nothing, loginIds: ['user01'] }, operator, ports)
  audited.length = 0
  t.match(await restore({ certificate, dryRun: true, ...why }, operator, ports), { outcome: 'would_be_restored' })
  t.ok(isRevoked(keyA1))
  t.strictSame(audited, [])
  t.match(await restore({ certificate, dryRun: false, ...why }, operator, ports), {
    outcome: 'restored',
    loginId: 'user01',
  })
  t.notOk(isRevoked(keyA1))
  t.match(audited, [
    { event: 'certificate_restored', reason: 'wrong user', detail: { revocationReason: 'keyCompromise' } },
  ])
  await revoke({ ...nothing, loginIds: ['user01'] }, operator, ports)
  await store.upsertCertificate({ key: keyA2, loginId: 'user01', notBeforeMs: 1, notAfterMs: 5_000 })
  audited.length = 0
  await t.rejects(restore({ certificate, dryRun: true, ...why }, operator, ports), { code: 'restore_refused' })
  await t.rejects(restore({ certificate, dryRun: false, ...why }, operator, ports), { code: 'restore_refused' })
  t.ok(isRevoked(keyA1))
  t.match(audited, [{ event: 'operator_refused', reason: 'restore_refused', target: { name: 'demo-issuing-ca 1' } }])
  t.equal(audited.length, 1)
})

t.test('a change that cannot be confirmed is on record all the same', async (t) => {
  const { ports, audited, publisher } = await startFakeLifecycle(t)
  const certificates = [{ issuer: 'demo-issuing-ca', serial: '1' }]
  await revoke({ ...nothing, certificates }, operator, ports)
  audited.length = 0
  const fault = new GatewayError('store_unavailable', 'Cannot confirm')
  const fail = async () => {
    throw fault
  }
  const failing = { ...ports, publisher: { ...publisher, publish: fail, restore: fail } }
  await t.rejects(revoke({ ...nothing, certificates }, operator, failing), fault)
  await t.rejects(
    restore({ certificate: { issuer: 'demo-issuing-ca', serial: '1' }, dryRun: false, ...why }, operator, failing),
    fault,
  )
  t.match(audited, [
    { event: 'certificate_revoked', target: { name: 'demo-issuing-ca 1' }, detail: { outcome: 'unconfirmed' } },
    { event: 'certificate_restored', target: { name: 'demo-issuing-ca 1' }, detail: { outcome: 'unconfirmed' } },
  ])
  t.equal(audited.length, 2)
})

t.test('seeding is idempotent, also from two sides at once, and respects what operators did since', async (t) => {
  const { store, ports, isRevoked, publisher } = await startFakeLifecycle(t)
  const seed = {
    contracts: [{ contractId: 'yubin', loginMethod: 'password', certificateLimit: 100 } as const],
    users: [{ loginId: 'pass01', contractId: 'yubin', role: 'master' } as const],
    certificates: [{ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: 5_000 }],
    revoked: [keyA1],
  }
  await Promise.all([seedDirectory(seed, ports), seedDirectory(seed, ports)])
  t.ok(isRevoked(keyA1))
  t.match(await store.lookUp('user01', keyA1), { certificateRegistered: true })
  const before = await store.position()
  await seedDirectory(seed, ports)
  t.strictSame(await store.position(), before)
  await publisher.restore(keyA1, operator)
  await publisher.setLoginMethod('yubin', 'certificate')
  await seedDirectory(seed, ports)
  t.notOk(isRevoked(keyA1), 'a certificate that was restored stays restored')
  t.match(await store.contract('yubin'), { loginMethod: 'certificate' })
})
