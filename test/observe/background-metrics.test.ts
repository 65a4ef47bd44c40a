// Goal: a running gateway shows by itself which certificates expire when, and whether its audit log is as it was written; NaN is shown where
// nothing is known. Method: real gateways, with a directory and without, and one whose log was changed while it was away.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { DirectorySeed } from '../../src/lifecycle/seed-directory.ts'
import { expiryWeeks } from '../../src/observe/metric-labels.ts'
import { certificateKey, issuerIdOf } from '../../src/x509/certificate-key.ts'
import { readPemCertificate } from '../../src/x509/read-pem-certificate.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const closedPort = 1
const dayMs = 86_400_000

const issuingCa = createTestCa({ commonName: 'test-issuing-ca' })

function seedOf(days: readonly number[]): DirectorySeed {
  const issuerId = issuerIdOf(readPemCertificate(issuingCa.certificatePem).publicKeyDer)
  const nowMs = Date.now()
  const certificates = days.map((inDays, place) => ({
    key: certificateKey(issuerId, (place + 16).toString(16)),
    loginId: 'user01',
    notBeforeMs: nowMs - 30 * dayMs,
    notAfterMs: nowMs + inDays * dayMs,
  }))
  return {
    contracts: [{ contractId: 'acme', loginMethod: 'certificate', certificateLimit: 100 }],
    users: [{ loginId: 'user01', contractId: 'acme', role: 'general' }],
    certificates,
    revoked: certificates.slice(0, 1).map(({ key }) => key),
  }
}

t.test('with a directory, certificates that are not revoked count in the week of their expiry', async (t) => {
  // The first one is revoked.
  const options = { upstreamPort: closedPort, issuingCa, seed: seedOf([1, 15, 20, 400]) }
  const gateway = await withGateway({ ...options, config: { directory: 'embedded' } })
  t.teardown(() => gateway.stop())
  const week = (name: string) => gateway.metric('sekisho_certificates_expiring', { week: name })
  await eventually(
    () => week('2'),
    (count) => count === 2,
  )
  for (const name of expiryWeeks) t.equal(await week(name), name === '2' ? 2 : 0, `week ${name}`)
})

t.test('without a directory nothing is known of expiries', async (t) => {
  const gateway = await withGateway({ upstreamPort: closedPort, issuingCa })
  t.teardown(() => gateway.stop())
  await eventually(
    () => gateway.metric('sekisho_audit_chain_intact'),
    (intact) => intact === 1,
  )
  for (const week of expiryWeeks)
    t.same(await gateway.metric('sekisho_certificates_expiring', { week }), Number.NaN, `week ${week}`)
})

t.test('a record that was changed while the gateway was away is told when it is back', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  // Each start writes a record, and the last one is looked at when the log is opened.
  for (let starts = 0; starts < 2; starts += 1) await (await withGateway({ upstreamPort: closedPort, folder })).stop()
  const file = join(folder, 'state', 'audit.log')
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  writeFileSync(file, `${[lines[0]?.replace('gateway_started', 'gateway_stopped'), ...lines.slice(1)].join('\n')}\n`)
  const gateway = await withGateway({ upstreamPort: closedPort, folder })
  t.teardown(() => gateway.stop())
  await eventually(
    () => gateway.metric('sekisho_audit_chain_intact'),
    (intact) => intact === 0,
  )
  t.ok(gateway.logLines.some((line) => line.includes('the audit log is not as it was written')))
})
