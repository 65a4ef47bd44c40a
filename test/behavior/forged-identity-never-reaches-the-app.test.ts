// Goal: what the application reads as identity was written by the gateway: no spelling, repetition, nomination or trailer of a
// client's gets through, and none of them removes the gateway's own fields.
// Method: forged fields in every form are sent on both doors; the application's raw head is folded as a CGI-like reader would.
import t, { type Test } from 'tap'
import { RawClient } from '../helpers/raw-client.ts'
import { type AppRequest, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({
  upstreamPort: app.port,
  config: { identity: { assertion: { audience: 'app' } }, limits: { headFieldsMax: 500 } },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

const ours = [
  'Client-Cert',
  'Client-Cert-Chain',
  'Sekisho-Login-Method',
  'Sekisho-Login-Id',
  'Sekisho-Contract-Id',
  'Sekisho-User-Role',
  'Sekisho-Certificate-Serial',
  'Sekisho-Certificate-Not-After',
  'Sekisho-Certificate-Days-Left',
  'Sekisho-Renewal-Due',
  'Sekisho-Assertion',
  'Sekisho-Request-Id',
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'Forwarded',
]
/** Names by which applications know other gateways, and names Sekisho may use one day. */
const others = [
  'X-Client-Cert',
  'X-SSL-Client-Cert',
  'SSL-Client-Verify',
  'SSL_CLIENT_S_DN',
  'X-SSL-Client-S-DN',
  'X-Forwarded-Client-Cert',
  'X-Forwarded-Tls-Client-Cert',
  'X-Forwarded-Tls-Client-Cert-Info',
  'X-ARR-ClientCert',
  'X-Amzn-Mtls-Clientcert',
  'X-Client-DN',
  'X-Client-Verify',
  'X-Real-IP',
  'X-Forwarded-Port',
  'X-Forwarded-Server',
  'Sekisho-Anything',
]
const absent = ['Sekisho-Contract-Id', 'Sekisho-User-Role']

const spellings: Record<string, (name: string) => string> = {
  'as it is': (name) => name,
  'lower case': (name) => name.toLowerCase(),
  'upper case': (name) => name.toUpperCase(),
  'mixed case': (name) => [...name].map((c, i) => (i % 2 ? c.toUpperCase() : c.toLowerCase())).join(''),
  'with _': (name) => name.replaceAll('-', '_'),
  'with .': (name) => name.replaceAll('-', '.'),
  'with _ and .': (name) => name.replace('-', '_').replaceAll('-', '.'),
  'with - and _, upper case': (name) => name.replace(/-(?=[^-]*$)/, '_').toUpperCase(),
}

const fold = (name: string) => name.toLowerCase().replace(/[_.]/g, '-')

/** What a reader that folds names finds, by folded name. */
function foldedFields(request: AppRequest): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const [name, value] of request.fields) found.set(fold(name), [...(found.get(fold(name)) ?? []), value])
  return found
}

function assertGenuine(t: Test, request: AppRequest, message: string): void {
  const found = foldedFields(request)
  t.notMatch(request.head, /forged/i, `${message}: nothing forged`)
  for (const name of ours) {
    t.equal(found.get(fold(name))?.length ?? 0, absent.includes(name) ? 0 : 1, `${message}: ${name}`)
    t.equal(request.values(name).length, absent.includes(name) ? 0 : 1, `${message}: ${name} in its own spelling`)
  }
  for (const name of others) t.notOk(found.has(fold(name)), `${message}: ${name}`)
  t.strictSame(found.get('sekisho-login-id'), ['user01'], message)
  t.strictSame(found.get('sekisho-login-method'), ['certificate'], message)
  t.strictSame(found.get('client-cert'), [`:${Buffer.from(user01.der).toString('base64')}:`], message)
}

let count = 0
async function forwarded(client: RawClient, fields: string): Promise<AppRequest> {
  const path = `/request-${++count}`
  t.equal((await client.get(path, fields).answer()).status, 200)
  return app.request(path)
}

const lines = (names: readonly string[], value = 'forged') => names.map((name) => `${name}: ${value}\r\n`).join('')

t.test(
  'GHSA-5m6w-wvh7-57vm, CVE-2026-33433, CVE-2026-26308: forged fields in every spelling are removed',
  async (t) => {
    const client = await RawClient.connect(gateway, { certificate: user01 })
    for (const [spelling, spell] of Object.entries(spellings)) {
      const names = [...ours, ...others].map(spell)
      assertGenuine(t, await forwarded(client, lines(names)), spelling)
      assertGenuine(t, await forwarded(client, lines(names) + lines(names, 'forged too')), `${spelling}, repeated`)
      assertGenuine(t, await forwarded(client, lines(names, '')), `${spelling}, empty`)
    }
    client.close()
  },
)

t.test(
  'CVE-2024-45410, GHSA-f59h-q822-g45g: nominating our fields in Connection removes the client’s copies, never ours',
  async (t) => {
    const client = await RawClient.connect(gateway, { certificate: user01 })
    for (const [spelling, spell] of Object.entries(spellings)) {
      for (const names of [ours.slice(0, 8), ours.slice(8), others]) {
        const nominated = names.map(spell).join(', ')
        const fields = `Connection: ${nominated}\r\n${lines(names.map(spell))}`
        assertGenuine(t, await forwarded(client, fields), `nominated ${spelling}`)
      }
    }
    client.close()
  },
)

t.test('fields nominated by Connection end here, whatever stands before or behind', async (t) => {
  const client = await RawClient.connect(gateway, { certificate: user01 })
  const request = await forwarded(
    client,
    'X-Hop: forged\r\nConnection: x-hop, Cookie\r\nx-HOP: forged\r\nCookie: a=forged\r\n',
  )
  assertGenuine(t, request, 'nominated')
  for (const name of ['x-hop', 'cookie', 'connection']) t.strictSame(request.values(name), [], name)
  client.close()
})

t.test('hop-by-hop fields and twins of framing fields end here', async (t) => {
  const client = await RawClient.connect(gateway, { certificate: user01 })
  const names = [
    'Keep-Alive',
    'Proxy',
    'Proxy-Authorization',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'Upgrade',
    'Transfer_Encoding',
    'Content.Length',
    'HTTP2-Settings',
  ]
  const request = await forwarded(
    client,
    lines(names.map((name) => name)).replace('Proxy-Connection: forged', 'Proxy-Connection: keep-alive'),
  )
  assertGenuine(t, request, 'hop-by-hop')
  for (const name of names) t.notOk(foldedFields(request).has(fold(name)), name)
  client.close()
})

t.test('forged trailers of a chunked request end here', async (t) => {
  const client = await RawClient.connect(gateway, { certificate: user01 })
  const trailers = Object.values(spellings).flatMap((spell) => [...ours, ...others].map(spell))
  for (let at = 0; at < trailers.length; at += 100) {
    const path = `/trailers-${at}`
    const names = trailers.slice(at, at + 100)
    client.send(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nTrailer: ${names[0]}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n${lines(names)}\r\n`,
    )
    t.equal((await client.answer()).status, 200)
    const request = await app.request(path)
    await request.body
    t.strictSame(request.trailers, [])
    assertGenuine(t, request, 'trailers')
  }
  client.close()
})

t.test('folded or blank-padded forged fields are no request at all', async (t) => {
  for (const bytes of [
    'A: b\r\n Sekisho-Login-Id: forged\r\n',
    'Sekisho-Login-Id : forged\r\n',
    'Sekisho-Login-Id\t: forged\r\n',
    '\x00Sekisho-Login-Id: forged\r\n',
    'Sekisho-Login-Id\x00: forged\r\n',
    'A: b\rSekisho-Login-Id: forged\r\n',
  ]) {
    const client = await RawClient.connect(gateway, { certificate: user01 })
    t.equal((await client.get('/never', bytes).answer()).status, 400, JSON.stringify(bytes))
  }
  t.strictSame(app.requestsFor('/never'), [])
})

t.test(
  'on the public door there is no identity but Sekisho-Login-Method: password, whatever the client says',
  async (t) => {
    // Even a client that would have a certificate shows none here: the door does not ask.
    const client = await RawClient.connect(gateway, { door: 'public', certificate: user01 })
    for (const [spelling, spell] of Object.entries(spellings)) {
      const request = await forwarded(client, lines([...ours, ...others].map(spell)))
      const found = foldedFields(request)
      t.notMatch(request.head, /forged|user01/i, spelling)
      const identity = [...found.keys()]
        .filter((name) => name.startsWith('sekisho-') || name.startsWith('client-cert'))
        .sort()
      t.strictSame(identity, ['sekisho-assertion', 'sekisho-login-method', 'sekisho-request-id'], spelling)
      t.strictSame(found.get('sekisho-login-method'), ['password'], spelling)
    }
    client.close()
  },
)

t.test('fields of ours in an answer do not reach the client', async (t) => {
  app.answer(
    '/leaks',
    'HTTP/1.1 200 OK\r\nSekisho-Login-Id: user01\r\nClient_Cert: x\r\nContent-Length: 0\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n',
  )
  const client = await RawClient.connect(gateway, { certificate: user01 })
  const answer = await client.get('/leaks').answer()
  t.notMatch(answer.head, /sekisho|client.cert|x-hop/i)
  client.close()
})

t.test(
  'a server name (SNI) never becomes more than a host name, even where a request without Host takes it',
  async (t) => {
    const names = [
      'localhost:\r\nSekisho-Login-Id: forged\r\nX: y',
      'localhost:1\r\n\r\nGET /request-smuggled HTTP/1.1\r\nHost: localhost',
      'LOCALHOST.',
      'localhost:80',
    ]
    for (const serverName of names) {
      const client = await RawClient.connect(gateway, { certificate: user01, serverName })
      const path = `/request-${++count}`
      const answer = await client.send(`GET ${path} HTTP/1.0\r\n\r\n`).answer()
      if (answer.status !== 200) {
        t.equal(answer.status, 421, JSON.stringify(serverName))
        continue
      }
      const request = await app.request(path)
      assertGenuine(t, request, JSON.stringify(serverName))
      t.strictSame(request.values('host'), ['localhost'])
    }
    t.strictSame(app.requestsFor('/request-smuggled'), [])
  },
)
