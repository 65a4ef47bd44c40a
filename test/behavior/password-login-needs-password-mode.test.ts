// Goal: R1, R21, R22: whoever's contract is in certificate mode does not reach the application with ID and password, whatever the
// application would do; who is in password mode does, and what they sent arrives as it was.
// Method: logins over HTTP/1.1, HTTP/2 and curl against an application that accepts everybody; page, audit log, metrics, access log.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { formLogin, openStoreOf, requestOf, startPasswordSetting } from './password-setting.ts'

const run = promisify(execFile)
const { app, gateway } = await startPasswordSetting(t, {
  config: { accessLog: { file: 'access.log' }, institution: institution() },
})
const store = await openStoreOf(gateway)
t.teardown(() => store.close())

function institution() {
  const both = (ja: string, en: string) => ({ ja, en })
  return {
    name: both('試験銀行', 'Test Bank'),
    selfReference: both('当行', 'our bank'),
    contact: both('ヘルプデスク', 'Help desk'),
    hours: both('平日', 'Weekdays'),
    issueUrl: 'https://bank.test/issue',
  }
}

/** Logs in on a connection of its own. */
async function login(loginId: string, more = '') {
  const client = await RawClient.connect(gateway, { door: 'public' })
  const answer = await client.send(formLogin(loginId, more)).answer()
  client.close()
  return answer
}

const latin1 = (text: string) => Buffer.from(text).toString('latin1')
const passedOn = () => app.requests.length

function auditOf(requestId: string | undefined) {
  const lines = readFileSync(join(gateway.folder, 'state', 'audit.log'), 'utf8').split('\n')
  return lines.filter((line) => line.includes(`"${requestId}"`)).map((line) => JSON.parse(line))
}

t.test('R22: a user of a contract in certificate mode is refused, and the application hears nothing', async (t) => {
  const before = passedOn()
  const faults = await gateway.metric('sekisho_faults_total', { code: 'login_method_mismatch' })
  const answer = await login('user01', 'Accept: text/html\r\nAccept-Language: en\r\n')
  t.equal(answer.status, 403)
  t.equal(passedOn(), before)
  t.match(answer.text, /<h1>You cannot log in with ID and password<\/h1>/)
  t.match(answer.text, /href="https:\/\/localhost:0\/"/, 'where to log in')
  t.match(answer.text, 'href="https://bank.test/issue"', 'where to get a certificate')
  t.match(answer.text, /<h1>ID・パスワードではログインできません<\/h1>/, 'and in Japanese')
  const requestId = /class="code">([^<]+)</.exec(answer.text)?.[1]
  const [record] = await eventually(
    () => auditOf(requestId),
    (records) => records.length > 0,
  )
  t.match(record, {
    event: 'login_refused',
    reason: 'login_method_mismatch',
    detail: { loginId: 'user01', door: 'public' },
  })
  t.match(record.detail.explanation, /contract shoji is in certificate mode/)
  t.notMatch(JSON.stringify(record), /secret/)
  t.equal(await gateway.metric('sekisho_faults_total', { code: 'login_method_mismatch' }), (faults ?? 0) + 1)
  const line = await eventually(
    () =>
      readFileSync(join(gateway.folder, 'access.log'), 'utf8')
        .split('\n')
        .find((text) => text.includes(`"${requestId}"`)),
    (text) => text !== undefined,
  )
  t.match(JSON.parse(line ?? '{}'), { status: 403, outcome: 'login_method_mismatch', target: '/login' })
})

t.test('R21: a user of a contract in password mode logs in', async (t) => {
  const answer = await login('pass01')
  t.equal(answer.status, 200)
  t.match(JSON.parse(answer.text), { method: 'POST', target: '/login', body: 'loginId=pass01&password=secret' })
})

t.test('nobody learns which login IDs there are: unknown ones get the same page', async (t) => {
  const before = passedOn()
  const accept = 'Accept: text/html\r\n'
  const pages = await Promise.all(
    ['user01', 'nobody', 'USER01', 'user01%20', '', 'a'.repeat(65)].map((id) => login(id, accept)),
  )
  const texts = pages.map(({ status, text }) => `${status} ${text.replace(/class="code">[^<]+</g, '')}`)
  t.equal(new Set(texts).size, 1)
  t.equal(passedOn(), before)
})

t.test('what was typed and is nobody’s login ID is kept out of the audit log', async (t) => {
  const answer = await login('hunter2-by-mistake', 'Accept: text/html\r\n')
  const requestId = /class="code">([^<]+)</.exec(answer.text)?.[1]
  const [record] = await eventually(
    () => auditOf(requestId),
    (records) => records.length > 0,
  )
  t.match(record, { event: 'login_refused', reason: 'login_id_unknown' })
  t.notMatch(JSON.stringify(record), /hunter2/)
})

t.test('R22 over HTTP/2, beside other streams', async (t) => {
  const client = await Http2Client.connect(gateway, { door: 'public' })
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const send = (loginId: string) => client.send('POST', '/login', { headers, body: `loginId=${loginId}&password=x` })
  const [refused, passed, other] = await Promise.all([send('user01'), send('pass01'), client.get('/other')])
  t.equal(refused.status, 403)
  t.equal(passed.status, 200)
  t.equal(JSON.parse(passed.text).body, 'loginId=pass01&password=x')
  t.equal(other.status, 200)
  client.close()
})

