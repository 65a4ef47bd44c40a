// Goal: the lists say what the doors do, one change after the other; numbers rise, and deltas fit the complete list.
// Method: a real embedded store and follower; what is published is fetched with curl and read by openssl.
import { copyFileSync, renameSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { GatewayError } from '../../src/base/errors.ts'
import type { CertificateKey } from '../../src/control-path/ports.ts'
import { SharedValues } from '../../src/control-path/shared-values.ts'
import type { PublicationPorts } from '../../src/publication/ports.ts'
import { createFileSigner } from '../../src/signing/file-signer.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import type { Signer } from '../../src/x509/signing-algorithm.ts'
import { type FakeGateway, startFakeGateway } from '../control-path/fake-gateway.ts'
import { eventually } from '../helpers/eventually.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { createTestCa, type TestCa } from '../helpers/test-ca.ts'
import { addPeople, dayMs, futureMs, operator, revocationOf } from '../store/samples.ts'
import { deltaPath, fetchList, signedWith, startPublishing } from './publishing-gateway.ts'

const bankCa = createTestCa({ commonName: 'Bank CA' })
const keyOf = (serial: string, ca: TestCa = bankCa) => certificateKey(ca.issuerId, serial)

async function record(
  gateway: FakeGateway,
  key: CertificateKey,
  changes: { loginId?: string; notBeforeMs?: number } = {},
) {
  const certificate = { key, loginId: 'user01', notBeforeMs: dayMs, notAfterMs: futureMs, ...changes }
  await gateway.store.upsertCertificate(certificate)
}

/** As the doors judge. */
function isRefused(
  { index }: FakeGateway,
  key: CertificateKey,
  { loginId = 'user01', notBeforeMs = dayMs } = {},
): boolean {
  const entry = fingerprintOf('revoked', key)
  const issuerId = bankCa.issuerId
  const rule = index.coveringRule({ issuerId, loginEntry: fingerprintOf('login_rule', loginId), notBeforeMs })
  return index.has(entry) || (rule > 0 && index.exemption(entry) <= rule)
}

t.test('what is revoked, and restored, is in the next list and its delta', async (t) => {
  const gateway = await startFakeGateway(t)
  const { store } = gateway
  const other = createTestCa({ commonName: 'Other CA' })
  await store.publish([revocationOf(keyOf('a1')), revocationOf(keyOf('b2'), { reason: 'superseded' })], operator)
  await store.publish([revocationOf(keyOf('c3', other))], operator)
  const publishing = await startPublishing(t, gateway, { ca: bankCa })
  await signedWith(publishing, 2)
  const first = await fetchList(publishing)
  t.strictSame(first, { number: 1, base: undefined, entries: ['A1 Key Compromise', 'B2 Superseded'], isGood: true })
  t.strictSame(await fetchList(publishing, deltaPath), { number: 1, base: 1, entries: [], isGood: true })
  t.match(publishing.audited, [
    { event: 'crl_published', target: { name: 'bank-ca' }, detail: { number: 1, entries: 2 } },
  ])

  await store.publish([revocationOf(keyOf('d4'), { reason: 'unspecified' })], operator)
  await signedWith(publishing, 3)
  t.match(await fetchList(publishing), { number: 2, isGood: true })
  t.match(await fetchList(publishing, deltaPath), { number: 2, base: 1, entries: ['D4 Unspecified'], isGood: true })

  await store.restore(keyOf('a1'), operator)
  await signedWith(publishing, 2)
  t.match(await fetchList(publishing), { number: 3, entries: ['B2 Superseded', 'D4 Unspecified'] })
  t.match(await fetchList(publishing, deltaPath), { base: 1, entries: ['A1 Remove From CRL', 'D4 Unspecified'] })

  await store.publish([revocationOf(keyOf('e5', other))], operator)
  await gateway.follower.caughtUp()
  await wait(100)
  t.equal(publishing.record()?.number, 3, 'what another CA revokes changes nothing')
  await publishing.end()

  const again = await startPublishing(t, gateway, { ca: bankCa })
  await signedWith(again, 2)
  t.match(
    await fetchList(again),
    { number: 3, entries: ['B2 Superseded', 'D4 Unspecified'] },
    'a restart keeps the number',
  )
  const delta = await fetchList(again, deltaPath)
  t.match(delta, { base: 1, entries: ['A1 Remove From CRL', 'D4 Unspecified'] }, 'and knows what was taken away')
})

t.test('certificates that only a rule covers are in the list, as at the doors', async (t) => {
  const gateway = await startFakeGateway(t)
  const { store, publisher } = gateway
  await addPeople(store)
  await record(gateway, keyOf('a1'))
  await record(gateway, keyOf('a2'), { notBeforeMs: futureMs })
  await record(gateway, keyOf('b1'), { loginId: 'user02' })
  const rule = { by: 'loginId', loginId: 'user01', notBeforeMaxMs: undefined } as const
  await publisher.publishRule({ rule, reason: 'keyCompromise', comment: '' }, operator)
  const publishing = await startPublishing(t, gateway, { ca: bankCa })
  await signedWith(publishing, 1)
  t.strictSame((await fetchList(publishing)).entries, ['A1 Key Compromise'])
  t.ok(isRefused(gateway, keyOf('a1')))
  t.notOk(isRefused(gateway, keyOf('a2'), { notBeforeMs: futureMs }), 'one that is newer than the rule')

  await record(gateway, keyOf('a3'))
  await signedWith(publishing, 2)
  const later = await fetchList(publishing, deltaPath)
  t.strictSame(later.entries, ['A3 Key Compromise'], 'recorded later')

  const range = { by: 'issuer', issuerId: bankCa.issuerId, notBeforeMinMs: 0, notBeforeMaxMs: 2 * dayMs } as const
  await publisher.publishRule({ rule: range, reason: 'cACompromise', comment: '' }, operator)
  await signedWith(publishing, 3)
  t.strictSame((await fetchList(publishing)).entries, ['A1 Key Compromise', 'A3 Key Compromise', 'B1 CA Compromise'])

  await store.publish([revocationOf(keyOf('b1'))], operator)
  await gateway.follower.caughtUp()
  await store.restore(keyOf('b1'), operator)
  await signedWith(publishing, 2)
  t.notOk(isRefused(gateway, keyOf('b1'), { loginId: 'user02' }), 'a restored one is exempt')
  const joining = await startPublishing(t, gateway, { ca: bankCa })
  await signedWith(joining, 2)
  const asLong = await fetchList(joining)
  t.strictSame(asLong, await fetchList(publishing), 'a gateway that starts now says the same')
  await joining.end()

  await publisher.withdrawRule(`login:user01`, operator)
  await gateway.follower.caughtUp()
  await wait(100)
  t.equal((await fetchList(publishing)).entries.length, 2, 'the other rule still covers them')
  await publisher.withdrawRule(`issuer:${bankCa.issuerId}:0-${2 * dayMs}`, operator)
  await signedWith(publishing, 0)
  t.notOk(isRefused(gateway, keyOf('a1')))
  const removed = ['A1 Remove From CRL', 'A3 Remove From CRL', 'B1 Remove From CRL']
  t.strictSame((await fetchList(publishing, deltaPath)).entries, removed)
})

t.test('a list is signed anew at half of its validity, and on a new base when that is old', async (t) => {
  const gateway = await startFakeGateway(t)
  const clock = new FakeClock(systemClock.nowMs())
  const crl = { validitySeconds: 3_600, deltaBaseSeconds: 7_200 }
  const publishing = await startPublishing(t, gateway, { ca: bankCa, clock, crl })
  const first = await signedWith(publishing, 0)
  const next = async (number: number) =>
    (await eventually(publishing.record, (record) => record?.number === number)) as typeof first
  clock.advance(1_790_000)
  await wait(100)
  t.equal(publishing.record()?.number, 1, 'not yet')
  clock.advance(20_000)
  const second = await next(2)
  t.equal(second.nextUpdateMs - second.thisUpdateMs, 3_600_000)
  t.ok(second.thisUpdateMs < first.nextUpdateMs)
  t.equal(second.baseNumber, 1)
  clock.advance(6_000_000)
  const third = await next(3)
  t.equal(third.baseNumber, 3, 'a new base')
})

t.test('a store that is away: what was signed stays, and is signed anew alone when it must be', async (t) => {
  const gateway = await startFakeGateway(t)
  const clock = new FakeClock(systemClock.nowMs())
  let isAway = false
  const { store } = gateway
  const values: PublicationPorts['values'] = {
    readMeta: async (name) => {
      if (isAway) throw new GatewayError('store_unavailable', 'Cannot reach the store')
      return await store.readMeta(name)
    },
    writeMeta: (name, value, revision) => store.writeMeta(name, value, revision),
  }
  const publishing = await startPublishing(t, gateway, { ca: bankCa, clock, values, crl: { validitySeconds: 3_600 } })
  await signedWith(publishing, 0)
  isAway = true
  clock.advance(2_000_000)
  await wait(100)
  t.equal(publishing.record()?.number, 1, 'past half of it, it is still good')
  clock.advance(1_000_000)
  await eventually(publishing.record, (record) => record?.number === 2)
  isAway = false
  const shared = await eventually(publishing.record, (record) => record?.number === 3)
  t.equal(shared?.baseNumber, 1)
  const stored = await gateway.store.readMeta('crlsPublished')
  t.match(stored?.value, /"number":3/, 'the store gets a number above all that were given')
})

t.test('a number lost by the store is written again', async (t) => {
  const gateway = await startFakeGateway(t)
  await gateway.store.publish([revocationOf(keyOf('a1'))], operator)
  let forgotten = false
  const values: PublicationPorts['values'] = {
    readMeta: async (name) => (forgotten ? undefined : await gateway.store.readMeta(name)),
    writeMeta: async (name, value, revision) => {
      const was = forgotten ? ((await gateway.store.readMeta(name))?.revision ?? 0) : revision
      forgotten = false
      return gateway.store.writeMeta(name, value, was)
    },
  }
  const publishing = await startPublishing(t, gateway, { ca: bankCa, values })
  const before = await signedWith(publishing, 1)
  forgotten = true
  await eventually(
    () => forgotten,
    (still) => !still,
  )
  t.strictSame(JSON.parse((await gateway.store.readMeta('crlsPublished'))?.value ?? '')[bankCa.issuerId], before)
  await gateway.store.publish([revocationOf(keyOf('b2'))], operator)
  t.equal((await signedWith(publishing, 2)).number, 2)
})

t.test('a store that has gone back gives old versions to new revocations, and they are published', async (t) => {
  const gateway = await startFakeGateway(t)
  const { store, file, follower } = gateway
  await store.publish([revocationOf(keyOf('a1'))], operator)
  await follower.caughtUp()
  const checkpoint = new DatabaseSync(file, { timeout: 1_000 })
  checkpoint.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  checkpoint.close()
  copyFileSync(file, `${file}.backup`)
  const values = new SharedValues({ store, file: undefined, log: { info: () => {}, warn: () => {}, error: () => {} } })
  await store.publish([revocationOf(keyOf('c3'))], operator)
  await follower.caughtUp()
  await store.restore(keyOf('c3'), operator)
  const publishing = await startPublishing(t, gateway, { ca: bankCa, values })
  await store.publish([revocationOf(keyOf('c3'))], operator)
  await signedWith(publishing, 2)
  await store.restore(keyOf('c3'), operator)
  const before = await signedWith(publishing, 1)
  for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true })
  renameSync(`${file}.backup`, file)
  await eventually(
    () => follower.status().position.version,
    (version) => version < before.version,
  )
  const [published] = (await store.publish([revocationOf(keyOf('d4'))], operator)).outcomes
  t.ok((published?.version ?? 0) < before.version)
  const after = await signedWith(publishing, 2)
  t.ok(after.number > before.number)
  t.strictSame((await fetchList(publishing)).entries, ['A1 Key Compromise', 'D4 Key Compromise'])
})

