// Goal: TLS 1.2 and 1.3 only, strong suites, the post-quantum hybrid group for who asks; requests for a certificate name
// the door's issuers only (R12).
// Method: handshakes of openssl s_client and Node with one version, suite or group each.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type EphemeralKeyInfo } from 'node:tls'
import t from 'tap'
import { verdictOf } from '../helpers/clients.ts'
import { run, visitWithOpenssl } from '../helpers/openssl-client.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { startJudgingApp } from './judging-app.ts'

const folder = mkdtempSync(join(tmpdir(), 'sekisho-tls-'))
const app = await startJudgingApp()
const second = createTestCa({ commonName: 'second-issuing-ca' })
const gateway = await withGateway({ upstreamPort: app.port, moreIssuers: { second } })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
  rmSync(folder, { recursive: true, force: true })
})
const port = gateway.ports.certificate
const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })

type Handshake = { readonly protocol: string | null; readonly cipher: string; readonly group: string | undefined }

async function shakeHands(options: ConnectionOptions): Promise<Handshake | 'failure'> {
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false, ...options })
  try {
    await new Promise((resolve, reject) => {
      socket.once('secureConnect', resolve)
      socket.once('error', reject)
    })
    const key = socket.getEphemeralKeyInfo() as EphemeralKeyInfo | null
    return { protocol: socket.getProtocol(), cipher: socket.getCipher().name, group: key?.name ?? key?.type }
  } catch {
    return 'failure'
  } finally {
    socket.destroy()
  }
}

t.test('versions', async (t) => {
  for (const door of ['certificate', 'public'] as const) {
    const at = gateway.ports[door]
    t.match(await shakeHands({ port: at, minVersion: 'TLSv1.3' }), { protocol: 'TLSv1.3' })
    t.match(await shakeHands({ port: at, maxVersion: 'TLSv1.2' }), { protocol: 'TLSv1.2' })
    for (const [name, version] of [
      ['TLS 1.1', '-tls1_1'],
      ['TLS 1.0', '-tls1'],
    ] as const) {
      const weak = ['-cipher', 'ALL@SECLEVEL=0', version]
      const visited = await visitWithOpenssl({ port: at, certificate }, { folder, more: weak })
      t.equal(verdictOf(visited), 'failure', `${name} on the ${door} door`)
    }
  }
})

t.test('suites: forward secrecy and AEAD only', async (t) => {
  const old = (ciphers: string) => shakeHands({ maxVersion: 'TLSv1.2', ciphers: `${ciphers}@SECLEVEL=0` })
  t.not(await old('ECDHE-ECDSA-AES128-GCM-SHA256:'), 'failure')
  t.not(await old('ECDHE-ECDSA-CHACHA20-POLY1305:'), 'failure')
  for (const weak of [
    'ECDHE-ECDSA-AES128-SHA:',
    'ECDHE-ECDSA-AES256-SHA384:',
    'AES128-SHA:',
    'AES256-GCM-SHA384:',
    'aNULL:',
  ]) {
    t.equal(await old(weak), 'failure', weak)
  }
})

t.test('groups', async (t) => {
  t.not(await shakeHands({ ecdhCurve: 'X25519MLKEM768', minVersion: 'TLSv1.3' }), 'failure', 'the hybrid group alone')
  t.not(await shakeHands({ ecdhCurve: 'X25519', minVersion: 'TLSv1.3' }), 'failure')
  t.match(await shakeHands({ ecdhCurve: 'P-256', maxVersion: 'TLSv1.2' }), { group: 'prime256v1' })
  t.equal(await shakeHands({ ecdhCurve: 'secp256k1', minVersion: 'TLSv1.3' }), 'failure')
  t.equal(await shakeHands({ ecdhCurve: 'P-521', minVersion: 'TLSv1.3' }), 'failure', 'a group that is not offered')
})

t.test('a client may not renegotiate', async (t) => {
  const { stdout, stderr } = await run(
    'openssl',
    ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'localhost', '-tls1_2'],
    { input: 'R\n' },
  )
  t.match(`${stdout}\n${stderr}`, /RENEGOTIATING[\s\S]*no renegotiation/i)
})

t.test('the request for a certificate names the door’s issuers and nobody else (R12)', async (t) => {
  const { stdout } = await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'localhost'])
  const text = stdout.toString('utf8')
  const names = text.slice(text.indexOf('Acceptable client certificate CA names'), text.indexOf('Requested Signature'))
  const found = [...names.matchAll(/CN = (\S+)/g)].map((match) => match[1])
  t.strictSame(found.sort(), ['second-issuing-ca', 'test-issuing-ca'])
  const atPublic = await run('openssl', ['s_client', '-connect', `127.0.0.1:${gateway.ports.public}`])
  t.match(atPublic.stdout.toString('utf8'), /No client certificate CA names sent/, 'the public door asks for none')
})