t.test('bodies arrive byte for byte, in their framing, with their trailers', async (t) => {
  const json = '{ "login\\u0049d" : "pass01",\r\n "password":"\\ud83d\\ude00 ü" }'
  const type = 'Content-Type: application/json\r\n'
  const client = await RawClient.connect(gateway, { door: 'public' })
  t.equal(JSON.parse((await client.send(Buffer.from(requestOf(json, type))).answer()).text).body, latin1(json))
  const form = 'x=1&&password=%41+%26&loginId=p%61ss01&y='
  const chunks = [...form].map((letter) => `1\r\n${letter}\r\n`).join('')
  const head = 'POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n'
  client.send(`${head}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\nX-Sum: 1\r\n\r\n`)
  const seen = JSON.parse((await client.answer()).text)
  t.equal(seen.body, form)
  t.strictSame(seen.trailers, ['X-Sum: 1'])
  t.ok(seen.fields.some(([name]: [string]) => name.toLowerCase() === 'transfer-encoding'))
  // Byte after byte, and the next request right behind it.
  for (const letter of formLogin('pass01')) client.send(letter)
  client.send('GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n')
  t.equal(JSON.parse((await client.answer()).text).body, 'loginId=pass01&password=secret')
  t.equal(JSON.parse((await client.answer()).text).target, '/next')
  client.close()
  const http2 = await Http2Client.connect(gateway, { door: 'public' })
  const exchange = http2.request(
    { ':method': 'POST', ':path': '/login', 'content-type': 'application/json' },
    { bodyFollows: true },
  )
  for (const letter of '{"loginId":"pass02"}') exchange.stream.write(letter)
  exchange.stream.end()
  t.equal(JSON.parse((await exchange.answer()).text).body, '{"loginId":"pass02"}')
  http2.close()
})

t.test('a client that waits to be told to go on is told so, once', async (t) => {
  const client = await RawClient.connect(gateway, { door: 'public' })
  const [head = '', body = ''] = formLogin('pass01', 'Expect: 100-continue\r\n').split(/(?<=\r\n\r\n)/)
  client.send(head)
  t.equal((await client.head()).status, 100)
  const answer = await client.send(body).answer()
  t.equal(answer.status, 200)
  t.strictSame(answer.interim, [])
  const request = app.requests.at(-1)
  t.strictSame(request?.values('expect'), [], 'the application gets it whole')
  client.close()
})

t.test('curl, with a form and with JSON', async (t) => {
  const url = `https://127.0.0.1:${gateway.ports.public}/login`
  const curl = async (...words: string[]) =>
    (await run('curl', ['-sk', '-o', '/dev/null', '-w', '%{http_code} %{http_version}', ...words, url])).stdout
  const json = (id: string) => ['-H', 'Content-Type: application/json', '-d', `{"loginId":"${id}","password":"x"}`]
  for (const version of ['--http1.1', '--http2']) {
    const shown = version === '--http2' ? '2' : '1.1'
    t.equal(await curl(version, '-d', 'loginId=pass01', '-d', 'password=x'), `200 ${shown}`)
    t.equal(await curl(version, '-d', 'loginId=user01', '-d', 'password=x'), `403 ${shown}`)
    t.equal(await curl(version, ...json('pass01')), `200 ${shown}`)
    t.equal(await curl(version, ...json('user01')), `403 ${shown}`)
    t.equal(await curl(version, '-F', 'loginId=pass01'), `400 ${shown}`, 'multipart')
  }
})

t.test('another field and everything below, where the rule says so', async (t) => {
  const client = await RawClient.connect(gateway, { door: 'public' })
  const send = async (path: string, id: string) => {
    const body = `{"login_id":"${id}"}`
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`
    const one = await RawClient.connect(gateway, { door: 'public' })
    const { status } = await one.send(`${head}Content-Length: ${body.length}\r\n\r\n${body}`).answer()
    one.close()
    return status
  }
  t.equal(await send('/api/sessions', 'pass01'), 200)
  t.equal(await send('/api/sessions/v2/new', 'pass01'), 200)
  t.equal(await send('/api/sessions', 'user01'), 403)
  t.equal(await send('/api/sessions/v2/new', 'user01'), 403)
  t.equal(await send('/api/sessionsx', 'user01'), 200, 'no login')
  client.close()
})

t.test('pages and other requests of the door pass as before', async (t) => {
  const client = await RawClient.connect(gateway, { door: 'public' })
  t.equal((await client.get('/login').answer()).status, 200)
  t.equal((await client.get('/login?lang=ja').answer()).status, 200)
  const body = 'loginId=user01'
  client.send(`POST /feedback HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  t.equal((await client.answer()).status, 200)
  client.close()
})

t.test('a suspended user does not log in with a password; another one of the contract does', async (t) => {
  t.equal((await login('pass02')).status, 200)
  await store.setSuspended('pass02', true)
  await eventually(
    // The suspension may cut the very connection that asks.
    async () => (await login('pass02').catch(() => undefined))?.status,
    (status) => status === 403,
  )
  t.equal((await login('pass01')).status, 200)
})
