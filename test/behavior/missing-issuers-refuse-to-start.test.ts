// Goal: a certificate door never opens without issuers, and never falls back to the system's root CAs (CVE-2026-27586).
// Method: configurations whose issuers are missing, empty, unreadable, expired or no CAs; nothing may listen afterwards.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import t from 'tap'
import { verdictOf, visitWithNode } from '../helpers/clients.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { type ConfigChanges, withGateway } from '../helpers/with-gateway.ts'
import { startJudgingApp } from './judging-app.ts'

const folder = mkdtempSync(join(tmpdir(), 'sekisho-issuers-'))
const app = await startJudgingApp()
t.teardown(async () => {
  await app.stop()
  rmSync(folder, { recursive: true, force: true })
})
const nowMs = Date.now()
const root = createTestCa({ commonName: 'test-root-ca' })
const stranger = createTestCa({ commonName: 'another-root-ca' })
const files = {
  'empty.pem': '',
  'noise.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  'leaf.pem': root.issueClient({ commonName: 'user01' }).certificatePem,
  'expired.pem': root.childCa({ commonName: 'ca', notAfterMs: nowMs - 60_000 }).certificatePem,
  'early.pem': root.childCa({ commonName: 'ca', notBeforeMs: nowMs + 3_600_000 }).certificatePem,
  'not-a-ca.pem': root.childCa({ commonName: 'ca', basicConstraints: { ca: false } }).certificatePem,
  'no-sign.pem': root.childCa({ commonName: 'ca', keyUsage: ['digitalSignature'] }).certificatePem,
  'good.pem': root.childCa({ commonName: 'ca' }).certificatePem,
  'stranger.pem': stranger.certificatePem,
}
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)

const issuer = (certificate: string, chain: readonly string[] = []) => ({ name: 'ca', certificate, chain })
const refused: Readonly<Record<string, ConfigChanges>> = {
  'no issuers at all': { issuers: [], certificateDoor: { issuers: [] } },
  'a door without issuers': { certificateDoor: { issuers: [] } },
  'a door with an issuer that is not configured': { certificateDoor: { issuers: ['elsewhere'] } },
  'a file that is not there': { issuers: [issuer('absent.pem')], certificateDoor: { issuers: ['ca'] } },
  'an empty file': { issuers: [issuer('empty.pem')], certificateDoor: { issuers: ['ca'] } },
  'a file that is no certificate': { issuers: [issuer('noise.pem')], certificateDoor: { issuers: ['ca'] } },
  'a user certificate': { issuers: [issuer('leaf.pem')], certificateDoor: { issuers: ['ca'] } },
  'a CA that has expired': { issuers: [issuer('expired.pem')], certificateDoor: { issuers: ['ca'] } },
  'a CA that is not valid yet': { issuers: [issuer('early.pem')], certificateDoor: { issuers: ['ca'] } },
  'a certificate that is no CA': { issuers: [issuer('not-a-ca.pem')], certificateDoor: { issuers: ['ca'] } },
  'a CA that may not sign': { issuers: [issuer('no-sign.pem')], certificateDoor: { issuers: ['ca'] } },
  'a CA that the one above did not sign': {
    issuers: [issuer('good.pem', ['stranger.pem'])],
    certificateDoor: { issuers: ['ca'] },
  },
}

for (const [name, config] of Object.entries(refused)) {
  t.test(name, async (t) => {
    // Whatever opened would have to be stopped, or the test would not end.
    const started = withGateway({ upstreamPort: app.port, folder, config }).then((gateway) => gateway.stop())
    await t.rejects(started, { code: 'config_invalid' })
  })
}

t.test('system root CAs count for nothing', async (t) => {
  const gateway = await withGateway({ upstreamPort: app.port })
  t.teardown(() => gateway.stop())
  const certificate = stranger.issueClient({ commonName: 'user01' })
  // The certificate brings a publicly trusted CA along, or none.
  for (const more of ['', ...rootCertificates.slice(0, 3)]) {
    const chainPem = `${certificate.certificatePem}${more}`
    const { visited } = await visitWithNode({ port: gateway.ports.certificate, certificate, chainPem })
    t.equal(verdictOf(visited), 'issuer_not_trusted')
  }
})
