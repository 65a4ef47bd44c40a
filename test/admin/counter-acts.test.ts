// Goal: what is done at the counter is done by those who may, after they have seen what it does, and is on record with person and form.
// Method: the real admin door over a real store and publisher; forms as a browser sends them.
import t, { type Test } from 'tap'
import type { CounterAct } from '../../src/admin/counter/act-form.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { futureMs, issuerA } from '../store/samples.ts'
import { formOf, withCounter } from './counter-client.ts'
import { issueOperator, operators } from './with-admin.ts'

const keyOf = (serial: string) => certificateKey(issuerA, serial)

async function start(t: Test) {
  const counter = await withCounter(t)
  const hold = (loginId: string, serial: string) =>
    counter.store.upsertCertificate({ key: keyOf(serial), loginId, notBeforeMs: 1_000, notAfterMs: futureMs })
  const loginMethod = async () => (await counter.store.contract('shoji'))?.loginMethod
  return { ...counter, hold, loginMethod }
}

t.test('R23 a branch operator switches the login method, on record with who, when and which form', async (t) => {
  const { page, act, audited, loginMethod, hold } = await start(t)
  await hold('user01', '1f')
  const offered = formOf((await page('/counter/contract?id=shoji')).text, 'check')
  t.strictSame(offered, { act: 'switchToPassword', subject: 'shoji', step: 'check' })
  const checked = await act({ ...offered, form: ' K-2027-001 ', reason: '申込書受付\r\n（本店）' })
  t.equal(checked.status, 200)
  for (const part of [
    'まだ何も変わっていません',
    'ユーザ2人',
    '電子証明書を持つユーザ1人',
    'K-2027-001',
    'sato.hanako',
    'shoji',
  ]) {
    t.match(checked.text, part)
  }
  t.equal(await loginMethod(), 'certificate', 'nothing has changed')
  t.strictSame(audited, [])
  const done = await page('/counter/act', { form: formOf(checked.text, 'execute') })
  t.match(done, { status: 200, text: 'ID・パスワード方式に切り替えました' })
  t.match(done.text, 'お客様にご案内すること')
  t.equal(await loginMethod(), 'password')
  t.match(audited, [
    {
      event: 'login_method_changed',
      actor: { kind: 'operator', name: 'sato.hanako' },
      target: { kind: 'contract', name: 'shoji' },
      reason: '申込書受付 （本店）',
      requestId: String(done.headers['sekisho-request-id']),
      detail: {
        form: 'K-2027-001',
        method: 'password',
        previousMethod: 'certificate',
        outcome: 'changed',
        role: 'branch',
      },
    },
  ])
  const { text } = await page('/counter/contract?id=shoji')
  t.match(text, '申込書番号 K-2027-001', 'it stands in the history')
  t.strictSame(formOf(text, 'check'), { act: 'switchToCertificate', subject: 'shoji', step: 'check' })
  const back = await act({ ...formOf(text, 'check'), step: 'execute' })
  t.match(back, { status: 200, text: '電子証明書発行' })
  t.equal(await loginMethod(), 'certificate')
})

t.test('R15 the branch revokes a master who cannot log in, and says how to come to a new certificate', async (t) => {
  const { page, act, audited, hold, store } = await start(t)
  await hold('user02', '2e')
  await hold('user01', '1f')
  const { text } = await page('/counter/user?id=user02')
  t.match(text, 'マスターユーザ')
  const checked = await act({ act: 'revoke', subject: 'user02', step: 'check', kind: 'keyCompromise' })
  t.match(checked, { status: 200, text: '2E' })
  t.equal((await store.revocation(keyOf('2e')))?.state, undefined, 'nothing has changed')
  const done = await page('/counter/act', { form: formOf(checked.text, 'execute') })
  t.match(done, { status: 200, text: '電子証明書を失効しました（1枚）' })
  t.match(done.text, '「電子証明書発行」')
  t.equal((await store.revocation(keyOf('2e')))?.state, 'revoked')
  t.equal((await store.revocation(keyOf('1f')))?.state, undefined, 'nobody else is touched')
  t.match(
    audited.filter(({ event }) => event === 'certificate_revoked'),
    [
      {
        actor: { kind: 'operator', name: 'sato.hanako' },
        reason: 'keyCompromise',
        detail: { loginId: 'user02', comment: 'form K-2027-001: 申込書受付', role: 'branch', outcome: 'revoked' },
      },
    ],
  )
  const after = await page('/counter/user?id=user02')
  t.match(after.text, '失効済み')
  t.match(after.text, 'form K-2027-001: 申込書受付')
  const again = await act({ act: 'revoke', subject: 'user02', step: 'check', kind: 'superseded' })
  t.match(again, { status: 200, text: '失効できる電子証明書がありません' })
  t.strictSame(formOf(again.text, 'execute'), { step: 'execute' }, 'there is nothing to execute')
})

