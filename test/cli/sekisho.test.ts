// Goal: the command line does through a real admin door what it says, is a dry run unless --apply, and ends with the documented
// exit codes. Method: commands run in this process against a door on loopback; the launcher and local commands run as processes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { findDemo } from '../../src/cli/demo-place.ts'
import type { inspection } from '../admin/with-admin.ts'
import { issuerA, keyA1, keyA2, keyB1 } from '../store/contract.ts'
import { root, runHere, withCli } from './with-cli.ts'

t.test('revoke is a dry run unless --apply, then revokes once', async (t) => {
  const { run, store, isRevoked, workers } = await withCli(t)
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: 5_000 })
  workers.live.push({
    door: 'main',
    certificateKey: keyA1,
    loginId: 'user01',
    contractId: undefined,
    openedAtMs: 0,
    clientAddress: '',
  })
  const before = await store.position()
  const dry = await run('revoke', '--login-id', 'user01')
  t.equal(dry.exitCode, 0)
  t.match(
    dry.out,
    /demo-issuing-ca {2}1 {7}user01 {4}would be revoked\n.*would be refused too.*\.\nWould revoke 1 certificate; 0 already revoked\./,
  )
  t.match(dry.out, /Nothing was changed: add --apply/)
  t.strictSame(await store.position(), before)
  t.notOk(isRevoked(keyA1))

  const done = await run('revoke', '--login-id', 'user01', '--reason', 'keyCompromise', '--comment', 'lost', '--apply')
  t.match(done, { exitCode: 0, out: /Revoked 1 certificate; 0 already revoked; 1 connection cut\./ })
  t.ok(isRevoked(keyA1))
  t.match(await store.revocation(keyA1), {
    revocation: { reason: 'keyCompromise', comment: 'lost', actor: 'sato.hanako' },
  })
  const again = await run('revoke', '--login-id', 'user01', '--apply')
  t.match(again, { exitCode: 0, out: /Revoked 0 certificates; 1 already revoked/ })
})

t.test('revoke takes several serial numbers of one issuer, and JSON for programs', async (t) => {
  const { run, isRevoked } = await withCli(t)
  const args = ['--serial', '0x01', '--serial', '02', '--issuer', 'demo-issuing-ca', '--apply', '--json']
  const { exitCode, out } = await run('revoke', ...args)
  t.equal(exitCode, 0)
  t.match(JSON.parse(out), { revoked: 2, certificates: [{ serial: '1', outcome: 'revoked' }, { serial: '2' }] })
  t.ok(isRevoked(keyA1) && isRevoked(keyA2))
  t.notOk(isRevoked(keyB1))
})

t.test('a login ID of which nothing is known: said, exit 0; unknown in the directory: refused, exit 1', async (t) => {
  const { run } = await withCli(t)
  t.match(await run('revoke', '--login-id', 'user01', '--apply'), {
    exitCode: 0,
    out: /user01: no unexpired certificate is known/,
  })
  const refused = await run('revoke', '--login-id', 'user03', '--apply')
  t.match(refused, {
    exitCode: 1,
    out: '',
    err: /Cannot find the login ID.*user01, user02.*"user03" \(request [0-9a-f]+-\w+\)/,
  })
})

t.test('restore: dry run, done, and refused when there is a newer certificate', async (t) => {
  const { run, store, isRevoked, audited } = await withCli(t)
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: 5_000 })
  await run('revoke', '--login-id', 'user01', '--apply')
  t.match(await run('restore', '--login-id', 'user01'), {
    exitCode: 0,
    out: /would be restored\nWould restore 1 certificate; 0 refused/,
  })
  t.ok(isRevoked(keyA1))
  const done = await run('restore', '--login-id', 'user01', '--reason', 'wrong user', '--apply')
  t.match(done, { exitCode: 0, out: /Restored 1 certificate; 0 refused/ })
  t.notOk(isRevoked(keyA1))
  t.match(audited.at(-1), { event: 'certificate_restored', reason: 'wrong user' })
  t.match(await run('restore', '--login-id', 'user01', '--apply'), {
    exitCode: 1,
    err: /no certificate of it is revoked/,
  })

  await store.upsertCertificate({ key: keyA2, loginId: 'user01', notBeforeMs: 1, notAfterMs: 5_000 })
  await run('revoke', '--login-id', 'user01', '--apply')
  const mixed = await run('restore', '--login-id', 'user01', '--apply')
  t.match(mixed, { exitCode: 0, out: /has a newer certificate, serial 2[\s\S]*Restored 1 certificate; 1 refused/ })
  t.ok(isRevoked(keyA1))
  t.notOk(isRevoked(keyA2), 'the newest came back')
  const refused = await run('restore', '--serial', '1', '--issuer', 'demo-issuing-ca', '--apply')
  t.match(refused, { exitCode: 1, err: /newer certificate/ })
})