t.test('a signer that fails, or signs with another key, leaves the former list, and recovers', async (t) => {
  const gateway = await startFakeGateway(t)
  const good = createFileSigner({ keyPem: bankCa.keyPem, keyPassword: undefined })
  const foreign = createFileSigner({ keyPem: createTestCa({ commonName: 'Bank CA' }).keyPem, keyPassword: undefined })
  let now: Signer = good
  const signer: Signer = { ...good, sign: (tbs) => now.sign(tbs) }
  const publishing = await startPublishing(t, gateway, { ca: bankCa, signer })
  await signedWith(publishing, 0)
  for (const [broken, serial] of [
    [{ ...good, sign: () => Promise.reject(new Error('the token is gone')) }, 'a1'],
    [foreign, 'b2'],
  ] as const) {
    now = broken
    const failures = publishing.failed.length
    await gateway.store.publish([revocationOf(keyOf(serial))], operator)
    await eventually(
      () => publishing.failed.length,
      (count) => count > failures,
    )
    t.match(await fetchList(publishing), { isGood: true, entries: serial === 'a1' ? [] : ['A1 Key Compromise'] })
    now = good
    await signedWith(publishing, serial === 'a1' ? 1 : 2)
    t.ok((await fetchList(publishing)).isGood)
  }
})

t.test('100,000 entries are published and verified', async (t) => {
  const gateway = await startFakeGateway(t)
  for (let first = 0; first < 100_000; first += 1_000) {
    const requests = Array.from({ length: 1_000 }, (_, at) => revocationOf(keyOf((2 ** 40 + first + at).toString(16))))
    await gateway.store.publish(requests, operator)
  }
  const publishing = await startPublishing(t, gateway, { ca: bankCa })
  await signedWith(publishing, 100_000)
  const list = await fetchList(publishing)
  t.ok(list.isGood)
  t.equal(list.entries.length, 100_000)
})

t.test('what the directory says of a certificate is told to the thread', async (t: Test) => {
  const gateway = await startFakeGateway(t)
  await addPeople(gateway.store)
  await record(gateway, keyOf('a1'))
  const { thread } = await startPublishing(t, gateway, { ca: bankCa })
  t.strictSame(await thread.lookUp(keyOf('a1')), { recorded: true, loginId: 'user01', notBeforeMs: dayMs })
  t.strictSame(await thread.lookUp(keyOf('a2')), { recorded: false, passes: true })
})
