// Goal: the master sees of every user what counts: state, certificate, expiry, lock. Method: a real embedded store; certificates in every
// state; the calls to the store are counted for a full contract.
import t, { type Test } from 'tap'
import { checkLogin } from '../../src/lifecycle/check-password.ts'
import { listContractUsers } from '../../src/lifecycle/contract-users.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import { revoke } from '../../src/lifecycle/revoke.ts'
import { type CertificateKey, certificateKey } from '../../src/x509/certificate-key.ts'
import { futureMs, issuerA, operator, reservationOf, reserve } from '../store/samples.ts'
import { startFakeLifecycle } from './fake-lifecycle.ts'
import { caller } from './samples.ts'

const nowMs = 10_000
const keyOf = (serial: string): CertificateKey => certificateKey(issuerA, serial)

async function start(t: Test) {
  const lifecycle = await startFakeLifecycle(t, { nowMs: () => nowMs })
  const { store, ports } = lifecycle
  const record = (serial: string, notAfterMs = futureMs, notBeforeMs = 1_000) =>
    store.upsertCertificate({ key: keyOf(serial), loginId: 'user01', notBeforeMs, notAfterMs })
  const revokeOne = (serial: string) =>
    revoke(
      {
        certificates: [{ issuer: 'demo-issuing-ca', serial }],
        loginIds: [],
        reason: 'unspecified',
        comment: '',
        dryRun: false,
      },
      operator,
      ports,
    )
  const user01 = async () => (await listContractUsers('shoji', ports)).find(({ loginId }) => loginId === 'user01')
  return { ...lifecycle, record, revokeOne, user01 }
}

t.test('R12: all users of the contract are listed with their expiry dates, those of others are not', async (t) => {
  const { ports, store, record } = await start(t)
  await store.upsertUser({ loginId: 'user01', contractId: 'shoji', role: 'general', name: '山田 太郎' })
  await store.upsertContract({ contractId: 'kensetsu', loginMethod: 'certificate', certificateLimit: 100 })
  await store.upsertUser({ loginId: 'other01', contractId: 'kensetsu', role: 'general' })
  await record('1f')
  await store.noteSightings([{ key: keyOf('1f'), atMs: 5_000 }])
  t.strictSame(await listContractUsers('shoji', ports), [
    {
      loginId: 'user01',
      name: '山田 太郎',
      role: 'general',
      userState: 'active',
      lockedUntilMs: undefined,
      certificate: {
        serial: '1f',
        issuer: 'demo-issuing-ca',
        notBeforeMs: 1_000,
        notAfterMs: futureMs,
        state: 'current',
        lastSeenMs: 5_000,
      },
      pending: undefined,
    },
    {
      loginId: 'user02',
      name: undefined,
      role: 'master',
      userState: 'active',
      lockedUntilMs: undefined,
      certificate: undefined,
      pending: undefined,
    },
  ])
  await t.rejects(listContractUsers('nobody', ports), { code: 'admin_not_found', path: 'contractId' })
})

t.test('who is suspended or locked is shown so', async (t) => {
  const { ports, store } = await start(t)
  await store.setSuspended('user01', true)
  for (let time = 0; time < 5; time++)
    await checkLogin({ loginId: 'user02', password: 'guess' }, caller, ports).catch(() => {})
  const [user01, user02] = await listContractUsers('shoji', ports)
  t.match([user01?.userState, user01?.lockedUntilMs], ['suspended', undefined])
  t.equal(user02?.userState, 'active')
  t.ok((user02?.lockedUntilMs ?? 0) > nowMs)
})

t.test('R20: of a renewal both are shown, the one in use and the pending one, until it is used', async (t) => {
  const { store, record, user01 } = await start(t)
  await record('1')
  await reserve(t, store, reservationOf('2'))
  t.match(await user01(), { certificate: { serial: '1', state: 'current' }, pending: { serial: '2', state: 'issued' } })
  await store.useCertificate(keyOf('2'))
  t.match(await user01(), { certificate: { serial: '2', state: 'current' }, pending: undefined })
})

t.test('the first certificate, never used, is the one that counts', async (t) => {
  const { store, user01 } = await start(t)
  await reserve(t, store, reservationOf('2'))
  t.match(await user01(), { certificate: { serial: '2', state: 'issued' }, pending: undefined })
})

t.test('of certificates that have ended, the last one counts; one issued after it counts more', async (t) => {
  const { store, record, revokeOne, user01 } = await start(t)
  await record('1', 9_000)
  t.match(await user01(), { certificate: { serial: '1', state: 'expired' } })
  await record('2')
  await revokeOne('2')
  t.match(await user01(), { certificate: { serial: '2', state: 'revoked' }, pending: undefined })
  await reserve(t, store, reservationOf('3'))
  t.match(await user01(), { certificate: { serial: '3', state: 'issued' }, pending: undefined })
  await revokeOne('3')
  t.match(await user01(), { certificate: { serial: '3', state: 'revoked' } })
})

t.test('the last second of a certificate still counts', async (t) => {
  const { record, user01 } = await start(t)
  await record('1', nowMs - 999)
  t.match(await user01(), { certificate: { state: 'current' } })
  const later = await start(t)
  await later.record('1', nowMs - 1_000)
  t.match(await later.user01(), { certificate: { state: 'expired' } })
})

t.test('a revoked certificate in use leaves the superseded ones where they were', async (t) => {
  const { store, record, revokeOne, user01 } = await start(t)
  await record('1')
  await record('2')
  await store.supersede(keyOf('1'))
  await revokeOne('2')
  t.match(await user01(), { certificate: { serial: '2', state: 'revoked' }, pending: undefined })
})

t.test('a full contract takes few calls of the store', async (t) => {
  const { ports, store } = await start(t)
  for (let number = 3; number <= 100; number++)
    await store.upsertUser({ loginId: `user${number}`, contractId: 'shoji', role: 'general' })
  const calls = new Map<string, number>()
  const counted: LifecyclePorts['store'] = new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      calls.set(String(name), (calls.get(String(name)) ?? 0) + 1)
      return member.bind(target)
    },
  })
  t.equal((await listContractUsers('shoji', { ...ports, store: counted })).length, 100)
  t.strictSame([...calls].toSorted(), [
    ['contractHoldings', 1],
    ['readCount', 200],
    ['sightings', 1],
  ])
})