t.test('list, connections, issuers, status and inspect', async (t) => {
  const { run, workers, folder, inspected } = await withCli(t)
  t.match(await run('list'), { exitCode: 0, out: 'No revocation is in force.\n' })
  const serials = ['1', '2', '3'].flatMap((serial) => ['--serial', serial])
  await run('revoke', ...serials, '--issuer', 'second-ca', '--comment', 'a\u001b[2Jb', '--apply')
  const list = await run('list', '--issuer', 'second-ca', '--limit', '2')
  t.match(list, { exitCode: 0, out: /second-ca +3 [\s\S]*second-ca +2 [\s\S]*There are more/ })
  t.notOk(list.out.includes('\u001b'), 'a comment must not steer the terminal')
  t.match(await run('list', '--issuer', 'nobody'), { exitCode: 1, err: /demo-issuing-ca, second-ca/ })
  t.match(await run('connections'), { exitCode: 0, out: 'No connection is open.\n' })
  workers.live.push({
    door: 'main',
    certificateKey: keyA1,
    loginId: 'user01',
    contractId: 'shoji',
    openedAtMs: 0,
    clientAddress: '::1',
  })
  t.match(await run('connections', '--login-id', 'user01'), {
    out: /main +::1 +user01 +shoji +demo-issuing-ca +1\n1 connection\./,
  })
  t.match(await run('issuers'), { out: new RegExp(`demo-issuing-ca +${issuerA} +\\{sekisho\\}:revoked:${issuerA}`) })
  t.match(await run('status'), { exitCode: 0, out: /State +live[\s\S]*Revocations +3/ })
  const inspect = await run('inspect', join(folder, 'me.pem'))
  t.match(inspect, {
    exitCode: 1,
    out: /NO +Is it not revoked[^\n]* its key is in the revocation index\n[\s\S]*The door main would refuse it: certificate_revoked\.\n/,
  })
  t.equal(inspected.length, 1)
  t.match(
    JSON.parse((await run('inspect', join(folder, 'me.pem'), '--json')).out) as { inspections: (typeof inspection)[] },
    {
      inspections: [{ verdict: 'certificate_revoked' }],
    },
  )
  t.match(await run('inspect', join(folder, 'nothing.pem')), { exitCode: 1, err: /Cannot read/ })
})

t.test('reload: what changed, nothing changed, and refused with every problem', async (t) => {
  const { run, reloads } = await withCli(t)
  t.match(await run('status'), { exitCode: 0, out: /Data workers +1 of 2\nConfiguration +loaded 1970-/ })
  t.match(await run('reload'), { exitCode: 0, out: 'Nothing has changed.\n', err: '' })
  t.match(reloads.causes, [{ kind: 'operator', name: 'sato.hanako', requestId: /^[0-9a-f]+-/ }])
  reloads.result = {
    result: 'applied',
    changed: ['routes: shop added', 'issuers: old-ca removed'],
    issuersRemoved: ['old-ca'],
    connectionsCut: 1,
    warnings: ['a certificate expires soon'],
  }
  t.match(await run('reload'), {
    exitCode: 0,
    err: '',
    out: /^Warning: a certificate expires soon\nroutes: shop added\n[\s\S]*old-ca is trusted no more[\s\S]*2 changes; 1 connection cut\.\n$/,
  })
  t.strictSame(JSON.parse((await run('reload', '--json')).out), reloads.result)
  const outcome = { result: 'refused', problems: ['- Cannot use a as b', '- Cannot use c as d'] } as const
  reloads.result = outcome
  reloads.status = { loadedAtMs: 0, lastReload: { atMs: 1_000, cause: 'file_change', outcome } }
  t.match(await run('reload'), {
    exitCode: 1,
    out: '',
    err: /^- Cannot use a as b\n- Cannot use c as d \(request [0-9a-f]+-\w+\)\n$/,
  })
  t.match(await run('status'), {
    exitCode: 0,
    out: /Last reload +refused, 1970-01-01T00:00:01\.000Z \(file change\)\n +- Cannot use a as b\n +- Cannot use c as d\n/,
  })
})

