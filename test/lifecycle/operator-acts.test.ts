// Goal: switching a login method and suspending users do what the operator named, and are on record whatever becomes of them. Method: the
// real functions over a real embedded store, follower and index.
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { noteHistory, readHistory } from '../../src/lifecycle/history.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import { reinstateUser, suspendUser } from '../../src/lifecycle/suspend-user.ts'
import { switchLoginMethod } from '../../src/lifecycle/switch-login-method.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { futureMs, keyA1, operator } from '../store/samples.ts'
import { startFakeLifecycle } from './fake-lifecycle.ts'

const toPassword = {
  contractId: 'shoji',
  method: 'password',
  form: 'A-2026-0042',
  reason: '申込書による',
  dryRun: false,
} as const

t.test(
  'R21, R23, R25: the switch is in force, on record with who, when, which form and why, and in the history',
  async (t) => {
    const { ports, store, index, audited, workers } = await startFakeLifecycle(t)
    await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: futureMs })
    const inPasswordMode = () => index.has(fingerprintOf('password_mode', 'shoji'))
    const told = { contractId: 'shoji', users: 2, certificateHolders: 1 }
    t.match(await switchLoginMethod({ ...toPassword, dryRun: true }, operator, ports), {
      ...told,
      dryRun: true,
      previousMethod: 'certificate',
      method: 'password',
      outcome: 'would_be_changed',
      version: 0,
    })
    t.strictSame([inPasswordMode(), audited.length], [false, 0], 'a dry run changes nothing')

    const { version } = await store.position()
    const done = await switchLoginMethod(toPassword, operator, ports)
    t.match(done, { ...told, dryRun: false, previousMethod: 'certificate', outcome: 'changed' })
    t.ok(done.version > version)
    t.ok(inPasswordMode(), 'R21: no certificate of the contract passes any more')
    t.match(await store.contract('shoji'), { loginMethod: 'password' })
    t.ok(workers.told.some((line) => line.startsWith('cut shoji')))
    t.match(audited, [
      {
        event: 'login_method_changed',
        actor: { kind: 'operator', name: 'sato.hanako' },
        target: { kind: 'contract', name: 'shoji' },
        reason: '申込書による',
        requestId: 'r-1',
        detail: { form: 'A-2026-0042', method: 'password', previousMethod: 'certificate', outcome: 'changed' },
      },
    ])
    t.match(await readHistory('contract:shoji', 10, ports), [
      {
        atMs: 1_000,
        what: 'login_method_changed',
        who: 'sato.hanako',
        requestId: 'r-1',
        detail: { form: 'A-2026-0042' },
      },
    ])

    t.match(await switchLoginMethod({ ...toPassword, dryRun: true }, operator, ports), { outcome: 'unchanged' })
    t.match(await switchLoginMethod(toPassword, operator, ports), { outcome: 'unchanged' })
    t.match(audited.at(-1), { detail: { outcome: 'unchanged' } })
    t.match(await switchLoginMethod({ ...toPassword, method: 'certificate' }, operator, ports), { outcome: 'changed' })
    t.notOk(inPasswordMode())
  },
)

t.test('R23: without the number of a form nothing is switched', async (t) => {
  const { ports, audited, store } = await startFakeLifecycle(t)
  for (const form of ['', '   ', 'x'.repeat(65), 'A-1\nB', '\u0000', 'A\u2028B', '\u202eA-1'])
    await t.rejects(switchLoginMethod({ ...toPassword, form }, operator, ports), {
      code: 'admin_request_invalid',
      path: 'form',
      message: /number of the application form, 1 to 64 characters: current value is "/,
    })
  t.strictSame(audited, [])
  t.match(await store.contract('shoji'), { loginMethod: 'certificate' })
  await switchLoginMethod({ ...toPassword, form: ' 第１２３号 ' }, operator, ports)
  t.match(audited, [{ detail: { form: '第１２３号' } }], 'numbers are written in Japanese too')
  const unknown = switchLoginMethod({ ...toPassword, contractId: 'nobody' }, operator, ports)
  await t.rejects(unknown, { code: 'admin_not_found', path: 'contractId' })
})

t.test('a user is kept out and let in again; their certificates stay as they are', async (t) => {
  const { ports, index, audited, isRevoked } = await startFakeLifecycle(t)
  const isSuspended = (loginId: string) => index.has(fingerprintOf('suspended', loginId))
  const request = { loginId: 'user01', reason: '長期休暇' }
  t.match(await suspendUser(request, operator, ports), { loginId: 'user01', changed: true })
  t.strictSame([isSuspended('user01'), isSuspended('user02'), isRevoked(keyA1)], [true, false, false])
  t.match(await suspendUser(request, operator, ports), { changed: false })
  t.match(await reinstateUser(request, operator, ports), { changed: true })
  t.notOk(isSuspended('user01'))
  const recorded = audited.map(({ event, reason, detail }) => [event, reason, detail?.outcome])
  t.strictSame(recorded, [
    ['user_suspended', '長期休暇', 'changed'],
    ['user_suspended', '長期休暇', 'unchanged'],
    ['user_reinstated', '長期休暇', 'changed'],
  ])
  t.match(await readHistory('login:user01', 2, ports), [
    { what: 'reinstated', who: 'sato.hanako' },
    { what: 'suspended' },
  ])
  await t.rejects(suspendUser({ ...request, loginId: 'nobody' }, operator, ports), { code: 'admin_not_found' })
  t.equal(audited.length, recorded.length)
})

t.test('a change that cannot be confirmed is on record all the same', async (t) => {
  const { ports, audited } = await startFakeLifecycle(t)
  const lost = () => Promise.reject(new GatewayError('store_unavailable', 'Cannot confirm'))
  const publisher: LifecyclePorts['publisher'] = { ...ports.publisher, setLoginMethod: lost, setSuspended: lost }
  const broken = { ...ports, publisher }
  await t.rejects(switchLoginMethod(toPassword, operator, broken), { code: 'store_unavailable' })
  await t.rejects(suspendUser({ loginId: 'user01', reason: '' }, operator, broken), { code: 'store_unavailable' })
  t.match(audited, [
    { event: 'login_method_changed', detail: { outcome: 'unconfirmed' } },
    { event: 'user_suspended', detail: { outcome: 'unconfirmed' } },
  ])
})

t.test('a history is read newest first, its texts shortened, and what is no entry passed over', async (t) => {
  const { ports, store } = await startFakeLifecycle(t)
  const entry = { what: 'issued', who: 'user01', requestId: 'r-1' } as const
  await noteHistory('login:user01', entry, ports)
  for (const odd of ['', '{', 'null', '[]', '{"atMs":1,"what":"danced","who":"","requestId":"","detail":{}}'])
    await store.addHistory('login:user01', odd)
  await noteHistory('login:user01', { ...entry, what: 'renewed', detail: { long: 'あ'.repeat(300), number: 3 } }, ports)
  const [newest, oldest, ...others] = await readHistory('login:user01', 10, ports)
  t.match(newest, { atMs: 1_000, what: 'renewed', detail: { number: 3 } })
  t.equal(String(newest?.detail.long).length, 200)
  t.strictSame(oldest, { ...entry, atMs: 1_000, detail: {} })
  t.strictSame(others, [])
  t.equal((await readHistory('login:user01', 1, ports)).length, 1)
})
