// Goal: on a route that is open to everybody the application hears of a user only when the certificate is good now; anybody else
// passes with no identity at all, and everywhere else is refused as ever. On a route that wants a certificate the public door
// refuses. Method: clients with good, missing, expired, revoked and foreign certificates, over HTTP/1.1 and HTTP/2, on all routes.
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import t, { type Test } from 'tap'
import { operatorOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient, type RawOptions } from '../helpers/raw-client.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { type AppRequest, acceptWebSocket, TestUpstream, type UpgradedSide } from '../helpers/upstream.ts'
import { openTunnel, UpgradeRefused } from '../helpers/web-socket.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({
  upstreamPort: app.port,
  config: {
    routes: [
      { name: 'main', upstream: 'app', doors: ['certificate'] },
      { name: 'open', upstream: 'app', pathPrefix: '/open', certificate: 'optional', doors: ['certificate'] },
      { name: 'public', upstream: 'app', doors: ['public'] },
      { name: 'wanted', upstream: 'app', pathPrefix: '/wanted', certificate: 'required' },
    ],
    identity: {
      assertion: { audience: 'bank' },
      sealCookies: ['BANKSESSION'],
      sealingKey: Buffer.alloc(32, 7).toString('base64'),
    },
    limits: { webSocketsPerUserMax: 2 },
    revocation: { maxStalenessSeconds: 1, pollMs: 20 },
  },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const revoked = gateway.issuingCa.issueClient({ commonName: 'user02' })
const dayMs = 86_400_000
const strangers: Record<string, RawOptions['certificate']> = {
  certificate_missing: undefined,
  certificate_expired: gateway.issuingCa.issueClient({ commonName: 'user01', notAfterMs: Date.now() - dayMs }),
  certificate_revoked: revoked,
  issuer_not_trusted: createTestCa({ commonName: 'another-ca' }).issueClient({ commonName: 'user01' }),
}
const json = 'Accept: application/json\r\n'
t.before(async () => {
  const certificates = [{ issuer: 'test-issuing-ca', serial: revoked.serial }]
  t.equal((await operatorOf(gateway).call('POST', '/v1/revocations', { certificates })).status, 200)
})
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

const connect = (certificate: RawOptions['certificate'], door: 'certificate' | 'public' = 'certificate') =>
  RawClient.connect(gateway, { door, ...(certificate && { certificate }) })

async function jwks(): Promise<ReturnType<typeof createLocalJWKSet>> {
  const client = await connect(undefined, 'public')
  const { text } = await client.get('/.sekisho/jwks.json').answer()
  client.close()
  return createLocalJWKSet(JSON.parse(text) as JSONWebKeySet)
}

/** Fields by which a gateway may vouch for somebody. */
const vouching = (request: AppRequest | undefined) =>
  request?.fields.filter(([name]) => /^(client-cert|sekisho-(?!request-id|assertion))/i.test(name))

async function vouchesForNobody(t: Test, request: AppRequest | undefined, message: string): Promise<void> {
  t.same(vouching(request), [['Sekisho-Login-Method', 'none']], message)
  const assertion = request?.values('sekisho-assertion') ?? []
  t.equal(assertion.length, 1)
  const { payload } = await jwtVerify(assertion[0] ?? '', await jwks(), { audience: 'bank' })
  t.match(payload, { login_method: 'none' })
  t.same([payload.sub, payload.cnf], [undefined, undefined])
}

const forged = 'Client-Cert: :AAAA:\r\nSekisho-Login-Id: user01\r\nSekisho-Login-Method: certificate\r\n'

