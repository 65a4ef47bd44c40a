// Goal: whoever holds a certificate learns what the doors would answer and why, step by step; with no gateway to ask, what can be known
// without one, and what cannot. Method: the command line in this process before a real gateway, that gateway's own answers beside it, and
// the same files once nothing answers.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { operatorOf } from '../helpers/clients.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { runHere } from './with-cli.ts'

const nowMs = Date.now()
const dayMs = 86_400_000
const app = await TestUpstream.start()
app.answer('/', plainAnswer('balance'))
const gateway = await withGateway({ upstreamPort: app.port })
const folder = mkdtempSync(join(tmpdir(), 'sekisho-inspect-'))
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
  rmSync(folder, { recursive: true })
})

const subject = [
  { oid: '2.5.4.11', value: 'auditor' },
  { oid: '2.5.4.3', value: 'auditor-01' },
]
const auditor = gateway.operatorsCa.issueClient({ commonName: 'auditor-01', subject })
const file = (name: string, content: string | Uint8Array) => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}
const me = [
  ...['--cert', file('me.pem', auditor.chainPem), '--key', file('me.key', auditor.keyPem)],
  ...['--ca', file('ca.pem', gateway.serverCaPem)],
]
/** In a folder that is no clone. */
const run = (...args: string[]) => runHere(args, { folder })
const ask = (path: string, ...more: string[]) =>
  run('inspect', path, '--admin', `https://localhost:${gateway.ports.admin}`, ...me, ...more)
/** As if the gateway were down. */
const askNobody = (path: string, ...more: string[]) =>
  run('inspect', path, '--admin', 'https://localhost:1', ...me, '--config', gateway.configFile, ...more)

const issue = (commonName: string, more = {}) => gateway.issuingCa.issueClient({ commonName, ...more })
const good = issue('user01')
const revoked = issue('user02')
const expired = issue('user03', { notBeforeMs: nowMs - 9 * dayMs, notAfterMs: nowMs - dayMs })
const foreign = createTestCa({ commonName: 'somebody' }).issueClient({ commonName: 'user01' })
await operatorOf(gateway).call('POST', '/v1/revocations', {
  certificates: [{ issuer: 'test-issuing-ca', serial: revoked.serial }],
  reason: 'keyCompromise',
  comment: '',
})

/** The steps, as `yes`, `NO`, `-` or `?`, in one text. */
const marks = (out: string) => Array.from(out.matchAll(/^(yes|NO|-|\?) +\S/gm), ([, mark = '']) => mark).join(' ')
const yes = (count: number) => Array(count).fill('yes').join(' ')
const rest = (count: number) => Array(count).fill('-').join(' ')

async function statusAtDoor(certificate: TestCertificate): Promise<number> {
  const client = await RawClient.connect(gateway, { certificate })
  const { status } = await client.get('/').answer()
  client.close()
  return status
}

t.test('each verdict: the steps up to it, and the answer that the door gives too', async (t) => {
  const permitted = await ask(file('good.pem', good.certificatePem))
  t.match(permitted, { exitCode: 0, err: '' })
  t.equal(marks(permitted.out), yes(15))
  t.match(permitted.out, /^yes +Chain: .* signed by test-issuing-ca$/m)
  t.match(permitted.out, /^yes +Does it name a login ID\? +user01$/m)
  t.match(permitted.out, /\nThe door certificate would permit it, as user01\.\n$/)
  t.equal(await statusAtDoor(good), 200)
  const cases: [TestCertificate, number, string, RegExp][] = [
    [foreign, 2, 'issuer_not_trusted', /You do +Which CAs the door takes/],
    [expired, 6, 'certificate_expired', /You do +Whether there is a newer one: .*--login-id user03/],
    [revoked, 7, 'certificate_revoked', /You do +Who revoked it, when and why: sekisho list --login-id user02/],
  ]
  for (const [certificate, passed, reason, hint] of cases) {
    const { exitCode, out } = await ask(file('one.pem', certificate.certificatePem))
    t.equal(exitCode, 1, reason)
    t.equal(marks(out), `${yes(passed)} NO ${rest(14 - passed)}`, reason)
    t.match(out, `The door certificate would refuse it: ${reason}.\nUser sees  status 403, “`)
    t.match(out, hint)
    t.equal(await statusAtDoor(certificate), 403, reason)
  }
  t.match((await ask(join(folder, 'one.pem'), '--json')).out, /"check": "certificate_revoked",\n +"result": "failed"/)
  t.match(
    (await ask(file('one.pem', foreign.certificatePem))).out,
    /Issuer +none that is configured.*; it says .*CN=somebody\n/,
  )
})

