// Goal: what the store says reaches index and workers in order, and nothing but a newer tombstone ever un-revokes (invariants 2, 6).
// Method: a real embedded store under a real follower; other processes, roll-backs and deletions are played through the file.
import { copyFileSync, renameSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { GatewayError } from '../../src/base/errors.ts'
import type { TrustEvent } from '../../src/control-path/ports.ts'
import type { TrustStore } from '../../src/control-path/store-port.ts'
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { addPeople, issuerA, issuerB, keyA1, keyA2, keyB1, operator, revocationOf } from '../store/contract.ts'
import { eventually, startFakeGateway } from './fake-gateway.ts'

const openStore = (file: string) => EmbeddedStore.open(file, { clock: systemClock })

t.test('the index is updated before connections are cut', async (t) => {
  const { store, workers, follower } = await startFakeGateway(t)
  await addPeople(store)
  await store.upsertCertificate({ key: keyA2, loginId: 'user01', notBeforeMs: 0, notAfterMs: 1 })
  await follower.ready()
  await store.publish([revocationOf(keyA1), revocationOf(keyB1)], operator)
  await store.supersede(keyA2)
  await store.setSuspended('user01', true)
  await store.setLoginMethod('shoji', 'password')
  await follower.caughtUp()
  t.strictSame(workers.cutTooEarly, [])
  t.strictSame(
    workers.told.filter((line) => line.startsWith('cut')).toSorted(),
    [
      `cut ${keyA1} certificate_revoked`,
      `cut ${keyA2} certificate_superseded`,
      `cut ${keyB1} certificate_revoked`,
      'cut shoji contract_not_in_certificate_mode',
      'cut user01 user_suspended',
    ].toSorted(),
  )
})

t.test('a gateway that starts loads what was revoked before, restores left out', async (t) => {
  const file = `${t.testdir()}/sekisho.db`
  const store = await openStore(file)
  const many = Array.from({ length: 2_500 }, (_, at) => revocationOf(certificateKey(issuerB, (at + 1).toString(16))))
  await store.publish(many, operator)
  await store.publish([revocationOf(keyA1), revocationOf(keyA2)], operator)
  await store.restore(keyA2, operator)
  await store.close()
  const gateway = await startFakeGateway(t, { file })
  await gateway.follower.ready()
  t.ok(gateway.isRevoked(keyA1))
  t.notOk(gateway.isRevoked(keyA2))
  for (const { key } of many) if (!gateway.isRevoked(key)) t.fail(`${key} is not loaded`)
  t.match(gateway.follower.status(), { state: 'live', revocations: 2_501 })
  t.equal(gateway.follower.status().revocationsByIssuer.get(issuerB), 2_500)
  t.strictSame(gateway.workers.told, [], 'nothing was connected before the first load')
})

t.test('data is fresh only after the first load', async (t) => {
  const { follower, freshness } = await startFakeGateway(t)
  t.notOk(freshness.freshEnough())
  await follower.ready()
  t.ok(freshness.freshEnough())
  t.ok(follower.status().dataAgeMs < 5_000)
})

t.test('what another process writes is followed by polling', async (t) => {
  const gateway = await startFakeGateway(t)
  await gateway.follower.ready()
  const other = await openStore(gateway.file)
  t.teardown(() => other.close())
  await other.publish([revocationOf(keyA1)], operator)
  await eventually(() => gateway.workers.told.includes(`cut ${keyA1} certificate_revoked`), 'the cut')
  t.ok(gateway.isRevoked(keyA1))
  await other.restore(keyA1, operator)
  await eventually(() => !gateway.isRevoked(keyA1), 'the restore')
  await addPeople(other)
  await eventually(() => gateway.workers.told.includes('directory user02'), 'the directory event')
})

t.test('suspension and login method come and go with their events', async (t) => {
  const { store, index, publisher, follower } = await startFakeGateway(t)
  await addPeople(store)
  await follower.ready()
  const suspended = fingerprintOf('suspended', 'user01')
  const passwordMode = fingerprintOf('password_mode', 'shoji')
  await publisher.setSuspended('user01', true)
  t.ok(index.has(suspended))
  await publisher.setSuspended('user01', false)
  t.notOk(index.has(suspended))
  await publisher.setLoginMethod('shoji', 'password')
  t.ok(index.has(passwordMode))
  await publisher.setLoginMethod('shoji', 'certificate')
  t.notOk(index.has(passwordMode))
})

t.test('a cut that fails is tried again before the data counts as fresh', async (t) => {
  const { store, workers, follower, lines } = await startFakeGateway(t)
  await follower.ready()
  workers.failures = 3
  await store.publish([revocationOf(keyA1)], operator)
  await follower.caughtUp()
  t.strictSame(workers.told, [`cut ${keyA1} certificate_revoked`])
  t.equal(workers.failures, 0)
  t.strictSame(lines, ['error cannot follow the store', 'info store heard again'], 'logged once an outage')
})

t.test('a failing store makes the follower stale, not wrong, and it recovers by itself', async (t) => {
  const gateway = await startFakeGateway(t)
  const { store, file, follower, lines } = gateway
  await follower.ready()
  await store.publish([revocationOf(keyA1)], operator)
  await follower.caughtUp()
  renameSync(file, `${file}.away`)
  await eventually(() => follower.status().state === 'stale', 'stale')
  t.ok(gateway.isRevoked(keyA1), 'what is known stays refused')
  t.match(follower.status().lastFault, /has been removed/)
  renameSync(`${file}.away`, file)
  await eventually(() => follower.status().state === 'live', 'live again')
  t.equal(follower.status().lastFault, undefined)
  t.equal(lines.filter((line) => line === 'error cannot follow the store').length, 1)
  await follower.stop()
  t.equal(follower.status().state, 'stopped')
  await t.rejects(follower.caughtUp(), { code: 'store_unavailable' })
})

t.test('a store whose revocations were deleted un-revokes nothing and gets them back', async (t) => {
  const gateway = await startFakeGateway(t)
  const { store, file, follower, audited } = gateway
  await follower.ready()
  await store.publish([revocationOf(keyA1), revocationOf(keyB1)], operator)
  await follower.caughtUp()
  const raw = new DatabaseSync(file, { timeout: 1_000 })
  raw.exec('DELETE FROM revocations')
  raw.close()
  await eventually(() => follower.status().storeBehindCount > 0, 'the loss to be noticed')
  await follower.caughtUp()
  t.ok(gateway.isRevoked(keyA1))
  t.ok(gateway.isRevoked(keyB1))
  t.match(follower.status(), { state: 'live', revocationsLostByStore: 2, revocations: 2 })
  t.match(audited, [{ event: 'store_behind', reason: 'revocations_missing', detail: { revocationsLost: 2 } }])
  t.match(await store.revocation(keyA1), { state: 'revoked', revocation: { actor: 'sekisho' } }, 'written again')
  await follower.caughtUp()
  t.equal(follower.status().storeBehindCount, 1, 'noticed once')
})

t.test('an emptied store un-revokes nothing, gives no old versions, and only a later restore counts', async (t) => {
  const gateway = await startFakeGateway(t)
  const { store, file, follower, audited, workers, lines } = gateway
  await follower.ready()
  await store.publish([revocationOf(keyA1), revocationOf(keyA2)], operator)
  await store.publish([revocationOf(keyB1)], operator)
  await follower.caughtUp()
  const before = follower.status().version
  await (await openStore(`${file}.new`)).close()
  for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true })
  renameSync(`${file}.new`, file)
  await eventually(() => follower.status().storeBehindCount > 0, 'the empty store to be noticed')
  await follower.caughtUp()
  for (const key of [keyA1, keyA2, keyB1]) t.ok(gateway.isRevoked(key), key)
  t.match(audited, [{ event: 'store_behind', reason: 'log_replaced', detail: { revocationsLost: 3 } }])
  t.ok(lines.includes('error the store has gone back behind what is applied here'))
  t.ok(workers.told.includes('directory replaced'))
  t.ok(follower.status().version > before, 'versions go on above')
  t.match(await store.revocation(keyA2), { state: 'revoked' })
  await gateway.publisher.restore(keyA1, operator)
  t.notOk(gateway.isRevoked(keyA1), 'an explicit restore is newer and counts')
  t.ok(gateway.isRevoked(keyA2))
})

