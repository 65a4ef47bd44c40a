// Goal: a serial number alone is no identity (RFC 5280 4.1.2.2): revoking one touches its issuer's certificate only, also
// where the two issuers share their name and differ by key.
// Method: certificates with one serial number from three configured CAs, two of which have the same name.
import t from 'tap'
import { LiveClient, operatorOf, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { startJudgingApp } from './judging-app.ts'

const serial = '4f00ba'
const other = createTestCa({ commonName: 'other-issuing-ca' })
const sameName = createTestCa({ commonName: 'test-issuing-ca' })
const app = await startJudgingApp()
const gateway = await withGateway({ upstreamPort: app.port, moreIssuers: { other, 'same-name': sameName } })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})
const port = gateway.ports.certificate
const operator = operatorOf(gateway)

t.test('only the named issuer’s certificate is cut and refused', async (t) => {
  const certificates = [gateway.issuingCa, other, sameName].map((ca) =>
    ca.issueClient({ commonName: 'user01', serial }),
  )
  const clients = await Promise.all(certificates.map((certificate) => LiveClient.connect({ port, certificate })))
  for (const client of clients) t.equal(verdictOf(await client.request()), '200')
  const { body } = await operator.call('POST', '/v1/revocations', {
    // Spelled as some tools print it.
    certificates: [{ issuer: 'test-issuing-ca', serial: '00:4F:00:BA' }],
  })
  t.match(body, { revoked: 1, connectionsCut: 1 })
  const [revoked, ...stay] = clients
  await revoked?.ended()
  for (const client of stay) {
    t.equal(verdictOf(await client.request()), '200')
    client.destroy()
  }
  const verdicts = await Promise.all(
    certificates.map(async (certificate) => verdictOf((await visitWithNode({ port, certificate })).visited)),
  )
  t.strictSame(verdicts, ['certificate_revoked', '200', '200'])
})

t.test('the CA of the same name can be revoked from too, by its own name in the configuration', async (t) => {
  await operator.call('POST', '/v1/revocations', { certificates: [{ issuer: 'same-name', serial }] })
  const certificate = sameName.issueClient({ commonName: 'user01', serial })
  t.equal(verdictOf((await visitWithNode({ port, certificate })).visited), 'certificate_revoked')
  const from = other.issueClient({ commonName: 'user01', serial })
  t.equal(verdictOf((await visitWithNode({ port, certificate: from })).visited), '200')
})