t.test('no gateway answers: what the configuration decides, and what only a gateway knows', async (t) => {
  const unknown = await askNobody(file('one.pem', revoked.certificatePem))
  t.match(unknown, { exitCode: 1, err: '' }, 'not known to be permitted is not 0')
  t.match(unknown.out, /^No gateway was asked\. Cannot reach the admin door at https:\/\/localhost:1: nothing listens/)
  t.equal(marks(unknown.out), `${yes(7)} ? yes ? ? ? ? ? ?`)
  t.match(unknown.out, /would permit it, as user02, unless one of the steps marked \? says no/)
  t.match(JSON.parse((await askNobody(join(folder, 'one.pem'), '--json')).out), {
    inspections: [{ verdict: 'unknown', loginId: 'user02' }],
    notAsked: /Cannot reach/,
  })
  for (const [certificate, reason] of [
    [foreign, 'issuer_not_trusted'],
    [expired, 'certificate_expired'],
  ] as const) {
    const { exitCode, out } = await askNobody(file('one.pem', certificate.certificatePem))
    t.equal(exitCode, 1)
    t.match(out, `The door certificate would refuse it: ${reason}.\n`)
  }
  t.match(await run('inspect', join(folder, 'good.pem'), '--admin', 'https://localhost:1', ...me), {
    exitCode: 1,
    err: /nothing listens there[\s\S]*No configuration is at hand either: with --config FILE/,
  })
  t.match(await askNobody(join(folder, 'good.pem'), '--config', join(folder, 'none.yaml')), {
    exitCode: 1,
    err: /nothing listens there[\s\S]*cannot be used either/,
  })
  t.match(await run('inspect', join(folder, 'good.pem'), '--admin', 'nonsense', ...me), { exitCode: 2, out: '' })
})

t.test('a gateway that refuses to tell is heard, not gone round', async (t) => {
  const nobody = gateway.operatorsCa.issueClient({ commonName: 'x', subject: [{ oid: '2.5.4.3', value: 'x' }] })
  const { exitCode, out, err } = await ask(
    join(folder, 'good.pem'),
    ...['--cert', file('x.pem', nobody.chainPem), '--key', file('x.key', nobody.keyPem)],
    ...['--config', gateway.configFile],
  )
  t.match({ exitCode, out }, { exitCode: 1, out: '' })
  t.match(err, /\(request [0-9a-f]+-\w+\)/)
})

t.test('the first certificate of a file is looked at; what is none is named', async (t) => {
  const { exitCode, out } = await ask(file('all.pem', `${good.keyPem}${good.chainPem}${gateway.serverCaPem}`))
  t.equal(exitCode, 0)
  t.match(out, /^The file holds \d more certificates?: this is of the first\.\n\nLogin ID {2}user01\n/)
  const der = Buffer.from(good.certificatePem.replace(/-----.*-----|\s/g, ''), 'base64')
  t.match(await ask(file('good.der', der)), { exitCode: 0, out: /as user01/ })
  const cases: [string | Uint8Array, RegExp][] = [
    [good.keyPem, /a private key only/],
    ['-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n', /holds a request/],
    ['-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n', /sekisho crl inspect/],
    [Buffer.from('308209a10201033082', 'hex'), /it is a \.p12; .*openssl pkcs12 -in \S+ -clcerts -nokeys/],
    ['hello', /neither as PEM .* nor as DER/],
    ['x'.repeat(70_000), /over 65536 bytes/],
  ]
  for (const [content, why] of cases) {
    t.match(await ask(file('odd', content)), { exitCode: 1, out: '', err: why }, String(why))
  }
  t.match(await ask(join(folder, 'nothing')), { exitCode: 1, err: /there is no such file/ })
  t.match(await ask(file('bad.der', Buffer.from('3003020101', 'hex'))), { exitCode: 1, out: /^NO +Can it be read/m })
})
