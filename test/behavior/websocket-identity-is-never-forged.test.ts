// Goal: what an application reads as identity on an upgrade was written by the gateway, whatever spelling a client tries, on both
// roads (GHSA-5m6w-wvh7-57vm, CVE-2026-33433, GHSA-f59h-q822-g45g, CVE-2024-45410, CVE-2026-26308); sealed cookies are as on any request.
// Method: forged fields in every spelling on the handshake; the application's head is folded as a CGI-like reader would.
import t from 'tap'
import { type Fields, FrameClient, requestFields } from '../helpers/frame-client.ts'
import type { AppRequest } from '../helpers/upstream.ts'
import { webSocketRoads } from '../helpers/web-socket.ts'
import { WebSocketSetting } from './websocket-ends.ts'

const plain = 'plain-session-id-0123456789'
const setting = await WebSocketSetting.start(t, {
  config: {
    identity: { assertion: { audience: 'app' }, sealCookies: ['BANKSESSION'] },
    limits: { headFieldsMax: 500 },
  },
})
const { app, gateway } = setting
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const user02 = gateway.issuingCa.issueClient({ commonName: 'user02' })

const once = [
  'client-cert',
  'client-cert-chain',
  'sekisho-login-method',
  'sekisho-login-id',
  'sekisho-certificate-serial',
  'sekisho-assertion',
  'sekisho-request-id',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'forwarded',
]
const never = [
  'sekisho-contract-id',
  'sekisho-user-role',
  'sekisho-anything',
  'x-client-cert',
  'x-ssl-client-cert',
  'ssl-client-verify',
  'x-forwarded-client-cert',
  'x-arr-clientcert',
  'x-real-ip',
]
const names = [...once, ...never]
const spellings: Readonly<Record<string, (name: string) => string>> = {
  'lower case': (name) => name,
  'upper case': (name) => name.toUpperCase(),
  'mixed case': (name) => [...name].map((c, i) => (i % 2 ? c.toUpperCase() : c)).join(''),
  'with _': (name) => name.replaceAll('-', '_'),
  'with .': (name) => name.replaceAll('-', '.'),
  'with _ and .': (name) => name.replace('-', '_').replaceAll('-', '.'),
}

/** What a reader that folds names finds. */
function folded(request: AppRequest): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const [name, value] of request.fields) {
    const key = name.toLowerCase().replace(/[_.]/g, '-')
    found.set(key, [...(found.get(key) ?? []), value])
  }
  return found
}

for (const over of webSocketRoads) {
  t.test(`forged fields, over ${over}`, async (t) => {
    for (const [spelling, spell] of Object.entries(spellings)) {
      // A name with a capital is no field of HTTP/2 at all (RFC 9113 8.2.1).
      if (over === 'h2' && /[A-Z]/.test(spell('sekisho-login-id'))) continue
      const forged = Object.fromEntries(names.map((name) => [spell(name), 'forged']))
      const nominated = over === 'h2' ? {} : { connection: `Upgrade, ${names.slice(0, 20).map(spell).join(', ')}` }
      for (const headers of [forged, { ...forged, ...nominated }]) {
        const { tunnel, side } = await setting.open({ over, certificate: user01, headers })
        const found = folded(side.request)
        t.notMatch(side.request.head, /forged/i, spelling)
        for (const name of once) t.equal(found.get(name)?.length, 1, `${spelling}: ${name} is there once`)
        for (const name of never) t.notOk(found.has(name), `${spelling}: ${name}`)
        t.strictSame(found.get('sekisho-login-id'), ['user01'])
        t.strictSame(found.get('client-cert'), [`:${Buffer.from(user01.der).toString('base64')}:`])
        tunnel.destroy()
      }
    }
  })

  t.test(`a sealed cookie opens for its user only, over ${over}`, async (t) => {
    const agreement = `Set-Cookie: BANKSESSION=${plain}; Path=/; HttpOnly\r\nSekisho-Login-Id: user02\r\n`
    const first = await setting.open({ over, certificate: user01, agreement })
    const [cookie = ''] = String(first.tunnel.headers['set-cookie']).split(';')
    t.match(cookie, /^BANKSESSION=s1\./, 'what a handshake sets is sealed')
    t.notMatch(cookie, plain)
    t.equal(first.tunnel.headers['sekisho-login-id'], undefined, 'and none of our fields leaves with it')
    first.tunnel.destroy()
    const cases = [
      { certificate: user01, sent: cookie, seen: [`BANKSESSION=${plain}`] },
      { certificate: user02, sent: `a=1; ${cookie}`, seen: ['a=1'] },
      { certificate: user01, sent: `BANKSESSION=${plain}`, seen: [] },
      { door: 'public' as const, sent: cookie, seen: [] },
    ]
    for (const { sent, seen, ...who } of cases) {
      const { tunnel, side } = await setting.open({ over, headers: { cookie: sent }, ...who })
      t.strictSame(side.request.values('cookie'), seen)
      tunnel.destroy()
    }
  })
}

t.test('a name with capitals ends a stream of HTTP/2 before the application hears of it', async (t) => {
  const seen = app.requests.length
  const client = await FrameClient.connect(gateway, { certificate: user01 })
  const fields: Fields = [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    ...requestFields('/capitals', [['Sekisho-Login-Id', 'user02']]).slice(1),
  ]
  client.request(1, fields, { bodyFollows: true })
  t.equal(await client.resetOf(1), 'PROTOCOL_ERROR')
  t.equal(app.requests.length, seen)
  client.close()
})
