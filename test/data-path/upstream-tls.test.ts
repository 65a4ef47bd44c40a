// Goal: with TLS towards the application nothing of a request leaves before the application's certificate was verified against the
// configured CA and name. Method: real TLS servers with certificates of a test CA, good ones and impostors that count what they read.

import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import t, { type Test } from 'tap'
import type { UpstreamConfig, UpstreamTlsConfig } from '../../src/config/gateway-config.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { setUpGroup, startListener, upstreamConfig } from './upstream-group-set-up.ts'

const root = createTestCa({ commonName: 'Upstream Root' })
const issuing = root.childCa({ commonName: 'Upstream Issuing' })
const head = 'GET / HTTP/1.1\r\nHost: app\r\n\r\n'

type App = { readonly port: number; readonly accepted: TLSSocket[]; read: string; readonly attempts: () => number }

/** A TLS server that keeps what it reads. */
async function startApp(t: Test, { chainPem, keyPem }: TestCertificate, options: TlsOptions = {}): Promise<App> {
  let attempts = 0
  const accepted: TLSSocket[] = []
  const server = createServer({ cert: chainPem, key: keyPem, ...options }, (socket) => {
    accepted.push(socket)
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      app.read += bytes.toString('latin1')
    })
  })
  server.on('connection', () => attempts++)
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const app: App = { port, accepted, read: '', attempts: () => attempts }
  t.teardown(() => {
    for (const socket of accepted) socket.destroy()
    server.close()
  })
  return app
}

const pinned: UpstreamTlsConfig = {
  caPem: root.certificatePem,
  serverName: undefined,
  certificatePem: undefined,
  keyPem: undefined,
}

function secureConfig(
  port: number,
  { tls = {}, host = '127.0.0.1' }: { tls?: Partial<UpstreamTlsConfig>; host?: string } = {},
): UpstreamConfig {
  const targets = [{ name: `${host}:${port}`, host, port, secure: true }]
  return { ...upstreamConfig([]), targets, tls: { ...pinned, ...tls } }
}

/** Sends a request as an exchange does: at once, whether the connection stands or not. */
function send(t: Test, config: UpstreamConfig) {
  const { take } = setUpGroup(t, config)
  const user = take()
  const { connection } = user
  connection?.socket.write(head, 'latin1')
  t.notOk(connection?.connected)
  t.ok(connection?.socket.writableCorked, 'what was written is kept back')
  return { user, connection }
}

t.test('a request reaches the application whose certificate the configured CA issued for its address', async (t) => {
  const app = await startApp(t, issuing.issueServer(), { ALPNProtocols: ['h2', 'http/1.1'] })
  const { user, connection } = send(t, secureConfig(app.port))
  await eventually(
    () => app.read,
    (read) => read === head,
  )
  t.ok(user.connected)
  t.ok(connection?.connected)
  t.equal(app.accepted[0]?.alpnProtocol, 'http/1.1')
  t.notOk(app.accepted[0]?.servername, 'an address is no server name')
})

t.test('the issuing CA alone is enough to pin; TLS 1.2 will do', async (t) => {
  const app = await startApp(t, issuing.issueServer(), { maxVersion: 'TLSv1.2' })
  send(t, secureConfig(app.port, { tls: { caPem: issuing.certificatePem } }))
  await eventually(
    () => app.read,
    (read) => read === head,
  )
})

t.test('a host name, or the configured server name in its place, is asked for and verified', async (t) => {
  for (const [names, options] of [
    [['localhost'], { host: 'localhost' }],
    [['app.bank.example'], { tls: { serverName: 'app.bank.example' } }],
  ] as const) {
    const app = await startApp(t, issuing.issueServer({ names }))
    send(t, secureConfig(app.port, options))
    await eventually(
      () => app.read,
      (read) => read === head,
    )
    t.equal(app.accepted[0]?.servername, names[0])
  }
})

t.test('the gateway shows a certificate of its own to an application that asks', async (t) => {
  const app = await startApp(t, issuing.issueServer(), { requestCert: true, ca: root.certificatePem })
  const own = issuing.issueClient({ commonName: 'gateway' })
  send(t, secureConfig(app.port, { tls: { certificatePem: own.chainPem, keyPem: own.keyPem } }))
  await eventually(
    () => app.read,
    (read) => read === head,
  )
  t.equal(app.accepted[0]?.getPeerX509Certificate()?.serialNumber.toLowerCase().replace(/^0+/, ''), own.serial)
})

