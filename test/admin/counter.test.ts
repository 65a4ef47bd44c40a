// Goal: people at the counter find contracts, users and refused requests, see what counts, and nobody else sees it. Method: the real admin
// door over a real store; pages as a browser asks for them.
import t from 'tap'
import { RefusedRequests } from '../../src/lifecycle/refused-requests.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { futureMs, issuerA } from '../store/samples.ts'
import { type CounterPage, withCounter } from './counter-client.ts'
import { addHistoryNote } from './counter-samples.ts'
import { issueOperator, operators } from './with-admin.ts'

const xss = `"><script>alert('x')</script>`
const refused = { loginId: 'user01', serial: '1f', door: 'certificate', address: '192.0.2.7', atMs: 1_000 }

/** No markup of ours runs scripts, so any `<script` is somebody else's. */
const isClean = ({ text }: CounterPage): boolean => !text.includes('<script') && !text.includes("alert('x")

t.test('the search leads straight to the one thing it found', async (t) => {
  const { page, ports } = await withCounter(t)
  const requests = new RefusedRequests(ports)
  requests.note('k3f9a0zq-1a-2', { ...refused, reason: 'certificate_revoked' })
  await requests.settled()
  for (const [query, place] of [
    ['user01', '/counter/user?id=user01'],
    [' user01 ', '/counter/user?id=user01'],
    ['ｕｓｅｒ０１', '/counter/user?id=user01'],
    ['sho', '/counter/contract?id=shoji'],
    ['K3F9A0ZQ-1A-2', '/counter/request?id=K3F9A0ZQ-1A-2'],
  ] as const) {
    const { status, headers } = await page(`/counter/?q=${encodeURIComponent(query)}`)
    t.match({ status, location: headers.location }, { status: 303, location: place }, query)
  }
  const several = await page('/counter/?q=user')
  t.equal(several.status, 200)
  t.match(several.text, 'href="/counter/user?id=user01"')
  t.match(several.text, 'href="/counter/user?id=user02"')
  const none = await page(`/counter/?q=${encodeURIComponent(xss)}`)
  t.equal(none.status, 404)
  t.match(none.text, '当てはまるものはありません')
  t.ok(isClean(none))
  t.match((await page('/counter/')).text, 'お客様を探す')
  t.equal((await page('/counter')).headers.location, '/counter/')
})

t.test('R3 R12 the contract page shows login method, limit, users with 有効期限 and history', async (t) => {
  const { page, store } = await withCounter(t)
  await store.upsertContract({
    contractId: 'shoji',
    loginMethod: 'certificate',
    certificateLimit: 100,
    name: '商事株式会社',
  })
  await store.upsertCertificate({
    key: certificateKey(issuerA, '1f'),
    loginId: 'user01',
    notBeforeMs: 1_000,
    notAfterMs: futureMs,
  })
  await addHistoryNote(store, 'contract:shoji')
  const { status, text } = await page('/counter/contract?id=shoji')
  t.equal(status, 200)
  for (const part of [
    '商事株式会社',
    '電子証明書方式',
    '1枚 ／ 上限100枚',
    'user02',
    '有効',
    'ログイン方式を切り替え',
    'K-1',
  ]) {
    t.match(text, part)
  }
  t.match((await page('/counter/contract?id=nobody')).status, 404)
})

t.test('a contract of 120 users is shown in pages, and filtered', async (t) => {
  const { page, store } = await withCounter(t)
  for (let number = 1; number <= 118; number++) {
    const loginId = `staff${String(number).padStart(3, '0')}`
    await store.upsertUser({ loginId, contractId: 'shoji', role: 'general', name: number === 77 ? '高橋 葵' : '社員' })
  }
  const shown = async (query: string) => {
    const { text } = await page(`/counter/contract?id=shoji${query}`)
    const table = text.split('<tbody>')[1]?.split('</tbody>')[0] ?? ''
    return {
      text,
      rows: [...table.matchAll(/<a class="code" href="\/counter\/user\?id=([^"]+)"/g)].map(([, id]) => id),
    }
  }
  const first = await shown('')
  t.equal(first.rows.length, 50)
  t.match(first.text, '1～50人目を表示しています（全120人）')
  t.match(first.text, 'href="/counter/contract?id=shoji&amp;page=2#users"')
  const last = await shown('&page=3')
  t.equal(last.rows.length, 20)
  t.match(last.text, '3 / 3ページ')
  t.equal(new Set([...first.rows, ...(await shown('&page=2')).rows, ...last.rows]).size, 120, 'everybody once')
  t.same((await shown('&page=99')).rows, last.rows, 'beyond the end is the end')
  t.same((await shown('&page=x')).rows, first.rows)
  t.same((await shown(`&filter=${encodeURIComponent('高橋')}`)).rows, ['staff077'])
  t.same((await shown(`&filter=${encodeURIComponent('ＳＴＡＦＦ００３')}`)).rows, ['staff003'])
})

