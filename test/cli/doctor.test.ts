// Goal: the doctor finds what is wrong with a gateway's surroundings before users do, changes nothing, tells no secret, and ends with 1 when
// something is bad. Method: the command line in this process over real files, a running gateway, a Redis, upstreams with TLS, lists,
// responders and mail servers, each as it should be and as it should not be.
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { neededCommands } from '../../src/store/redis/examine-server.ts'
import { eventually } from '../helpers/eventually.ts'
import { type GatewayFilesOptions, writeGatewayFiles } from '../helpers/gateway-files.ts'
import { startRedisServer } from '../helpers/redis-server.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { crlOf } from '../helpers/test-crl.ts'
import { ocspFailureStatus, ocspResponse, startTestResponder } from '../helpers/test-ocsp.ts'
import { TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { startSmtpCatcher } from '../mail/smtp-catcher.ts'
import { root, runHere } from './with-cli.ts'

const nowMs = Date.now()
const dayMs = 86_400_000
const elsewhere = mkdtempSync(join(tmpdir(), 'sekisho-nobody-'))
t.teardown(() => rmSync(elsewhere, { recursive: true }))

type Run = { readonly env?: Record<string, string>; readonly more?: readonly string[] }

/** The command in a folder that is no clone. */
const doctor = (file: string, { env = {}, more = [] }: Run = {}) =>
  runHere(['doctor', '--config', file, ...more], { folder: elsewhere, env })

/** Files of a gateway that does not run; `more` goes into its folder. */
function filesOf(t: Test, options: Partial<GatewayFilesOptions> & { more?: Record<string, string | Uint8Array> } = {}) {
  const { more = {}, ...rest } = options
  const files = writeGatewayFiles({ upstreamPort: 1, folder: mkdtempSync(join(tmpdir(), 'sekisho-doctor-')), ...rest })
  t.teardown(() => rmSync(files.folder, { recursive: true }))
  for (const [name, content] of Object.entries(more)) writeFileSync(join(files.folder, name), content, { mode: 0o600 })
  return files
}

async function portOf(t: Test, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

t.test('a gateway that runs: everything it has is told, and nothing is changed', async (t) => {
  const app = await TestUpstream.start()
  const gateway = await withGateway({ upstreamPort: app.port })
  t.teardown(async () => {
    await gateway.stop()
    await app.stop()
  })
  const { folder, operatorsCa } = gateway
  const subject = [
    { oid: '2.5.4.11', value: 'auditor' },
    { oid: '2.5.4.3', value: 'auditor-01' },
  ]
  const auditor = operatorsCa.issueClient({ commonName: 'auditor-01', subject })
  writeFileSync(join(elsewhere, 'me.pem'), auditor.chainPem)
  writeFileSync(join(elsewhere, 'me.key'), auditor.keyPem)
  writeFileSync(join(elsewhere, 'ca.pem'), gateway.serverCaPem)
  const me = [
    '--cert',
    join(elsewhere, 'me.pem'),
    '--key',
    join(elsewhere, 'me.key'),
    '--ca',
    join(elsewhere, 'ca.pem'),
  ]
  const more = ['--admin', `https://localhost:${gateway.ports.admin}`, ...me]
  const filesOfState = () => readdirSync(join(folder, 'state')).toSorted()
  // The gateway itself makes its last file a moment after its start.
  const before = await eventually(filesOfState, (names) => names.includes('audit.log.head'))
  const { exitCode, out, err } = await doctor(gateway.configFile, { more })
  t.match({ exitCode, err }, { exitCode: 0, err: '' }, out)
  for (const line of [
    /^Program\n {2}ok {4}Node: /,
    /\nConfiguration\n {2}ok .*gateway\.json: it can be used; time zone/,
    /\n {2}ok {4}\S+server\.key: private key, mode 0600\n/,
    /\n {2}ok {4}\S+server\.pem \(CN=localhost\): valid for 36\d days/,
    /\n {2}ok {4}Door certificate: 1 server certificate with the right key, covering localhost, 127\.0\.0\.1\n/,
    /\n {2}ok {4}Lock: a gateway runs here, process \d+/,
    /\n {2}ok {4}\S+audit\.log: the chain holds, \d+ records? proven\n/,
    /\nUpstreams\n {2}ok {4}app 127\.0\.0\.1:\d+: it takes connections \(without TLS\)\n/,
    /\n {2}ok {4}Revocation data: live, /,
    /\n {2}ok {4}Gateways: 1 known, none is behind\n/,
    /\n\d+ ok, \d+ warnings?, 0 bad\.\n$/,
  ]) {
    t.match(out, line)
  }
  t.strictSame(filesOfState(), before)
  t.strictSame(app.requests, [], 'no request is sent')
  const json = JSON.parse((await doctor(gateway.configFile, { more: ['--json'] })).out)
  t.match(json, {
    ok: Number,
    warn: Number,
    bad: 0,
    groups: [{ group: 'Program', findings: [{ level: 'ok', subject: 'Node' }] }],
  })
  t.match(
    (await doctor(gateway.configFile)).out,
    /warn {2}Admin door: not asked[^\n]*\n {8}-> To have it asked: --admin URL/,
  )
})

t.test('a configuration that is refused: every problem, and its files are looked at all the same', async (t) => {
  const expired = createTestCa({ commonName: 'web-ca' }).issueServer({ notAfterMs: nowMs - dayMs })
  const { file, folder } = filesOf(t, {
    config: { workers: 0 },
    more: { 'server.pem': expired.certificatePem, 'server.key': expired.keyPem },
  })
  chmodSync(join(folder, 'server.key'), 0o604)
  rmSync(join(folder, 'issuer.pem'))
  const { exitCode, out } = await doctor(file)
  t.equal(exitCode, 1)
  t.match(out, /bad {3}\S+sekisho\.yaml: Cannot use workers as .*\n {8}-> Correct that field/)
  t.match(out, /bad {3}\S+server\.key: .*everybody on this machine.*0604.*\n {8}-> chmod 600 /)
  t.match(out, /bad {3}\S+issuer\.pem: it cannot be read: there is no such file.*\n {8}-> Put the file there/)
  t.match(out, /bad {3}\S+server\.pem \(CN=localhost\): it expired at .*\n {8}-> Renew it/)
  t.match(await doctor(join(folder, 'none.yaml')), {
    exitCode: 1,
    out: /none\.yaml as a configuration file: there is no such file/,
  })
  t.match(await runHere(['doctor'], { folder: elsewhere }), { exitCode: 2, err: /give --config FILE/ })
  t.match(await doctor(file, { more: ['--timeout', '0'] }), { exitCode: 2, err: /1 to 600/ })
})

t.test('a secret file that others may read is told, with the real configuration; the sealed one is well', async (t) => {
  const { file, folder } = filesOf(t, {
    config: { identity: { sealCookies: ['session'], sealingKey: 'file:sealing-key' } },
    more: { 'sealing-key': Buffer.alloc(32, 7).toString('base64') },
  })
  t.match((await doctor(file)).out, /ok {4}\S+sealing-key: secret, mode 0600\n/)
  chmodSync(join(folder, 'sealing-key'), 0o644)
  const { exitCode, out } = await doctor(file)
  t.equal(exitCode, 1)
  t.match(
    out,
    /bad {3}\S+sealing-key: a secret that everybody on this machine can read \(mode 0644\)\n {8}-> chmod 600/,
  )
  t.notMatch(out, Buffer.alloc(32, 7).toString('base64'))
})

t.test('a port that somebody has taken: who it is; once it is free the gateway may have it', async (t) => {
  const server = (await import('node:net')).createServer()
  const port = await portOf(t, server)
  const { file } = filesOf(t, { ports: { certificate: port, public: 0, admin: 0, ops: 0 } })
  const taken = await doctor(file)
  t.equal(taken.exitCode, 1)
  t.match(taken.out, new RegExp(`bad {3}Door certificate 127\\.0\\.0\\.1:${port}: taken by process ${process.pid} \\(`))
  await new Promise((resolve) => server.close(resolve))
  t.match((await doctor(file)).out, new RegExp(`ok {4}Door certificate 127\\.0\\.0\\.1:${port}: free\n`))
})

t.test('upstreams: reached and verified, refused, of another CA, silent', async (t) => {
  const ca = createTestCa({ commonName: 'app-ca' })
  const server = ca.issueServer()
  const good = await portOf(t, createTlsServer({ cert: server.certificatePem, key: server.keyPem }))
  const silent = await portOf(
    t,
    (await import('node:net')).createServer(() => {}),
  )
  const of = (name: string, port: number, more: object) => ({
    name,
    targets: [{ url: `https://localhost:${port}` }],
    ...more,
  })
  const tls = (file: string) => ({ tls: { ca: file } })
  const { file } = filesOf(t, {
    config: {
      upstreams: [
        of('good', good, tls('app-ca.pem')),
        of('other', good, tls('operators.pem')),
        of('closed', 1, tls('app-ca.pem')),
        of('silent', silent, tls('app-ca.pem')),
      ],
      routes: [{ name: 'all', pathPrefix: '/', upstream: 'good' }],
    },
    more: { 'app-ca.pem': ca.certificatePem },
  })
  const { exitCode, out } = await doctor(file, { more: ['--timeout', '1'] })
  t.equal(exitCode, 1)
  t.match(out, /ok {4}good localhost:\d+: TLSv1\.3, its certificate is good for 36\d more days\n/)
  t.match(
    out,
    /bad {3}other localhost:\d+: TLS fails: .*another CA.*\n {8}-> Compare with: openssl s_client -connect localhost/,
  )
  t.match(out, /bad {3}closed localhost:1: no connection: nothing listens there.*\n {8}-> Start the application/)
  t.match(out, /bad {3}silent localhost:\d+: it has not answered within 1 s\n/)
})

t.test('lists and responders: usable, late, of somebody else, not there', async (t) => {
  const issuingCa = createTestCa({ commonName: 'partner-ca' })
  const other = createTestCa({ commonName: 'other-ca' })
  const list = (ca: typeof issuingCa, more = {}) =>
    Buffer.from(crlOf(ca, nowMs, { number: 1, serials: ['1', '2'], ...more }))
  const lists = createServer((request, response) => {
    response.end(request.url === '/good.crl' ? list(issuingCa) : list(other))
  })
  const url = `http://127.0.0.1:${await portOf(t, lists)}`
  const responder = await startTestResponder(({ certId, nonce }) =>
    ocspResponse({ signer: issuingCa, answers: [{ certId, status: 'unknown' }], nonce }),
  )
  t.teardown(() => responder.close())
  const withOcsp = (ocsp: object) => {
    const crls = [{ name: 'all', from: [`${url}/good.crl`, `${url}/other.crl`, 'late.crl', 'none.crl'] }]
    return filesOf(t, {
      issuingCa,
      config: { issuers: [{ name: 'test-issuing-ca', certificate: 'issuer.pem', crls, ocsp }] },
      more: { 'late.crl': list(issuingCa, { thisUpdateMs: nowMs - 3 * dayMs, nextUpdateMs: nowMs - dayMs }) },
    }).file
  }
  const { exitCode, out } = await doctor(withOcsp({ url: responder.url }))
  t.equal(exitCode, 1)
  t.match(out, /ok {4}test-issuing-ca all \S+good\.crl: 2 entries, made 1 hour ago; the next one is due in 23 hours\n/)
  t.match(out, /bad {3}\S+ all \S+other\.crl: Cannot take the CRL .*\n {8}-> Try curl/)
  t.match(out, /bad {3}\S+ all \S+late\.crl: 2 entries.*it is late\n {8}-> Ask the CA/)
  t.match(out, /bad {3}\S+ all \S+none\.crl: .*\n {8}-> Look at it: sekisho crl inspect/)
  t.match(out, /ok {4}test-issuing-ca http:\S+\/ocsp: it answers, and its signature is good; policy revokedOnly\n/)
  responder.answer = () => ocspFailureStatus(6)
  t.match(
    (await doctor(withOcsp({ url: responder.url }))).out,
    /warn {2}\S+ http:\S+: it answers, but has nothing to say/,
  )
  responder.answer = ({ certId, nonce }) => ocspResponse({ signer: other, answers: [{ certId }], nonce })
  t.match(
    (await doctor(withOcsp({ url: responder.url, policy: 'mustBeGood' }))).out,
    /bad {3}\S+ http:\S+: .*mustBeGood: nobody.*\n {8}-> Try openssl ocsp/,
  )
})

t.test('mail servers: greeted over verified TLS without a mail, or why not', async (t) => {
  const ca = createTestCa({ commonName: 'mail-ca' })
  const { certificatePem: cert, keyPem: key } = ca.issueServer({ names: ['localhost'] })
  const starttls = await startSmtpCatcher(t, { tls: { cert, key, implicit: false } })
  const plain = await startSmtpCatcher(t)
  const fileOf = (port: number, caFile = 'mail-ca.pem') => {
    const smtp = {
      host: 'localhost',
      port,
      security: 'starttls',
      ca: caFile,
      username: 'sekisho',
      password: 'hunter2hunter2',
    }
    return filesOf(t, {
      config: { directory: 'embedded', notices: { from: 'a@bank.example', smtp } },
      more: { 'mail-ca.pem': ca.certificatePem },
    }).file
  }
  const good = await doctor(fileOf(starttls.port))
  t.match(good.out, /ok {4}localhost:\d+: it greets over verified TLS; no mail was sent, no log-in tried\n/)
  t.notMatch(good.out, /hunter2/)
  t.strictSame(starttls.mails, [])
  t.match(
    (await doctor(fileOf(plain.port))).out,
    /bad {3}localhost:\d+: mails do not leave: it does not offer STARTTLS\n {8}-> Try openssl s_client -connect localhost:\d+ -starttls smtp/,
  )
  t.match(
    (await doctor(fileOf(starttls.port, 'operators.pem'))).out,
    /bad {3}localhost:\d+: mails do not leave: .*another CA/,
  )
  t.match((await doctor(fileOf(1))).out, /bad {3}localhost:1: mails do not leave: nothing listens there/)
})

t.test('Redis: what a gateway may and may not do there, and no password in any line', async (t) => {
  const redis = await startRedisServer(t, { directives: { 'maxmemory-policy': 'noeviction' } })
  const rule = (await import('node:fs')).readFileSync(join(root, 'src/store/redis/README.md'), 'utf8')
  const [, words = ''] = /ACL SETUSER sekisho-gateway on >PASSWORD (.*~\{sekisho\}:\*.*)/.exec(rule) ?? []
  await redis.cli('ACL', 'SETUSER', 'whole', 'on', '>hunter2', ...words.split(' '))
  await redis.cli('ACL', 'SETUSER', 'lacking', 'on', '>hunter2', ...words.split(' '), '-xadd', '-pexpire')
  await redis.cli(
    'ACL',
    'SETUSER',
    'bare',
    'on',
    '>hunter2',
    'resetkeys',
    '-@all',
    '+eval',
    '+info',
    '+time',
    '+hget',
    '+client|setname',
    '~{sekisho}:state',
  )
  await redis.cli('ACL', 'SETUSER', 'reader', 'on', '>hunter2', ...words.split(' '), '-eval')
  const env = { REDIS_PASSWORD: 'hunter2' }
  const look = async (username: string, url = redis.url) => {
    const store = { redis: { url, username, password: `\${REDIS_PASSWORD}` } }
    const { out } = await doctor(filesOf(t, { config: { store } }).file, { env })
    t.notMatch(out, /hunter2/)
    return out
  }
  const whole = await look('whole')
  t.match(whole, /ok {4}Redis at 127\.0\.0\.1:\d+: it answers, version \d/)
  t.match(whole, /ok {4}Redis user whole: it may do all that a gateway needs\n/)
  t.match(whole, /warn {2}Redis persistence: no append-only file.*\n {8}-> CONFIG SET appendonly yes/)
  t.match(whole, /warn {2}Redis replicas: 0 connected, 1 wanted\n {8}-> Start them/)
  t.match(whole, /ok {4}Clock against Redis: this machine is \d+ ms/)
  t.match(
    await look('lacking'),
    /bad {3}Redis user lacking: it may not run xadd, pexpire on .*\n {8}-> ACL SETUSER lacking ~\{sekisho\}:\* \+xadd \+pexpire/,
  )
  const bare = /it may not run ([\w, ]+) on/.exec(await look('bare'))?.[1]?.split(', ')
  t.strictSame(
    bare,
    neededCommands.filter((name) => name !== 'hget'),
    'the server is asked of every command',
  )
  t.match(await look('reader'), /warn {2}Redis user reader: it may read only\n/)
  t.match(await look('nobody'), /bad {3}Redis: .*\n {8}-> Do what it says/)
  t.match(await look('whole', 'redis://127.0.0.1:1'), /bad {3}Redis: .*127\.0\.0\.1:1.*\n {8}-> Do what it says/)
  await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
  t.match(
    await look('whole'),
    /bad {3}Redis: .*maxmemory-policy is allkeys-lru.*CONFIG SET maxmemory-policy noeviction/,
  )
  await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  redis.pause()
  const paused = await doctor(filesOf(t, { config: { store: { redis: { url: redis.url } } } }).file, {
    more: ['--timeout', '1'],
  })
  redis.resume()
  t.match(paused.out, /bad {3}Redis: it has not answered within 1 s\n/)
})