for (const [reason, certificate] of Object.entries(strangers)) {
  t.test(`${reason}: passes the open route as nobody, and ends with the page elsewhere`, async (t) => {
    const client = await connect(certificate)
    for (const round of [1, 2]) {
      const path = `/open/${reason}-${round}`
      t.equal((await client.get(path, forged).answer()).status, 200, 'the connection stays')
      await vouchesForNobody(t, app.requestsFor(path)[0], reason)
    }
    const refused = await client.get(`/x-${reason}`, json).answer()
    t.same([refused.status, JSON.parse(refused.text).reason], [403, reason])
    t.equal(refused.value('connection'), 'close')
    await client.untilEnd()
    t.same(app.requestsFor(`/x-${reason}`), [])
  })

  t.test(`${reason}: the same over HTTP/2`, async (t) => {
    const http2 = await Http2Client.connect(gateway, certificate && { certificate })
    const path = `/open/${reason}-http2`
    t.equal((await http2.get(path, { 'sekisho-login-id': 'user01' })).status, 200)
    t.equal((await http2.send('POST', `${path}-post`, { body: 'x' })).status, 200)
    await vouchesForNobody(t, app.requestsFor(path)[0], reason)
    const refused = await http2.get(`/x-${reason}-http2`, { accept: 'application/json' })
    t.same([refused.status, JSON.parse(refused.text).reason], [403, reason])
    await http2.closed
    t.same(app.requestsFor(`/x-${reason}-http2`), [])
  })

  t.test(`${reason}: no spelling of another path makes it open`, async (t) => {
    for (const target of ['/openx', '/open/../x', '/open%2f..%2fx', '/open/..;/x', '/x/open', '/wanted/open', '/']) {
      const client = await connect(certificate)
      const answer = await client.get(target, json).answer()
      t.same([answer.status, JSON.parse(answer.text).reason], [403, reason], target)
      client.close()
    }
    const client = await connect(certificate)
    t.equal((await client.get('/.sekisho/jwks.json', json).answer()).status, 403, 'nor the gateway’s own pages')
    client.close()
  })
}

t.test('a user with a good certificate is known on the open route too', async (t) => {
  const client = await connect(user01)
  t.equal((await client.get('/open/known').answer()).status, 200)
  const request = app.requestsFor('/open/known')[0]
  t.same(request?.values('sekisho-login-id'), ['user01'])
  t.same(request?.values('sekisho-login-method'), ['certificate'])
  t.equal(request?.values('client-cert').length, 1)
  client.close()
})

t.test('a cookie sealed for a user is neither opened nor kept for nobody, nor the other way round', async (t) => {
  app.answer('/open/login', 'HTTP/1.1 200 OK\r\nSet-Cookie: BANKSESSION=secret; Path=/\r\nContent-Length: 0\r\n\r\n')
  const login = async (certificate: RawOptions['certificate']) => {
    const client = await connect(certificate)
    const cookie = (await client.get('/open/login').answer()).value('set-cookie')?.split(';')[0] ?? ''
    client.close()
    t.notMatch(cookie, 'secret')
    return cookie
  }
  const seen = async (certificate: RawOptions['certificate'], cookie: string) => {
    const path = `/open/seen-${app.requests.length}`
    const client = await connect(certificate)
    await client.get(path, `Cookie: a=1; ${cookie}\r\n`).answer()
    client.close()
    return app.requestsFor(path)[0]?.values('cookie')
  }
  const [own, nobodys] = [await login(user01), await login(undefined)]
  t.same(await seen(user01, own), ['a=1; BANKSESSION=secret'])
  for (const [reason, certificate] of Object.entries(strangers)) t.same(await seen(certificate, own), ['a=1'], reason)
  t.same(await seen(user01, nobodys), ['a=1'])
  t.same(await seen(undefined, 'BANKSESSION=secret'), ['a=1'])
})

