// Goal: a stream of entries is revoked batch by batch, wrong ones are told by their line, and what was said to be done is done.
// Method: the real function over a real embedded store and publisher; streams that the test feeds; faults switched on between batches.
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import type { BulkEntry } from '../../src/lifecycle/bulk-entry.ts'
import type { LifecyclePorts, RevocationRequest } from '../../src/lifecycle/ports.ts'
import {
  type BulkItem,
  type BulkOptions,
  type BulkProgress,
  type BulkResult,
  revokeBulk,
} from '../../src/lifecycle/revoke-bulk.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { issuerA, issuerB, keyA1, keyA2, keyB1, operator } from '../store/contract.ts'
import { signingCa, startFakeLifecycle } from './fake-lifecycle.ts'

const options: BulkOptions = { reason: 'keyCompromise', comment: 'incident 7', dryRun: false, onInvalid: 'stop' }

async function* stream(items: Iterable<BulkEntry | 'pause'>): AsyncGenerator<BulkItem> {
  let line = 0
  for (const entry of items) {
    if (entry === 'pause') yield entry
    else yield { line: ++line, entry }
  }
}

async function run(
  items: AsyncIterable<BulkItem>,
  ports: LifecyclePorts,
  changes: Partial<BulkOptions> = {},
): Promise<{ progress: BulkProgress[]; result: BulkResult | undefined; fault: unknown }> {
  const work = revokeBulk(items, { ...options, ...changes }, { actor: operator, ports })
  const progress: BulkProgress[] = []
  try {
    for (;;) {
      const next = await work.next()
      if (next.done === true) return { progress, result: next.value, fault: undefined }
      progress.push(next.value)
    }
  } catch (fault) {
    return { progress, result: undefined, fault }
  }
}

function serialsFrom(first: number, count: number): BulkEntry[] {
  return Array.from({ length: count }, (_, at) => ({
    issuer: 'demo-issuing-ca',
    serial: (first + at).toString(16),
  }))
}

t.test('batches of at most a thousand, progress after each, sums at the end', async (t) => {
  const { ports, publisher, isRevoked, store } = await startFakeLifecycle(t)
  const sizes: number[] = []
  const publish: typeof publisher.publish = (requests, actor) => {
    sizes.push(requests.length)
    return publisher.publish(requests, actor)
  }
  const counted = { ...ports, publisher: { ...publisher, publish } }
  const { progress, result } = await run(stream(serialsFrom(1, 2_500)), counted)
  t.strictSame(sizes, [1_000, 1_000, 500])
  t.match(progress, [
    { line: 1_000, revoked: 1_000, alreadyRevoked: 0, rejected: [] },
    { line: 2_000, revoked: 2_000 },
    { line: 2_500, revoked: 2_500 },
  ])
  t.match(result, { line: 2_500, revoked: 2_500, alreadyRevoked: 0, rejectedCount: 0, stoppedBy: undefined })
  t.equal(result?.version, (await store.position()).version)
  t.ok(isRevoked(keyA1) && isRevoked(certificateKey(issuerA, (2_500).toString(16))))
  t.notOk(isRevoked(certificateKey(issuerA, (2_501).toString(16))))
  t.notOk(isRevoked(keyB1), 'the same serial number of another issuer stays')
  const again = await run(stream(serialsFrom(1, 2_500)), ports)
  t.match(again.result, { revoked: 0, alreadyRevoked: 2_500, connectionsCut: 0 })
})

t.test('a stream that pauses has what came before done', async (t) => {
  const { ports, isRevoked } = await startFakeLifecycle(t)
  const [first, second, third] = serialsFrom(1, 3) as [BulkEntry, BulkEntry, BulkEntry]
  const work = revokeBulk(stream(['pause', first, 'pause', 'pause', second, third]), options, {
    actor: operator,
    ports,
  })
  t.match(await work.next(), { done: false, value: { line: 1, revoked: 1 } })
  t.ok(isRevoked(keyA1))
  t.notOk(isRevoked(keyA2))
  t.match(await work.next(), { done: false, value: { line: 3, revoked: 3 } })
  t.match(await work.next(), { done: true })
})

t.test('duplicates and other spellings are one certificate', async (t) => {
  const { ports, store } = await startFakeLifecycle(t)
  const spellings = ['a1b', '0A1B', '0a:1b', ' 0x0a1b']
  const { result } = await run(stream(spellings.map((serial) => ({ issuer: issuerA.toUpperCase(), serial }))), ports)
  t.match(result, { revoked: 1, alreadyRevoked: 3 })
  t.equal((await store.revocations({ limit: 10 })).revocations.length, 1)
})