t.test('locks and suspensions end at the counter, on record', async (t) => {
  const { act, audited, store } = await start(t)
  await store.countNote('locked:login:user01', 60_000)
  const state = async () => (await store.user('user01'))?.state
  t.match(await act({ act: 'unlock', subject: 'user01', step: 'check' }), { text: 'ロックの解除' })
  t.equal((await store.readCount('locked:login:user01')).count, 1, 'still locked')
  t.match(await act({ act: 'unlock', subject: 'user01', step: 'execute' }), { text: 'ロックを解除しました' })
  t.equal((await store.readCount('locked:login:user01')).count, 0)
  t.match(await act({ act: 'unlock', subject: 'user01', step: 'check' }), { text: 'ロックされていません' })
  await act({ act: 'suspend', subject: 'user01', step: 'check' })
  t.equal(await state(), 'active')
  t.match(await act({ act: 'suspend', subject: 'user01', step: 'execute' }), { text: '利用を停止しました' })
  t.equal(await state(), 'suspended')
  t.match(await act({ act: 'suspend', subject: 'user01', step: 'execute' }), { text: 'すでに利用停止です' })
  t.match(await act({ act: 'reinstate', subject: 'user01', step: 'execute' }), { text: '利用停止を解除しました' })
  t.equal(await state(), 'active')
  const reason = 'form K-2027-001: 申込書受付'
  t.match(
    audited.map(({ event, actor, reason }) => ({ event, name: actor.name, reason })),
    ['user_unlocked', 'user_suspended', 'user_suspended', 'user_reinstated'].map((event) => ({
      event,
      name: 'sato.hanako',
      reason,
    })),
  )
})

t.test('helpdesk and audit read and are refused every act, which branch and security may do', async (t) => {
  const { page, act, audited, hold, loginMethod, store } = await start(t)
  await hold('user01', '1f')
  await store.countNote('locked:login:user01', 60_000)
  const acts: [CounterAct, string][] = [
    ['switchToPassword', 'shoji'],
    ['unlock', 'user01'],
    ['suspend', 'user01'],
    ['reinstate', 'user01'],
    ['revoke', 'user01'],
    ['switchToCertificate', 'shoji'],
  ]
  for (const role of ['helpdesk', 'auditor'] as const) {
    const certificate = operators[role]
    for (const [name, subject] of acts) {
      for (const step of ['check', 'execute']) {
        const answer = await act({ act: name, subject, step, kind: 'unspecified' }, { certificate })
        t.match(answer, { status: 403, text: 'この操作の権限がありません' }, `${role} ${name} ${step}`)
      }
    }
    for (const path of ['/counter/user?id=user01', '/counter/contract?id=shoji']) {
      const { status, text } = await page(path, { certificate })
      t.equal(status, 200)
      t.match(text, 'この役割では、照会だけができます')
      t.notMatch(text, 'action="/counter/act"')
    }
  }
  t.equal(audited.length, 24)
  t.ok(audited.every(({ event, reason }) => event === 'operator_refused' && reason === 'admin_role_missing'))
  t.equal(await loginMethod(), 'certificate')
  t.equal((await store.user('user01'))?.state, 'active')
  t.equal((await store.revocation(keyOf('1f')))?.state, undefined)
  t.equal((await store.readCount('locked:login:user01')).count, 1)
  for (const role of ['branch', 'security'] as const) {
    const certificate = issueOperator([role, 'helpdesk'], { name: `${role}.person` })
    audited.length = 0
    for (const [name, subject] of acts) {
      const answer = await act({ act: name, subject, step: 'execute', kind: 'unspecified' }, { certificate })
      t.equal(answer.status, 200, `${role} ${name}`)
    }
    t.ok(audited.every(({ actor }) => actor.name === `${role}.person`))
    t.ok(audited.some(({ event }) => event === 'login_method_changed'))
  }
})

