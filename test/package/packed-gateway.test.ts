// Goal: the package is a whole gateway: logins, the pages, a revocation, a rolling restart to another version, a clean end.
// Method: installed into an empty folder behind a link to the version, run on the Node of PATH; curl as the user's browser, the installed
// `sekisho` as the operator.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { addressOf, bindSocket } from '../../src/supervise/socket-handle.ts'
import { visitWithCurl } from '../helpers/curl-client.ts'
import { eventually } from '../helpers/eventually.ts'
import { writeGatewayFiles } from '../helpers/gateway-files.ts'
import { subjectOf, type TestCertificate } from '../helpers/test-ca.ts'
import { TestUpstream } from '../helpers/upstream.ts'
import { copyClone, install, newFolder, pack, plainly } from './packed.ts'

const folder = newFolder()
const app = await TestUpstream.start()
const current = join(folder, 'opt', 'current')
await install(await pack(copyClone(join(folder, 'clone'))), join(folder, 'opt', '1'))
symlinkSync('1', current)
const sekisho = join(current, 'node_modules', '.bin', 'sekisho')
const env = { ...process.env, PATH: `${dirname(process.execPath)}:/usr/bin:/bin` }

const handles = Array.from({ length: 4 }, () => bindSocket({ host: '127.0.0.1', port: 0 }))
const [certificate = 0, open = 0, admin = 0, ops = 0] = handles.map((handle) => addressOf(handle).port)
mkdirSync(join(folder, 'etc'))
const files = writeGatewayFiles({
  upstreamPort: app.port,
  ports: { certificate, public: open, admin, ops },
  folder: join(folder, 'etc'),
  config: { logLevel: 'info' },
})
for (const handle of handles) handle.close()

const [program, ...before] = plainly
const gateway = spawn(program, [...before, sekisho, 'serve', '--config', files.file], {
  stdio: ['ignore', 'pipe', 'pipe'],
  env,
})
let output = ''
for (const stream of [gateway.stdout, gateway.stderr]) {
  stream.on('data', (chunk) => {
    output += chunk
  })
}
const ended = once(gateway, 'exit')
t.teardown(async () => {
  gateway.kill('SIGKILL')
  await ended
  await app.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function metrics(): Promise<string> {
  return await fetch(`http://127.0.0.1:${ops}/metrics`).then(
    (answer) => answer.text(),
    () => '',
  )
}

const users = ['user01', 'user02'].map((commonName) => files.issuingCa.issueClient({ commonName }))
const visit = async (user: TestCertificate | undefined) => {
  const [visited] = await visitWithCurl({ port: certificate, certificate: user }, { folder })
  return visited?.kind === 'answer' ? visited : { status: 0, reason: JSON.stringify(visited) }
}

/** Runs the installed command as an operator. */
async function operate(...args: readonly string[]) {
  const [country, organization, name] = subjectOf('operator-01') as [never, never, never]
  const operator = files.operatorsCa.issueClient({
    commonName: 'operator-01',
    subject: [country, organization, { oid: '2.5.4.11', value: 'security' }, name],
  })
  const place = (file: string, text: string) => {
    writeFileSync(join(folder, file), text, { mode: 0o600 })
    return join(folder, file)
  }
  const access = [
    ...['--admin', `https://localhost:${admin}`, '--ca', place('server-ca.pem', files.serverCaPem)],
    ...['--cert', place('operator.pem', operator.certificatePem), '--key', place('operator.key', operator.keyPem)],
  ]
  const child = spawn(program, [...before, sekisho, ...access, ...args], { stdio: ['ignore', 'pipe', 'inherit'], env })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  const [exitCode] = await once(child, 'close')
  return { exitCode, text }
}

t.test('doors open, and users get to the application', async (t) => {
  await eventually(metrics, (text) => text.includes('sekisho_build_info'), 20_000).catch(() => t.fail(output))
  for (const user of users) t.equal((await visit(user)).status, 200)
  t.match(await visit(undefined), { status: 403 }, 'nobody without a certificate')
})

t.test('the pages have their scripts, which are read from the built files', async (t) => {
  const dist = join(current, 'node_modules', 'sekisho', 'dist')
  const script =
    'const [{ portalAssets: portal }, { liveAssets: live }] = await Promise.all(process.argv.slice(1).map((file) => import(file)));' +
    'console.log(portal().url("issue-app"), live().entry)'
  const modules = [join(dist, 'portal', 'portal-assets.js'), join(dist, 'admin', 'live', 'live-assets.js')]
  const child = spawn(program, [...before, process.execPath, '--input-type=module', '-e', script, ...modules])
  const [chunk] = await once(child.stdout, 'data')
  t.match(
    String(chunk),
    /^\/\.sekisho\/assets\/issue-app\.[0-9a-f]{16}\.js \/live\/assets\/live-app\.[0-9a-f]{16}\.js\n$/,
  )
})

t.test('a revoked user is refused, another one is not', async (t) => {
  const [first, second] = users
  const revoked = await operate('revoke', '--serial', first?.serial ?? '', '--issuer', 'test-issuing-ca', '--apply')
  t.match(revoked, { exitCode: 0, text: /Revoked 1 certificate/ })
  t.match(await visit(first), { status: 403, reason: 'revoked' })
  t.equal((await visit(second)).status, 200)
})

t.test('a rolling restart takes the version that the link points to by then', async (t) => {
  const next = join(folder, 'opt', '2')
  cpSync(join(folder, 'opt', '1'), next, { recursive: true, verbatimSymlinks: true })
  const manifest = join(next, 'node_modules', 'sekisho', 'package.json')
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(/"version": "[^"]+"/, '"version": "99.0.0"'))
  symlinkSync('2', `${current}-new`)
  renameSync(`${current}-new`, current)
  gateway.kill('SIGUSR2')
  await eventually(metrics, (text) => /sekisho_build_info\{version="99\.0\.0"/.test(text), 20_000)
  const [first, second] = users
  t.equal((await visit(first)).status, 403)
  t.equal((await visit(second)).status, 200)
})

t.test('SIGTERM ends it in order', async (t) => {
  gateway.kill('SIGTERM')
  t.strictSame(await ended, [0, null], output)
  t.notMatch(output, /"level":"(?:error|fatal)"/)
})
