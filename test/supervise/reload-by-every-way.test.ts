// Goal: a changed configuration comes into force by SIGHUP, by itself when a file changes, and by `sekisho reload`, of whoever may;
// every process that is started later has it, and none misses a change that comes while it starts.
// Method: supervisor and gateway processes as an operator runs them; what the doors say, the log, and exit codes of the command.
import { once } from 'node:events'
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { runCommand } from '../../src/cli/run-command.ts'
import { type ConfigText, editConfig } from '../behavior/reload-setting.ts'
import { LiveClient } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { RawClient, type RawDoors } from '../helpers/raw-client.ts'
import { superviseGateway } from '../helpers/supervised-gateway.ts'
import { createTestCa, subjectOf } from '../helpers/test-ca.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'

const app = await TestUpstream.start()
const goneCa = createTestCa({ commonName: 'gone-ca' })
const gateway = await superviseGateway({
  upstreamPort: app.port,
  moreIssuers: { gone: goneCa },
  config: { workers: 2, logLevel: 'info' },
})
t.teardown(async () => {
  await gateway.remove()
  await app.stop()
})
const port = gateway.ports.certificate
/** What clients must trust now. */
let doors: RawDoors = gateway
const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })
const edit = (change: (config: ConfigText) => void) => editConfig(gateway.file, change)

/** Lines of the log with this message, of whichever process. */
function told(message: string): ConfigText[] {
  const lines = gateway.output().split('\n')
  return lines.filter((line) => line.includes(`"${message}"`)).map((line) => JSON.parse(line))
}

/** Resolves with the next such line after those there were. */
async function nextTold(message: string, act: () => void): Promise<ConfigText> {
  const before = told(message).length
  act()
  const lines = await eventually(
    () => told(message),
    (found) => found.length > before,
    20_000,
  )
  return lines[before]
}

const reloaded = 'configuration reloaded'
const limit = (bytes: number) => (config: ConfigText) => {
  config.limits = { bodyBytesMax: bytes }
}

/** The largest body is so large: one byte more gets 413. */
async function checkLimit(bytes: number): Promise<void> {
  for (const [length, status] of [
    [bytes, 200],
    [bytes + 1, 413],
  ] as const) {
    const client = await LiveClient.connect({ port, certificate })
    client.write(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n${'a'.repeat(length)}`)
    t.match(await client.answer(), { status })
    client.destroy()
  }
}

t.test('SIGHUP to the supervisor', async (t) => {
  edit(limit(10))
  t.match(await nextTold(reloaded, () => gateway.signal('SIGHUP')), { cause: 'signal', changed: [/bodyBytesMax/] })
  await checkLimit(10)
})

t.test('the file is replaced', async (t) => {
  t.match(await nextTold(reloaded, () => edit(limit(20))), { cause: 'file_change' })
  await checkLimit(20)
})

async function issuerShown(): Promise<string | string[] | undefined> {
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { CN } = socket.getPeerCertificate().issuer
  socket.destroy()
  return CN
}

t.test('a secret is mounted anew, as Kubernetes does', async (t) => {
  const path = (...names: string[]) => join(gateway.folder, 'secrets', ...names)
  const mount = (version: string) => {
    const ca = createTestCa({ commonName: `${version}-ca` })
    doors = { ...gateway, serverCaPem: ca.certificatePem }
    const { chainPem, keyPem } = ca.issueServer()
    mkdirSync(path(version), { recursive: true })
    writeFileSync(path(version, 'tls.pem'), chainPem)
    writeFileSync(path(version, 'tls.key'), keyPem, { mode: 0o600 })
    symlinkSync(version, path('..data.new'))
    renameSync(path('..data.new'), path('..data'))
  }
  mount('first')
  for (const name of ['tls.pem', 'tls.key']) symlinkSync(join('..data', name), path(name))
  const useMounted = () =>
    edit((config) => {
      const mounted = [{ certificate: 'secrets/tls.pem', key: 'secrets/tls.key' }]
      config.doors.certificate[0].serverCertificates = mounted
    })
  await nextTold(reloaded, useMounted)
  t.equal(await issuerShown(), 'first-ca')
  t.match(await nextTold(reloaded, () => mount('second')), { cause: 'file_change' })
  t.equal(await issuerShown(), 'second-ca')
})

/** `sekisho reload` by an operator with this role. */
async function reloadAs(role: string) {
  const [country, organization, name] = subjectOf('operator-01') as [never, never, never]
  const subject = [country, organization, { oid: '2.5.4.11', value: role }, name]
  const { chainPem, keyPem } = gateway.operatorsCa.issueClient({ commonName: 'operator-01', subject })
  const file = (suffix: string, text: string) => {
    const path = join(gateway.folder, `${role}.${suffix}`)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const texts = { out: '', err: '' }
  const access = [
    '--cert',
    file('pem', chainPem),
    '--key',
    file('key', keyPem),
    '--ca',
    file('ca', gateway.serverCaPem),
  ]
  const exitCode = await runCommand(['--admin', `https://127.0.0.1:${gateway.ports.admin}`, ...access, 'reload'], {
    env: {},
    root: gateway.folder,
    write: (text) => {
      texts.out += text
    },
    writeError: (text) => {
      texts.err += text
    },
  })
  return { exitCode, ...texts }
}

