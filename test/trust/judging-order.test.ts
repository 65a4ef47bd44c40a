// Goal: the checks happen in the order of `denialReasons`, and the first failure names the denial.
// Method: for every pair of faults a certificate and a state of trust that have both; the earlier one must be named. The
// certificates are real ones, so that the order inside the opinion on a certificate counts too.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { admit, type Candidate, foreseeVerdict, type Presented } from '../../src/trust/admit.ts'
import { formOpinion } from '../../src/trust/certificate-opinion.ts'
import { type DenialReason, denialReasons } from '../../src/trust/denial.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { inspectCertificate } from '../../src/trust/inspect.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { oids } from '../../src/x509/oids.ts'
import { type ClientOptions, createTestCa } from '../helpers/test-ca.ts'
import { createTrust, FakeConnection, type TrustStand } from './trust-fakes.ts'

const issuing = createTestCa({ commonName: 'test-issuing-ca' })
const twin = createTestCa({ commonName: 'test-issuing-ca' })
const nowMs = systemClock.nowMs()
const issuer = readIssuingCa({ name: 'ca', certificatePem: issuing.certificatePem, chainPems: [] }, nowMs)
const rules = { issuers: [issuer], loginId: { from: 'commonName' }, rsaBitsMin: 2_048 } as const

const certificateFaults: Partial<Record<DenialReason, Partial<ClientOptions>>> = {
  certificate_unreadable: { otherExtensions: [{ oid: '1.2.3.4', critical: true, valueDer: Uint8Array.of(5, 0) }] },
  key_too_weak: { keyKind: 'rsa1024' },
  usage_not_allowed: { extendedKeyUsage: [oids.serverAuth] },
  certificate_not_yet_valid: { notBeforeMs: nowMs + 3_600_000 },
  certificate_expired: { notAfterMs: nowMs - 600_000 },
  login_id_missing: { commonName: undefined },
}

type Scene = { readonly candidate: Candidate; readonly trust: TrustStand; readonly der: Uint8Array }

/** A connection and a state of trust with exactly these faults, as far as they can occur together. */
function sceneWith(faults: readonly DenialReason[]): Scene {
  const has = (reason: DenialReason) => faults.includes(reason)
  const options: ClientOptions = Object.assign(
    { commonName: 'user01' },
    ...faults.map((reason) => certificateFaults[reason] ?? {}),
  )
  const certificate = (has('issuer_not_trusted') ? twin : issuing).issueClient(options)
  const opinion = formOpinion(certificate.der, rules)
  const trust = createTrust({ directory: true, mustBeRegistered: true })
  trust.clock.wallMs = nowMs
  const { index, clock } = trust
  if (has('certificate_revoked') && opinion.revokedEntry) index.add(opinion.revokedEntry)
  if (has('certificate_superseded') && opinion.supersededEntry) index.add(opinion.supersededEntry)
  if (has('user_suspended') && opinion.suspendedEntry) index.add(opinion.suspendedEntry)
  if (has('contract_not_in_certificate_mode')) index.add(fingerprintOf('password_mode', 'demo'))
  if (has('trust_data_stale')) clock.monotonic += 1_000_000
  const user =
    has('login_id_unknown') || has('login_id_missing') ? undefined : { contractId: 'demo', role: 'general' as const }
  const presented: Presented = has('certificate_missing')
    ? { kind: 'missing' }
    : { kind: 'certificate', opinion, opensslFault: undefined }
  const answer = { user, certificateRegistered: !has('certificate_not_registered') }
  return { candidate: { connection: new FakeConnection(1), presented, answer }, trust, der: certificate.der }
}

t.test('no fault: permitted', async (t) => {
  const { candidate, trust } = sceneWith([])
  t.match(admit(candidate, trust.state), {
    kind: 'permit',
    user: { loginId: 'user01', contractId: 'demo', role: 'general' },
  })
})

t.test('each fault alone', async (t) => {
  for (const reason of denialReasons) {
    const { candidate, trust } = sceneWith([reason])
    t.match(admit(candidate, trust.state), { kind: 'denial', reason }, reason)
  }
})

