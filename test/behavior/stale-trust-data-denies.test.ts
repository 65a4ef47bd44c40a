// Goal: when the store has not been heard for longer than allowed, nobody gets in (invariant 4), and what was revoked stays
// refused for that reason even then; the field that loosens it says so in its name.
// Method: the database file is moved away under a running gateway, and back.
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LiveClient, operatorOf, type Visited, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { type ConfigChanges, type RunningGateway, withGateway } from '../helpers/with-gateway.ts'
import { seedOf } from './directory-seed.ts'
import { startJudgingApp } from './judging-app.ts'

const ca = createTestCa({ commonName: 'test-issuing-ca' })
const user01 = ca.issueClient({ commonName: 'user01' })
const user02 = ca.issueClient({ commonName: 'user02' })
const user03 = ca.issueClient({ commonName: 'user03' })
const revoked = ca.issueClient({ commonName: 'user04' })
const app = await startJudgingApp()
t.teardown(() => app.stop())

async function start(config: ConfigChanges): Promise<RunningGateway> {
  const gateway = await withGateway({
    upstreamPort: app.port,
    issuingCa: ca,
    config,
    ...(config.directory === 'embedded' && {
      seed: seedOf(ca, { user01: [user01], user02: [user02], user03: [user03], user04: [revoked] }),
    }),
  })
  await operatorOf(gateway).call('POST', '/v1/revocations', {
    certificates: [{ issuer: 'test-issuing-ca', serial: revoked.serial }],
  })
  return gateway
}

async function visit(gateway: RunningGateway, certificate: TestCertificate): Promise<Visited> {
  return (await visitWithNode({ port: gateway.ports.certificate, certificate })).visited
}

function moveStore(gateway: RunningGateway, direction: 'away' | 'back'): void {
  for (const suffix of ['', '-wal', '-shm']) {
    const here = join(gateway.folder, 'state', `sekisho.db${suffix}`)
    const there = join(gateway.folder, `away.db${suffix}`)
    try {
      if (direction === 'away') renameSync(here, there)
      else renameSync(there, here)
    } catch (error) {
      // SQLite makes and removes its side files as it likes.
      if (suffix === '') throw error
    }
  }
}

t.test(
  'stale: 503 trust_data_stale with Retry-After; a revoked certificate stays revoked; then all as before',
  async (t) => {
    const gateway = await start({ directory: 'none', revocation: { maxStalenessSeconds: 1, pollMs: 20 } })
    t.teardown(() => gateway.stop())
    const live = await LiveClient.connect({ port: gateway.ports.certificate, certificate: user02 })
    t.equal(verdictOf(await live.request()), '200')
    moveStore(gateway, 'away')
    const denied = await eventually(
      () => visit(gateway, user01),
      (visited) => verdictOf(visited) !== '200',
    )
    t.equal(verdictOf(denied), 'trust_data_stale')
    t.equal(denied.kind === 'answer' && denied.status, 503)
    t.match(denied.kind === 'answer' && denied.headers['retry-after'], /^[1-9]\d*$/)
    t.equal(verdictOf(await visit(gateway, revoked)), 'certificate_revoked', 'known revocations keep their reason')
    t.equal(
      verdictOf(await live.request()),
      'trust_data_stale',
      'a request on a connection that was permitted is judged too',
    )
    t.equal(gateway.gateway.readiness().ready, false, 'not ready, because every login would be denied')
    moveStore(gateway, 'back')
    await eventually(
      async () => verdictOf(await visit(gateway, user01)),
      (verdict) => verdict === '200',
    )
    t.equal(gateway.gateway.readiness().ready, true)
    t.equal(verdictOf(await visit(gateway, revoked)), 'certificate_revoked')
  },
)

t.test('insecureServeWhenStale serves on, but lets no revoked certificate in', async (t) => {
  const gateway = await start({
    directory: 'none',
    revocation: { maxStalenessSeconds: 1, pollMs: 20, insecureServeWhenStale: true },
  })
  t.teardown(() => gateway.stop())
  moveStore(gateway, 'away')
  await eventually(
    () => gateway.metric('sekisho_revocation_data_age_seconds'),
    (age) => age !== undefined && age > 1.5,
  )
  t.equal(verdictOf(await visit(gateway, user01)), '200')
  t.equal(verdictOf(await visit(gateway, revoked)), 'certificate_revoked')
  moveStore(gateway, 'back')
})

t.test('a directory that does not answer is no reason to let anyone in, nor to call them unknown', async (t) => {
  const gateway = await start({
    directory: 'embedded',
    revocation: { maxStalenessSeconds: 3_600, pollMs: 20 },
  })
  t.teardown(() => gateway.stop())
  t.equal(verdictOf(await visit(gateway, user01)), '200')
  moveStore(gateway, 'away')
  const stranger = await visit(gateway, user03)
  t.equal(verdictOf(stranger), 'trust_data_stale')
  t.equal(stranger.kind === 'answer' && stranger.status, 503)
  t.equal(verdictOf(await visit(gateway, user01)), '200', 'who is remembered gets in while the data is fresh enough')
  moveStore(gateway, 'back')
  await eventually(
    async () => verdictOf(await visit(gateway, user03)),
    (verdict) => verdict === '200',
  )
})