t.test(
  'a certificate that expires on its connection ends it on the open route too; the next passes as nobody',
  async (t) => {
    const notAfterMs = Math.ceil((Date.now() + 2_000) / 1_000) * 1_000
    const certificate = gateway.issuingCa.issueClient({ commonName: 'user03', notAfterMs })
    const client = await connect(certificate)
    const http2 = await Http2Client.connect(gateway, { certificate })
    await client.get('/open/before').answer()
    t.same(app.requestsFor('/open/before')[0]?.values('sekisho-login-id'), ['user03'])
    await eventually(Date.now, (nowMs) => nowMs > notAfterMs + 1_000)
    const refused = await client.get('/open/late', json).answer()
    t.equal(JSON.parse(refused.text).reason, 'certificate_expired')
    await client.untilEnd()
    const refusedToo = await http2.get('/open/late', { accept: 'application/json' })
    t.equal(JSON.parse(refusedToo.text).reason, 'certificate_expired')
    await http2.closed
    t.same(app.requestsFor('/open/late'), [])
    const next = await connect(certificate)
    t.equal((await next.get('/open/after').answer()).status, 200)
    await vouchesForNobody(t, app.requestsFor('/open/after')[0], 'a new connection')
    next.close()
  },
)

t.test('with stale trust data nobody is vouched for, and the open route stays open', async (t) => {
  const database = join(gateway.folder, 'state', 'sekisho.db')
  const ask = async () => {
    const path = `/open/stale-${app.requests.length}`
    const client = await connect(user01)
    const { status } = await client.get(path).answer()
    client.close()
    return status === 200 ? app.requestsFor(path)[0]?.values('sekisho-login-method')[0] : status
  }
  t.equal(await ask(), 'certificate')
  renameSync(database, `${database}.away`)
  await eventually(ask, (method) => method === 'none')
  const client = await connect(user01)
  const refused = await client.get('/x', json).answer()
  t.same([refused.status, JSON.parse(refused.text).reason], [503, 'trust_data_stale'])
  renameSync(`${database}.away`, database)
  await eventually(ask, (method) => method === 'certificate')
})

t.test('who shows another’s certificate without being let in uses nothing of their WebSockets', async (t) => {
  const sides: UpgradedSide[] = []
  app.handle(
    '/open/socket',
    acceptWebSocket((side) => sides.push(side)),
  )
  const foreign = strangers.issuer_not_trusted
  const open = (certificate: RawOptions['certificate']) =>
    openTunnel(gateway, { over: 'http/1.1', path: '/open/socket', ...(certificate && { certificate }) })
  const refusal = (certificate: RawOptions['certificate']) =>
    open(certificate).then(
      () => 101,
      (error: unknown) => (error instanceof UpgradeRefused ? error.status : error),
    )
  const theirs = [await open(foreign), await open(foreign)]
  t.equal(await refusal(foreign), 503, 'no more for this address')
  const own = [await open(user01), await open(user01)]
  t.equal(await refusal(user01), 503)
  t.same(vouching(sides[0]?.request), [['Sekisho-Login-Method', 'none']])
  t.same(sides[2]?.request.values('sekisho-login-id'), ['user01'])
  for (const tunnel of [...theirs, ...own]) tunnel.destroy()
})

t.test('on a route that wants a certificate the public door says which one is missing', async (t) => {
  const visitor = await connect(undefined, 'public')
  t.equal((await visitor.get('/open/x').answer()).status, 200, 'its own route passes')
  const refused = await visitor.get('/wanted/x', 'Accept: text/html\r\nAccept-Language: en\r\n').answer()
  t.equal(refused.status, 403)
  t.match(refused.text, /certificate/i)
  await visitor.untilEnd()
  const http2 = await Http2Client.connect(gateway, { door: 'public' })
  const answer = await http2.get('/wanted/x', { accept: 'application/json' })
  t.same([answer.status, JSON.parse(answer.text).reason], [403, 'certificate_missing'])
  await http2.closed
  const user = await connect(user01)
  t.equal((await user.get('/wanted/x').answer()).status, 200)
  user.close()
  t.same(
    app.requestsFor('/wanted/x').map((request) => request.values('sekisho-login-id')),
    [['user01']],
  )
  const refusals = await gateway.metric('sekisho_verdicts_total', { door: 'public', verdict: 'certificate_missing' })
  t.equal(refusals, 2)
})
