// Goal: a certificate that lets nobody in is no proof for a new one either. Method: a real gateway; certificates that have expired, were revoked
// or superseded ask for a renewal over EST, each beside one that may.
import t from 'tap'
import { TestUpstream } from '../helpers/upstream.ts'
import { keyOf, seedOf } from './directory-seed.ts'
import { ca, renew, startIssuingGateway } from './issuing-setting.ts'

const dayMs = 86_400_000
const app = await TestUpstream.start()
t.teardown(() => app.stop())

t.test('expired and revoked certificates renew nothing; current ones do', async (t) => {
  const current = ca.issueClient({ commonName: 'user01' })
  const expired = ca.issueClient({
    commonName: 'user02',
    notBeforeMs: Date.now() - 3 * dayMs,
    notAfterMs: Date.now() - dayMs,
  })
  const revoked = ca.issueClient({ commonName: 'user03' })
  const seed = {
    ...seedOf(ca, { user01: [current], user02: [expired], user03: [revoked] }),
    revoked: [keyOf(ca, revoked)],
  }
  const gateway = await startIssuingGateway(t, { upstreamPort: app.port, seed })
  await t.rejects(renew(gateway, expired), /Cannot renew: 403/)
  await t.rejects(renew(gateway, revoked), /Cannot renew: 403/)
  t.ok((await renew(gateway, current)).serial, 'user01 renews')
})

t.test('a superseded certificate renews nothing; the one that superseded it does', async (t) => {
  const first = ca.issueClient({ commonName: 'user01' })
  const gateway = await startIssuingGateway(t, { upstreamPort: app.port, seed: seedOf(ca, { user01: [first] }) })
  const second = await renew(gateway, first)
  // Its own renewal is the first use of the second one.
  const third = await renew(gateway, second)
  await t.rejects(renew(gateway, first), /Cannot renew: 403/)
  t.ok(third.serial)
})
