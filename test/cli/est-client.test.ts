// Goal: the command believes nothing that a server answers unless it fits: a certificate for its own key from a CA that the server names.
// Method: a TLS server that answers whatever the test wants.
import { createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { EnrollFiles } from '../../src/cli/enroll-files.ts'
import { EstClient } from '../../src/cli/est-client.ts'
import { obtainCertificate } from '../../src/cli/obtain-certificate.ts'
import { buildCertsOnly, encodeEstBody } from '../../src/x509/certs-only.ts'
import { createTestCa } from '../helpers/test-ca.ts'

const root = createTestCa({ commonName: 'Root' })
const ca = root.childCa({ commonName: 'Issuing' })
const server = root.issueServer()

type Answer = (response: ServerResponse) => void
const certificates =
  (...ders: Uint8Array[]): Answer =>
  (response) =>
    response.end(encodeEstBody(buildCertsOnly(ders)))

/** Asks a server that gives these answers to `cacerts` and `simpleenroll`. */
async function obtainFrom(t: Test, answers: { cacerts?: Answer; simpleenroll?: Answer }, keyOf?: EnrollFiles) {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-est-client-'))
  const listener = createServer({ cert: server.chainPem, key: server.keyPem }, (request, response) => {
    request.resume()
    const operation = request.url?.split('/').at(-1)
    const answer = operation === 'cacerts' ? (answers.cacerts ?? certificates(root.der, ca.der)) : answers.simpleenroll
    request.on('end', () => (answer === undefined ? response.writeHead(404).end() : answer(response)))
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(() => {
    listener.closeAllConnections()
    listener.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const { port } = listener.address() as AddressInfo
  const client = new EstClient({
    server: `https://localhost:${port}`,
    caPem: root.certificatePem,
    login: { loginId: 'user01', secret: 'secret' },
  })
  const files = keyOf ?? EnrollFiles.in(folder, 'user01')
  const { privateKey } = files.ensureKey('P-256')
  return obtainCertificate({ client, files, privateKey, renews: undefined })
}

/** A key in a folder, and the certificate of an issuer for it. */
function keyAndCertificate(t: Test, issuer = ca) {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-est-client-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const files = EnrollFiles.in(folder, 'user01')
  const { privateKey } = files.ensureKey('P-256')
  const publicKey = createPublicKey(privateKey)
  return { files, der: issuer.issueClient({ commonName: 'user01', privateKey, publicKey }).der }
}

t.test('a certificate for the key from a CA of the server is taken, its chain in order', async (t) => {
  const { files, der } = keyAndCertificate(t)
  const { certificate, authorities } = await obtainFrom(t, { simpleenroll: certificates(der) }, files)
  t.match(certificate.subject, /CN=user01$/)
  t.same(
    authorities.map(({ subject }) => /CN=(.*)$/m.exec(subject)?.[1]),
    ['Issuing', 'Root'],
  )
})

t.test('a certificate for another key is refused', async (t) => {
  const { der } = ca.issueClient({ commonName: 'user01' })
  await t.rejects(obtainFrom(t, { simpleenroll: certificates(der) }), /for another key/)
})

t.test('a certificate from a CA that the server does not name is refused', async (t) => {
  const other = createTestCa({ commonName: 'Issuing' })
  const { files, der } = keyAndCertificate(t, other)
  await t.rejects(obtainFrom(t, { simpleenroll: certificates(der) }, files), /none of its own CAs has issued it/)
})

t.test('several certificates, none, and what is no EST are refused', async (t) => {
  const { files, der } = keyAndCertificate(t)
  const strange: readonly [Answer, RegExp][] = [
    [certificates(der, ca.der), /several certificates/],
    [(response) => response.end('<html>'), /Is it an EST service/],
    [(response) => response.end(''), /Is it an EST service/],
    [(response) => response.end('A'.repeat(20_000_000)), /too large/],
    [(response) => response.writeHead(302, { Location: 'https://localhost:1/' }).end(), /status 302/],
    [(response) => response.writeHead(500).end('<script>\u001b[31m'), /It answered with status 500\./],
    [(response) => response.destroy(), /same key is used, and gives the same certificate/],
  ]
  for (const [answer, message] of strange) {
    await t.rejects(obtainFrom(t, { simpleenroll: answer }, files), { name: 'CommandError', message })
  }
})

t.test('a server that has no CAs to name gets no password', async (t) => {
  let asked = false
  const simpleenroll: Answer = (response) => {
    asked = true
    response.end()
  }
  await t.rejects(obtainFrom(t, { cacerts: (response) => response.writeHead(404).end(), simpleenroll }), /status 404/)
  t.equal(asked, false)
})
