// Goal: the sample bank answers the gateway only, and its events feed, upload, echo and pages do what they say.
// Method: a real app on a free port, called as the gateway calls it, with good and forged assertions.
import { createHash } from 'node:crypto'
import { generateKeyPair } from 'jose'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { startBankApp } from '../../src/demo/bank-app.ts'
import { bankTextsEn } from '../../src/demo/bank-texts-en.ts'
import { bankTextsJa } from '../../src/demo/bank-texts-ja.ts'
import { app, call, fromCertificateDoor, fromPublicDoor, institution, next, open, sign, time } from './bank-client.ts'

t.teardown(() => app.close())

t.test('a request that did not come through the gateway gets a plain 403', async (t) => {
  const good = await fromCertificateDoor('user01')
  const stranger = await generateKeyPair('ES256')
  const claims = { sub: 'user01', login_method: 'certificate' }
  const assertions: [why: string, headers: Record<string, string>][] = [
    ['no assertion', Object.fromEntries(Object.entries(good).filter(([name]) => name !== 'Sekisho-Assertion'))],
    ['no token', { ...good, 'Sekisho-Assertion': 'x' }],
    ['key of a stranger', { ...good, 'Sekisho-Assertion': await sign(claims, { ...stranger, kid: 'first' }) }],
    ['unknown key', { ...good, 'Sekisho-Assertion': await sign(claims, { ...next, kid: 'unknown' }) }],
    ['other audience', { ...good, 'Sekisho-Assertion': await sign({ ...claims, aud: 'other' }) }],
    ['other issuer', { ...good, 'Sekisho-Assertion': await sign({ ...claims, iss: 'other' }) }],
    ['run out', { ...good, 'Sekisho-Assertion': await sign({ ...claims, exp: Math.floor(time.nowMs / 1_000) - 1 }) }],
    ['certificate without subject', { ...good, 'Sekisho-Assertion': await sign({ login_method: 'certificate' }) }],
    [
      'subject without certificate',
      { ...good, 'Sekisho-Assertion': await sign({ sub: 'user01', login_method: 'password' }) },
    ],
    ['no login method', { ...good, 'Sekisho-Assertion': await sign({ sub: 'user01' }) }],
    ['field names another user', { ...good, 'Sekisho-Login-Id': 'user02' }],
    ['field names another method', { ...good, 'Sekisho-Login-Method': 'password' }],
  ]
  for (const [why, headers] of assertions) {
    for (const path of ['/', '/echo', '/events']) {
      const answer = await call({ headers, path })
      t.equal(answer.status, 403, `${why} ${path}`)
      t.equal(answer.headers['content-type'], 'text/plain; charset=utf-8')
      t.notMatch(answer.text, 'user01')
    }
  }
  t.equal((await call({ headers: good })).status, 200, 'the same with a valid assertion is answered')
})

