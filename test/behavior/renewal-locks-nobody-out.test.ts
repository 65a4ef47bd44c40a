// Goal: R20: a renewed certificate takes over when it is first used and not before: the old one works until then, and never again after, at
// every gateway, also while Redis is away.
// Method: real gateways, real TLS clients that renew over EST; the application itself tries the old certificate while it is asked.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { LiveClient, type Visited, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { startRedisServer } from '../helpers/redis-server.ts'
import type { TestCertificate } from '../helpers/test-ca.ts'
import { seedOf } from './directory-seed.ts'
import { ca, renew, startIssuingGateway } from './issuing-setting.ts'

/** What the application does before it answers. */
let meanwhile: () => Promise<string> = async () => 'nothing'
const app = createServer(async (_request, response) => {
  const text = await meanwhile()
  response.setHeader('Content-Length', Buffer.byteLength(text)).end(text)
})
app.listen(0, '127.0.0.1')
await once(app, 'listening')
t.teardown(() => {
  app.closeAllConnections()
  app.close()
})
const upstreamPort = (app.address() as AddressInfo).port

type Ports = { readonly ports: { readonly certificate: number } }
async function visit({ ports }: Ports, certificate: TestCertificate): Promise<Visited> {
  return (await visitWithNode({ port: ports.certificate, certificate })).visited
}
async function verdict(gateway: Ports, certificate: TestCertificate): Promise<string> {
  return verdictOf(await visit(gateway, certificate))
}

t.test(
  'R20: the old one works until the new one is used; then it is cut and refused before the first answer',
  async (t) => {
    const [old, other] = [ca.issueClient({ commonName: 'user01' }), ca.issueClient({ commonName: 'user02' })]
    const gateway = await startIssuingGateway(t, { upstreamPort, seed: seedOf(ca, { user01: [old], user02: [other] }) })
    const port = gateway.ports.certificate
    const live = await LiveClient.connect({ port, certificate: old })
    const neighbour = await LiveClient.connect({ port, certificate: other })
    t.equal(verdictOf(await live.request()), '200')
    t.equal(verdictOf(await neighbour.request()), '200')

    const unused = await renew(gateway, old)
    const renewed = await renew(gateway, old)
    t.equal(verdictOf(await live.request()), '200', 'renewing cuts nobody')
    t.equal(await verdict(gateway, old), '200', 'nor does it refuse')

    meanwhile = () => verdict(gateway, old)
    const first = await visit(gateway, renewed)
    meanwhile = async () => 'nothing'
    t.match(first, { kind: 'answer', status: 200, body: 'certificate_superseded' })
    await live.ended()
    t.equal(await verdict(gateway, old), 'certificate_superseded')
    t.equal(await verdict(gateway, renewed), '200')
    t.equal(
      await verdict(gateway, unused),
      'certificate_superseded',
      'the pending one that was replaced lets nobody in',
    )
    t.equal(verdictOf(await neighbour.request()), '200', 'another user goes on, on the same connection')
    neighbour.destroy()
  },
)

t.test('R20: at every gateway over one Redis, and here also while Redis is away', async (t) => {
  const redis = await startRedisServer(t)
  const store = { redis: { url: redis.url, connectTimeoutMs: 500, commandTimeoutMs: 500 } }
  const config = { store, revocation: { pollMs: 50 } }
  const [old1, old2] = [ca.issueClient({ commonName: 'user01' }), ca.issueClient({ commonName: 'user02' })]
  const one = await startIssuingGateway(t, {
    upstreamPort,
    config,
    seed: seedOf(ca, { user01: [old1], user02: [old2] }),
  })
  const two = await startIssuingGateway(t, { upstreamPort, config })
  const becomes = (gateway: Ports, certificate: TestCertificate, wanted: string) =>
    eventually(
      () => verdict(gateway, certificate),
      (found) => found === wanted,
      20_000,
    )
  await becomes(two, old1, '200')
  const live = await LiveClient.connect({ port: two.ports.certificate, certificate: old1 })
  t.equal(verdictOf(await live.request()), '200')
  const [new1, new2] = [await renew(one, old1), await renew(one, old2)]
  t.equal(verdictOf(await live.request()), '200')
  await becomes(one, new1, '200')
  t.equal(await verdict(one, old1), 'certificate_superseded')
  await live.ended()
  await becomes(two, old1, 'certificate_superseded')
  t.equal(await verdict(two, new1), '200')

  redis.pause()
  t.teardown(() => redis.resume())
  t.equal(await verdict(one, new2), '200', 'nobody is locked out')
  t.equal(await verdict(one, old2), 'certificate_superseded', 'and here the old one is refused at once')
  redis.resume()
  await becomes(two, old2, 'certificate_superseded')
  t.equal(await verdict(two, new2), '200')
})