t.test('the user page shows state, locks, every certificate and history', async (t) => {
  const { page, store, ports } = await withCounter(t)
  const key = certificateKey(issuerA, '1f')
  await store.upsertCertificate({ key, loginId: 'user01', notBeforeMs: 1_000, notAfterMs: futureMs })
  await store.noteSightings([{ key, atMs: Date.UTC(2027, 6, 28, 1, 15) }])
  await store.countNote('locked:login:user01', 60_000)
  await addHistoryNote(store, 'login:user01')
  const { status, text } = await page('/counter/user?id=user01')
  t.equal(status, 200)
  for (const part of [
    '1F',
    'demo-issuing-ca',
    '最終 2027年7月28日 10:15',
    'ロック中（',
    'K-1',
    '一般ユーザ',
    'ロックの解除',
  ]) {
    t.match(text, part)
  }
  t.notMatch(await page('/counter/user?id=user02'), { text: 'ロックの解除' }, 'no act that would change nothing')
  const gone = await page('/counter/user?id=user0')
  t.match(gone, { status: 404, text: '見つかりません' })
  t.match(gone.text, 'alike: user01, user02')
  t.ok(ports)
})

t.test('the user page says what to tell the user, whatever keeps them out first', async (t) => {
  const { page, store } = await withCounter(t)
  const guide = async () => (await page('/counter/user?id=user01')).text
  t.match(await guide(), '有効な電子証明書がありません')
  await store.upsertCertificate({
    key: certificateKey(issuerA, '1f'),
    loginId: 'user01',
    notBeforeMs: 1_000,
    notAfterMs: futureMs,
  })
  t.match(await guide(), '有効な電子証明書があります')
  await store.setLoginMethod('shoji', 'password')
  t.match(await guide(), 'ID・パスワード方式のご契約です')
  await store.countNote('locked:confirmation:user01', 60_000)
  t.match(await guide(), 'パスワードの間違いが続いて')
  await store.setSuspended('user01', true)
  t.match(await guide(), '利用停止中のため')
})

t.test('the request id on an error page tells who, why and what to say', async (t) => {
  const { page, ports } = await withCounter(t)
  const requests = new RefusedRequests(ports)
  requests.note('id-1', { ...refused, reason: 'certificate_revoked' })
  requests.note('id-2', { ...refused, loginId: undefined, serial: undefined, reason: 'certificate_missing' })
  requests.note('id-3', { ...refused, reason: 'login_method_mismatch' })
  requests.note('id-4', { ...refused, loginId: xss, reason: xss })
  requests.note('id-5', { ...refused, reason: 'login_locked' })
  await requests.settled()
  const revoked = await page('/counter/request?id=id-1')
  t.equal(revoked.status, 200)
  for (const part of [
    '失効',
    'certificate_revoked',
    'href="/counter/user?id=user01"',
    '192.0.2.7',
    '再発行してください',
  ]) {
    t.match(revoked.text, part)
  }
  t.notMatch(revoked.text, '{self}', 'the institution speaks')
  const missing = await page('/counter/request?id=id-2')
  t.match(missing.text, '考えられる原因')
  t.match(missing.text, 'ログインIDを伺って')
  t.match((await page('/counter/request?id=id-3')).text, 'ID・パスワードではログインできません')
  t.match((await page('/counter/request?id=id-5')).text, 'ロック')
  const odd = await page('/counter/request?id=id-4')
  t.equal(odd.status, 200)
  t.ok(isClean(odd))
  for (const id of ['id-9', '', xss]) {
    const unknown = await page(`/counter/request?id=${encodeURIComponent(id)}`)
    t.match(unknown, { status: 404, text: 'このお問い合わせ番号は見つかりません' }, id)
    t.match(unknown.text, '7日')
    t.ok(isClean(unknown))
  }
})

