// Goal: 電子証明書発行 and 電子証明書更新 step by step, without a browser. Method: the real server on its socket, acts in memory, keys made here.
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { keyAlgorithm, makeSigningRequest } from '../../src/portal/browser/signing-request.ts'
import { type Asking, startPortalFixture } from './portal-fixture.ts'

const fixture = await startPortalFixture()
t.teardown(() => fixture.close())
const { ask, acts } = fixture

async function logIn(loginId = 'user09'): Promise<string> {
  const answer = await ask('/.sekisho/issue', { form: { loginId, password: 'right' } })
  return (answer.headers['set-cookie'] ?? '').split(';')[0] ?? ''
}

async function newRequest(): Promise<Uint8Array> {
  return await makeSigningRequest(await crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']))
}

function requesting(body: Uint8Array, rest: Asking = {}): Asking {
  const headers = { 'content-type': 'application/pkcs10', accept: 'application/json', ...rest.headers }
  return { ...rest, method: 'POST', body, headers }
}

t.test('R16 login ID and login password, 認証, then the certificate page', async (t) => {
  const answer = await ask('/.sekisho/issue', { form: { loginId: ' user09 ', password: 'right' } })
  t.equal(answer.status, 303)
  t.equal(answer.headers.location, '/.sekisho/issue')
  t.match(
    answer.headers['set-cookie'],
    /^__Host-sekisho_issue=[\w-]+; Max-Age=600; Path=\/; Secure; HttpOnly; SameSite=Strict$/,
  )
  const page = await ask('/.sekisho/issue', {
    headers: { cookie: (answer.headers['set-cookie'] ?? '').split(';')[0] ?? '' },
  })
  t.match(page.body, /<h1>証明書取得画面<\/h1>[\s\S]+user09/)
  t.ok(
    page.body.indexOf('Windowsのパソコン') < page.body.indexOf('ブラウザで発行'),
    'R7 R26 the recommended way stands first',
  )
})

t.test('a wrong password brings the form back with the reason, the login ID and not the password', async (t) => {
  const wrong = await ask('/.sekisho/issue', { form: { loginId: 'user09"><b>', password: 'not it' } })
  t.equal(wrong.status, 401)
  t.match(wrong.body, /role="alert"[^>]*autofocus[^>]*>[\s\S]+ログインIDまたはログインパスワードが違います/)
  t.match(wrong.body, 'value="user09&quot;&gt;&lt;b&gt;"')
  t.notMatch(wrong.body, 'not it')
  t.equal(wrong.headers['set-cookie'], undefined)
  const empty = await ask('/.sekisho/issue', { form: { loginId: 'user09', password: '' } })
  t.equal(empty.status, 400)
  t.match(empty.body, '両方を入力してください')
  acts.throwNext = new GatewayError('login_locked', 'Cannot check')
  const locked = await ask('/.sekisho/issue', { form: { loginId: 'user09', password: 'right' } })
  t.equal(locked.status, 403)
  t.match(locked.body, 'マスターユーザにロックの解除を依頼')
})

t.test('forms that are not one are refused, and the right one is still taken', async (t) => {
  const twice = await ask('/.sekisho/issue', {
    body: 'loginId=user09&loginId=user01&password=right',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  t.equal(twice.status, 400, 'a field given twice')
  const json = { body: '{"loginId":"user09","password":"right"}', headers: { 'content-type': 'application/json' } }
  t.equal((await ask('/.sekisho/issue', json)).status, 400, 'another media type')
  const bytes = {
    body: 'loginId=user09&password=%FF',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  }
  t.equal((await ask('/.sekisho/issue', bytes)).status, 400, 'no UTF-8')
  t.equal((await ask('/.sekisho/issue', { body: 'x'.repeat(70_000) })).status, 413, 'too large')
  t.equal((await ask('/.sekisho/issue', { form: { loginId: 'user09', password: 'right' } })).status, 303)
})

t.test('R8 the same key gives the same certificate, another key is another matter', async (t) => {
  const cookie = await logIn()
  const request = await newRequest()
  const first = JSON.parse((await ask('/.sekisho/issue/request', requesting(request, { headers: { cookie } }))).body)
  const again = JSON.parse((await ask('/.sekisho/issue/request', requesting(request, { headers: { cookie } }))).body)
  t.match(first, { again: false, expiry: '2027年10月1日', chain: [/./] })
  t.equal(first.tryUrl, `https://bank.example:8444/.sekisho/try?serial=${first.serial.replace(/^0/, '').toLowerCase()}`)
  t.same({ ...again, again: false }, first)
  t.equal(again.again, true)
})

t.test('R17 while there is a certificate, the answer says to ask the master or to renew', async (t) => {
  const cookie = await logIn()
  acts.throwNext = new GatewayError('certificate_exists', 'Cannot issue')
  const answer = await ask('/.sekisho/issue/request', requesting(await newRequest(), { headers: { cookie } }))
  t.equal(answer.status, 409)
  const { title, steps } = JSON.parse(answer.body)
  t.match(title, '有効な電子証明書がすでにあります')
  t.match(steps.join(), /電子証明書更新.*マスターユーザに失効を依頼/)
})

t.test('without a session nothing is issued; forms lead back to 認証', async (t) => {
  const before = acts.calls.length
  for (const cookie of ['', '__Host-sekisho_issue=token-of-nobody-at-all', '__Host-sekisho_issue=..%2F']) {
    const answer = await ask('/.sekisho/issue/request', requesting(await newRequest(), { headers: { cookie } }))
    t.equal(answer.status, 401)
    for (const path of ['/.sekisho/enrol-script', '/.sekisho/issue/code']) {
      const back = await ask(path, { form: {}, headers: { cookie } })
      t.same([back.status, back.headers.location], [303, '/.sekisho/issue?ended'], path)
    }
  }
  t.equal(acts.calls.length, before, 'no act was called')
  t.match((await ask('/.sekisho/issue?ended')).body, 'もう一度認証が必要です')
})

t.test('R7 the enrolment script is a download with a new one-time code, and no password in it', async (t) => {
  const cookie = await logIn()
  const script = await ask('/.sekisho/enrol-script', { form: {}, headers: { cookie } })
  t.match(script.headers, {
    'content-disposition': 'attachment; filename="sekisho-enrol.ps1"',
    'cache-control': 'no-store',
  })
  t.match(script.body, /bank\.example:8442[\s\S]+7K3M-Q9TB-2XWD-H5RC/)
  t.notMatch(script.body, "right'")
  t.same(acts.calls.at(-1), ['makeEnrolmentCode', 'user09', 'password'])
  acts.report = 'installed'
  t.match((await ask('/.sekisho/issue', { headers: { cookie } })).body, '電子証明書の登録が終わりました')
  acts.report = 'not_allowed'
  t.match((await ask('/.sekisho/issue', { headers: { cookie } })).body, 'スクリプトを実行できません')
  acts.report = undefined
  const code = await ask('/.sekisho/issue/code', { form: {}, headers: { cookie } })
  t.match(code.body, /7K3M-Q9TB-2XWD-H5RC[\s\S]+sekisho enroll --server https:\/\/bank\.example:8442 --login-id user09/)
})

t.test('signing requests of another type and of 17 KB are refused before anything is asked', async (t) => {
  const cookie = await logIn()
  const before = acts.calls.length
  const wrong = requesting(await newRequest(), { headers: { cookie, 'content-type': 'text/plain' } })
  t.equal((await ask('/.sekisho/issue/request', wrong)).status, 400)
  const large = new Uint8Array(17_000).fill(0x30)
  t.equal((await ask('/.sekisho/issue/request', requesting(large, { headers: { cookie } }))).status, 413)
  t.equal(acts.calls.length, before)
})

t.test(
  'R20 renewal needs no password: the certificate is the proof, and a cookie of the other door means nothing',
  async (t) => {
    const as = fixture.visitor('user03', 'general', 12)
    const cookie = await logIn('user09')
    const page = await ask('/.sekisho/renew', { as })
    t.match(page.body, /有効期限は2026年10月13日です[\s\S]+あと12日[\s\S]+今の電子証明書もそのまま使えます/)
    const answer = await ask('/.sekisho/issue/request', requesting(await newRequest(), { as, headers: { cookie } }))
    t.equal(answer.status, 200)
    t.same(acts.calls.at(-1), ['issue', 'user03', 'certificate'])
    const early = await ask('/.sekisho/renew', { as: fixture.visitor('user01', 'master') })
    t.match(early.body, '更新は、有効期限の40日前からできます')
    t.notMatch(early.body, 'enrol-script')
  },
)

t.test('the session ends when the user says that the file is saved', async (t) => {
  const cookie = await logIn()
  const done = await ask('/.sekisho/issue/done', { method: 'POST', headers: { cookie } })
  t.match(done.headers['set-cookie'], /^__Host-sekisho_issue=; Max-Age=0;/)
  const answer = await ask('/.sekisho/issue/request', requesting(await newRequest(), { headers: { cookie } }))
  t.equal(answer.status, 401)
})
