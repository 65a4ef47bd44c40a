// Goal: the sample bank keeps the rules it is there to show: it takes the login ID from the certificate (R24), never accepts
// another user's login ID or session (R2), and refuses password logins of certificate-mode users (R22). Method: a real app
// on a free port, called as the gateway calls it.
import t from 'tap'
import { bankTextsEn } from '../../src/demo/bank-texts-en.ts'
import { bankTextsJa } from '../../src/demo/bank-texts-ja.ts'
import { app, call, cookieOf, fromCertificateDoor, fromPublicDoor, logIn, password, time } from './bank-client.ts'

t.teardown(() => app.close())

t.test('R24: with a certificate its login ID stands in the form and only the password is asked', async (t) => {
  const { status, text, headers } = await call({ headers: await fromCertificateDoor('user01') })
  t.equal(status, 200)
  t.match(text, /<input id="loginId" name="loginId" value="user01" readonly/)
  t.match(text, '<html lang="ja">')
  t.match(headers['content-security-policy'], "default-src 'none'")
  const english = await call({
    headers: { ...(await fromCertificateDoor('user01')), 'Accept-Language': 'en-US,ja;q=0.5' },
  })
  t.match(english.text, bankTextsEn.certificateLoginTitle)
})

t.test('the password opens the top page, which says who is there', async (t) => {
  const headers = await fromCertificateDoor('user01')
  for (const form of [{ password }, { password, loginId: 'user01' }]) {
    const answer = await call({ method: 'POST', path: '/login', headers, form })
    t.equal(answer.status, 303)
    t.equal(answer.headers.location, '/')
    t.match(String(answer.headers['set-cookie']), /^BANKSESSION=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
    const top = await call({ headers: { ...headers, Cookie: cookieOf(answer) } })
    t.equal(top.status, 200)
    t.match(top.text, '<dd>user01</dd>')
    t.match(top.text, '<dd>shoji</dd>')
    t.match(top.text, bankTextsJa.general)
    t.match(top.text, '2026年6月21日', 'the expiry in Tokyo')
    t.match(top.text, '&lt;b&gt;user01&lt;/b&gt;', 'names are escaped')
    t.match(top.text, 'href="/renew"', 'R11: renewal is offered when it is due')
    t.match(top.text, 'あと20日', 'R10: the notice')
    const notDue = {
      ...headers,
      Cookie: cookieOf(answer),
      'Sekisho-Renewal-Due': '0',
      'Sekisho-Certificate-Days-Left': '300',
    }
    const quiet = await call({ headers: notDue })
    t.notMatch(quiet.text, /href="\/renew"|あと300日/)
  }
})

t.test('R2: a posted login ID other than the certificate’s is refused', async (t) => {
  const headers = await fromCertificateDoor('user01')
  const answer = await call({ method: 'POST', path: '/login', headers, form: { password, loginId: 'user02' } })
  t.equal(answer.status, 403)
  t.match(answer.text, bankTextsJa.otherLoginIdText)
  t.notOk(answer.headers['set-cookie'])
  const twice = await call({
    method: 'POST',
    path: '/login',
    headers: { ...headers, 'Content-Type': 'application/x-www-form-urlencoded' },
    body: `loginId=user01&loginId=user02&password=${password}`,
  })
  t.equal(twice.status, 403)
})

t.test('R2: the session of another user counts as none', async (t) => {
  const cookie = await logIn('user02')
  const own = await call({ headers: { ...(await fromCertificateDoor('user02')), Cookie: cookie } })
  t.match(own.text, bankTextsJa.loggedInAs, 'good for its own user')
  const other = await call({ headers: { ...(await fromCertificateDoor('user01')), Cookie: cookie } })
  t.equal(other.status, 200)
  t.match(other.text, bankTextsJa.foreignSession)
  t.notMatch(other.text, bankTextsJa.accounts)
  t.notMatch(other.text, 'user02')
  const without = await call({ headers: { ...(await fromPublicDoor()), Cookie: cookie } })
  t.match(without.text, bankTextsJa.waysLead)
  await call({ method: 'POST', path: '/logout', headers: { ...(await fromCertificateDoor('user01')), Cookie: cookie } })
  const still = await call({ headers: { ...(await fromCertificateDoor('user02')), Cookie: cookie } })
  t.match(still.text, bankTextsJa.loggedInAs, 'and another user cannot end it')
})

t.test('logging out ends the session, and so does a quarter of an hour without a click', async (t) => {
  const cookie = await logIn('user01')
  const headers = { ...(await fromCertificateDoor('user01')), Cookie: cookie }
  const out = await call({ method: 'POST', path: '/logout', headers })
  t.equal(out.status, 303)
  t.match(String(out.headers['set-cookie']), 'Max-Age=0')
  t.match((await call({ headers })).text, bankTextsJa.certificateLoginTitle)
  const second = await logIn('user01')
  time.nowMs += 15 * 60_000 + 1
  const later = await call({ headers: { ...(await fromCertificateDoor('user01')), Cookie: second } })
  t.match(later.text, bankTextsJa.certificateLoginTitle)
})

t.test('R27: the public door shows the three ways in', async (t) => {
  const { status, text } = await call({ headers: await fromPublicDoor() })
  t.equal(status, 200)
  for (const part of [
    '電子証明書方式のお客様',
    'ID・パスワード方式のお客様',
    '電子証明書発行',
    '手数料はかかりません',
    'ヘルプデスク',
    '平日',
  ]) {
    t.match(text, part)
  }
  t.match(text, 'href="https://bank.test:8443/"')
  t.match(text, 'href="/login"')
  t.match(text, 'href="/issue"')
})

t.test('a password-mode user logs in on the public door with both', async (t) => {
  const headers = await fromPublicDoor()
  const form = await call({ path: '/login', headers })
  t.match(form.text, /<input id="loginId" name="loginId" required/)
  const answer = await call({ method: 'POST', path: '/login', headers, form: { loginId: 'pass01', password } })
  t.equal(answer.status, 303)
  const top = await call({ headers: { ...headers, Cookie: cookieOf(answer) } })
  t.match(top.text, '<dd>pass01</dd>')
  t.notMatch(top.text, bankTextsJa.certificate)
})

t.test('R22: a certificate-mode user cannot log in on the public door', async (t) => {
  const headers = await fromPublicDoor()
  const right = await call({ method: 'POST', path: '/login', headers, form: { loginId: 'user01', password } })
  t.equal(right.status, 403)
  t.match(right.text, bankTextsJa.certificateModeText)
  t.match(right.text, 'href="https://bank.test:8443/"', 'and is told where to go')
  t.notOk(right.headers['set-cookie'])
})

t.test('a wrong password says the same for every login ID', async (t) => {
  const headers = await fromPublicDoor()
  const texts = []
  for (const loginId of ['user02', 'pass01', 'nobody', '']) {
    const answer = await call({ method: 'POST', path: '/login', headers, form: { loginId, password: 'wrong' } })
    t.equal(answer.status, 403)
    t.match(answer.text, bankTextsJa.wrongPassword)
    texts.push(answer.text)
  }
  t.equal(new Set(texts).size, 1)
  const certificate = await fromCertificateDoor('user01')
  const wrong = await call({ method: 'POST', path: '/login', headers: certificate, form: { password: 'wrong' } })
  t.equal(wrong.status, 403)
  const stranger = await fromCertificateDoor('not-a-customer')
  t.equal((await call({ method: 'POST', path: '/login', headers: stranger, form: { password } })).status, 403)
})

t.test('five wrong passwords in a row make the login ID wait, on that door only', async (t) => {
  time.nowMs += 60_000
  const headers = await fromPublicDoor()
  const attempt = (given: string) =>
    call({ method: 'POST', path: '/login', headers, form: { loginId: 'pass01', password: given } })
  const first = await Promise.all(Array.from({ length: 7 }, () => attempt('wrong')))
  t.same(
    first.map(({ status }) => status).sort(),
    [403, 403, 403, 403, 403, 429, 429],
    'also when sent at the same time',
  )
  const right = await attempt(password)
  t.equal(right.status, 429, 'even the right one')
  t.equal(right.headers['retry-after'], '60')
  const guessed = () =>
    call({ method: 'POST', path: '/login', headers, form: { loginId: 'user01', password: 'wrong' } })
  for (let i = 0; i < 6; i++) await guessed()
  t.match(await logIn('user01'), 'BANKSESSION=', 'R6: guessing on the public door locks no certificate user out')
  time.nowMs += 60_000
  const later = await call({
    method: 'POST',
    path: '/login',
    headers: await fromPublicDoor(),
    form: { loginId: 'pass01', password },
  })
  t.equal(later.status, 303)
})

t.test('a request that another site started changes nothing', async (t) => {
  const headers = await fromCertificateDoor('user01')
  const post = (extra: Record<string, string>) =>
    call({ method: 'POST', path: '/login', headers: { ...headers, ...extra }, form: { password } })
  for (const extra of [
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    { Origin: 'https://evil.test' },
    { Origin: 'null' },
    { Origin: 'http://bank.test:8443' },
    { Origin: 'https://bank.test:8442' },
  ]) {
    const answer = await post(extra as Record<string, string>)
    t.equal(answer.status, 403, JSON.stringify(extra))
    t.match(answer.text, bankTextsJa.crossSiteText)
    t.notOk(answer.headers['set-cookie'])
  }
  for (const extra of [{}, { 'Sec-Fetch-Site': 'same-origin', Origin: 'https://bank.test:8443' }]) {
    t.equal((await post(extra as Record<string, string>)).status, 303)
  }
})

t.test('what is no form, or too large for one, is refused on a connection that stays good', async (t) => {
  const headers = await fromCertificateDoor('user01')
  const json = await call({ method: 'POST', path: '/login', headers, body: '{"password":"x"}' })
  t.equal(json.status, 400)
  const large = await call({ method: 'POST', path: '/login', headers, form: { password: 'x'.repeat(300_000) } })
  t.equal(large.status, 400)
  t.not(large.headers.connection, 'close')
})

t.test('each answer to a password says what became of it; nothing else does', async (t) => {
  const certificate = await fromCertificateDoor('user02')
  const open = await fromPublicDoor()
  const post = async (headers: Record<string, string>, form: Record<string, string>) =>
    (await call({ method: 'POST', path: '/login', headers, form })).headers['sekisho-login-result']
  t.equal(await post(certificate, { password }), 'accepted')
  t.equal(await post(certificate, { password: 'wrong' }), 'refused')
  t.equal(await post(open, { loginId: 'user02', password }), 'refused', 'right, but not the way in')
  for (let i = 0; i < 5; i++) t.equal(await post(open, { loginId: 'nobody', password }), 'refused')
  t.equal(await post(open, { loginId: 'nobody', password }), 'locked')
  t.equal(await post(certificate, { password, loginId: 'user01' }), undefined, 'no password was looked at')
  t.equal((await call({ headers: certificate })).headers['sekisho-login-result'], undefined)
})
