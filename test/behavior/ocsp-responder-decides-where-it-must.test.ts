// Goal: what an issuer's OCSP responder says counts at the door: revoked cuts what is live, and where the responder must say good, nobody
// passes without it and nobody stays longer than it vouches. Other issuers' users are not touched, and nobody waits for a slow responder
// where it need not say good.
// Method: the real gateway, two issuers, a responder on loopback that says what the test wants.
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import type { OcspConfig } from '../../src/config/gateway-config.ts'
import { LiveClient, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { type AnswerOptions, ocspResponse, startTestResponder } from '../helpers/test-ocsp.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { startJudgingApp } from './judging-app.ts'

const ca = createTestCa({ commonName: 'test-issuing-ca' })
const otherCa = createTestCa({ commonName: 'other-ca' })
const app = await startJudgingApp()
t.teardown(() => app.stop())

type Says = Partial<AnswerOptions> | 'nothing'

async function start(t: Test, ocsp: Partial<OcspConfig>) {
  let says: Says = {}
  const responder = await startTestResponder((question) => {
    if (says === 'nothing') return undefined
    const { certId, nonce } = question
    return ocspResponse({ signer: ca, nonce, answers: [{ certId, ...says }] })
  })
  t.teardown(() => responder.close())
  const gateway = await withGateway({
    upstreamPort: app.port,
    issuingCa: ca,
    moreIssuers: { other: otherCa },
    config: {
      issuers: [
        { name: 'test-issuing-ca', certificate: 'issuer.pem', ocsp: { url: responder.url, retrySeconds: 1, ...ocsp } },
        { name: 'other', certificate: 'issuer-other.pem' },
      ],
      revocation: { pollMs: 10 },
    },
  })
  t.teardown(() => gateway.stop())
  const visit = async (certificate: TestCertificate) =>
    verdictOf((await visitWithNode({ port: gateway.ports.certificate, certificate })).visited)
  return { gateway, responder, visit, say: (next: Says) => (says = next) }
}

const user = (issuer = ca) => issuer.issueClient({ commonName: 'user01' })

t.test(
  'mustBeGood: good passes; silence, unknown and a responder that is down do not; others pass always',
  async (t) => {
    const { gateway, responder, visit, say } = await start(t, { policy: 'mustBeGood', waitMs: 100, timeoutMs: 300 })
    t.equal(await visit(user()), '200')
    say({ status: 'unknown' })
    t.equal(await visit(user()), 'trust_data_stale', 'unknown')
    say('nothing')
    t.equal(await visit(user()), 'trust_data_stale', 'silence')
    t.equal(await visit(user(otherCa)), '200', 'another issuer')
    await responder.close()
    t.equal(await visit(user()), 'trust_data_stale', 'down')
    t.ok((await gateway.metric('sekisho_ocsp_checks_total', { issuer: 'test-issuing-ca', result: 'unknown' })) === 1)
  },
)

t.test(
  'mustBeGood: a connection lives as long as the responder vouches, and comes back when it does again',
  async (t) => {
    const { gateway, visit, say } = await start(t, { policy: 'mustBeGood', waitMs: 2_000, timeoutMs: 2_000 })
    const nowMs = systemClock.nowMs()
    // Beyond the skew that clocks may have, it ends in three seconds.
    say({ thisUpdateMs: nowMs - 3_600_000, nextUpdateMs: nowMs - 297_000 })
    const certificate = user()
    const client = await LiveClient.connect({ port: gateway.ports.certificate, certificate })
    t.equal(verdictOf(await client.request()), '200')
    say('nothing')
    await eventually(
      () => visit(certificate),
      (verdict) => verdict === 'trust_data_stale',
      15_000,
    )
    t.equal(verdictOf(await client.request()), 'trust_data_stale', 'on the connection that was open')
    say({})
    await eventually(
      () => visit(certificate),
      (verdict) => verdict === '200',
      15_000,
    )
  },
)

for (const policy of ['revokedOnly', 'mustBeGood'] as const) {
  t.test(`${policy}: revoked is refused and cut, and stays so whatever the responder says later`, async (t) => {
    const { gateway, visit, say } = await start(t, { policy, waitMs: 5_000 })
    const [revoked, good] = [user(), user()]
    const stays = await LiveClient.connect({ port: gateway.ports.certificate, certificate: good })
    t.equal(verdictOf(await stays.request()), '200')
    await eventually(
      () => gateway.metric('sekisho_ocsp_checks_total', { result: 'good' }),
      (count) => count === 1,
    )
    say({ status: 'revoked', reasonCode: 1 })
    const client = await LiveClient.connect({ port: gateway.ports.certificate, certificate: revoked })
    await client.request()
    await client.ended()
    t.equal(await visit(revoked), 'certificate_revoked')
    say({})
    t.equal(await visit(revoked), 'certificate_revoked', 'it was said once')
    t.equal(verdictOf(await stays.request()), '200', 'the other certificate of the same user')
  })
}

t.test('revokedOnly: a responder that is silent or down keeps nobody out', async (t) => {
  const { responder, visit, say } = await start(t, { policy: 'revokedOnly' })
  say('nothing')
  t.equal(await visit(user()), '200')
  await responder.close()
  t.equal(await visit(user()), '200')
})
