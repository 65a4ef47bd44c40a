// Goal: whoever has the request id from a user's screen is told what happened, from the logs of a gateway, rotated ones too, and what
// is nobody's id is refused before a log is read. Method: a real gateway with both logs answers, refuses, cuts and fails requests over
// HTTP/1.1 and HTTP/2; the command line explains each in this process, with its admin door and without.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { operatorOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { runHere } from './with-cli.ts'

const app = await TestUpstream.start()
app.answer('/accounts', plainAnswer('balance'))
app.handle('/hold', () => {})
app.handle('/breaks', ({ socket }) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart'))
app.answer('/nonsense', 'HTTP/9 what\r\n\r\n')
const gateway = await withGateway({
  upstreamPort: app.port,
  config: { accessLog: { file: 'access.log' }, revocation: { pollMs: 10 } },
})
const operator = operatorOf(gateway)
const issue = (commonName: string) => gateway.issuingCa.issueClient({ commonName })
const accessLog = join(gateway.folder, 'access.log')
const auditLog = join(gateway.folder, 'state', 'audit.log')
const elsewhere = mkdtempSync(join(tmpdir(), 'sekisho-nobody-'))
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
  rmSync(elsewhere, { recursive: true })
})

const auditor = gateway.operatorsCa.issueClient({
  commonName: 'auditor-01',
  subject: [
    { oid: '2.5.4.11', value: 'auditor' },
    { oid: '2.5.4.3', value: 'auditor-01' },
  ],
})
writeFileSync(join(elsewhere, 'me.pem'), auditor.chainPem)
writeFileSync(join(elsewhere, 'me.key'), auditor.keyPem)
writeFileSync(join(elsewhere, 'ca.pem'), gateway.serverCaPem)
const access = [
  ...['--admin', `https://localhost:${gateway.ports.admin}`, '--cert', join(elsewhere, 'me.pem')],
  ...['--key', join(elsewhere, 'me.key'), '--ca', join(elsewhere, 'ca.pem')],
]

/** The command in a folder that is no clone, so that only what it is given is known. */
const run = (...args: string[]) => runHere(args, { folder: elsewhere })
const explain = (requestId: string, ...more: string[]) =>
  run('explain', requestId, '--config', gateway.configFile, ...more)

/** The request id of the one line of the access log with this target, once it is there. */
async function idOf(target: string): Promise<string> {
  const line = await eventually(
    async () =>
      (await readFile(accessLog, 'utf8').catch(() => '')).split('\n').find((text) => text.includes(`"${target}"`)),
    (found) => found !== undefined,
  )
  return JSON.parse(line ?? '').requestId
}

/** The audit log writes refusals together, a little later. */
const audited = (text: string) =>
  eventually(
    () => readFile(auditLog, 'utf8'),
    (log) => log.includes(text),
  )

async function revoke({ serial }: TestCertificate): Promise<void> {
  const certificates = [{ issuer: 'test-issuing-ca', serial }]
  await operator.call('POST', '/v1/revocations', { certificates, reason: 'keyCompromise', comment: 'laptop stolen' })
}

t.test('an answered request: who, what, where to, and that all is well', async (t) => {
  const user01 = issue('user01')
  const client = await RawClient.connect(gateway, { certificate: user01 })
  await client.get('/accounts').answer()
  const session = await Http2Client.connect(gateway, { certificate: user01 })
  await session.get('/accounts?from=http2')
  await session.send('POST', '/transfer', { body: 'amount=1' })
  client.close()
  session.close()
  const { exitCode, out, err } = await explain(await idOf('/accounts'))
  t.match({ exitCode, err }, { exitCode: 0, err: '' })
  for (const line of [
    /^Request [0-9a-z]{8}-[0-9a-z]+-1$/m,
    /^Ended +20\S+Z, 20[\d-]+ \d\d:\d\d:\d\d in Asia\/Tokyo \((now|\d+ seconds? ago)\); it took [\d.]+ ms$/m,
    /^Asked for +GET localhost\/accounts$/m,
    /^Door +certificate$/m,
    /^Who +user01, from 127\.0\.0\.1$/m,
    new RegExp(`^Certificate +serial ${user01.serial}$`, 'm'),
    /^Outcome +let in, and answered by the application with status 200$/m,
    /^Status +200, 7 bytes of body$/m,
    /^Upstream +app; it began to answer after [\d.]+ ms$/m,
    /^Effect +the application has done what it answered$/m,
  ]) {
    t.match(out, line)
  }
  t.notMatch(out, /User saw|You do|Related/)
  const sent = await explain(await idOf('/transfer'))
  t.match(sent.out, /Asked for +POST localhost:443\/transfer\n[\s\S]*answered by the application/)
})