t.test('a store put back from an older copy un-revokes nothing, not even by the restores it holds', async (t) => {
  const gateway = await startFakeGateway(t)
  const { store, file, follower } = gateway
  await follower.ready()
  await store.publish([revocationOf(keyA1)], operator)
  await store.restore(keyA1, operator)
  await follower.caughtUp()
  const checkpoint = new DatabaseSync(file, { timeout: 1_000 })
  checkpoint.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  checkpoint.close()
  copyFileSync(file, `${file}.backup`)
  await store.publish([revocationOf(keyA1), revocationOf(keyB1)], operator)
  await follower.caughtUp()
  for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true })
  renameSync(`${file}.backup`, file)
  await eventually(() => follower.status().storeBehindCount > 0, 'the roll-back to be noticed')
  await follower.caughtUp()
  t.ok(gateway.isRevoked(keyA1), 'its tombstone is older than its revocation')
  t.ok(gateway.isRevoked(keyB1))
  t.match(await store.revocation(keyA1), { state: 'revoked' })
  t.equal(follower.status().revocationsLostByStore, 2)
})

t.test('rows written past the log are found by their number', async (t) => {
  const gateway = await startFakeGateway(t)
  await gateway.follower.ready()
  const raw = new DatabaseSync(gateway.file, { timeout: 1_000 })
  raw
    .prepare(`INSERT INTO revocations VALUES (?, ?, 'revoked', 1, NULL, 'unspecified', '', 'script', 0)`)
    .run(keyA1, issuerA)
  raw
    .prepare(`INSERT INTO revocations VALUES ('nonsense', 'x', 'revoked', 2, NULL, 'unspecified', '', 'script', 0)`)
    .run()
  raw.close()
  await eventually(() => gateway.isRevoked(keyA1), 'the row to be found')
  await gateway.follower.caughtUp()
  t.match(gateway.follower.status(), { state: 'live', storeBehindCount: 0 }, 'a malformed key stops nothing')
  t.ok(gateway.workers.told.includes(`cut ${keyA1} certificate_revoked`))
})

