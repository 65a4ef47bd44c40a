// Goal: the application learns who is there: RFC 9440 fields with the right bytes, the plain Sekisho-* fields, forwarding
// fields, and an assertion that verifies against the JWKS of the public door.
// Method: raw requests through the real gateway; fields compared with the certificates, the assertion checked with jose.
import { createHash, X509Certificate } from 'node:crypto'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import t from 'tap'
import { calendarDay } from '../../src/base/calendar-day.ts'
import { eventually } from '../helpers/eventually.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const dayMs = 86_400_000
const app = await TestUpstream.start()
const gateway = await withGateway({
  upstreamPort: app.port,
  config: {
    directory: 'embedded',
    certificates: { mustBeRegistered: false },
    identity: { assertion: { audience: 'bank', lifetimeSeconds: 5 }, renewalDueDays: 40 },
  },
  seed: {
    contracts: [{ contractId: 'demo-shoji', loginMethod: 'certificate', certificateLimit: 100 }],
    users: [
      { loginId: 'user01', contractId: 'demo-shoji', role: 'general' },
      { loginId: 'master01', contractId: 'demo-shoji', role: 'master' },
    ],
    certificates: [],
    revoked: [],
  },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

let count = 0
async function forwarded(client: RawClient, more = '') {
  const path = `/identity-${++count}`
  t.equal((await client.get(path, more).answer()).status, 200)
  return app.request(path)
}

const bytesOf = (item: string) => {
  t.match(item, /^:[A-Za-z0-9+/]+={0,2}:$/)
  return Buffer.from(item.slice(1, -1), 'base64')
}

t.test('RFC 9440: Client-Cert and Client-Cert-Chain, each once, with the bytes of the certificates', async (t) => {
  const client = await RawClient.connect(gateway, { certificate: user01 })
  const request = await forwarded(client)
  const [leaf, ...moreLeaves] = request.values('client-cert')
  t.strictSame(moreLeaves, [])
  t.ok(bytesOf(leaf ?? '').equals(Buffer.from(user01.der)))
  const [chain, ...moreChains] = request.values('client-cert-chain')
  t.strictSame(moreChains, [])
  t.strictSame((chain ?? '').split(', ').map(bytesOf), [Buffer.from(gateway.issuingCa.der)])
  client.close()
})

t.test('the chain comes from the configuration, never from what the client sends along', async (t) => {
  const stranger = createTestCa({ commonName: 'stranger' })
  const certificate = { chainPem: user01.chainPem + stranger.certificatePem, keyPem: user01.keyPem }
  const client = await RawClient.connect(gateway, { certificate })
  const request = await forwarded(client)
  t.notMatch(request.head, Buffer.from(stranger.der).toString('base64').slice(0, 60))
  t.strictSame((request.values('client-cert-chain')[0] ?? '').split(', ').map(bytesOf), [
    Buffer.from(gateway.issuingCa.der),
  ])
  client.close()
})

t.test('R24: plain fields name the login ID, so that the user types the password only', async (t) => {
  const client = await RawClient.connect(gateway, { certificate: user01 })
  const request = await forwarded(client)
  const { validToDate } = new X509Certificate(user01.certificatePem)
  const expected: Record<string, string> = {
    'Sekisho-Login-Method': 'certificate',
    'Sekisho-Login-Id': 'user01',
    'Sekisho-Contract-Id': 'demo-shoji',
    'Sekisho-User-Role': 'general',
    'Sekisho-Certificate-Serial': user01.serial,
    'Sekisho-Certificate-Not-After': validToDate.toISOString().replace('.000Z', 'Z'),
    'Sekisho-Certificate-Days-Left': String(
      calendarDay(validToDate.getTime(), 'Asia/Tokyo') - calendarDay(Date.now(), 'Asia/Tokyo'),
    ),
    'Sekisho-Renewal-Due': '0',
  }
  for (const [name, value] of Object.entries(expected)) t.strictSame(request.values(name), [value], name)
  client.close()
})

t.test('R11: renewal is due when the days left are few', async (t) => {
  const nearly = gateway.issuingCa.issueClient({ commonName: 'master01', notAfterMs: Date.now() + 20.5 * dayMs })
  const client = await RawClient.connect(gateway, { certificate: nearly })
  const request = await forwarded(client)
  t.match(request.values('sekisho-certificate-days-left')[0], /^2[01]$/, 'midnights in between')
  t.strictSame(request.values('sekisho-renewal-due'), ['1'])
  t.strictSame(request.values('sekisho-user-role'), ['master'])
  client.close()
})

t.test('R4: each connection has its own identity, also when users take turns', async (t) => {
  const master = gateway.issuingCa.issueClient({ commonName: 'master01' })
  const clients = [
    ['user01', await RawClient.connect(gateway, { certificate: user01 })],
    ['master01', await RawClient.connect(gateway, { certificate: master })],
  ] as const
  for (let i = 0; i < 20; i++) {
    for (const [loginId, client] of clients)
      t.strictSame((await forwarded(client)).values('sekisho-login-id'), [loginId])
  }
  for (const [, client] of clients) client.close()
})

t.test('each request has an id of its own', async (t) => {
  const client = await RawClient.connect(gateway, { certificate: user01 })
  const ids = new Set<string>()
  for (let i = 0; i < 10; i++) ids.add((await forwarded(client)).values('sekisho-request-id')[0] ?? '')
  t.equal(ids.size, 10)
  client.close()
})

t.test('forwarding fields say who came, to which host, by https', async (t) => {
  const client = await RawClient.connect(gateway, { certificate: user01 })
  const path = '/forwarding'
  client.send(`GET ${path} HTTP/1.1\r\nHost: localhost:8443\r\n\r\n`)
  await client.answer()
  const request = await app.request(path)
  t.strictSame(request.values('host'), ['localhost:8443'])
  t.strictSame(request.values('x-forwarded-for'), ['127.0.0.1'])
  t.strictSame(request.values('x-forwarded-proto'), ['https'])
  t.strictSame(request.values('x-forwarded-host'), ['localhost:8443'])
  t.strictSame(request.values('forwarded'), ['for=127.0.0.1;host="localhost:8443";proto=https'])
  client.close()
})

t.test('inbound forwarding fields are kept from trusted forwarders only, before our own', async (t) => {
  const trusting = await withGateway({
    upstreamPort: app.port,
    issuingCa: gateway.issuingCa,
    config: { http: { trustedForwarders: ['127.0.0.0/8'] } },
  })
  t.teardown(() => trusting.stop())
  const inbound = 'X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\n'
  const trusted = await RawClient.connect(trusting, { certificate: user01 })
  const kept = await forwarded(trusted, inbound)
  t.strictSame(kept.values('x-forwarded-for'), ['192.0.2.1', '127.0.0.1'])
  t.strictSame(kept.values('forwarded'), ['for=192.0.2.1', 'for=127.0.0.1;host="localhost";proto=https'])
  trusted.close()
  const stranger = await RawClient.connect(gateway, { certificate: user01 })
  const dropped = await forwarded(stranger, inbound)
  t.strictSame(dropped.values('x-forwarded-for'), ['127.0.0.1'])
  t.strictSame(dropped.values('forwarded').length, 1)
  stranger.close()
})

async function publishedKeys(): Promise<JSONWebKeySet> {
  const client = await RawClient.connect(gateway, { door: 'public' })
  const answer = await client.get('/.sekisho/jwks.json').answer()
  t.equal(answer.status, 200)
  t.match(answer.value('content-type'), /^application\/jwk-set\+json/)
  client.close()
  return JSON.parse(answer.text) as JSONWebKeySet
}

const assertionOf = (request: { values(name: string): readonly string[] }) => {
  const [token, ...more] = request.values('sekisho-assertion')
  t.strictSame(more, [])
  return token ?? ''
}

t.test('the assertion verifies against the published keys and is bound to the certificate', async (t) => {
  const keys = await publishedKeys()
  t.notMatch(JSON.stringify(keys), /"d"/, 'public keys only')
  const client = await RawClient.connect(gateway, { certificate: user01 })
  const token = assertionOf(await forwarded(client))
  const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(keys), {
    audience: 'bank',
    issuer: 'sekisho',
    algorithms: ['ES256'],
  })
  t.equal(protectedHeader.alg, 'ES256')
  t.match(payload, { sub: 'user01', login_method: 'certificate', contract_id: 'demo-shoji', role: 'general' })
  t.equal((payload.exp ?? 0) - (payload.iat ?? 0), 5)
  t.ok(Math.abs((payload.iat ?? 0) - Date.now() / 1_000) < 3)
  const thumbprint = createHash('sha256').update(user01.der).digest('base64url')
  t.strictSame(payload.cnf, { 'x5t#S256': thumbprint })
  await t.rejects(jwtVerify(token, createLocalJWKSet(keys), { audience: 'another' }))
  client.close()
})

t.test('the assertion of the public door names no user', async (t) => {
  const client = await RawClient.connect(gateway, { door: 'public' })
  const token = assertionOf(await forwarded(client))
  const { payload } = await jwtVerify(token, createLocalJWKSet(await publishedKeys()), { audience: 'bank' })
  t.equal(payload.sub, undefined)
  t.equal(payload.cnf, undefined)
  t.equal(payload.login_method, 'password')
  client.close()
})

t.test('an assertion is never sent close to its end, and each new one has a jti of its own', async (t) => {
  const keys = createLocalJWKSet(await publishedKeys())
  const client = await RawClient.connect(gateway, { certificate: user01 })
  const other = await RawClient.connect(gateway, { certificate: user01 })
  const ids = new Set<string>()
  const began = performance.now()
  // Over more than one life of 5 s. The application checks with no tolerance.
  await eventually(
    async () => {
      for (const one of [client, other]) {
        const { payload } = await jwtVerify(assertionOf(await forwarded(one)), keys, {
          audience: 'bank',
          clockTolerance: 0,
        })
        ids.add(payload.jti as string)
      }
      return performance.now() - began
    },
    (ms) => ms > 6_000,
    10_000,
  )
  t.ok(ids.size >= 4, `${ids.size} assertions on two connections`)
  client.close()
  other.close()
})