t.test('a refusal over both versions: the reason, the page’s own words, and who revoked it', async (t) => {
  const user02 = issue('user02')
  await revoke(user02)
  const http1 = await RawClient.connect(gateway, { certificate: user02 })
  await http1.get('/refused1').answer()
  const http2 = await Http2Client.connect(gateway, { certificate: user02 })
  await http2.get('/refused2')
  await http2.closed
  for (const target of ['/refused1', '/refused2']) {
    const requestId = await idOf(target)
    await audited(requestId)
    const { exitCode, out } = await explain(requestId)
    t.equal(exitCode, 0)
    for (const line of [
      /^Who +user02, from 127\.0\.0\.1$/m,
      /^Outcome +refused \(certificate_revoked\)$/m,
      /^Because +its key is in the revocation index$/m,
      /^Effect +none: the application did not see it$/m,
      /^User saw +“This certificate has been revoked” （この電子証明書は失効しています） The certificate you chose has been revoked/m,
      /^User does +1\. If you already have a new certificate, choose that one\.\n +2\. If you have none, go to/m,
      /^You do +Who revoked it, when and why: sekisho list --login-id user02/m,
      /^Audit +20\S+Z login_refused of certificate [0-9a-f]+ by unauthenticated 127\.0\.0\.1, certificate_revoked/m,
      /^Related +20\S+Z certificate_revoked of certificate test-issuing-ca [0-9a-f]+ by operator operator-01, keyCompromise “laptop stolen”/m,
    ]) {
      t.match(out, line, target)
    }
  }
})

t.test('a cut over both versions: that it was let in before, and the revocation that came in between', async (t) => {
  const user03 = issue('user03')
  const http1 = await RawClient.connect(gateway, { certificate: user03 })
  const http2 = await Http2Client.connect(gateway, { certificate: user03 })
  http1.get('/hold?1')
  const upload = http2.request({ ':method': 'POST', ':path': '/hold/upload' }, { bodyFollows: true })
  app.handle('/hold/upload', () => {})
  upload.stream.write('half')
  await Promise.all([app.request('/hold'), app.request('/hold/upload')])
  await revoke(user03)
  await Promise.all([http1.untilEnd(), http2.closed])
  const asked = await explain(await idOf('/hold'))
  t.match(asked.out, /^Outcome +let in, then cut while it was under way \(certificate_revoked\)$/m)
  t.match(asked.out, /^Status +none: no answer had begun$/m)
  t.match(asked.out, /^Upstream +app; it had not begun to answer$/m)
  t.match(asked.out, /^Effect +none that matters: it asks/m)
  t.match(asked.out, /^Related +\S+ certificate_revoked of certificate test-issuing-ca .*operator-01/m)
  t.notMatch(asked.out, /User saw/)
  const requestId = await idOf('/hold/upload')
  await audited(requestId)
  const sent = await explain(requestId)
  t.match(sent.out, /^Effect +nobody knows whether it took effect/m)
  t.match(sent.out, /^Audit +\S+ upload_outcome_unknown of door certificate by user user03/m)
})

t.test(
  'a certificate of nobody’s CA: its login ID is told as its own word, and nothing of the real user is brought in',
  async (t) => {
    const impostor = createTestCa({ commonName: 'somebody' }).issueClient({ commonName: 'user02' })
    const client = await RawClient.connect(gateway, { certificate: impostor })
    await client.get('/impostor').answer()
    const requestId = await idOf('/impostor')
    await audited(requestId)
    const { out } = await explain(requestId)
    t.match(out, /^Who +nobody proven \(the certificate itself says user02\), from 127\.0\.0\.1$/m)
    t.match(out, /^Outcome +refused \(issuer_not_trusted\)$/m)
    t.notMatch(out, /Related/)
  },
)

t.test('refusals on the client’s side: what an operator can do, where there is something', async (t) => {
  const client = await RawClient.connect(gateway, { certificate: issue('user05') })
  client.send('GET /elsewhere HTTP/1.1\r\nHost: nowhere.example\r\n\r\n')
  const { out } = await explain(await idOf('/elsewhere'))
  t.match(out, /^Outcome +refused \(host_mismatch\)/m)
  t.match(out, /^You do +If users should reach the door by the host above: hostNames of the door/m)
})

