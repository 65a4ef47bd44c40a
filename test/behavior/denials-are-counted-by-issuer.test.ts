// Goal: the security team sees whose certificates are refused: every refusal counts once, for its reason and the configured CA that issued
// the certificate; who is let in counts nowhere. Method: a certificate of each kind at a real door that trusts two CAs.
import t from 'tap'
import { denialReasons } from '../../src/trust/denial.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const partnerCa = createTestCa({ commonName: 'partner-ca' })
const strangerCa = createTestCa({ commonName: 'stranger-ca' })
const app = await TestUpstream.start()
app.answer('/', plainAnswer('ok'))
const gateway = await withGateway({ upstreamPort: app.port, moreIssuers: { 'partner-ca': partnerCa } })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

const expired = { notBeforeMs: Date.now() - 2 * 86_400_000, notAfterMs: Date.now() - 86_400_000 }

/** Denials that are not 0, as `reason issuer`. */
async function denials(): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const issuer of ['test-issuing-ca', 'partner-ca', 'none']) {
    for (const reason of denialReasons) {
      const count = await gateway.metric('sekisho_denials_total', { reason, issuer })
      t.type(count, 'number', `${reason} ${issuer} is there from the start`)
      if (count !== undefined && count > 0) found[`${reason} ${issuer}`] = count
    }
  }
  return found
}

async function ask(certificate?: TestCertificate): Promise<number> {
  const client = await RawClient.connect(gateway, certificate === undefined ? {} : { certificate })
  const { status } = await client.get('/').answer()
  client.close()
  return status
}

t.test('nothing is counted before, and nothing for who is let in', async (t) => {
  t.equal(await ask(gateway.issuingCa.issueClient({ commonName: 'user01' })), 200)
  t.equal(await ask(partnerCa.issueClient({ commonName: 'user02' })), 200)
  t.strictSame(await denials(), {})
})

t.test('each refusal counts for the CA whose certificate it was', async (t) => {
  t.equal(await ask(gateway.issuingCa.issueClient({ commonName: 'user03', ...expired })), 403)
  t.equal(await ask(partnerCa.issueClient({ commonName: 'user04', ...expired })), 403)
  t.equal(await ask(partnerCa.issueClient({ commonName: 'user05', ...expired })), 403)
  t.equal(await ask(strangerCa.issueClient({ commonName: 'user01' })), 403)
  t.equal(await ask(), 403)
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
  t.strictSame(await denials(), {
    'certificate_expired test-issuing-ca': 1,
    'certificate_expired partner-ca': 2,
    'issuer_not_trusted none': 1,
    'certificate_missing none': 1,
  })
})

t.test('they are the refusals among the verdicts', async (t) => {
  for (const reason of denialReasons) {
    const [verdicts, ...issuers] = await Promise.all([
      gateway.metric('sekisho_verdicts_total', { verdict: reason }),
      ...['test-issuing-ca', 'partner-ca', 'none'].map((issuer) =>
        gateway.metric('sekisho_denials_total', { reason, issuer }),
      ),
    ])
    t.equal(
      issuers.reduce<number>((sum, count) => sum + (count ?? 0), 0),
      verdicts,
      reason,
    )
  }
})
