// Goal: R15: a master who revokes their own certificate reads the result on the connection they asked on, and then it is cut; everything
// else of theirs is cut at once, and so is a request to an own page that somebody else's revocation finds under way.
// Method: raw clients over HTTP/1.1 and HTTP/2 at the real gateway and its pages; the application holds requests open.
import t from 'tap'
import { demoPasswordHashes, demoPasswords } from '../../src/demo/demo-people.ts'
import { usersWords } from '../../src/portal/users-words.ts'
import { operatorOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { seedOf } from './directory-seed.ts'

const protocols = ['http/1.1', 'h2'] as const
const revokePath = '/.sekisho/users/revoke'
const { ownDoneTitle } = usersWords.ja

const issuingCa = createTestCa({ commonName: 'test-issuing-ca' })
const loginIds = ['general01', ...['own', 'page', 'half'].flatMap((what) => [1, 2].map((n) => `master-${what}${n}`))]
const certificates = new Map(loginIds.map((commonName) => [commonName, issuingCa.issueClient({ commonName })]))
const seed = seedOf(issuingCa, Object.fromEntries([...certificates].map(([loginId, one]) => [loginId, [one]])))

const app = await TestUpstream.start()
app.handle('/hold', () => {})
const gateway = await withGateway({
  upstreamPort: app.port,
  issuingCa,
  config: { directory: 'embedded', revocation: { pollMs: 10 } },
  seed: { ...seed, users: seed.users.map((user) => ({ ...user, credentials: demoPasswordHashes })) },
})
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

function certificateOf(loginId: string): TestCertificate {
  const certificate = certificates.get(loginId)
  if (certificate === undefined) throw new Error(`No certificate of ${loginId}`)
  return certificate
}

const heldBy = (loginId: string) =>
  app.requestsFor('/hold').filter((request) => request.values('sekisho-login-id')[0] === loginId)

/** A form as a page of the door sends it; a browser says where it comes from. */
function post(path: string, body: string, more: Readonly<Record<string, string>> = {}) {
  const fields = {
    origin: 'https://localhost',
    'accept-language': 'ja',
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': String(body.length),
    ...more,
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return {
    http1: `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}\r\n${body}`,
    http2: { ...fields, ':method': 'POST', ':path': path, ':authority': 'localhost' },
  }
}

/** Asks for a connection of this protocol to do one POST, and gives the answer with how the connection ended. */
async function revokeOwn(loginId: string, protocol: (typeof protocols)[number]) {
  const body = `user=${loginId}&password=${demoPasswords.confirmation}`
  const form = post(revokePath, body)
  const certificate = certificateOf(loginId)
  if (protocol === 'http/1.1') {
    const client = await RawClient.connect(gateway, { certificate })
    const { status, text } = await client.send(form.http1).answer()
    const more = await client.untilEnd()
    return { status, text, more: more.length, ended: await client.closed }
  }
  const client = await Http2Client.connect(gateway, { certificate })
  const beside = client.request({ ':path': '/hold' })
  await eventually(
    () => heldBy(loginId).length,
    (count) => count === 3,
  )
  const asked = client.request(form.http2, { bodyFollows: true })
  asked.stream.end(body)
  const [{ status, text }, besideAnswer] = await Promise.all([
    asked.answer(),
    beside.answer().then(
      () => 1,
      () => 0,
    ),
  ])
  return { status, text, more: besideAnswer, ended: await client.closed }
}

for (const [index, protocol] of protocols.entries()) {
  t.test(`R15 the result of one’s own revocation is read whole, then the connection is cut: ${protocol}`, async (t) => {
    const loginId = `master-own${index + 1}`
    const certificate = certificateOf(loginId)
    const http1 = await RawClient.connect(gateway, { certificate })
    const http2 = await Http2Client.connect(gateway, { certificate })
    const general = await RawClient.connect(gateway, { certificate: certificateOf('general01') })
    http1.get('/hold')
    const held = http2.request({ ':path': '/hold' })
    held.answer().catch(() => {})
    await eventually(
      () => heldBy(loginId).length,
      (count) => count === 2,
    )

    const result = await revokeOwn(loginId, protocol)
    t.equal(result.status, 200)
    t.match(result.text, ownDoneTitle)
    t.match(result.text, /<\/html>\s*$/, 'to its last byte')
    t.equal(result.more, 0, 'and nothing else is answered on that connection')
    t.equal(result.ended, undefined, 'an end, not a reset: the page is read before it')

    t.equal((await http1.untilEnd()).length, 0, 'a request of theirs to the application ends without an answer')
    await http2.closed
    t.strictSame(http2.goAways, [], 'cut, not drained')
    await eventually(() => heldBy(loginId).every(({ socket }) => socket.destroyed || socket.readableEnded), Boolean)
    t.equal((await general.get('/after').answer()).status, 200, 'another user of the contract stays connected')
    general.close()

    const next = await RawClient.connect(gateway, { certificate })
    const refused = await next.get('/next', 'Accept: application/json\r\n').answer()
    t.equal(JSON.parse(refused.text).reason, 'certificate_revoked')
    t.strictSame(app.requestsFor('/next'), [])
  })
}

const operator = operatorOf(gateway)

async function revokeBySecurity(loginId: string): Promise<number> {
  const { serial } = certificateOf(loginId)
  const request = { certificates: [{ issuer: 'test-issuing-ca', serial }] }
  return (await operator.call('POST', '/v1/revocations', request)).body.connectionsCut
}

// The second: whoever has not finished asking has not revoked their own, on whatever page.
for (const [what, path] of [
  ['page', '/.sekisho/users/unlock'],
  ['half', revokePath],
] as const) {
  t.test(`a revocation by the security team does not wait for a half-sent request to ${path}`, async (t) => {
    const body = `user=general01&password=${demoPasswords.confirmation}`
    // The pages say so when they have the head.
    const form = post(path, body, { expect: '100-continue' })
    const [one, two] = [`master-${what}1`, `master-${what}2`]
    const http1 = await RawClient.connect(gateway, { certificate: certificateOf(one) })
    http1.send(form.http1.slice(0, -10))
    t.equal((await http1.head()).status, 100)
    const http2 = await Http2Client.connect(gateway, { certificate: certificateOf(two) })
    const asked = http2.request(form.http2, { bodyFollows: true })
    asked.answer().catch(() => {})
    asked.stream.write(body.slice(0, -10))
    await eventually(
      () => asked.interim.map(({ status }) => status),
      ([status]) => status === 100,
    )

    t.equal(await revokeBySecurity(one), 1)
    // Whoever was let finish would be answered.
    http1.send(form.http1.slice(-10))
    t.equal((await http1.untilEnd()).length, 0)
    t.equal(await revokeBySecurity(two), 1)
    if (!asked.stream.destroyed) asked.stream.end(body.slice(-10))
    await http2.closed
    t.strictSame(http2.goAways, [], 'cut, not drained')
    await asked.closed
    const general = await RawClient.connect(gateway, { certificate: certificateOf('general01') })
    t.equal((await general.get('/after').answer()).status, 200, 'nothing was revoked by it')
    general.close()
  })
}