t.test('the reason and comment of an entry count before those of the whole', async (t) => {
  const { ports, store } = await startFakeLifecycle(t)
  const issuer = 'demo-issuing-ca'
  const entries: BulkEntry[] = [
    { issuer, serial: '1' },
    { issuer, serial: '2', reason: 'superseded', comment: 'own' },
  ]
  await run(stream(entries), ports)
  t.match(await store.revocation(keyA1), {
    revocation: { reason: 'keyCompromise', comment: 'incident 7', actor: operator.name },
  })
  t.match(await store.revocation(keyA2), { revocation: { reason: 'superseded', comment: 'own' } })
})

const certificate = signingCa.issueClient({ commonName: 'user01' })
const strangers = createTestCa({ commonName: 'signing' })
const stranger = strangers.issueClient({ commonName: 'user01' })
const base64 = (der: Uint8Array) => Buffer.from(der).toString('base64')

t.test('certificates: PEM and base64, expired ones too, by whose signature they bear', async (t) => {
  const { ports, isRevoked } = await startFakeLifecycle(t)
  const expired = signingCa.issueClient({ commonName: 'old', notBeforeMs: 0, notAfterMs: 1_000 })
  const entries = [certificate.certificatePem, base64(certificate.der), base64(expired.der)]
  const { result } = await run(stream(entries.map((certificate) => ({ certificate }))), ports)
  t.match(result, { revoked: 2, alreadyRevoked: 1, rejectedCount: 0 })
  for (const { serial } of [certificate, expired]) t.ok(isRevoked(certificateKey(signingCa.issuerId, serial)))
})

t.test('login IDs: what is recorded, and by a rule what nobody has seen', async (t) => {
  const { ports, store, isRevoked, workers, audited } = await startFakeLifecycle(t)
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: 5_000 })
  await store.upsertCertificate({ key: keyB1, loginId: 'user02', notBeforeMs: 0, notAfterMs: 5_000 })
  const { result } = await run(stream([{ loginId: 'user01' }, { loginId: 'user01' }]), ports)
  t.match(result, { revoked: 1, rules: 1, rejectedCount: 0 })
  t.ok(isRevoked(keyA1))
  t.notOk(isRevoked(keyB1), 'the other user’s stays')
  t.match(await store.rules(), [{ ruleId: 'login:user01', reason: 'keyCompromise', comment: 'incident 7' }])
  t.ok(workers.told.includes('recheck {"loginId":"user01"}'))
  t.match(
    audited.map(({ event }) => event),
    ['certificates_revoked', 'certificates_revoked', 'rule_published'],
  )
})

const issuer = 'demo-issuing-ca'
const wrong: [string, BulkEntry, { field: string; value: string; problem: RegExp }][] = [
  [
    'an unknown issuer',
    { issuer: 'demo-ca', serial: '1' },
    { field: 'issuer', value: 'demo-ca', problem: /second-ca/ },
  ],
  ['a negative serial number', { issuer, serial: '-5' }, { field: 'serial', value: '-5', problem: /negative/ }],
  ['zero', { issuer, serial: '00' }, { field: 'serial', value: '00', problem: /zero/ }],
  ['21 octets', { issuer, serial: 'ab'.repeat(21) }, { field: 'serial', value: 'ab'.repeat(21), problem: /20 octets/ }],
  ['no hexadecimal', { issuer, serial: '1g' }, { field: 'serial', value: '1g', problem: /hexadecimal/ }],
  ['an unknown login ID', { loginId: 'user09' }, { field: 'loginId', value: 'user09', problem: /alike: user01/ }],
  [
    'a certificate of a stranger with the same name',
    { certificate: stranger.certificatePem },
    { field: 'certificate', value: stranger.certificatePem.slice(0, 100), problem: /none of the issuing CAs/ },
  ],
  ['no base64', { certificate: '*' }, { field: 'certificate', value: '*', problem: /neither PEM nor base64/ }],
  ['no certificate', { certificate: 'AAAA' }, { field: 'certificate', value: 'AAAA', problem: /read/ }],
]

t.test('a wrong entry stops the work at its line: what came in full batches is done, nothing after', async (t) => {
  for (const [what, entry, rejected] of wrong) {
    const { ports, isRevoked, audited } = await startFakeLifecycle(t)
    const { progress, result } = await run(stream([...serialsFrom(1, 1_005), entry, ...serialsFrom(5_000, 5)]), ports)
    t.match(progress, [{ line: 1_000, revoked: 1_000 }], what)
    t.equal(progress.length, 1)
    t.match(result, { line: 1_000, revoked: 1_000, rejectedCount: 1, stoppedBy: { line: 1_006, ...rejected } }, what)
    t.ok(isRevoked(certificateKey(issuerA, (1_000).toString(16))))
    t.notOk(isRevoked(certificateKey(issuerA, (1_001).toString(16))))
    t.notOk(isRevoked(certificateKey(issuerA, (5_000).toString(16))))
    t.equal(countSerials(audited), 1_000)
  }
})

