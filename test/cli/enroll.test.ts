// Goal: `sekisho enroll` makes key, request, certificate, chain and .p12 in one go, goes on after an interruption with the same key, and
// tells what is wrong without telling a secret. Method: the command in this process, against the real EST routes behind TLS.
import { execFileSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { runCommand } from '../../src/cli/run-command.ts'
import { makeEnrolmentCode } from '../../src/lifecycle/enrolment-code.ts'
import { type EstWorldOptions, password, root, startEstWorld } from '../portal/est/est-world.ts'

type RunOptions = { readonly input?: string; readonly answers?: string[]; readonly env?: Record<string, string> }

const p12Password = 'p12-secret'

/** Doors, a folder with a CA file and password files, and the command with server, CA and folder given. */
async function withEnroll(t: Test, options: EstWorldOptions = {}) {
  const world = await startEstWorld(t, options)
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-enroll-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const path = (name: string) => join(folder, name)
  writeFileSync(path('ca.pem'), root.certificatePem)
  writeFileSync(path('password'), `${password}\n`)
  writeFileSync(path('p12-password'), p12Password)
  const out = path('out')
  const server = `https://localhost:${world.publicPort}`
  const common = ['enroll', '--cacert', path('ca.pem'), '--out', out]
  const secrets = ['--password-file', path('password'), '--p12-password-file', path('p12-password')]
  const enroll = (loginId: string, args: readonly string[] = secrets, run: RunOptions = {}) =>
    runHere([...common, '--server', server, '--login-id', loginId, ...args], run, folder)
  const renew = (stem: string, loginId: string) =>
    runHere(
      [
        ...common,
        ...['--server', `https://localhost:${world.certificatePort}`, '--login-id', loginId, '--renew'],
        ...[
          '--cert',
          join(out, `${stem}.pem`),
          '--key',
          join(out, `${stem}.key`),
          '--p12-password-file',
          path('p12-password'),
        ],
      ],
      {},
      folder,
    )
  const certificate = (stem: string) => new X509Certificate(readFileSync(join(out, `${stem}.pem`)))
  return { ...world, folder, path, out, server, enroll, renew, certificate }
}

async function runHere(args: readonly string[], { input, answers, env = {} }: RunOptions, folder: string) {
  let out = ''
  let err = ''
  const asked: string[] = []
  const exitCode = await runCommand(args, {
    env,
    root: folder,
    write: (text) => {
      out += text
    },
    writeError: (text) => {
      err += text
    },
    ...(input === undefined ? {} : { input: Readable.from([Buffer.from(input)]) }),
    ...(answers === undefined
      ? {}
      : {
          askSecret: async (question) => {
            asked.push(question)
            return answers.shift() ?? ''
          },
        }),
  })
  return { exitCode, out, err, asked }
}

t.test('R7 one command gives key, request, certificate, chain and .p12', async (t) => {
  const { enroll, out, certificate } = await withEnroll(t)
  const { exitCode, out: told, err } = await enroll('user01')
  t.equal(exitCode, 0, err)
  t.same(readdirSync(out).sort(), ['user01-chain.pem', 'user01.csr', 'user01.key', 'user01.p12', 'user01.pem'])
  const key = createPrivateKey(readFileSync(join(out, 'user01.key')))
  t.ok(certificate('user01').checkPrivateKey(key))
  for (const name of ['user01.key', 'user01.p12']) t.equal(statSync(join(out, name)).mode & 0o777, 0o600, name)
  t.equal(statSync(out).mode & 0o777, 0o700)
  t.match(told, /Next steps/)
  t.match(told, /pk12util .*user01\.p12/)
  t.match(told, /security import .*-x/, 'R26 imported as not exportable')
  t.match(told, /delete the copies of the key: {2}rm .*user01\.p12 .*user01\.key/, 'R26 and deleted')
  t.notMatch(told + err, new RegExp(`${password}|${p12Password}`))
})

t.test('openssl reads what was written, and the chain leads to the root', async (t) => {
  const { enroll, out, path } = await withEnroll(t)
  await enroll('user01')
  const file = (name: string) => join(out, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' })
  t.match(
    openssl('verify', '-CAfile', path('ca.pem'), '-untrusted', file('user01-chain.pem'), file('user01.pem')),
    /OK/,
  )
  t.match(openssl('req', '-in', file('user01.csr'), '-noout', '-verify', '-subject'), /subject=/)
  const shown = openssl('pkcs12', '-in', file('user01.p12'), '-passin', `pass:${p12Password}`, '-nokeys', '-info')
  t.match(shown, /CN ?= ?user01/)
  t.match(shown, /CN ?= ?test-issuing-ca/)
  t.notMatch(shown, /subject=.*CN ?= ?Test Root/, 'the root is imported by itself')
})

t.test('R8 run again, it uses the key that is there and gets the same certificate', async (t) => {
  const { enroll, out, certificate } = await withEnroll(t)
  await enroll('user01')
  const first = certificate('user01')
  const key = readFileSync(join(out, 'user01.key'), 'utf8')
  // As if the answer had been lost.
  rmSync(join(out, 'user01.pem'))
  rmSync(join(out, 'user01.p12'))
  const { exitCode, out: told } = await enroll('user01')
  t.equal(exitCode, 0)
  t.equal(certificate('user01').fingerprint256, first.fingerprint256)
  t.equal(readFileSync(join(out, 'user01.key'), 'utf8'), key)
  t.match(told, /it was there and was used again/)
})

t.test('an attempt that fails keeps its key for the next one', async (t) => {
  const { enroll, out, path } = await withEnroll(t)
  writeFileSync(path('wrong'), 'swordfish')
  const failed = await enroll('user01', ['--password-file', path('wrong')])
  t.equal(failed.exitCode, 1)
  t.match(failed.err, /Cannot enrol as the login ID, or its password or one-time code, is not right/)
  t.notMatch(failed.err + failed.out, /swordfish/)
  const key = readFileSync(join(out, 'user01.key'), 'utf8')
  t.notOk(existsSync(join(out, 'user01.pem')))
  t.equal((await enroll('user01')).exitCode, 0)
  t.equal(readFileSync(join(out, 'user01.key'), 'utf8'), key)
})

t.test('R17 while a certificate is in use another folder gets none, and is told what to do', async (t) => {
  const { enroll, path } = await withEnroll(t)
  await enroll('user01')
  const { exitCode, err } = await enroll('user01', ['--password-file', path('password'), '--out', path('other')])
  t.equal(exitCode, 1)
  t.match(err, /the login ID has one/)
  t.match(err, /--renew/)
})

t.test('a one-time code serves in place of the password', async (t) => {
  const { enroll, ports } = await withEnroll(t)
  const { code } = await makeEnrolmentCode({ loginId: 'a:b', proof: { kind: 'password' } }, ports)
  const { exitCode, out, err } = await enroll('a:b', ['--code', code])
  t.equal(exitCode, 0, err)
  t.match(out, /not made as there was no password for it/)
  t.notMatch(out + err, new RegExp(code))
})

t.test('secrets are asked for at the terminal, or read line by line from standard input', async (t) => {
  const { enroll, out } = await withEnroll(t)
  const asked = await enroll('user01', [], { answers: [password, p12Password] })
  t.equal(asked.exitCode, 0, asked.err)
  t.match(asked.asked, [/^Login password of user01/, /\.p12/])
  t.ok(existsSync(join(out, 'user01.p12')))
  const read = await enroll('user02', [], { input: `${password}\n${p12Password}\n` })
  t.equal(read.exitCode, 0, read.err)
  t.ok(existsSync(join(out, 'user02.p12')))
  const short = await enroll('user03', [], { input: `${password}\n` })
  t.equal(short.exitCode, 0, short.err)
  t.notOk(existsSync(join(out, 'user03.p12')), 'no password, no portable file')
})

t.test('R20 a renewal writes files of its own, and goes on with its key after an interruption', async (t) => {
  const { enroll, renew, out, certificate } = await withEnroll(t)
  await enroll('user01')
  const old = certificate('user01')
  const { exitCode, out: told, err } = await renew('user01', 'user01')
  t.equal(exitCode, 0, err)
  t.equal(certificate('user01').fingerprint256, old.fingerprint256, 'the old one stays')
  const renewed = certificate('user01-2')
  t.not(renewed.serialNumber, old.serialNumber)
  t.equal(renewed.subject, old.subject)
  t.match(told, /Choose the new certificate/)
  rmSync(join(out, 'user01-2.pem'))
  t.equal((await renew('user01', 'user01')).exitCode, 0)
  t.equal(certificate('user01-2').fingerprint256, renewed.fingerprint256)
  t.equal((await renew('user01-2', 'user01')).exitCode, 0)
  t.not(certificate('user01-3').serialNumber, renewed.serialNumber)
})

t.test('a renewal with the key of another certificate is refused before anything is asked', async (t) => {
  const { enroll, out, path, server } = await withEnroll(t)
  await enroll('user01')
  await enroll('user02')
  const args = ['enroll', '--login-id', 'user01', '--renew', '--server', server, '--out', path('new')]
  const files = ['--cert', join(out, 'user01.pem'), '--key', join(out, 'user02.key')]
  const { exitCode, err } = await runHere([...args, ...files], {}, path(''))
  t.equal(exitCode, 1)
  t.match(err, /does not belong to/)
})

t.test('other kinds of keys can be asked for', async (t) => {
  const { enroll, certificate, path } = await withEnroll(t)
  const types = { user01: 'P-384', user02: 'RSA-2048' }
  for (const [loginId, keyType] of Object.entries(types)) {
    await enroll(loginId, ['--password-file', path('password'), '--key-type', keyType])
  }
  t.equal(certificate('user01').publicKey.asymmetricKeyDetails?.namedCurve, 'secp384r1')
  t.equal(certificate('user02').publicKey.asymmetricKeyDetails?.modulusLength, 2_048)
})

t.test('a server that cannot be trusted or is none is told no password', async (t) => {
  const { folder, path, server, audited } = await withEnroll(t)
  const to = (url: string, ...more: string[]) =>
    runHere(
      [
        'enroll',
        '--server',
        url,
        '--login-id',
        'user01',
        '--password-file',
        path('password'),
        '--out',
        path('new'),
        ...more,
      ],
      {},
      folder,
    )
  const distrusted = await to(server)
  t.equal(distrusted.exitCode, 1)
  t.match(distrusted.err, /Cannot trust .*--cacert/)
  const nobody = await to('https://localhost:1', '--cacert', path('ca.pem'))
  t.match(nobody.err, /nothing listens there/)
  t.same(audited, [])
})

t.test('what does not go together is refused with exit code 2', async (t) => {
  const { path, folder } = await withEnroll(t)
  const usage: readonly [string[], RegExp][] = [
    [[], /--login-id/],
    [['--login-id', ''], /needs a login ID/],
    [['--login-id', 'user01', '--password-file', 'x', '--code', 'y'], /not both/],
    [['--login-id', 'user01', '--renew'], /--cert FILE and --key FILE/],
    [['--login-id', 'user01', '--renew', '--code', 'x'], /goes with neither/],
    [['--login-id', 'user01', '--cert', 'x'], /go with --renew/],
    [['--login-id', 'user01', '--key-type', 'P-192'], /P-256/],
    [['--login-id', 'a:b', '--password-file', 'x'], /needs a one-time code/],
    [['--login-id', 'user01', '--server', 'http://x', '--code', 'x'], /https:\/\/host:port/],
    [['--login-id', 'user01', '--server', 'https://x/path', '--code', 'x'], /https:\/\/host:port/],
    [['--login-id', 'user01', '--server', 'https://x'], /password or a one-time code is needed/],
    [['--login-id', 'user01', '--server', 'https://x', '--password-file', path('none')], /there is no such file/],
  ]
  for (const [args, message] of usage) {
    const { exitCode, err } = await runHere(['enroll', ...args], {}, folder)
    t.equal(exitCode, 2, args.join(' '))
    t.match(err, message, args.join(' '))
  }
})

t.test('inside a clone the demo is found by itself, and its files go to its state folder', async (t) => {
  const { folder } = await withEnroll(t)
  const env = { SEKISHO_PORT_OFFSET: '49000' }
  const without = await runHere(['enroll', '--login-id', 'user07', '--code', 'x'], { env }, folder)
  t.match(without.err, /Cannot read the CA certificate .*certs\/demo\/root-ca\.pem/)
  mkdirSync(join(folder, 'certs', 'demo'), { recursive: true })
  writeFileSync(join(folder, 'certs', 'demo', 'root-ca.pem'), root.certificatePem)
  const found = await runHere(['enroll', '--login-id', 'user07', '--code', 'x'], { env }, folder)
  t.match(found.err, /Cannot reach https:\/\/localhost:57442/)
  t.same(readdirSync(join(folder, 'data-49000', 'enrolled')).sort(), ['user07.csr', 'user07.key'])
  const renewed = ['--renew', '--cert', 'none.pem', '--key', 'none.key']
  const missing = await runHere(['enroll', '--login-id', 'user07', ...renewed], { env }, folder)
  t.match(missing.err, /Cannot read the certificate none\.pem/)
})

t.test('a login ID that means something in a path stays inside the folder', async (t) => {
  const { enroll, ports, out, store } = await withEnroll(t)
  const loginId = '../../x;$(y)'
  await store.upsertUser({ loginId, contractId: 'demo-shoji', role: 'general' })
  const { code } = await makeEnrolmentCode({ loginId, proof: { kind: 'password' } }, ports)
  const { exitCode, err } = await enroll(loginId, ['--code', code])
  t.equal(exitCode, 0, err)
  t.same(
    readdirSync(out).filter((name) => name.endsWith('.key')),
    ['%2E.%2F..%2Fx%3B%24%28y%29.key'],
  )
})
