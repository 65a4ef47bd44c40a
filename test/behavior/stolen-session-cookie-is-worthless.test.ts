// Goal: the application's session cookie works only with the certificate, and on the door, it was given to; the browser never
// sees its value; other cookies are untouched.
// Method: the application sets cookies, clients show them with their own certificate, another's, on the public door, tampered.
import t from 'tap'
import { RawClient } from '../helpers/raw-client.ts'
import { TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const sealingKey = Buffer.alloc(32, 7).toString('base64')
const config = { identity: { sealCookies: ['BANKSESSION', '__Host-second'], sealingKey } }
const gateway = await withGateway({ upstreamPort: app.port, config })
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const user02 = gateway.issuingCa.issueClient({ commonName: 'user02' })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

const plain = 'plain-session-id-0123456789'
app.answer(
  '/login',
  `HTTP/1.1 200 OK\r\nSet-Cookie: BANKSESSION=${plain}; Path=/; HttpOnly; SameSite=Lax; Max-Age=600\r\n` +
    'Set-Cookie: theme=dark; Path=/\r\nSet-Cookie: __Host-second="quoted"; Secure\r\nContent-Length: 0\r\n\r\n',
)

const setCookies = (answer: { fields: readonly (readonly [string, string])[] }) =>
  answer.fields.filter(([name]) => name.toLowerCase() === 'set-cookie').map(([, value]) => value)

type Options = NonNullable<Parameters<typeof RawClient.connect>[1]>

/** Logs in and returns what the browser would keep: name=value pairs. */
async function login(options: Options): Promise<string[]> {
  const client = await RawClient.connect(gateway, options)
  const answer = await client.get('/login').answer()
  client.close()
  return setCookies(answer).map((value) => value.split(';')[0] as string)
}

let count = 0
/** Cookie values the application sees when the client sends these. */
async function seen(options: Options, ...cookies: string[]): Promise<readonly string[]> {
  const client = await RawClient.connect(gateway, options)
  const path = `/seen-${++count}`
  t.equal((await client.get(path, cookies.map((value) => `Cookie: ${value}\r\n`).join('')).answer()).status, 200)
  client.close()
  return (await app.request(path)).values('cookie')
}

t.test('the browser gets a sealed value and every attribute; the application gets its own value back', async (t) => {
  const client = await RawClient.connect(gateway, { certificate: user01 })
  const answer = await client.get('/login').answer()
  client.close()
  const [session = '', theme, second = ''] = setCookies(answer)
  t.match(session, /^BANKSESSION=s1\.[0-9a-z]+\.[A-Za-z0-9_-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/)
  t.equal(theme, 'theme=dark; Path=/')
  t.match(second, /^__Host-second=s1\..*; Secure$/)
  t.notMatch(answer.head, plain)
  const pairs = [session, second].map((value) => value.split(';')[0])
  t.strictSame(await seen({ certificate: user01 }, `a=1; ${pairs[0]}; theme=dark;${pairs[1]}`), [
    `a=1; BANKSESSION=${plain}; theme=dark; __Host-second="quoted"`,
  ])
})

t.test('a stolen session cookie with another certificate is dropped', async (t) => {
  const [session = ''] = await login({ certificate: user01 })
  t.strictSame(await seen({ certificate: user02 }, session), [])
  t.strictSame(await seen({ certificate: user02 }, `a=1; ${session}; b=2`), ['a=1; b=2'])
  const again = gateway.issuingCa.issueClient({ commonName: 'user01' })
  t.strictSame(
    await seen({ certificate: again }, session),
    [`BANKSESSION=${plain}`],
    'a renewed certificate of the same user is no theft',
  )
})

t.test('a stolen session cookie on the public door is dropped, and the other way round', async (t) => {
  const [session = ''] = await login({ certificate: user01 })
  t.strictSame(await seen({ door: 'public' }, session), [])
  const [publicSession = ''] = await login({ door: 'public' })
  t.strictSame(await seen({ door: 'public' }, publicSession), [`BANKSESSION=${plain}`])
  t.strictSame(await seen({ certificate: user01 }, publicSession), [])
})

t.test('an unsealed or tampered session cookie is dropped', async (t) => {
  const [session = ''] = await login({ certificate: user01 })
  const [name, value = ''] = session.split('=')
  const [version, epoch = '', body = ''] = value.split('.')
  const flip = (at: number) => `${body.slice(0, at)}${body[at] === 'A' ? 'B' : 'A'}${body.slice(at + 1)}`
  const later = (Number.parseInt(epoch, 36) - 1).toString(36)
  const tampered: Record<string, string> = {
    unsealed: plain,
    empty: '',
    'first byte': `${version}.${epoch}.${flip(0)}`,
    'middle byte': `${version}.${epoch}.${flip(Math.floor(body.length / 2))}`,
    'last byte': `${version}.${epoch}.${flip(body.length - 2)}`,
    shortened: `${version}.${epoch}.${body.slice(0, -4)}`,
    lengthened: `${version}.${epoch}.${body}AAAA`,
    padded: `${value}=`,
    'another epoch': `${version}.${later}.${body}`,
    'an epoch of another spelling': `${version}.0${epoch}.${body}`,
    'another version': `s2.${epoch}.${body}`,
    'a part more': `${value}.x`,
    quoted: `"${value}"`,
  }
  for (const [what, text] of Object.entries(tampered))
    t.strictSame(await seen({ certificate: user01 }, `${name}=${text}`), [], what)
  t.strictSame(
    await seen({ certificate: user01 }, `__Host-second=${value}`),
    [],
    'under the name of another sealed cookie',
  )
})

t.test('names an application might take for the session cookie do not carry a plain value past the seal', async (t) => {
  const names = [
    'BANKSESSION',
    'banksession',
    'BankSession',
    ' BANKSESSION ',
    '"BANKSESSION"',
    'BANKSESSIO%4e',
    '%42ANKSESSION',
    '__host-second',
    '__Host_second',
    '__Host.second',
    '\xa0BANKSESSION',
  ]
  for (const name of names)
    t.strictSame(await seen({ certificate: user01 }, `a=1; ${name}=${plain}`), ['a=1'], JSON.stringify(name))
  t.strictSame(await seen({ certificate: user01 }, `BANKSESSION; a=1`), ['a=1'], 'a name without a value')
})

t.test('several cookies of the same name, and several Cookie fields: each is judged by itself', async (t) => {
  const [session = ''] = await login({ certificate: user01 })
  const [stolen = ''] = await login({ certificate: user02 })
  const value = `BANKSESSION=${plain}`
  t.strictSame(await seen({ certificate: user01 }, `${stolen}; ${session}`), [value])
  t.strictSame(await seen({ certificate: user01 }, stolen, session, 'a=1'), [value, 'a=1'])
})

t.test('other cookies are untouched', async (t) => {
  const others = 'a=1; b="x y"; c=a=b=c; d; BANKSESSION2=x; XBANKSESSION=y; e=%41,f=2'
  t.strictSame(await seen({ certificate: user01 }, others), [others])
})

t.test('a cookie that is taken back stays taken back', async (t) => {
  app.answer('/logout', 'HTTP/1.1 200 OK\r\nSet-Cookie: BANKSESSION=; Path=/; Max-Age=0\r\nContent-Length: 0\r\n\r\n')
  const client = await RawClient.connect(gateway, { certificate: user01 })
  const [cookie = ''] = setCookies(await client.get('/logout').answer())
  t.match(cookie, /^BANKSESSION=[^;]*; Path=\/; Max-Age=0$/)
  client.close()
})

t.test(
  'a second gateway with the same key opens what the first has sealed; one with another key does not',
  async (t) => {
    const [session = ''] = await login({ certificate: user01 })
    for (const [key, expected] of [
      [sealingKey, [`BANKSESSION=${plain}`]],
      [Buffer.alloc(32, 8).toString('base64'), []],
    ] as const) {
      const other = await withGateway({
        upstreamPort: app.port,
        issuingCa: gateway.issuingCa,
        config: { identity: { ...config.identity, sealingKey: key } },
      })
      t.teardown(() => other.stop())
      const client = await RawClient.connect(other, { certificate: user01 })
      const path = `/second-${key.slice(0, 4).replaceAll('/', '_')}`
      await client.get(path, `Cookie: ${session}\r\n`).answer()
      t.strictSame((await app.request(path)).values('cookie'), expected)
      client.close()
    }
  },
)