t.test('the events feed streams for as long as somebody listens', async (t) => {
  const response = await open({ path: '/events', headers: await fromCertificateDoor('user01') })
  t.equal(response.headers['content-type'], 'text/event-stream')
  let text = ''
  for await (const chunk of response) {
    text += chunk
    if (text.split('event: tick').length > 3) break
  }
  t.match(text, /event: tick\ndata: \{"time":"2026-[^"]+","loginId":"user01","sequence":1\}\n\n/)
  t.match(text, /event: account\ndata: \{"ja":/)
  const stranger = await call({ path: '/events', headers: await fromPublicDoor() })
  t.equal(stranger.status, 403, 'the public door asks for a login first')
})

t.test('an upload is counted and digested', async (t) => {
  const body = Buffer.alloc(3_000_001, 'sekisho')
  for (const method of ['POST', 'PUT']) {
    const answer = await call({ method, path: '/upload', headers: await fromCertificateDoor('user01'), body })
    const sha256 = createHash('sha256').update(body).digest('hex')
    t.strictSame(JSON.parse(answer.text), { bytes: body.length, sha256 })
  }
})

t.test('echo shows what arrived, but nothing that opens a door', async (t) => {
  const identity = await fromCertificateDoor('user01')
  const headers = {
    ...identity,
    Cookie: 'a=1; BANKSESSION=secret; b=2',
    'X-Odd_Name': 'v',
  }
  const answer = await call({ method: 'PATCH', path: '/echo?q=1', headers, body: 'hello' })
  const echo = JSON.parse(answer.text)
  t.match(echo, { method: 'PATCH', target: '/echo?q=1', bodyBytes: 5 })
  const seen = new Map<string, string>(echo.headers)
  t.equal(seen.get('X-Odd_Name'), 'v')
  t.equal(seen.get('Sekisho-Login-Id'), 'user01')
  t.equal(seen.get('Cookie'), 'a=1; BANKSESSION=(hidden); b=2')
  const signature = identity['Sekisho-Assertion']?.split('.')[2] ?? ''
  t.ok(signature.length > 0 && !answer.text.includes(signature))
})

t.test('other paths and methods', async (t) => {
  const headers = await fromCertificateDoor('user01')
  t.equal((await call({ path: '/nowhere', headers })).status, 404)
  t.equal((await call({ path: '/constructor', headers })).status, 404)
  t.equal((await call({ path: '/toString', headers })).status, 404)
  const wrong = await call({ method: 'DELETE', path: '/login', headers })
  t.equal(wrong.status, 405)
  t.equal(wrong.headers.allow, 'GET, POST')
  const head = await call({ method: 'HEAD', headers })
  t.equal(head.status, 200)
  t.equal(head.text, '')
  for (const path of ['/issue', '/renew', '/help']) t.equal((await call({ path, headers })).status, 200, path)
})

t.test('the language chosen by hand is kept', async (t) => {
  const headers = await fromPublicDoor()
  const english = await call({ path: '/?lang=en', headers })
  t.match(english.text, bankTextsEn.waysLead)
  t.match(String(english.headers['set-cookie']), 'BANKLANG=en')
  const kept = await call({ headers: { ...headers, Cookie: 'BANKLANG=en', 'Accept-Language': 'ja' } })
  t.match(kept.text, bankTextsEn.waysLead)
  const odd = await call({ path: '/?lang=%3Cscript%3E', headers: { ...headers, Cookie: 'BANKLANG=xx' } })
  t.match(odd.text, bankTextsJa.waysLead)
  t.notOk(odd.headers['set-cookie'])
})

t.test('the Japanese keeps to the vocabulary, and no text is left out', async (t) => {
  const strings = (value: unknown): string[] =>
    typeof value === 'string' ? [value] : Object.values(value as object).flatMap(strings)
  for (const text of strings(bankTextsJa)) {
    t.notMatch(text, /ユーザー|ブラウザー|サーバー|当行|当金庫|当組合/)
    t.notMatch(text, /有効期間(が|は)?(切れ|過ぎ)|有効期限(内|が始ま)/)
    t.ok(text.length > 0)
  }
  t.equal(strings(bankTextsEn).length, strings(bankTextsJa).length)
})

t.test('with a page to enrol on, the issue page leads there', async (t) => {
  const enrolmentUrl = 'https://bank.test:8442/enrol'
  const other = await startBankApp({
    host: '127.0.0.1',
    port: 0,
    institution,
    people: [],
    certificateUrl: 'https://bank.test:8443',
    enrolmentUrl,
    verifyAssertion: async () => ({ loginMethod: 'password', loginId: undefined }),
    timeZone: 'Asia/Tokyo',
    clock: systemClock,
  })
  t.teardown(() => other.close())
  const headers = { 'Sekisho-Assertion': 'any', 'Sekisho-Login-Method': 'password' }
  const page = await fetch(`http://127.0.0.1:${other.port}/issue`, { headers })
  const text = await page.text()
  t.match(text, `href="${enrolmentUrl}"`)
  t.notMatch(text, bankTextsJa.issueOnlineNotReady)
})