t.test('names are text wherever they stand', async (t) => {
  const { page, act, store } = await withCounter(t)
  await store.upsertContract({ contractId: xss, loginMethod: 'password', certificateLimit: 1, name: xss })
  await store.upsertUser({ loginId: xss, contractId: xss, role: 'master', name: xss, email: `${xss}@example.jp` })
  await store.addHistory(
    `login:${xss}`,
    JSON.stringify({ atMs: 1_000, what: 'revoked', who: xss, requestId: xss, detail: { comment: xss, [xss]: xss } }),
  )
  const id = encodeURIComponent(xss)
  const pages = [
    await page(`/counter/contract?id=${id}&filter=${id}`),
    await page(`/counter/contract?id=${id}`),
    await page(`/counter/user?id=${id}`),
    await page(`/counter/?q=${encodeURIComponent('"')}`),
    await page(`/counter/${id}`),
    await act({ act: 'suspend', subject: xss, step: 'check', reason: xss, form: xss.slice(0, 60) }),
    await act({ act: 'suspend', subject: xss, step: 'edit', reason: xss, form: xss.slice(0, 60) }),
    await act({ act: 'suspend', subject: xss, step: 'execute', reason: xss, form: xss.slice(0, 60) }),
  ]
  for (const [position, one] of pages.entries()) t.ok(isClean(one), `page ${position}`)
  t.match(pages[2]?.text, '&lt;script&gt;')
  t.same(
    pages.map(({ status }) => status),
    [200, 200, 200, 200, 404, 200, 200, 200],
  )
})

t.test('every page keeps scripts, frames and caches out', async (t) => {
  const { page } = await withCounter(t)
  for (const path of ['/counter/', '/counter/user?id=user01', '/counter/nothing']) {
    const { headers, text } = await page(path)
    t.match(headers, {
      'content-security-policy':
        /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
      'cache-control': 'no-store',
      'content-type': 'text/html; charset=utf-8',
      'referrer-policy': 'same-origin',
      'x-frame-options': 'DENY',
      'sekisho-request-id': /^[\w-]+$/,
    })
    t.notMatch(text, / style=|<script|javascript:/)
  }
})

t.test('pages are Japanese unless the operator chooses English, which is kept', async (t) => {
  const { page } = await withCounter(t)
  const headers = { 'Accept-Language': 'en-US' }
  t.match((await page('/counter/', { headers })).text, '<html lang="ja">')
  const chosen = await page('/counter/user?id=user01&lang=en')
  t.match(chosen.text, '<html lang="en">')
  t.match(chosen.text, 'href="/counter/user?id=user01&amp;lang=ja"', 'the way back leads to the same place')
  const [cookie = ''] = chosen.headers['set-cookie'] as string[]
  t.match(cookie, /^sekisho_counter_lang=en; Path=\/counter\/; .*Secure; HttpOnly; SameSite=Strict$/)
  t.match((await page('/counter/', { headers: { Cookie: cookie.split(';')[0] ?? '' } })).text, '<html lang="en">')
  t.match((await page('/counter/?lang=xx')).text, '<html lang="ja">')
})

t.test('whoever is no operator gets a page that says so, and nothing else', async (t) => {
  const { page, audited, ended } = await withCounter(t)
  const none = await page('/counter/user?id=user01', { certificate: undefined })
  t.match(none, { status: 401, text: '担当者の電子証明書を確認できません' })
  t.notMatch(none.text, /一般ユーザ|role="search"/)
  t.match(audited, [{ event: 'operator_refused', reason: 'admin_unauthenticated' }])
  const roleless = await page('/counter/', { certificate: issueOperator([]) })
  t.match(roleless, { status: 403, text: 'この操作の権限がありません' })
  for (const certificate of Object.values(operators)) {
    t.equal((await page('/counter/user?id=user01', { certificate })).status, 200, 'every role reads')
  }
  t.ok(
    ended.every(([route]) => ['none', '/counter/*'].includes(route)),
    'one series for all pages',
  )
  t.match((await page('/counterfeit')).headers['content-type'], 'application/problem+json', 'not a counter page')
})
