// Goal: over TLS nothing of a request leaves before the application has shown a certificate of the configured CA for the configured
// name, and the gateway shows its own. Method: real TLS applications, the right one and impostors that keep what they read.
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type TLSSocket } from 'node:tls'
import t from 'tap'
import { RawClient } from '../helpers/raw-client.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { plainAnswer } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const folder = mkdtempSync(join(tmpdir(), 'sekisho-upstream-'))
const appCa = createTestCa({ commonName: 'app-ca' })
const otherCa = createTestCa({ commonName: 'other-ca' })
const gatewayCa = createTestCa({ commonName: 'gateway-ca' })
const ownCertificate = gatewayCa.issueClient({ commonName: 'sekisho' })
const write = (name: string, text: string) => {
  writeFileSync(join(folder, name), text, { mode: 0o600 })
  return name
}
const ca = write('app-ca.pem', appCa.certificatePem)
const certificate = write('own.pem', ownCertificate.certificatePem)
const key = write('own.key', ownCertificate.keyPem)

type App = { readonly port: number; read: string; seen: string | undefined; readonly close: () => void }

/** Answers every read; asks for the gateway's certificate. */
async function startApp({ certificatePem, keyPem }: TestCertificate, requireClient = false): Promise<App> {
  const sockets: TLSSocket[] = []
  const server = createServer(
    {
      cert: certificatePem,
      key: keyPem,
      requestCert: true,
      rejectUnauthorized: requireClient,
      ca: gatewayCa.certificatePem,
    },
    (socket) => {
      sockets.push(socket)
      socket.on('error', () => {})
      app.seen = socket.getPeerX509Certificate()?.subject
      socket.on('data', (bytes) => {
        app.read += bytes.toString('latin1')
        if (app.read.endsWith('\r\n\r\n')) socket.write(plainAnswer('hello'))
      })
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  const app: App = { port: (server.address() as { port: number }).port, read: '', seen: undefined, close }
  t.teardown(close)
  return app
}

const names = ['app.bank.test']
const dayMs = 86_400_000
const apps: Record<string, { readonly app: App; readonly tls: object }> = {
  right: { app: await startApp(appCa.issueServer({ names })), tls: { ca, serverName: 'app.bank.test' } },
  'right, with ours': {
    app: await startApp(appCa.issueServer({ names }), true),
    tls: { ca, serverName: 'app.bank.test', certificate, key },
  },
  'by address': { app: await startApp(appCa.issueServer({ names: ['127.0.0.1'] })), tls: { ca } },
  'of another CA': { app: await startApp(otherCa.issueServer({ names })), tls: { ca, serverName: 'app.bank.test' } },
  'for another name': {
    app: await startApp(appCa.issueServer({ names: ['evil.bank.test'] })),
    tls: { ca, serverName: 'app.bank.test' },
  },
  'for no address': { app: await startApp(appCa.issueServer({ names })), tls: { ca } },
  expired: {
    app: await startApp(
      appCa.issueServer({ names, notBeforeMs: Date.now() - 9 * dayMs, notAfterMs: Date.now() - dayMs }),
    ),
    tls: { ca, serverName: 'app.bank.test' },
  },
  'that wants ours in vain': {
    app: await startApp(appCa.issueServer({ names }), true),
    tls: { ca, serverName: 'app.bank.test' },
  },
}
const upstreamName = (what: string) => what.replaceAll(/[^a-z]+/gi, '-').toLowerCase()
const gateway = await withGateway({
  upstreamPort: 0,
  folder,
  config: {
    upstreams: Object.entries(apps).map(([what, { app, tls }]) => ({
      name: upstreamName(what),
      targets: [{ url: `https://127.0.0.1:${app.port}` }],
      tls,
    })),
    routes: Object.keys(apps).map((what) => ({
      name: upstreamName(what),
      upstream: upstreamName(what),
      pathPrefix: `/${upstreamName(what)}`,
    })),
  },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
t.teardown(async () => {
  await gateway.stop()
  rmSync(folder, { recursive: true })
})
const json = 'Accept: application/json\r\n'

/** A GET, and a POST whose body must not leave either. */
async function ask(what: string) {
  const client = await RawClient.connect(gateway, { certificate: user01 })
  const path = `/${upstreamName(what)}/secret-path`
  const got = await client.get(path, `${json}Cookie: secret=1\r\n`).answer()
  client.close()
  const poster = await RawClient.connect(gateway, { certificate: user01 })
  poster.send(`POST ${path} HTTP/1.1\r\nHost: localhost\r\n${json}Content-Length: 4\r\n\r\n\r\n\r\n`)
  const posted = await poster.answer()
  poster.close()
  return [got, posted]
}

t.test('the application with the right certificate gets the requests', async (t) => {
  for (const what of ['right', 'right, with ours', 'by address']) {
    for (const answer of await ask(what)) t.same([answer.status, answer.text], [200, 'hello'], what)
    t.match(apps[what]?.app.read, /^GET \/[^ ]+\/secret-path HTTP\/1\.1\r\n/)
  }
})

t.test('the gateway shows its own certificate where it has one for that', async (t) => {
  t.match(apps['right, with ours']?.app.seen, /CN=sekisho/)
  t.equal(apps.right?.app.seen, undefined)
})

t.test('any other certificate is a 502, and the impostor reads not a byte', async (t) => {
  for (const what of ['of another CA', 'for another name', 'for no address', 'expired']) {
    for (const answer of await ask(what)) {
      t.same([answer.status, JSON.parse(answer.text).reason], [502, 'upstream_connect_failed'], what)
      t.notMatch(answer.text, 'evil', 'the page tells nothing of what was found')
    }
    t.equal(apps[what]?.app.read, '', what)
  }
})

t.test('an application that wants the gateway’s certificate and gets none is a 502', async (t) => {
  const what = 'that wants ours in vain'
  for (const answer of await ask(what)) t.equal(answer.status, 502)
  t.equal(apps[what]?.app.read, '')
})

t.test('the days that the shown certificate has left are on the metrics page', async (t) => {
  const { body } = await gateway.gateway.metrics.render()
  const shown = [...body.matchAll(/^sekisho_certificate_days_left\{kind="client",name="([^"]+)"\} (\S+)$/gm)]
  const daysLeft = Math.floor(
    (new X509Certificate(ownCertificate.certificatePem).validToDate.getTime() - Date.now()) / dayMs,
  )
  t.strictSame(
    shown.map(([, name, days]) => [name, Number(days)]),
    [['upstream/right-with-ours', daysLeft]],
  )
})
