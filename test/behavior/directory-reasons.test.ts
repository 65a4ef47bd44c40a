// Goal: with a directory of contracts and users, each thing it knows against a login has its own reason, at the next login
// and on connections that are open, and is lifted again.
// Method: a real gateway with the embedded directory; changes are written into its store as another process would.
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.ts'
import { LiveClient, type Visited, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { keyOf, seedOf } from './directory-seed.ts'
import { startJudgingApp } from './judging-app.ts'

const ca = createTestCa({ commonName: 'test-issuing-ca' })
const issue = (commonName: string) => ca.issueClient({ commonName })
const current = { user01: issue('user01'), user02: issue('user02'), user03: issue('user03'), user04: issue('user04') }
const app = await startJudgingApp()
const gateway = await withGateway({
  upstreamPort: app.port,
  issuingCa: ca,
  config: { directory: 'embedded', revocation: { pollMs: 10 } },
  seed: seedOf(ca, {
    user01: [current.user01],
    user02: [current.user02],
    user03: [current.user03],
    user04: [current.user04],
  }),
})
const store = await EmbeddedStore.open(join(gateway.folder, 'state', 'sekisho.db'), { clock: systemClock })
t.teardown(async () => {
  await store.close()
  await gateway.stop()
  await app.stop()
})
const port = gateway.ports.certificate

async function visit(certificate: TestCertificate): Promise<Visited> {
  return (await visitWithNode({ port, certificate })).visited
}

/** Asks until the verdict is this one, because the gateway follows the store by asking it. */
async function becomes(certificate: TestCertificate, verdict: string): Promise<void> {
  await eventually(
    async () => verdictOf(await visit(certificate)),
    (found) => found === verdict,
  )
}

t.test('a known user with a recorded certificate gets in', async (t) => {
  t.equal(verdictOf(await visit(current.user01)), '200')
})

t.test('login_id_unknown', async (t) => {
  const visited = await visit(issue('nobody'))
  t.equal(verdictOf(visited), 'login_id_unknown')
  t.equal(visited.kind === 'answer' && visited.status, 403)
})

t.test('a login ID that is registered afterwards gets in: nobody remembers that it was unknown', async (t) => {
  const late = issue('late01')
  t.equal(verdictOf(await visit(late)), 'login_id_unknown')
  await store.upsertUser({ loginId: 'late01', contractId: 'test-shoji', role: 'general' })
  await becomes(late, 'certificate_not_registered')
  const nowMs = Date.now()
  await store.upsertCertificate({
    key: keyOf(ca, late),
    loginId: 'late01',
    notBeforeMs: nowMs,
    notAfterMs: nowMs + 60_000,
  })
  await becomes(late, '200')
})

t.test('certificate_not_registered', async (t) => {
  t.equal(verdictOf(await visit(issue('user01'))), 'certificate_not_registered')
})

t.test('a certificate of user01 never gives user02, whatever the directory says of its serial (R2, R4)', async (t) => {
  const certificate = issue('user02')
  const nowMs = Date.now()
  const recorded = { key: keyOf(ca, certificate), loginId: 'user01', notBeforeMs: nowMs, notAfterMs: nowMs + 60_000 }
  t.equal(await store.upsertCertificate(recorded), 'recorded')
  t.equal(verdictOf(await visit(certificate)), 'certificate_not_registered')
  t.notOk(
    app.visits.some(({ loginId }) => loginId === 'user02'),
    'the application was never told of user02',
  )
})

t.test('certificate_superseded: the live connection is cut and the next one refused', async (t) => {
  const live = await LiveClient.connect({ port, certificate: current.user02 })
  t.equal(verdictOf(await live.request()), '200')
  await store.supersede(keyOf(ca, current.user02))
  await live.ended()
  t.equal(verdictOf(await visit(current.user02)), 'certificate_superseded')
  const newer = issue('user02')
  const nowMs = Date.now()
  await store.upsertCertificate({
    key: keyOf(ca, newer),
    loginId: 'user02',
    notBeforeMs: nowMs,
    notAfterMs: nowMs + 60_000,
  })
  await becomes(newer, '200')
  t.equal(verdictOf(await visit(current.user02)), 'certificate_superseded', 'the old one stays superseded')
})

t.test('user_suspended, and back', async (t) => {
  const live = await LiveClient.connect({ port, certificate: current.user03 })
  const other = await LiveClient.connect({ port, certificate: current.user01 })
  t.equal(verdictOf(await live.request()), '200')
  t.equal(verdictOf(await other.request()), '200')
  await store.setSuspended('user03', true)
  await live.ended()
  t.equal(verdictOf(await visit(current.user03)), 'user_suspended')
  t.equal(verdictOf(await other.request()), '200', 'another user of the contract goes on, on the same connection')
  await store.setSuspended('user03', false)
  await becomes(current.user03, '200')
  other.destroy()
})

t.test('contract_not_in_certificate_mode, for every user of the contract, and back (R21)', async (t) => {
  const live = await LiveClient.connect({ port, certificate: current.user04 })
  t.equal(verdictOf(await live.request()), '200')
  await store.setLoginMethod('test-shoji', 'password')
  await live.ended()
  t.equal(verdictOf(await visit(current.user04)), 'contract_not_in_certificate_mode')
  t.equal(verdictOf(await visit(current.user01)), 'contract_not_in_certificate_mode')
  await store.setLoginMethod('test-shoji', 'certificate')
  await becomes(current.user04, '200')
})

t.test(
  'a user moved into a contract in password mode is judged by that contract, on the open connection too',
  async (t) => {
    const live = await LiveClient.connect({ port, certificate: current.user04 })
    t.equal(verdictOf(await live.request()), '200')
    await store.upsertContract({ contractId: 'test-yubin', loginMethod: 'password', certificateLimit: 100 })
    await store.upsertUser({ loginId: 'user04', contractId: 'test-yubin', role: 'general' })
    await live.ended()
    t.equal(verdictOf(await visit(current.user04)), 'contract_not_in_certificate_mode')
  },
)

t.test('mustBeRegistered: false lets in an unrecorded certificate of a known user only', async (t) => {
  const relaxed = await withGateway({
    upstreamPort: app.port,
    issuingCa: ca,
    config: { directory: 'embedded', certificates: { mustBeRegistered: false } },
    seed: seedOf(ca, { probe01: [] }),
  })
  t.teardown(() => relaxed.stop())
  const at = relaxed.ports.certificate
  t.equal(verdictOf((await visitWithNode({ port: at, certificate: issue('probe01') })).visited), '200')
  t.equal(verdictOf((await visitWithNode({ port: at, certificate: issue('probe02') })).visited), 'login_id_unknown')
})

t.test('two users behind one address, 150 connections at once: all get in, each as themselves (R6)', async (t) => {
  const { user01, user03 } = current
  const clients = await Promise.all(
    Array.from({ length: 150 }, (_, at) => LiveClient.connect({ port, certificate: at % 2 === 0 ? user01 : user03 })),
  )
  const answers = await Promise.all(clients.map((client) => client.request()))
  const expected = clients.map((_, at) => (at % 2 === 0 ? 'login ID user01' : 'login ID user03'))
  t.strictSame(
    answers.map((answer) => (answer.kind === 'answer' ? answer.body : answer.detail)),
    expected,
  )
  for (const client of clients) client.destroy()
})