t.test('a role that does not allow it: exit 1, with the problem for programs', async (t) => {
  const { run, isRevoked } = await withCli(t, { role: 'auditor' })
  const { exitCode, out, err } = await run(
    'revoke',
    '--serial',
    '1',
    '--issuer',
    'demo-issuing-ca',
    '--apply',
    '--json',
  )
  t.equal(exitCode, 1)
  t.match(JSON.parse(out), { code: 'admin_role_missing', status: 403 })
  t.match(err, /takes the role security or branch: current value is auditor/)
  t.notOk(isRevoked(keyA1))
})

t.test('wrong usage ends with 2 and asks nobody', async (t) => {
  const cases: [string[], RegExp][] = [
    [[], /Usage: sekisho/],
    [['revok'], /Did you mean revoke/],
    [['revoke'], /at least one --login-id/],
    [['revoke', '--serial', '1'], /needs --issuer/],
    [['revoke', '--login-id', 'a', '--issuer', 'b'], /goes with --serial/],
    [['revoke', '--login-id', 'a', '--from', 'f'], /Give one of/],
    [['revoke', '--from', 'f', '--issuer', 'b', '--not-before-from', 'x'], /Give one of/],
    [['revoke', '--not-before-from', 'x', '--not-before-to', 'y'], /takes --issuer NAME/],
    [['revoke', '--issuer', 'b', '--not-before-from', 'x'], /takes --issuer NAME/],
    [['revoke', '--login-id', 'a', '--skip-invalid'], /--skip-invalid goes with --from/],
    [['revoke', '--login-id', 'a', '--format', 'xml'], /serials, csv, ndjson, pem/],
    [['revoke', '--from', 'f', '--skip-lines', '-1'], /whole number/],
    [['revoke', '--login-id', 'a', '--wait'], /--wait goes with --apply/],
    [['revoke', '--login-id', 'a', '--apply', '--wait-seconds', '5'], /goes with --wait/],
    [['revoke', '--login-id', 'a', '--apply', '--wait', '--wait-seconds', '121'], /1 to 120/],
    [['rules', 'withdraw', 'login:a'], /--reason/],
    [['rules', '--limit', '0'], /whole number/],
    [['revoke', '--login-id', 'a', '--reason', 'stolen'], /keyCompromise/],
    [['revoke', '--login-id'], /argument missing/],
    [['restore'], /at least one --login-id/],
    [['list', '--limit', '0'], /whole number/],
    [['serve'], /--config/],
    [['status', '--admin', 'http://localhost:1'], /https:\/\/host:port/],
  ]
  for (const [args, message] of cases) t.match(await runHere(args), { exitCode: 2, err: message }, args.join(' '))
  t.match(await runHere(['status'], { env: { SEKISHO_PORT_OFFSET: 'abc' } }), {
    exitCode: 2,
    err: /SEKISHO_PORT_OFFSET/,
  })
})

t.test('help says what there is, with examples and exit codes', async (t) => {
  const { exitCode, out } = await runHere(['--help'])
  t.equal(exitCode, 0)
  for (const word of [
    'revoke',
    'restore',
    'rules',
    'gateways',
    'list',
    'connections',
    'issuers',
    'status',
    'inspect',
    'reload',
    'config',
    'audit',
    'serve',
  ]) {
    t.match(out, new RegExp(`^ {2}${word} `, 'm'), word)
  }
  t.match(out, /Exit codes: 0 done, 1 refused or failed \(.*\), 2 wrong usage/)
  t.match(out, /sekisho revoke --login-id user02 --apply/)
})