t.test('a form that does not come from a page of the counter is refused, one of its own is taken', async (t) => {
  const { page, act, audited, loginMethod, authority, origin } = await start(t)
  const fields = { act: 'switchToPassword', subject: 'shoji', step: 'execute' }
  const foreign: [string, Record<string, string>][] = [
    ['another origin', { Origin: 'https://evil.example' }],
    ['no origin to tell', { Origin: 'null' }],
    ['another port', { Origin: 'https://127.0.0.1:1' }],
    ['without TLS', { Origin: `http://${authority}` }],
    ['another site', { Origin: origin, 'Sec-Fetch-Site': 'cross-site' }],
    ['another port of the site', { Origin: origin, 'Sec-Fetch-Site': 'same-site' }],
    ['another type', { 'Content-Type': 'text/plain' }],
  ]
  for (const [what, headers] of foreign) {
    t.match(await act(fields, { headers }), { status: 400, text: '受け付けられない内容です' }, what)
  }
  t.match(await act(fields, { origin: false }), { status: 400 }, 'no page is named')
  const form = new URLSearchParams({ ...fields, form: 'K-1', reason: 'x' }).toString()
  t.match(await page('/counter/act', { form: `${form}&subject=other` }), { status: 400 }, 'a field twice')
  t.match(await page('/counter/act', { form: `${form}&act2=%ff`.replace('K-1', '%ff') }), { status: 400 }, 'no UTF-8')
  t.equal(await loginMethod(), 'certificate')
  t.strictSame(audited, [])
  t.match(await page('/counter/', { headers: { 'Sec-Fetch-Site': 'cross-site' } }), { status: 400 })
  t.match(await act(fields, { headers: { 'Sec-Fetch-Site': 'same-origin' } }), { status: 200 })
  t.equal(await loginMethod(), 'password')
})

t.test('a form that is not filled in comes back with what was entered and what is missing', async (t) => {
  const { act, page, audited, store } = await start(t)
  const revoke = { act: 'revoke', subject: 'user01', step: 'execute', kind: 'superseded' }
  const cases: [Record<string, string>, RegExp][] = [
    [{ form: ' ' }, /申込書番号を、64文字までで/],
    [{ form: 'K'.repeat(65) }, /申込書番号を、64文字までで/],
    [{ form: 'K\u0000' }, /申込書番号を、64文字までで/],
    [{ reason: '' }, /理由を、200文字までで/],
    [{ reason: 'x'.repeat(201) }, /理由を、200文字までで/],
    [{ kind: 'cACompromise' }, /失効の理由を選んで/],
    [{ kind: '' }, /失効の理由を選んで/],
  ]
  for (const [fields, message] of cases) {
    const { status, text } = await act({ ...revoke, ...fields })
    t.equal(status, 400)
    t.match(text, message)
    t.match(text, 'aria-invalid="true"')
    if (!('form' in fields)) t.match(text, 'value="K-2027-001"', 'nothing is lost')
    if (!('reason' in fields)) t.match(text, '申込書受付</textarea>')
  }
  const edit = await act({ ...revoke, step: 'edit' })
  t.equal(edit.status, 200)
  t.match(edit.text, '<option value="superseded" selected>')
  for (const fields of [{ act: 'delete' }, { step: 'now' }]) t.equal((await act({ ...revoke, ...fields })).status, 400)
  for (const fields of [{ subject: 'nobody' }, { act: 'switchToPassword', subject: 'nobody' }]) {
    t.equal((await act({ ...revoke, ...fields })).status, 404)
  }
  t.strictSame(audited, [])
  t.equal((await store.user('user01'))?.state, 'active')
  t.equal((await page('/counter/act')).status, 303)
})

t.test('an act whose outcome is not known says to look before it is repeated', async (t) => {
  const { act, ports, loginMethod } = await start(t)
  const { setLoginMethod } = ports.publisher
  const { GatewayError } = await import('../../src/base/errors.ts')
  ports.publisher.setLoginMethod = async () => {
    throw new GatewayError('store_unavailable', 'Cannot reach the store')
  }
  const fields = { act: 'switchToPassword', subject: 'shoji', step: 'execute' }
  t.match(await act(fields), { status: 503, text: '手続きは反映されている可能性があります' })
  ports.publisher.setLoginMethod = setLoginMethod
  t.equal((await act(fields)).status, 200)
  t.equal(await loginMethod(), 'password')
})
