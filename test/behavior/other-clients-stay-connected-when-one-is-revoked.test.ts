// Goal: one revocation, or a thousand, cuts its own connections and no other.
// Method: many users' keep-alive connections; some are revoked, and every other one is asked again on its own connection.
import t from 'tap'
import { LiveClient, operatorOf, verdictOf } from '../helpers/clients.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { startJudgingApp } from './judging-app.ts'

const app = await startJudgingApp()
const gateway = await withGateway({
  upstreamPort: app.port,
  moreIssuers: { 'second-ca': createTestCa({ commonName: 'second-ca' }) },
})
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})
const port = gateway.ports.certificate
const operator = operatorOf(gateway)
const certificateOf = (loginId: string) => gateway.issuingCa.issueClient({ commonName: loginId })

t.test('by login ID: user02 is cut, user01 stays', async (t) => {
  const [one, two] = [
    await LiveClient.connect({ port, certificate: certificateOf('user01') }),
    await LiveClient.connect({ port, certificate: certificateOf('user02') }),
  ]
  for (const client of [one, two]) t.equal(verdictOf(await client.request()), '200')
  const { body } = await operator.call('POST', '/v1/revocations', { loginIds: ['user02'], reason: 'keyCompromise' })
  t.match(body, { revoked: 1, connectionsCut: 1 })
  await two.ended()
  t.equal(verdictOf(await one.request()), '200')
  one.destroy()
})

t.test('a dry run cuts and refuses nobody', async (t) => {
  const certificate = certificateOf('user03')
  const client = await LiveClient.connect({ port, certificate })
  t.equal(verdictOf(await client.request()), '200')
  const { body } = await operator.call('POST', '/v1/revocations', { loginIds: ['user03'], dryRun: true })
  t.match(body, { dryRun: true, revoked: 1, connectionsCut: 0 })
  t.equal(verdictOf(await client.request()), '200')
  client.destroy()
})

t.test('a thousand revoked at once among sixty connected', async (t) => {
  const users = Array.from({ length: 60 }, (_, at) => certificateOf(`bulk${at}`))
  const clients = await Promise.all(users.map((certificate) => LiveClient.connect({ port, certificate })))
  for (const client of clients) t.equal(verdictOf(await client.request()), '200')
  const serials = users.filter((_, at) => at % 3 === 0).map(({ serial }) => serial)
  const strangers = Array.from({ length: 1_000 }, (_, at) => (0x1000 + at).toString(16))
  const { body } = await operator.call('POST', '/v1/revocations', {
    certificates: [...serials, ...strangers].map((serial) => ({ issuer: 'test-issuing-ca', serial })),
  })
  t.match(body, { revoked: 1_020, connectionsCut: 20 })
  for (const [at, client] of clients.entries()) {
    if (at % 3 === 0) await client.ended()
    else t.equal(verdictOf(await client.request()), '200', `bulk${at} stays`)
    client.destroy()
  }
})