t.test('sekisho reload', async (t) => {
  edit(limit(30))
  t.match(await reloadAs('branch'), { exitCode: 1, out: '', err: /role security/ })
  t.match(await reloadAs('security'), { exitCode: 0, out: /limits\.bodyBytesMax: 20 -> 30\n.*2 changes; 0/, err: '' })
  await checkLimit(30)
  t.match(await reloadAs('security'), { exitCode: 0, out: 'Nothing has changed.\n' })
  const good = readFileSync(gateway.file, 'utf8')
  edit((config) => {
    config.unknownField = 1
    config.limits.headBytesMax = -1
  })
  const { exitCode, out, err } = await reloadAs('security')
  t.match({ exitCode, out }, { exitCode: 1, out: '' })
  t.match(err, /unknownField/)
  t.match(err, /limits\.headBytesMax/)
  await checkLimit(30)
  t.equal(await gateway.metric('sekisho_config_last_reload_successful'), 0)
  writeFileSync(gateway.file, good)
  t.match(await reloadAs('security'), { exitCode: 0 })
  t.equal(await gateway.metric('sekisho_config_last_reload_successful'), 1)
})

t.test('a gateway process that crashes is replaced by one with the new configuration', async (t) => {
  edit(limit(40))
  await nextTold(reloaded, () => gateway.signal('SIGHUP'))
  const [pid = 0] = gateway.gatewayPids()
  process.kill(pid, 'SIGKILL')
  await eventually(
    async () => gateway.gatewayPids()[0] !== pid && (await gateway.isReady()),
    (ready) => ready,
    20_000,
  )
  await checkLimit(40)
  t.equal(await issuerShown(), 'second-ca')
})

t.test('rolling restart: the next process has it, and what is asked while it starts is not lost', async (t) => {
  edit(limit(50))
  await nextTold(reloaded, () => gateway.signal('SIGHUP'))
  const [old] = gateway.gatewayPids()
  app.handle('/held', () => {})
  const held = [
    await RawClient.connect(doors, { certificate }),
    await RawClient.connect(doors, { certificate: goneCa.issueClient({ commonName: 'user02' }) }),
  ] as const
  for (const client of held) client.get('/held')
  await eventually(
    () => app.requestsFor('/held').length,
    (count) => count === 2,
  )
  const inCharge = nextTold('rolling restart: the new gateway process is in charge', () => gateway.signal('SIGUSR2'))
  const [, next] = await eventually(gateway.gatewayPids, (pids) => pids.length === 2, 20_000)
  gateway.signal('SIGHUP')
  await inCharge
  await eventually(
    () => told('configuration loaded again: nothing has changed').map(({ pid, cause }) => `${pid} ${cause}`),
    (lines) => lines.includes(`${next} signal`),
  )
  await checkLimit(50)

  t.match(gateway.gatewayPids(), [old, next], 'the old one has requests in progress')
  const withoutIssuer = () =>
    edit((config) => {
      config.issuers.pop()
      config.doors.certificate[0].issuers.pop()
    })
  const reloadedByBoth = eventually(
    () => told(reloaded).filter(({ issuersRemoved }) => issuersRemoved.includes('gone')),
    (lines) => lines.length === 2,
    20_000,
  )
  withoutIssuer()
  await held[1].untilEnd()
  t.match(
    (await reloadedByBoth).map(({ pid, connectionsCut }) => [pid, connectionsCut]).toSorted(),
    [
      [old, 1],
      [next, 0],
    ].toSorted(),
    'whom the new configuration does not trust is cut in the process that drains',
  )
  for (const { socket } of app.requestsFor('/held')) socket.write(plainAnswer('at last'))
  t.equal((await held[0].answer()).text, 'at last', 'the others end in peace')
  await eventually(
    () => gateway.gatewayPids(),
    (pids) => !pids.includes(old as number),
    20_000,
  )
  t.match(await nextTold(reloaded, () => edit(limit(60))), { cause: 'file_change', pid: next })
  await checkLimit(60)
})