t.test('a door that cannot be reached, or is not trusted, is explained', async (t) => {
  const { access, folder, port } = await withCli(t)
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port: unused } = free.address() as { port: number }
  free.close()
  await once(free, 'close')
  const at = (url: string) => access.map((part, position) => (position === 1 ? url : part))
  t.match(await runHere([...at(`https://127.0.0.1:${unused}`), 'status']), {
    exitCode: 1,
    err: /nothing listens there. Is the gateway running/,
  })
  const wrongCa = access.map((part, position) => (position === access.length - 1 ? join(folder, 'me.pem') : part))
  t.match(await runHere([...wrongCa, 'status']), { exitCode: 1, err: /Cannot trust the admin door.*--ca must name/ })
  t.match(await runHere(['--admin', `https://127.0.0.1:${port}`, 'status'], { folder }), {
    exitCode: 1,
    err: /operator certificate.*no such file[\s\S]*npm start/,
  })
})

t.test('inside a clone the demo is found, its port offset honoured', async (t) => {
  t.match(findDemo({ root: '/clone', env: {} }), {
    adminUrl: 'https://localhost:9443',
    cert: '/clone/certs/demo/operators/security.pem',
    key: '/clone/certs/demo/operators/security.key',
    ca: '/clone/certs/demo/root-ca.pem',
    stateFolder: '/clone/data',
  })
  const env = { SEKISHO_PORT_OFFSET: '200' }
  t.match(findDemo({ root: '/clone', env }), { adminUrl: 'https://localhost:9643', stateFolder: '/clone/data-200' })
})

t.test('config check and audit verify speak to nobody', async (t) => {
  const folder = t.testdir({ 'bad.yaml': 'doors: 7\n' })
  t.match(await runHere(['config', 'check', join(folder, 'bad.yaml')]), { exitCode: 1, err: /Cannot use doors as/ })
  t.match(await runHere(['config', 'check', join(folder, 'none.yaml')]), { exitCode: 1, err: /none\.yaml/ })
  t.match(await runHere(['audit', 'verify'], { folder }), {
    exitCode: 1,
    err: /Cannot read the audit log .*data\/audit\.log/,
  })
  writeFileSync(join(folder, 'audit.log'), '{"seq":1}\n')
  t.match(await runHere(['audit', 'verify', join(folder, 'audit.log')]), {
    exitCode: 1,
    out: /Line 1: [\s\S]*tampered/,
  })
})

async function launch(script: string, args: readonly string[], node = process.execPath) {
  const child = spawn(node, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks = { out: '', err: '' }
  child.stdout.on('data', (chunk) => {
    chunks.out += chunk
  })
  child.stderr.on('data', (chunk) => {
    chunks.err += chunk
  })
  const [exitCode] = (await once(child, 'close')) as [number | null]
  return { exitCode, ...chunks }
}

t.test('the launcher hands over arguments, output and exit code', async (t) => {
  const launcher = join(root, 'scripts', 'sekisho.js')
  const help = await launch(launcher, ['revoke', '--help'])
  t.match(help, { exitCode: 0, out: /--login-id <id>/, err: '' })
  const usage = await launch(launcher, ['revoke', '--serial', '1'])
  t.match(usage, { exitCode: 2, out: '', err: /needs --issuer/ })
})

t.test('serve becomes the gateway: same arguments, its exit code', async (t) => {
  // A clone whose main.ts only says what it was given; the command line itself is the real one.
  const clone = t.testdir()
  mkdirSync(join(clone, 'scripts'))
  mkdirSync(join(clone, 'src'))
  writeFileSync(join(clone, 'package.json'), '{"type":"module","version":"1.2.3"}')
  for (const name of ['sekisho.js', 'suitable-node.js']) {
    copyFileSync(join(root, 'scripts', name), join(clone, 'scripts', name))
  }
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'))
  for (const name of [
    'base',
    'config',
    'control-path',
    'lifecycle',
    'observe',
    'trust',
    'x509',
    'admin',
    'data-path',
  ]) {
    symlinkSync(join(root, 'src', name), join(clone, 'src', name))
  }
  cpSync(join(root, 'src', 'cli'), join(clone, 'src', 'cli'), { recursive: true })
  writeFileSync(
    join(clone, 'src', 'main.ts'),
    'console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 7\n',
  )
  const launcher = join(clone, 'scripts', 'sekisho.js')
  const serve = await launch(launcher, ['serve', '--config', 'a b.yaml'])
  t.match(serve, { exitCode: 7, err: '' })
  t.strictSame(JSON.parse(serve.out), ['serve', '--config', 'a b.yaml'])
  t.strictSame(JSON.parse((await launch(launcher, ['demo'])).out), ['demo'])
})