t.test('a failing application: whose fault it is, what the user saw, and where to look', async (t) => {
  const client = await Http2Client.connect(gateway, { certificate: issue('user04') })
  await client.get('/nonsense')
  await client
    .request({ ':path': '/breaks' })
    .answer()
    .catch(() => {})
  client.close()
  const failed = await explain(await idOf('/nonsense'))
  t.match(failed, { exitCode: 0 })
  t.match(failed.out, /^Outcome +failed \(upstream_response_malformed\); the cause is on the application’s side$/m)
  t.match(failed.out, /^Went to +app; /m)
  t.match(failed.out, /^User saw +“The service cannot be reached”/m)
  t.match(failed.out, /^You do +The application: sekisho doctor/m)
  const broken = await explain(await idOf('/breaks'))
  t.match(broken.out, /^Outcome +failed \(upstream_reset\)[\s\S]*^Status +200, 4 bytes of body$/m)
  t.notMatch(broken.out, /User saw/, 'the application’s page had begun')
})

t.test('without logs the admin door knows refusals; JSON has all that was found', async (t) => {
  const client = await RawClient.connect(gateway)
  await client.get('/nobody').answer()
  const requestId = await idOf('/nobody')
  const spoken = ` “${requestId.toUpperCase().replaceAll('-', '–')}” `
  const known = await eventually(
    () => run(...access, 'explain', spoken, '--audit', join(elsewhere, 'none')),
    ({ exitCode }) => exitCode === 0,
  )
  t.match(known.out, /^Who +nobody that is known, from 127\.0\.0\.1$/m)
  t.match(known.out, /^User saw +“We did not receive a certificate” （\p{L}/mu)
  const json = JSON.parse((await explain(requestId, '--json', ...access)).out)
  t.match(json, {
    ...{ known: true, requestId, access: { target: '/nobody', route: 'refused', outcome: 'certificate_missing' } },
    refusal: { reason: 'certificate_missing' },
    searched: [{ file: accessLog }, { file: auditLog }],
  })
})

t.test('rotated logs are read, packed ones too; a damaged one is told and passed over', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-rotated-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const requestId = await idOf('/accounts')
  const text = await readFile(accessLog)
  const place = (name: string, content: string | Buffer) => writeFileSync(join(folder, name), content)
  place('access.log', '{"time":"2027-01-01T00:00:00.000Z","requestId":"aaaaaaaa-1-1"}\ntorn {"requestId":"')
  place('access.log.2.gz', gzipSync(Buffer.concat([text, Buffer.alloc(3_000_000, 'x'), Buffer.from('\n')])))
  place('access.log.head', text)
  place('access.logger', text)
  const look = () => run('explain', requestId, '--access-log', join(folder, 'access.log'))
  t.match(await look(), { exitCode: 0, out: /answered by the application/ })
  place('access.log-20270101.gz', gzipSync(text).subarray(0, 200))
  t.match((await look()).out, /^Not read +\S+access\.log-20270101\.gz: unexpected end of file$/m)
  renameSync(join(folder, 'access.log.2.gz'), join(folder, 'kept.gz'))
  t.match(await look(), { exitCode: 1, out: /Nothing is known of the request/ })
  const piped = await runHere(['explain', requestId, '--access-log', '-'], {
    folder: elsewhere,
    input: text.toString(),
  })
  t.match(piped, { exitCode: 0, out: /answered by the application/ })
})

t.test('nothing found: where it was looked, and why that may be', async (t) => {
  const unknown = await explain('zzzzzzzz-zz-9')
  t.match(unknown, { exitCode: 1, err: '' })
  t.match(unknown.out, new RegExp(`looked for in\n {2}${accessLog}: \\d+ lines, from 20\\S+ on\n`))
  t.match(unknown.out, /the admin door: not asked/)
  t.match(unknown.out, /another gateway served it/)
  t.match(
    (await explain('zzzzzzzz-zz-9', ...access)).out,
    /the admin door: it was not refused within the last seven days/,
  )
  t.match(await run('explain', 'zzzzzzzz-zz-9'), { exitCode: 1, out: /no configuration is known: give --config/ })
})

t.test('what is no request id is told before anything is read', async (t) => {
  const cases: [string, RegExp][] = [
    ['k3x9q0a-1f-2', /its first part has 7 characters instead of eight/],
    ['k3x9q0aa1f2', /it has 1 part instead of three/],
    ['k3x9q0aa-1f', /it has 2 parts instead of three/],
    ['k3x9q0aa-1f-2-3', /it has 4 parts/],
    ['k3x9_0aa-1f-2', /there is no "_" in one/],
    ['k3x9q0aa--2', /a part is empty/],
  ]
  for (const [id, why] of cases) {
    const { exitCode, err, out } = await run('explain', id)
    t.match({ exitCode, out }, { exitCode: 2, out: '' }, id)
    t.match(err, why)
    t.match(err, /It has the form k3x9q0aa-1f-2/)
  }
  t.match(await run('explain', '3f2a9c01-1a'), { exitCode: 1 }, 'those of the admin door are ids too')
})