t.test('of two faults the earlier one is named', async (t) => {
  for (const [at, earlier] of denialReasons.entries()) {
    for (const later of denialReasons.slice(at + 1)) {
      const { candidate, trust } = sceneWith([earlier, later])
      t.match(admit(candidate, trust.state), { kind: 'denial', reason: earlier }, `${earlier} before ${later}`)
    }
  }
})

t.test('revoked by a rule stands in the same place as revoked by its own entry, and says which it was', async (t) => {
  const revokedAt = denialReasons.indexOf('certificate_revoked')
  for (const [at, other] of denialReasons.entries()) {
    // A rule is on what a configured CA issued, and there is none without one.
    if (other === 'certificate_missing' || other === 'issuer_not_trusted') continue
    const { candidate, trust } = sceneWith(other === 'certificate_revoked' ? [] : [other])
    const { issuerId } = issuer
    const bounds = { notBeforeMinMs: 0, notBeforeMaxMs: nowMs + 86_400_000 }
    trust.index.setRule('incident', { by: 'issuer', issuerId, ...bounds, version: 7 })
    const reason = at < revokedAt ? other : 'certificate_revoked'
    t.match(admit(candidate, trust.state), { kind: 'denial', reason }, `a rule and ${other}`)
  }
  const byRule = sceneWith([])
  byRule.trust.index.setRule('one', { by: 'loginId', loginId: 'user01', notBeforeMaxMs: nowMs, version: 7 })
  t.match(admit(byRule.candidate, byRule.trust.state), { detail: 'a revocation rule covers it, version 7' })
  const byEntry = sceneWith(['certificate_revoked'])
  t.match(admit(byEntry.candidate, byEntry.trust.state), { detail: 'its key is in the revocation index' })
})

t.test('an issuer outside its own validity period is not trusted, now or later', async (t) => {
  const { candidate, trust } = sceneWith([])
  trust.clock.wallMs = issuer.certificate.notAfterMs + 1_000
  t.match(admit(candidate, trust.state), { reason: 'issuer_not_trusted' })
})

t.test('inspect says the same as the door, and which checks were passed before', async (t) => {
  for (const reason of denialReasons.filter((name) => name !== 'certificate_missing')) {
    const { candidate, trust, der } = sceneWith([reason])
    const answer = async () => candidate.answer
    const inspection = await inspectCertificate(der, { name: 'door', rules }, { state: trust.state, answer })
    t.equal(inspection.verdict, reason)
    t.equal(foreseeVerdict(candidate, trust.state)?.reason, reason)
    const failedAt = denialReasons.indexOf(reason)
    t.strictSame(
      inspection.steps.map(({ result }) => result),
      denialReasons.map((_, at) => (at < failedAt ? 'passed' : at === failedAt ? 'failed' : 'not_reached')),
    )
    t.equal(trust.live.size, 0, 'nothing is registered by looking')
  }
  const { candidate, trust, der } = sceneWith([])
  const found = await inspectCertificate(
    der,
    { name: 'door', rules },
    { state: trust.state, answer: async () => candidate.answer },
  )
  t.match(found, { verdict: 'permitted', loginId: 'user01', issuer: 'ca', door: 'door' })
  const garbage = await inspectCertificate(
    Uint8Array.of(1, 2, 3),
    { name: 'door', rules },
    { state: trust.state, answer: async () => undefined },
  )
  t.match(garbage, { verdict: 'certificate_unreadable', serial: null, loginId: null })
  const failing = await inspectCertificate(
    der,
    { name: 'door', rules },
    { state: trust.state, answer: () => Promise.reject(new Error('the store is away')) },
  )
  t.equal(failing.verdict, 'trust_data_stale')
  const unanswered = failing.steps.filter(({ result }) => result === 'not_reached').map(({ check }) => check)
  t.strictSame(unanswered, denialReasons.slice(denialReasons.indexOf('login_id_unknown'), -1), 'nobody has said yes')
})
