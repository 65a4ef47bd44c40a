// Goal: a resumed TLS session is no way around judging, and without the option no session resumes at all. OpenSSL does not
// verify a resumed session again, so what it says of one counts for nothing (CVE-2025-23419, CVE-2025-23048,
// CVE-2025-68121, CVE-2022-21654).
// Method: sessions saved by openssl s_client and Node while the certificate was good are offered after it was revoked or has
// expired, and on another door with other issuers.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Answer, operatorOf, type TlsVersion, type Visited, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { visitWithOpenssl } from '../helpers/openssl-client.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { startJudgingApp } from './judging-app.ts'

const versions: readonly TlsVersion[] = ['1.2', '1.3']
const folder = mkdtempSync(join(tmpdir(), 'sekisho-resumed-'))
const app = await startJudgingApp()
const resuming = await withGateway({
  upstreamPort: app.port,
  config: { certificateDoor: { resumption: { enabled: true } } },
})
t.teardown(async () => {
  await resuming.stop()
  await app.stop()
  rmSync(folder, { recursive: true, force: true })
})
const operator = operatorOf(resuming)
let sessions = 0

/** A first visit, and another one that offers the session of the first, with the same client. */
type Returning = { first: Visited; again(): Promise<Visited> }

const clients = {
  openssl: async (
    port: number,
    options: { certificate: TestCertificate; tlsVersion: TlsVersion },
  ): Promise<Returning> => {
    const file = join(folder, `session-${++sessions}`)
    const visit = { port, ...options }
    const first = await visitWithOpenssl(visit, { folder, sessionOut: file })
    return { first, again: () => visitWithOpenssl(visit, { folder, sessionIn: file }) }
  },
  node: async (port: number, options: { certificate: TestCertificate; tlsVersion: TlsVersion }): Promise<Returning> => {
    const visit = { port, ...options }
    const { visited, session } = await visitWithNode(visit)
    const offered = session === undefined ? {} : { session }
    return { first: visited, again: async () => (await visitWithNode(visit, offered)).visited }
  },
}

for (const [name, come] of Object.entries(clients)) {
  for (const tlsVersion of versions) {
    t.test(`a certificate revoked after the first handshake: ${name}, TLS ${tlsVersion}`, async (t) => {
      const certificate = resuming.issuingCa.issueClient({ commonName: 'user01' })
      const twin = resuming.issuingCa.issueClient({ commonName: 'user02' })
      const { first, again } = await come(resuming.ports.certificate, { certificate, tlsVersion })
      const other = await come(resuming.ports.certificate, { certificate: twin, tlsVersion })
      t.equal(verdictOf(first), '200')
      t.equal(verdictOf(other.first), '200')
      const { status } = await operator.call('POST', '/v1/revocations', {
        certificates: [{ issuer: 'test-issuing-ca', serial: certificate.serial }],
      })
      t.equal(status, 200)
      const resumed = (await again()) as Answer
      t.equal(verdictOf(resumed), 'certificate_revoked')
      t.equal(resumed.resumed, true, 'it came with the session of the first visit')
      const stays = (await other.again()) as Answer
      t.equal(verdictOf(stays), '200', 'another certificate’s session goes on')
      t.equal(stays.resumed, true)
    })
  }
}

t.test('a certificate that expires after the first handshake', async (t) => {
  // A whole second at the earliest two seconds from now: certificates know no fractions.
  const notAfterMs = Math.ceil((Date.now() + 2_000) / 1_000) * 1_000
  const certificate = resuming.issuingCa.issueClient({ commonName: 'user01', notAfterMs })
  const port = resuming.ports.certificate
  const returning = await Promise.all(
    versions.flatMap((tlsVersion) => Object.values(clients).map((come) => come(port, { certificate, tlsVersion }))),
  )
  for (const { first } of returning) t.equal(verdictOf(first), '200')
  // The second that notAfter names still counts (RFC 5280 4.1.2.5).
  await eventually(
    () => Date.now(),
    (nowMs) => nowMs >= notAfterMs + 1_000,
  )
  for (const { again } of returning) {
    const resumed = (await again()) as Answer
    t.equal(verdictOf(resumed), 'certificate_expired')
    t.equal(resumed.resumed, true)
  }
})

t.test('without the option no session is ever resumed', async (t) => {
  const gateway = await withGateway({ upstreamPort: app.port })
  t.teardown(() => gateway.stop())
  const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })
  for (const tlsVersion of versions) {
    for (const [name, come] of Object.entries(clients)) {
      const { first, again } = await come(gateway.ports.certificate, { certificate, tlsVersion })
      const second = (await again()) as Answer
      t.equal(verdictOf(first), '200')
      t.equal(verdictOf(second), '200')
      t.equal(second.resumed, false, `${name}, TLS ${tlsVersion}: a full handshake again`)
    }
    const visit = { port: gateway.ports.certificate, certificate, tlsVersion }
    const foreign = join(folder, `foreign-${tlsVersion}`)
    await visitWithOpenssl({ ...visit, port: resuming.ports.certificate }, { folder, sessionOut: foreign })
    const offered = (await visitWithOpenssl(visit, { folder, sessionIn: foreign })) as Answer
    t.equal(offered.resumed, false, `a session of another gateway, TLS ${tlsVersion}`)
  }
})

t.test('a session of one door is worthless on a door with other issuers', async (t) => {
  const caOfB = createTestCa({ commonName: 'issuing-ca-b' })
  const door = (name: string, issuers: readonly string[]) => ({
    name,
    listen: [{ host: '127.0.0.1', port: 0 }],
    hostNames: ['localhost'],
    serverCertificates: [{ certificate: 'server.pem', key: 'server.key' }],
    issuers,
    resumption: { enabled: true },
  })
  const gateway = await withGateway({
    upstreamPort: app.port,
    moreIssuers: { 'issuing-ca-b': caOfB },
    config: { doors: { certificate: [door('a', ['test-issuing-ca']), door('b', ['issuing-ca-b'])] } },
  })
  t.teardown(() => gateway.stop())
  const portOf = (name: string) => gateway.gateway.addresses.find((address) => address.door === name)?.port ?? 0
  const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })
  for (const tlsVersion of versions) {
    const file = join(folder, `door-a-${tlsVersion}`)
    const visit = { port: portOf('a'), certificate, tlsVersion }
    t.equal(verdictOf(await visitWithOpenssl(visit, { folder, sessionOut: file })), '200', 'door a lets it in')
    const atB = (await visitWithOpenssl({ ...visit, port: portOf('b') }, { folder, sessionIn: file })) as Answer
    t.equal(verdictOf(atB), 'issuer_not_trusted', `door b does not, TLS ${tlsVersion}`)
    t.equal(atB.resumed, false, 'and does not resume the session')
    const atA = (await visitWithOpenssl(visit, { folder, sessionIn: file })) as Answer
    t.equal(atA.resumed, true, 'door a resumes it')
  }
})