t.test('a follower that comes too late for the log reads the state', async (t) => {
  const file = `${t.testdir()}/sekisho.db`
  const writer = await EmbeddedStore.open(file, { clock: systemClock, eventsMax: 2 })
  t.teardown(() => writer.close())
  const gateway = await startFakeGateway(t, { file, pollMs: 60_000 })
  await gateway.follower.ready()
  const serials = ['1', '2', '3', '4', '5']
  await writer.publish(
    serials.map((serial) => revocationOf(certificateKey(issuerB, serial))),
    operator,
  )
  await writer.publish([revocationOf(keyA1)], operator)
  await gateway.follower.caughtUp()
  for (const serial of serials) t.ok(gateway.isRevoked(certificateKey(issuerB, serial)), serial)
  t.match(gateway.follower.status(), { storeBehindCount: 0, revocations: 6 })
  t.equal(gateway.workers.told.filter((line) => line.startsWith('cut')).length, 6, 'all of them are cut')
  t.ok(gateway.lines.includes('warn the log of the store does not go on from here: reading its state'))
})

t.test('restores older than the revocation are not applied, whatever the order they come in', async (t) => {
  const revoked = { kind: 'revoked', version: 7, keys: [keyA1], atMs: 0 } as const
  const restored = { kind: 'restored', key: keyA1, actor: 'x', atMs: 0 } as const
  const { store, say } = storeThatSays()
  const gateway = await startFakeGateway(t, { store, pollMs: 60_000 })
  await gateway.follower.ready()
  say(revoked, { ...restored, version: 6 })
  await gateway.follower.caughtUp()
  t.ok(gateway.isRevoked(keyA1), 'older')
  say({ ...restored, version: 7 })
  await gateway.follower.caughtUp()
  t.ok(gateway.isRevoked(keyA1), 'a tie means revoked')
  say({ ...restored, version: 8 })
  await gateway.follower.caughtUp()
  t.notOk(gateway.isRevoked(keyA1), 'newer')
})

t.test('a store that never goes on is given up for this pull, not followed for ever', async (t) => {
  const { store } = storeThatSays({ continuous: false })
  const { follower } = await startFakeGateway(t, { store })
  await eventually(() => follower.status().lastFault !== undefined, 'the fault')
  t.match(follower.status().lastFault, /changed 4 times within one pull/)
})

/** A store that only speaks: what it is told to say stands on its next page. Its numbers agree with whatever is known. */
function storeThatSays(options: { continuous?: boolean } = {}) {
  const { continuous = true } = options
  let next: TrustEvent[] = []
  let revokedCount = 0
  const fake: Partial<TrustStore> = {
    remote: undefined,
    position: async () => ({ version: 0, token: '' }),
    state: async function* () {},
    eventsSince: async (position) => {
      const events = next
      next = []
      for (const { kind, version } of events) {
        if (kind === 'revoked') revokedCount = 1
        if (kind === 'restored' && version === 8) revokedCount = 0
      }
      const page = { continuous, events, end: position, lastVersion: 0, revokedCount }
      return { ...page, unrecordedCount: 0, nowMs: 0 }
    },
    publishAgain: async () => {
      throw new GatewayError('store_unavailable', 'not expected')
    },
    reportGateway: async () => {},
    withdrawGateway: async () => {},
    close: async () => {},
  }
  const say = (...events: TrustEvent[]) => void next.push(...events)
  return { store: fake as TrustStore, say }
}