t.test('wrong entries are skipped and counted where that is asked for, also when there is nothing else', async (t) => {
  const { ports, isRevoked } = await startFakeLifecycle(t)
  const unreadable = { line: 1, rejected: { line: 1, field: '', value: '{', problem: 'Cannot read the line as JSON' } }
  async function* items(): AsyncGenerator<BulkItem> {
    yield unreadable
    for (const [at, [, entry]] of wrong.entries()) yield { line: at + 2, entry }
    yield { line: 50, entry: { issuer, serial: '1' } }
    yield { line: 51, entry: { issuer: issuerB, serial: '1' } }
  }
  const { progress, result } = await run(items(), ports, { onInvalid: 'skip' })
  t.match(result, { line: 51, revoked: 2, rejectedCount: wrong.length + 1, stoppedBy: undefined })
  t.match(progress[0]?.rejected, [unreadable.rejected, ...wrong.map(([, , rejected]) => rejected)])
  t.ok(isRevoked(keyA1) && isRevoked(keyB1))
  t.notOk(isRevoked(keyA2))
  const nothing = await run(stream([{ issuer, serial: 'x' }]), ports, { onInvalid: 'skip' })
  t.match(nothing, { progress: [{ line: 1, revoked: 0, rejected: [{ line: 1 }] }], result: { rejectedCount: 1 } })
})

t.test('a dry run counts and changes nothing', async (t) => {
  const { ports, store, audited, isRevoked } = await startFakeLifecycle(t)
  await run(stream([{ issuer, serial: '1' }]), ports)
  audited.length = 0
  const before = await store.position()
  const { result } = await run(stream([...serialsFrom(1, 3), { loginId: 'user02' }]), ports, { dryRun: true })
  t.match(result, { line: 4, revoked: 2, alreadyRevoked: 1, rules: 1, connectionsCut: 0, version: 0 })
  t.strictSame(await store.position(), before)
  t.strictSame(audited, [])
  t.notOk(isRevoked(keyA2))
})

t.test(
  'a store that fails in between: the batches before are done, the one it failed at is on record as such',
  async (t) => {
    const { ports, publisher, audited, isRevoked } = await startFakeLifecycle(t)
    let calls = 0
    const publish = async (requests: readonly RevocationRequest[], actor: typeof operator) => {
      if (++calls === 2) throw new GatewayError('store_unavailable', 'Cannot reach the store')
      return await publisher.publish(requests, actor)
    }
    const failing = { ...ports, publisher: { ...publisher, publish } }
    const { progress, result, fault } = await run(stream(serialsFrom(1, 1_500)), failing)
    t.match(progress, [{ line: 1_000, revoked: 1_000 }])
    t.equal(result, undefined)
    t.match(fault, { code: 'store_unavailable' })
    t.ok(isRevoked(keyA1))
    t.equal(countSerials(audited.filter(({ detail }) => detail?.outcome === 'revoked')), 1_000)
    t.equal(countSerials(audited.filter(({ detail }) => detail?.outcome === 'unconfirmed')), 500)
  },
)

t.test('a stream that breaks off: what was done stays, what waited is left', async (t) => {
  const { ports, isRevoked } = await startFakeLifecycle(t)
  async function* broken(): AsyncGenerator<BulkItem> {
    yield* stream(serialsFrom(1, 1_500))
    throw new GatewayError('admin_request_invalid', 'Cannot read the body: it ended early')
  }
  const { progress, fault } = await run(broken(), ports)
  t.match(progress, [{ line: 1_000 }])
  t.match(fault, { code: 'admin_request_invalid' })
  t.ok(isRevoked(certificateKey(issuerA, (1_000).toString(16))))
  t.notOk(isRevoked(certificateKey(issuerA, (1_001).toString(16))))
})

function countSerials(audited: readonly { event: string; detail?: Readonly<Record<string, unknown>> }[]): number {
  return audited
    .filter(({ event }) => event === 'certificates_revoked')
    .flatMap(({ detail = {} }) => Object.entries(detail).filter(([name]) => name.startsWith('serials')))
    .reduce((sum, [, text]) => sum + String(text).split(' ').length, 0)
}