t.test('an application that refuses the gateway ends the exchange', async (t) => {
  const app = await startApp(t, issuing.issueServer(), { requestCert: true, ca: root.certificatePem })
  const { user } = send(t, secureConfig(app.port))
  await eventually(() => user.ended, Boolean)
  t.equal(app.read, '')
})

t.test('an impostor never sees a byte of the request', async (t) => {
  const other = createTestCa({ commonName: 'Other Root' })
  const dayMs = 86_400_000
  const pastMs = Date.UTC(2024, 0, 2)
  const impostors: Record<string, readonly [TestCertificate, TlsOptions?]> = {
    'another CA': [other.issueServer()],
    'another CA, TLS 1.2': [other.issueServer(), { maxVersion: 'TLSv1.2' }],
    'another CA of the same name': [createTestCa({ commonName: 'Upstream Root' }).issueServer()],
    'another name': [issuing.issueServer({ names: ['other.bank.example'] })],
    'another name, TLS 1.2': [issuing.issueServer({ names: ['other.bank.example'] }), { maxVersion: 'TLSv1.2' }],
    'another address': [issuing.issueServer({ names: ['127.0.0.2'] })],
    expired: [issuing.issueServer({ notBeforeMs: pastMs - dayMs, notAfterMs: pastMs })],
    'a certificate for clients': [issuing.issueClient({ commonName: '127.0.0.1' })],
  }
  for (const [name, [certificate, options]] of Object.entries(impostors)) {
    const app = await startApp(t, certificate, options)
    const { user, connection } = send(t, secureConfig(app.port))
    await eventually(() => user.ended, Boolean)
    t.ok(user.endedWith, name)
    t.notOk(user.connected)
    t.notOk(connection?.connected)
    t.equal(app.attempts(), 1)
    await eventually(() => app.accepted.every(({ destroyed }) => destroyed), Boolean)
    t.equal(app.read, '', name)
  }
})

t.test('an impostor that speaks no TLS sees no request either', async (t) => {
  const { port, accepted } = await startListener(t)
  const { user } = send(t, secureConfig(port))
  await eventually(() => accepted.length, Boolean)
  let read = ''
  accepted[0]?.on('data', (bytes) => {
    read += bytes.toString('latin1')
  })
  accepted[0]?.write('HTTP/1.1 200 OK\r\n\r\n')
  await eventually(() => user.ended, Boolean)
  t.ok(user.endedWith)
  t.notMatch(read, 'HTTP')
  t.equal(user.got, '')
})

t.test('a kept connection carries one request after another; a new one is verified anew, not resumed', async (t) => {
  const app = await startApp(t, issuing.issueServer())
  const { open } = setUpGroup(t, secureConfig(app.port))
  const { connection } = await open()
  connection?.release()
  const [again, other] = [await open(), await open()]
  t.equal(again.connection, connection)
  t.not(other.connection, connection)
  again.connection?.socket.write(head, 'latin1')
  await eventually(
    () => app.read,
    (read) => read === head,
  )
  t.strictSame(
    app.accepted.map((socket) => socket.isSessionReused()),
    [false, false],
  )
})

t.test('long answers and long uploads pass whole, however often either side has to wait', async (t) => {
  const app = await startApp(t, issuing.issueServer())
  const { user, connection } = send(t, secureConfig(app.port))
  const upload = 'u'.repeat(1_048_576)
  let drained = 0
  user.upstreamDrained = () => drained++
  t.notOk(connection?.socket.write(upload, 'latin1'), 'before the connection stands it is only kept')
  await eventually(
    () => app.read.length,
    (length) => length === head.length + upload.length,
  )
  t.ok(drained > 0)
  const take = user.upstreamData
  let pauses = 0
  user.upstreamData = (bytes) => {
    take(bytes)
    pauses++
    connection?.socket.pause()
    setImmediate(() => connection?.socket.resume())
  }
  const answer = Array.from({ length: 65_536 }, (_, at) => `line ${at}\n`).join('')
  app.accepted[0]?.end(answer)
  await eventually(() => user.ended, Boolean)
  t.ok(user.got === answer, 'byte for byte')
  t.ok(pauses > 10)
  t.equal(user.endedWith, undefined)
})
