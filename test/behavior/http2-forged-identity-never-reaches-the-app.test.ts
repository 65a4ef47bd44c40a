// Goal: over HTTP/2, as over HTTP/1.1, what the application reads as identity was written by the gateway: no spelling, repetition,
// crumb, trailer or opening of a WebSocket gets a client's own fields through (GHSA-5m6w-wvh7-57vm, CVE-2026-33433,
// GHSA-f59h-q822-g45g, CVE-2024-45410, CVE-2026-26308).
// Method: raw frames with forged fields; the application's head is folded as a CGI-like reader would.
import t, { type Test } from 'tap'
import {
  type Fields,
  FrameClient,
  frameFlags,
  frameTypes,
  headerBlock,
  requestFields,
} from '../helpers/frame-client.ts'
import { type AppRequest, acceptWebSocket, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({ upstreamPort: app.port, config: { limits: { headFieldsMax: 500 } } })
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

const names = [
  'client-cert',
  'client-cert-chain',
  'sekisho-login-method',
  'sekisho-login-id',
  'sekisho-contract-id',
  'sekisho-certificate-serial',
  'sekisho-assertion',
  'sekisho-request-id',
  'sekisho-anything',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-client-cert',
  'forwarded',
  'x-client-cert',
  'ssl-client-verify',
  'x-real-ip',
]
const spellings: Record<string, (name: string) => string> = {
  'as it is': (name) => name,
  'with _': (name) => name.replaceAll('-', '_'),
  'with .': (name) => name.replaceAll('-', '.'),
  'with _ and .': (name) => name.replace('-', '_').replaceAll('-', '.'),
}
const fold = (name: string) => name.toLowerCase().replace(/[_.]/g, '-')
const forged = (spell: (name: string) => string): Fields => names.map((name) => [spell(name), 'forged'] as const)

function assertGenuine(t: Test, request: AppRequest, message: string): void {
  t.notMatch(request.head, /forged/i, `${message}: nothing forged`)
  const found = (name: string) => request.fields.filter(([other]) => fold(other) === name).map(([, value]) => value)
  t.strictSame(found('sekisho-login-id'), ['user01'], message)
  t.strictSame(found('sekisho-login-method'), ['certificate'], message)
  t.strictSame(found('client-cert'), [`:${Buffer.from(user01.der).toString('base64')}:`], message)
  t.equal(found('sekisho-request-id').length, 1, message)
  t.strictSame(found('x-forwarded-for'), ['127.0.0.1'], message)
}

let count = 0
const streams = new WeakMap<FrameClient, number>()
async function forwarded(client: FrameClient, more: Fields): Promise<AppRequest> {
  const path = `/request-${++count}`
  const streamId = streams.get(client) ?? 1
  streams.set(client, streamId + 2)
  client.request(streamId, requestFields(path, more))
  if ((await client.statusOf(streamId)) !== 200) throw new Error(`${path} was not let through`)
  return app.request(path)
}

t.test('forged fields in every spelling, once, twice and empty', async (t) => {
  const client = await FrameClient.connect(gateway, { certificate: user01 })
  for (const [spelling, spell] of Object.entries(spellings)) {
    assertGenuine(t, await forwarded(client, forged(spell)), spelling)
    assertGenuine(t, await forwarded(client, [...forged(spell), ...forged(spell)]), `${spelling}, twice`)
    const empty = forged(spell).map(([name]) => [name, ''] as const)
    assertGenuine(t, await forwarded(client, empty), `${spelling}, empty`)
  }
  client.close()
})

t.test('names in capital letters, padded values, control bytes and Connection are no request at all', async (t) => {
  const wrong: Fields = [
    ['Sekisho-Login-Id', 'forged'],
    ['SEKISHO-LOGIN-ID', 'forged'],
    ['sekisho-login-id ', 'forged'],
    ['x', 'a\r\nSekisho-Login-Id: forged'],
    ['x', 'a\nSekisho-Login-Id: forged'],
    ['x\r\nsekisho-login-id', 'forged'],
    ['x', 'a\0'],
    ['connection', 'sekisho-login-id'],
    ['transfer-encoding', 'chunked'],
    [':sekisho-login-id', 'forged'],
  ]
  const client = await FrameClient.connect(gateway, { certificate: user01 })
  for (const [at, field] of wrong.entries()) {
    const streamId = at * 2 + 1
    client.request(streamId, requestFields('/never', [field]))
    t.equal(await client.resetOf(streamId), 'PROTOCOL_ERROR', JSON.stringify(field))
  }
  client.request(101, requestFields('/allowed', [['x-plain', 'a']]))
  t.equal(await client.statusOf(101), 200, 'the same with a sound field')
  client.close()
  t.strictSame(app.requestsFor('/never'), [])
})

t.test('forged trailers end here, sound ones pass', async (t) => {
  const client = await FrameClient.connect(gateway, { certificate: user01 })
  const fields = requestFields('/trailers').map(([name, value]) => [name, name === ':method' ? 'POST' : value] as const)
  client.request(1, fields, { bodyFollows: true }).data(1, Buffer.from('x'))
  const trailers: Fields = [...Object.values(spellings).flatMap(forged), ['x-checksum', '1']]
  const flags = frameFlags.endHeaders | frameFlags.endStream
  client.frame({ type: frameTypes.headers, flags, streamId: 1, payload: headerBlock(trailers) })
  t.equal(await client.statusOf(1), 200)
  const request = await app.request('/trailers')
  await request.body
  t.strictSame(
    request.trailers.map((line) => line.toLowerCase()),
    ['x-checksum: 1'],
  )
  assertGenuine(t, request, 'trailers')
  client.close()
})

t.test('crumbs of Cookie are one field, and hide nothing', async (t) => {
  const client = await FrameClient.connect(gateway, { certificate: user01 })
  const request = await forwarded(client, [
    ['cookie', 'a=1'],
    ['sekisho_login_id', 'forged'],
    ['cookie', 'b=2'],
    ['cookie', 'c=3'],
  ])
  t.strictSame(request.values('cookie'), ['a=1; b=2; c=3'])
  assertGenuine(t, request, 'crumbs')
  client.close()
})

t.test('a WebSocket that opens by CONNECT brings no field of ours either', async (t) => {
  app.handle(
    '/socket',
    acceptWebSocket(() => {}),
  )
  const client = await FrameClient.connect(gateway, { certificate: user01 })
  const own: Fields = [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    [':scheme', 'https'],
    [':authority', 'localhost'],
    [':path', '/socket'],
    ['sec-websocket-version', '13'],
  ]
  client.request(1, [...own, ...Object.values(spellings).flatMap(forged)], { bodyFollows: true })
  t.equal(await client.statusOf(1), 200)
  assertGenuine(t, await app.request('/socket'), 'CONNECT')
  client.close()
})

t.test('the public door vouches for nobody, whatever the client says', async (t) => {
  const client = await FrameClient.connect(gateway, { door: 'public', certificate: user01 })
  for (const [spelling, spell] of Object.entries(spellings)) {
    const request = await forwarded(client, forged(spell))
    t.notMatch(request.head, /forged|user01/i, spelling)
    t.strictSame(request.values('sekisho-login-method'), ['password'], spelling)
  }
  client.close()
})

t.test('paths of the gateway’s own never reach the application, not even by a route open to everybody', async (t) => {
  const open = await withGateway({
    upstreamPort: app.port,
    config: { routes: [{ name: 'open', pathPrefix: '/', upstream: 'app', certificate: 'optional' }] },
  })
  t.teardown(() => open.stop())
  const client = await FrameClient.connect(open)
  client.request(1, requestFields('/open'))
  t.equal(await client.statusOf(1), 200)
  client.request(3, requestFields('/.sekisho/anything'))
  t.equal(await client.statusOf(3), 403)
  t.strictSame(app.requestsFor('/.sekisho/anything'), [])
  client.close()
})
