// Goal: R2, R12: a certificate of another CA's making is on record from its first use on: it is listed, revoked with its login ID, and takes
// over from the older one, unless that is switched off.
// Method: real gateways with `mustBeRegistered: false`, certificates minted by the test; the store is read as another process would.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.ts'
import { LiveClient, operatorOf, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { type RunningGateway, withGateway } from '../helpers/with-gateway.ts'
import { keyOf, seedOf } from './directory-seed.ts'
import { startJudgingApp } from './judging-app.ts'

const ca = createTestCa({ commonName: 'test-issuing-ca' })
const app = await startJudgingApp()
t.teardown(() => app.stop())
const hourMs = 3_600_000
const mint = (commonName: string, hoursAgo: number) =>
  ca.issueClient({ commonName, notBeforeMs: Date.now() - hoursAgo * hourMs })

async function start(t: Test, certificates: object) {
  const gateway = await withGateway({
    upstreamPort: app.port,
    issuingCa: ca,
    config: { directory: 'embedded', certificates: { mustBeRegistered: false, ...certificates } },
    seed: seedOf(ca, { user01: [], user02: [] }),
  })
  const store = await EmbeddedStore.open(join(gateway.folder, 'state', 'sekisho.db'), { clock: systemClock })
  t.teardown(async () => {
    await store.close()
    await gateway.stop()
  })
  return { gateway, store }
}

async function verdict({ ports }: RunningGateway, certificate: TestCertificate): Promise<string> {
  return verdictOf((await visitWithNode({ port: ports.certificate, certificate })).visited)
}

t.test('R12: the first use puts it on record before it is answered; revoked by login ID it is refused', async (t) => {
  const { gateway, store } = await start(t, { supersedeSeen: true })
  const [own, other] = [mint('user01', 2), mint('user02', 2)]
  t.strictSame(await store.certificatesOf('user01', 0), [])
  t.equal(await verdict(gateway, own), '200')
  t.match(await store.certificatesOf('user01', 0), [{ key: keyOf(ca, own), state: 'current', revoked: false }])
  t.equal(await verdict(gateway, other), '200')
  const { status, body } = await operatorOf(gateway).call('POST', '/v1/revocations', { loginIds: ['user01'] })
  t.equal(status, 200)
  t.match(body, { revoked: 1, certificates: [{ serial: own.serial, loginId: 'user01', outcome: 'revoked' }] })
  t.equal(await verdict(gateway, own), 'certificate_revoked')
  t.equal(await verdict(gateway, other), '200', 'another user’s stays')
})

t.test('R2: of two the one that began last stays, whichever comes first', async (t) => {
  const { gateway } = await start(t, { supersedeSeen: true })
  const [older, newer] = [mint('user01', 2), mint('user01', 1)]
  const live = await LiveClient.connect({ port: gateway.ports.certificate, certificate: older })
  t.equal(verdictOf(await live.request()), '200')
  t.equal(await verdict(gateway, newer), '200')
  await live.ended()
  t.equal(await verdict(gateway, older), 'certificate_superseded')
  t.equal(await verdict(gateway, newer), '200')
  const [late, current] = [mint('user02', 2), mint('user02', 1)]
  t.equal(await verdict(gateway, current), '200')
  await verdict(gateway, late)
  t.equal(await verdict(gateway, late), 'certificate_superseded')
  t.equal(await verdict(gateway, current), '200')
})

t.test('with supersedeSeen off several work side by side, each on record', async (t) => {
  const { gateway, store } = await start(t, { supersedeSeen: false })
  const both = [mint('user01', 2), mint('user01', 1)]
  for (const certificate of [...both, ...both]) t.equal(await verdict(gateway, certificate), '200')
  t.strictSame(
    (await store.certificatesOf('user01', 0)).map(({ key, state }) => [key, state]).sort(),
    both.map((certificate) => [keyOf(ca, certificate), 'current']).sort(),
  )
})
