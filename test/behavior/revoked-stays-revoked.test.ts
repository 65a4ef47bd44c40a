// Goal: invariant 6: no restart, emptied, replaced or older store and no row taken away behind our back ever un-revokes;
// only the audited restore of the security role does, and then the certificate gets in again.
// Method: a gateway on one folder; its store is damaged in each way while it runs, and it is started again.
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.ts'
import { LiveClient, operatorOf, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { type RunningGateway, withGateway } from '../helpers/with-gateway.ts'
import { startJudgingApp } from './judging-app.ts'

const ca = createTestCa({ commonName: 'test-issuing-ca' })
const app = await startJudgingApp()
t.teardown(() => app.stop())

type Case = {
  gateway: RunningGateway
  folder: string
  database: string
  revoked: TestCertificate
  good: TestCertificate
}

async function start(folder: string): Promise<RunningGateway> {
  return await withGateway({ upstreamPort: app.port, issuingCa: ca, folder, config: { revocation: { pollMs: 10 } } })
}

/** A gateway with one revoked certificate among others. */
async function begin(t: { teardown(undo: () => unknown): unknown }): Promise<Case> {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-sticky-'))
  const gateway = await start(folder)
  t.teardown(async () => {
    await gateway.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const [revoked, good] = [ca.issueClient({ commonName: 'user01' }), ca.issueClient({ commonName: 'user02' })]
  await revoke(gateway, revoked)
  return { gateway, folder, database: join(folder, 'state', 'sekisho.db'), revoked, good }
}

async function revoke(gateway: RunningGateway, { serial }: TestCertificate): Promise<void> {
  const { status } = await operatorOf(gateway).call('POST', '/v1/revocations', {
    certificates: [{ issuer: 'test-issuing-ca', serial }],
  })
  t.equal(status, 200)
}

async function verdictAt({ ports }: RunningGateway, certificate: TestCertificate): Promise<string> {
  return verdictOf((await visitWithNode({ port: ports.certificate, certificate })).visited)
}

/** Revoked here and, after a restart, still revoked; the others still get in. */
async function checkSticks(t: { equal(a: unknown, b: unknown, text: string): unknown }, test: Case): Promise<void> {
  const { gateway, folder, revoked, good } = test
  t.equal(await verdictAt(gateway, revoked), 'certificate_revoked', 'on the running gateway')
  t.equal(await verdictAt(gateway, good), '200', 'another certificate on the running gateway')
  await gateway.stop()
  const again = await start(folder)
  t.equal(await verdictAt(again, revoked), 'certificate_revoked', 'after a restart')
  t.equal(await verdictAt(again, good), '200', 'another certificate after a restart')
  await again.stop()
}

/** Resolves once the gateway has noticed that its store lost revocations. */
async function notices({ folder }: Case): Promise<void> {
  await eventually(
    () => readFileSync(join(folder, 'state', 'audit.log'), 'utf8'),
    (text) => text.includes('"store_behind"'),
  )
}

/** As an operator would who puts a backup in place: SQLite's side files belong to the file that goes. */
function replaceStore({ database }: Case, file: string): void {
  for (const suffix of ['-wal', '-shm']) rmSync(`${database}${suffix}`, { force: true })
  renameSync(file, database)
}

t.test('a restart', async (t) => {
  await checkSticks(t, await begin(t))
})

t.test('a store whose rows were deleted', async (t) => {
  const test = await begin(t)
  const database = new DatabaseSync(test.database)
  database.exec('DELETE FROM revocations; DELETE FROM events')
  database.close()
  await notices(test)
  await checkSticks(t, test)
})

t.test('a store that is replaced by an older copy', async (t) => {
  const test = await begin(t)
  const copy = join(test.folder, 'older.db')
  const source = new DatabaseSync(test.database)
  source.exec(`VACUUM INTO '${copy}'`)
  source.close()
  const later = ca.issueClient({ commonName: 'user03' })
  await revoke(test.gateway, later)
  replaceStore(test, copy)
  await notices(test)
  await checkSticks(t, { ...test, revoked: later })
})

t.test('a store that is replaced by an empty one', async (t) => {
  const test = await begin(t)
  const fresh = join(test.folder, 'fresh.db')
  const empty = await EmbeddedStore.open(fresh, { clock: systemClock })
  await empty.close()
  replaceStore(test, fresh)
  await notices(test)
  await checkSticks(t, test)
})

t.test('only a restore of the security role lets the certificate in again; the old connection stays cut', async (t) => {
  const { gateway, folder, revoked } = await begin(t)
  const path = `/v1/revocations/test-issuing-ca/${revoked.serial}`
  for (const role of ['branch', 'helpdesk', 'auditor']) {
    t.equal((await operatorOf(gateway, [role]).call('DELETE', path)).status, 403, `${role} may not`)
  }
  t.equal(await verdictAt(gateway, revoked), 'certificate_revoked')
  const { status, body } = await operatorOf(gateway).call('DELETE', `${path}?reason=mistake`)
  t.equal(status, 200)
  t.match(body, { outcome: 'restored' })
  const client = await LiveClient.connect({ port: gateway.ports.certificate, certificate: revoked })
  t.equal(verdictOf(await client.request()), '200', 'it gets in again')
  await revoke(gateway, revoked)
  await client.ended()
  t.equal(await verdictAt(gateway, revoked), 'certificate_revoked', 'and can be revoked again')
  await gateway.stop()
  const records = readFileSync(join(folder, 'state', 'audit.log'), 'utf8')
  t.match(records, /"certificate_restored"/)
})

t.test('a restore, too, survives a restart', async (t) => {
  const { gateway, folder, revoked } = await begin(t)
  await operatorOf(gateway).call('DELETE', `/v1/revocations/test-issuing-ca/${revoked.serial}?reason=mistake`)
  await gateway.stop()
  const again = await start(folder)
  t.equal(await verdictAt(again, revoked), '200')
  await again.stop()
})
