// Goal: invariant 5: a cut ends the connection once, with the first reason, whatever is under way on it, and reaches the
// upstream side; connections of other users, doing the same at the same time, stay.
// Method: for each thing that can be under way, user02 and user01 both do it; user02's certificate is revoked through
// the admin API.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.ts'
import { LiveClient, operatorOf, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { seedOf } from './directory-seed.ts'
import { type AppVisit, startJudgingApp } from './judging-app.ts'

const ca = createTestCa({ commonName: 'test-issuing-ca' })
const app = await startJudgingApp()
const gateway = await withGateway({
  upstreamPort: app.port,
  issuingCa: ca,
  config: { directory: 'embedded', certificates: { mustBeRegistered: false }, revocation: { pollMs: 10 } },
  seed: seedOf(ca, { user01: [], user02: [], user03: [] }),
})
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})
const port = gateway.ports.certificate
const operator = operatorOf(gateway)

async function revoke({ serial }: TestCertificate): Promise<{ revoked: number; connectionsCut: number }> {
  const { body } = await operator.call('POST', '/v1/revocations', {
    certificates: [{ issuer: 'test-issuing-ca', serial }],
  })
  return body
}

/** Two clients with certificates of their own, both permitted. */
async function openTwo(): Promise<{ revoked: TestCertificate; cut: LiveClient; stays: LiveClient }> {
  const revoked = ca.issueClient({ commonName: 'user02' })
  const cut = await LiveClient.connect({ port, certificate: revoked })
  const stays = await LiveClient.connect({ port, certificate: ca.issueClient({ commonName: 'user01' }) })
  for (const client of [cut, stays]) t.equal(verdictOf(await client.request()), '200')
  return { revoked, cut, stays }
}

function visitsTo(path: string, loginId: string): AppVisit[] {
  return app.visits.filter((visit) => visit.path === path && visit.loginId === loginId)
}

function head(method: string, path: string, more = ''): string {
  return `${method} ${path} HTTP/1.1\r\nHost: localhost:${port}\r\n${more}\r\n`
}

/** The one visit that arrives there. */
async function arrives(
  path: string,
  loginId: string,
  wanted = (visit: AppVisit) => visit.path === path,
): Promise<AppVisit> {
  return (await eventually(
    () => visitsTo(path, loginId).at(-1),
    (visit) => visit !== undefined && wanted(visit),
  )) as AppVisit
}

t.test('an idle keep-alive connection', async (t) => {
  const { revoked, cut, stays } = await openTwo()
  const result = await revoke(revoked)
  t.equal(result.revoked, 1)
  t.equal(result.connectionsCut, 1)
  await cut.ended()
  t.equal(verdictOf(await stays.request()), '200')
  t.equal(verdictOf((await visitWithNode({ port, certificate: revoked })).visited), 'certificate_revoked')
  stays.destroy()
})

t.test('a request that awaits its answer', async (t) => {
  const { revoked, cut, stays } = await openTwo()
  for (const client of [cut, stays]) client.write(head('GET', '/hold'))
  const [ended, held] = [await arrives('/hold', 'user02'), await arrives('/hold', 'user01')]
  await revoke(revoked)
  await cut.ended()
  await eventually(
    () => ended.closed,
    (closed) => closed,
  )
  t.notOk(held.closed, 'the other user’s request is still with the application')
  t.notOk(stays.closed)
  stays.destroy()
})

t.test('a streaming download', async (t) => {
  const { revoked, cut, stays } = await openTwo()
  for (const client of [cut, stays]) client.write(head('GET', '/stream'))
  await Promise.all([cut.received(500_000), stays.received(500_000)])
  const before = stays.receivedBytes
  await revoke(revoked)
  await cut.ended()
  await eventually(
    () => visitsTo('/stream', 'user02').every(({ closed }) => closed),
    (closed) => closed,
  )
  await stays.received(before + 2_000_000)
  t.notOk(
    visitsTo('/stream', 'user01').some(({ closed }) => closed),
    'the other user’s download goes on',
  )
  stays.destroy()
})

