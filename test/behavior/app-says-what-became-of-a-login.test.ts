// Goal: an application that says what became of a login (`Sekisho-Login-Result`) is counted and logged, on both doors and over both
// versions of HTTP; the client never sees the field, however it is spelt; what nobody says is not counted.
// Method: raw answers of the application, one of each kind; the client's head, the counters and the access log.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { answerAfterHints, answerWithTrailers, plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({ upstreamPort: app.port, config: { accessLog: { file: 'access.log' } } })
const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

const results = ['accepted', 'refused', 'locked', 'unknown']
const doors = ['certificate', 'public'] as const

async function counts(): Promise<Record<string, number | undefined>> {
  const found: Record<string, number | undefined> = {}
  for (const door of doors)
    for (const result of results)
      found[`${door} ${result}`] = await gateway.metric('sekisho_app_logins_total', { door, result })
  return found
}

/** The line of the access log on this path. */
async function lineOf(path: string): Promise<Record<string, unknown>> {
  const lines = () =>
    readFileSync(join(gateway.folder, 'access.log'), 'utf8')
      .split('\n')
      .filter((line) => line.includes(`"${path}"`))
  return JSON.parse((await eventually(lines, (found) => found.length > 0))[0] as string)
}

let paths = 0
/** What the client got of an answer with these lines, and how the counters changed. */
async function ask(door: (typeof doors)[number], version: 'http1' | 'http2', answer: string) {
  const path = `/login-${++paths}`
  app.answer(path, answer)
  const before = await counts()
  const options = door === 'certificate' ? { door, certificate } : { door }
  let seen: string
  if (version === 'http1') {
    const client = await RawClient.connect(gateway, options)
    const { head, trailers } = await client.get(path).answer()
    seen = head + trailers.join()
    client.close()
  } else {
    const client = await Http2Client.connect(gateway, options)
    const { headers, trailers, interim } = await client.get(path)
    seen = JSON.stringify([headers, trailers, interim])
    client.close()
  }
  const { loginResult } = await lineOf(path)
  const after = await counts()
  const changed = Object.keys(after).filter((name) => after[name] !== before[name])
  return { seen: seen.toLowerCase(), loginResult, changed, path }
}

t.test('every result is there from the start, with 0', async (t) => {
  for (const [name, value] of Object.entries(await counts())) t.equal(value, 0, name)
})

for (const door of doors) {
  for (const version of ['http1', 'http2'] as const) {
    t.test(`${door} door, ${version}: what is said is counted and logged, and not handed on`, async (t) => {
      for (const result of ['accepted', 'refused', 'locked']) {
        const { seen, loginResult, changed } = await ask(
          door,
          version,
          plainAnswer('in', `Sekisho-Login-Result: ${result}\r\nX-Kept: 1\r\n`),
        )
        t.equal(loginResult, result)
        t.strictSame(changed, [`${door} ${result}`])
        t.notMatch(seen, 'login-result')
        t.match(seen, 'x-kept')
      }
    })
  }
}

t.test('what is spelt otherwise, repeated or unknown is not handed on either', async (t) => {
  const said: readonly (readonly [lines: string, result: string])[] = [
    ['sekisho_login_result: accepted\r\n', 'accepted'],
    ['SEKISHO-LOGIN.RESULT: locked\r\n', 'locked'],
    ['Sekisho-Login-Result: Accepted\r\n', 'unknown'],
    ['Sekisho-Login-Result:\r\n', 'unknown'],
    ['Sekisho-Login-Result: maybe\r\n', 'unknown'],
    ['Sekisho-Login-Result: accepted\r\nsekisho_login-result: accepted\r\n', 'unknown'],
    ['Connection: Sekisho-Login-Result\r\nSekisho-Login-Result: refused\r\n', 'refused'],
    ['Sekisho-Other: x\r\nSekisho-Login-Result: refused\r\n', 'refused'],
  ]
  for (const version of ['http1', 'http2'] as const) {
    for (const [lines, result] of said) {
      const { seen, loginResult, changed } = await ask('public', version, plainAnswer('x', lines))
      t.equal(loginResult, result, lines)
      t.strictSame(changed, [`public ${result}`], lines)
      t.notMatch(seen, /login[-_.]result/, lines)
    }
  }
})

t.test('silence, hints and trailers are no result', async (t) => {
  const field = 'Sekisho-Login-Result: accepted\r\n'
  for (const version of ['http1', 'http2'] as const) {
    for (const answer of [
      plainAnswer('x'),
      plainAnswer('x', 'Sekisho-Login-Id: user02\r\n'),
      answerAfterHints('x', field),
      answerWithTrailers('x', field),
    ]) {
      const { seen, loginResult, changed } = await ask('public', version, answer)
      t.equal(loginResult, undefined)
      t.strictSame(changed, [])
      t.notMatch(seen, 'login-result')
    }
  }
})

t.test('a client that says it is not heard, neither here nor by the application', async (t) => {
  const before = await counts()
  const client = await RawClient.connect(gateway, { door: 'public' })
  t.equal((await client.get('/said-by-client', 'Sekisho-Login-Result: accepted\r\n').answer()).status, 200)
  client.close()
  t.strictSame((await app.request('/said-by-client')).values('sekisho-login-result'), [])
  t.equal((await lineOf('/said-by-client')).loginResult, undefined)
  t.strictSame(await counts(), before)
})

t.test('the audit log does not have it: it is the application’s claim', async (t) => {
  t.notMatch(readFileSync(join(gateway.folder, 'state', 'audit.log'), 'utf8'), /login.?result/i)
})