t.test('a download whose client does not read', async (t) => {
  const { revoked, cut, stays } = await openTwo()
  cut.socket.pause()
  cut.write(head('GET', '/stream'))
  const visit = await arrives('/stream', 'user02', ({ closed }) => !closed)
  const { connectionsCut } = await revoke(revoked)
  t.equal(connectionsCut, 1)
  await eventually(
    () => visit.closed,
    (closed) => closed,
  )
  cut.destroy()
  t.equal(verdictOf(await stays.request()), '200')
  stays.destroy()
})

t.test('an upload; it is audited as of unknown outcome', async (t) => {
  const { revoked, cut, stays } = await openTwo()
  for (const client of [cut, stays]) {
    client.write(head('POST', '/upload', 'Content-Length: 1000000\r\n'))
    client.write('x'.repeat(100_000))
  }
  const uploaded = ({ bodyBytes }: AppVisit) => bodyBytes === 100_000
  const [ended, held] = [await arrives('/upload', 'user02', uploaded), await arrives('/upload', 'user01', uploaded)]
  await revoke(revoked)
  await cut.ended()
  await eventually(
    () => ended.closed,
    (closed) => closed,
  )
  stays.write('y'.repeat(100_000))
  await eventually(
    () => held.bodyBytes,
    (bytes) => bytes === 200_000,
  )
  t.equal(ended.bodyBytes, 100_000, 'nothing more of the cut upload arrived')
  const records = await eventually(
    () => auditRecords('upload_outcome_unknown'),
    (found) => found.length > 0,
  )
  t.match(records, [
    { actor: { name: 'user02' }, reason: 'certificate_revoked', detail: { method: 'POST', path: '/upload' } },
  ])
  stays.destroy()
})

t.test('all connections of the certificate, and of no other certificate of the same user', async (t) => {
  const revoked = ca.issueClient({ commonName: 'user02' })
  const newer = ca.issueClient({ commonName: 'user02' })
  const several = await Promise.all(
    Array.from({ length: 20 }, () => LiveClient.connect({ port, certificate: revoked })),
  )
  const other = await LiveClient.connect({ port, certificate: newer })
  for (const client of [...several, other]) t.equal(verdictOf(await client.request()), '200')
  t.equal((await revoke(revoked)).connectionsCut, 20)
  await Promise.all(several.map((client) => client.ended()))
  t.equal(verdictOf(await other.request()), '200')
  other.destroy()
})

t.test('a connection ends once; the first reason wins', async (t) => {
  const certificate = ca.issueClient({ commonName: 'user03' })
  const client = await LiveClient.connect({ port, certificate })
  t.equal(verdictOf(await client.request()), '200')
  const counts = async () => ({
    suspended: await gateway.metric('sekisho_cuts_total', { reason: 'user_suspended' }),
    revoked: await gateway.metric('sekisho_cuts_total', { reason: 'certificate_revoked' }),
  })
  const before = await counts()
  const store = await EmbeddedStore.open(join(gateway.folder, 'state', 'sekisho.db'), { clock: systemClock })
  // Both events are in the store before the gateway looks again, in this order.
  await Promise.all([store.setSuspended('user03', true), revoke(certificate)])
  await store.close()
  await client.ended()
  const after = await counts()
  t.equal((after.suspended ?? 0) - (before.suspended ?? 0), 1)
  t.equal((after.revoked ?? 0) - (before.revoked ?? 0), 0)
})

type AuditRecord = { readonly event: string }

function auditRecords(event: string): AuditRecord[] {
  const text = readFileSync(join(gateway.folder, 'state', 'audit.log'), 'utf8')
  const records = text.split('\n').filter((line) => line !== '')
  return records.map((line) => JSON.parse(line) as AuditRecord).filter((record) => record.event === event)
}
