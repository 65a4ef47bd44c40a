import type { Test } from 'tap'
import type { Actor, TrustEvent } from '../../src/control-path/ports.ts'
import type { LogPosition, RevocationRequest, TrustStore } from '../../src/control-path/store-port.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'

// Goal: what every adapter of TrustStore must do, whatever it is made of.
// Method: each promise is one subtest against a fresh, empty store made by the adapter's own factory; the time is the test's.

export type StoreFactory = (t: Test, options: { nowMs: () => number; eventsMax?: number }) => Promise<TrustStore>

export const issuerA = 'a'.repeat(32)
export const issuerB = 'b'.repeat(32)
export const keyA1 = certificateKey(issuerA, '1')
export const keyA2 = certificateKey(issuerA, '2')
export const keyB1 = certificateKey(issuerB, '1')
export const operator: Actor = { name: 'sato.hanako', role: 'security', requestId: 'r-1' }
const start: LogPosition = { version: 0, token: '' }
const dayMs = 86_400_000

export function revocationOf(
  key: RevocationRequest['key'],
  changes: Partial<RevocationRequest> = {},
): RevocationRequest {
  return { key, loginId: undefined, reason: 'keyCompromise', comment: 'lost PC', ...changes }
}

export async function addPeople(store: TrustStore): Promise<void> {
  await store.upsertContract({ contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 100 })
  await store.upsertUser({ loginId: 'user01', contractId: 'shoji', role: 'general' })
  await store.upsertUser({ loginId: 'user02', contractId: 'shoji', role: 'master' })
}

async function allState(store: TrustStore): Promise<TrustEvent[]> {
  const events: TrustEvent[] = []
  for (let page = await store.stateSince(0, 2); page.length > 0; ) {
    events.push(...page)
    page = await store.stateSince(events.at(-1)?.version ?? 0, 2)
  }
  return events
}

export function testTrustStore(t: Test, open: StoreFactory): void {
  const nowMs = () => 1_000_000

  t.test('an empty store has no events, no state, no revocation', async (t) => {
    const store = await open(t, { nowMs })
    t.strictSame(await store.position(), start)
    t.strictSame(await store.stateSince(0, 10), [])
    const page = await store.eventsSince(start, 10)
    t.strictSame(page, { continuous: true, events: [], end: start, lastVersion: 0, revokedCount: 0 })
    t.equal(await store.revocation(keyA1), undefined)
    t.strictSame(await store.revocations({ limit: 10 }), { revocations: [], nextCursor: undefined })
  })

  t.test('publishing revokes, tells the log, and a second time changes nothing', async (t) => {
    const store = await open(t, { nowMs })
    const first = await store.publish([revocationOf(keyA1), revocationOf(keyB1, { loginId: 'x' })], operator)
    t.strictSame(
      first.outcomes.map(({ key, outcome }) => [key, outcome]),
      [
        [keyA1, 'revoked'],
        [keyB1, 'revoked'],
      ],
    )
    const again = await store.publish(
      [revocationOf(keyA1, { reason: 'superseded', comment: 'other' }), revocationOf(keyA2)],
      { ...operator, name: 'someone else' },
    )
    t.strictSame(
      again.outcomes.map(({ outcome }) => outcome),
      ['already_revoked', 'revoked'],
    )
    t.equal(again.outcomes[0]?.version, first.outcomes[0]?.version)
    const record = await store.revocation(keyA1)
    t.match(record, {
      state: 'revoked',
      revocation: { reason: 'keyCompromise', comment: 'lost PC', actor: operator.name },
    })
    t.equal(record?.revocation.revokedAtMs, 1_000_000, 'the time is the store’s own')
    const log = await store.eventsSince(start, 10)
    t.strictSame(
      log.events.map((event) => event.kind === 'revoked' && [event.revocation.key, event.revocation.loginId]),
      [
        [keyA1, undefined],
        [keyB1, 'x'],
        [keyA2, undefined],
      ],
    )
    t.equal(log.revokedCount, 3)
  })

  t.test('a certificate named twice in one batch is revoked once', async (t) => {
    const store = await open(t, { nowMs })
    const { outcomes } = await store.publish([revocationOf(keyA1), revocationOf(keyA1)], operator)
    t.strictSame(
      outcomes.map(({ outcome }) => outcome),
      ['revoked', 'already_revoked'],
    )
    t.equal((await store.eventsSince(start, 10)).events.length, 1)
  })

  t.test('versions rise by one with each event and events come in that order, page by page', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.publish([revocationOf(keyA1), revocationOf(keyA2)], operator)
    await store.setSuspended('user01', true)
    let position = start
    const kinds: string[] = []
    const versions: number[] = []
    for (let pages = 0; pages < 10; pages++) {
      const page = await store.eventsSince(position, 2)
      t.ok(page.continuous)
      kinds.push(...page.events.map(({ kind }) => kind))
      versions.push(...page.events.map(({ version }) => version))
      position = page.end
      if (page.events.length < 2) break
    }
    t.strictSame(kinds, ['directory', 'directory', 'revoked', 'revoked', 'suspended'])
    t.strictSame(versions, [1, 2, 3, 4, 5])
    t.strictSame(position, await store.position())
  })

  t.test('a restore leaves a tombstone with a newer version, and the certificate may be revoked anew', async (t) => {
    const store = await open(t, { nowMs })
    const { outcomes } = await store.publish([revocationOf(keyA1)], operator)
    const restored = await store.restore(keyA1, operator)
    t.equal(restored.outcome, 'restored')
    t.ok(restored.version > (outcomes[0]?.version ?? 0))
    t.match(await store.revocation(keyA1), { state: 'restored', version: restored.version })
    t.match(await allState(store), [{ kind: 'restored', key: keyA1, version: restored.version }])
    t.strictSame((await store.revocations({ limit: 10 })).revocations, [], 'it is not listed')
    t.equal((await store.eventsSince(start, 10)).revokedCount, 0)
    t.equal((await store.restore(keyA1, operator)).outcome, 'not_revoked')
    t.equal((await store.restore(keyB1, operator)).outcome, 'not_revoked')
    const again = await store.publish([revocationOf(keyA1)], operator)
    t.match(again.outcomes, [{ outcome: 'revoked' }])
    t.ok((again.outcomes[0]?.version ?? 0) > restored.version)
    t.equal((await store.eventsSince(start, 10)).revokedCount, 1)
  })

  t.test('a restore is refused once the login ID has a newer certificate', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    const validity = { notBeforeMs: 0, notAfterMs: dayMs }
    await store.upsertCertificate({ key: keyA1, loginId: 'user01', ...validity })
    await store.publish([revocationOf(keyA1)], operator)
    t.equal(await store.restoreObstacle(keyA1), undefined)
    await store.upsertCertificate({ key: keyB1, loginId: 'user02', ...validity, notBeforeMs: 5 })
    t.equal(await store.restoreObstacle(keyA1), undefined, 'another login ID’s certificate does not matter')
    await store.upsertCertificate({ key: keyA2, loginId: 'user01', ...validity, notBeforeMs: 5 })
    t.match(await store.restoreObstacle(keyA1), /user01 has a newer certificate, serial 2/)
    await t.rejects(store.restore(keyA1, operator), { code: 'restore_refused' })
    t.match(await store.revocation(keyA1), { state: 'revoked' })
    await store.publish([revocationOf(keyA2)], operator)
    await t.rejects(store.restore(keyA1, operator), { code: 'restore_refused' }, 'revoked or not, it is newer')
    t.equal((await store.restore(keyA2, operator)).outcome, 'restored', 'the newest may come back')
  })

  t.test('a certificate that was never recorded: newer is what was recorded after its revocation', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.upsertCertificate({ key: keyB1, loginId: 'user01', notBeforeMs: 0, notAfterMs: dayMs })
    await store.publish([revocationOf(keyA1, { loginId: 'user01' })], operator)
    t.equal(await store.restoreObstacle(keyA1), undefined)
    await store.upsertCertificate({ key: keyA2, loginId: 'user01', notBeforeMs: 0, notAfterMs: dayMs })
    await t.rejects(store.restore(keyA1, operator), { code: 'restore_refused' })
  })

  t.test('the state is the log reduced to the last event of each subject', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.upsertContract({ contractId: 'yubin', loginMethod: 'password', certificateLimit: 100 })
    await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: dayMs })
    await store.setSuspended('user01', true)
    await store.setSuspended('user01', false)
    await store.setSuspended('user02', true)
    await store.supersede(keyA1)
    await store.publish([revocationOf(keyB1)], operator)
    await store.setLoginMethod('shoji', 'password')
    const state = await allState(store)
    t.match(state, [
      { kind: 'login_method', contractId: 'yubin', method: 'password' },
      { kind: 'suspended', loginId: 'user01', suspended: false },
      { kind: 'suspended', loginId: 'user02', suspended: true },
      { kind: 'superseded', key: keyA1 },
      { kind: 'revoked', revocation: { key: keyB1 } },
      { kind: 'login_method', contractId: 'shoji', method: 'password' },
    ])
    t.equal(state.length, 6)
    const versions = state.map(({ version }) => version)
    t.strictSame(
      versions,
      versions.toSorted((left, right) => left - right),
    )
  })

  t.test('a log that was trimmed, or never was this one, does not go on', async (t) => {
    const store = await open(t, { nowMs, eventsMax: 3 })
    await store.publish([revocationOf(keyA1)], operator)
    const early = await store.position()
    t.ok((await store.eventsSince(early, 10)).continuous)
    const serials = ['10', '11', '12', '13', '14']
    await store.publish(
      serials.map((serial) => revocationOf(certificateKey(issuerA, serial))),
      operator,
    )
    t.equal((await store.eventsSince(early, 10)).continuous, false, 'trimmed since')
    t.equal((await store.eventsSince(start, 10)).continuous, false, 'the beginning is gone')
    const now = await store.position()
    t.ok((await store.eventsSince(now, 10)).continuous)
    t.equal((await store.eventsSince({ ...now, token: 'other' }, 10)).continuous, false, 'another log')
    t.equal((await store.eventsSince({ ...now, version: now.version + 5 }, 10)).continuous, false, 'a longer log')
    t.equal((await allState(store)).length, 6, 'the state is whole all the same')
  })

  t.test('revocations are listed newest first, by page, issuer and login ID', async (t) => {
    const store = await open(t, { nowMs })
    const wanted = [keyA1, keyB1, keyA2].map((key) =>
      revocationOf(key, { loginId: key === keyA2 ? 'user02' : 'user01' }),
    )
    await store.publish(wanted, operator)
    const first = await store.revocations({ limit: 2 })
    t.strictSame(
      first.revocations.map(({ key }) => key),
      [keyA2, keyB1],
    )
    t.ok(first.nextCursor !== undefined)
    const second = await store.revocations({ limit: 2, cursor: first.nextCursor ?? 0 })
    t.strictSame(
      second.revocations.map(({ key }) => key),
      [keyA1],
    )
    t.equal(second.nextCursor, undefined)
    const ofIssuer = await store.revocations({ limit: 9, issuerId: issuerB })
    t.strictSame(
      ofIssuer.revocations.map(({ key }) => key),
      [keyB1],
    )
    const ofUser = await store.revocations({ limit: 9, loginId: 'user01' })
    t.strictSame(
      ofUser.revocations.map(({ key }) => key),
      [keyB1, keyA1],
    )
  })

  t.test(
    'writing again what the store has lost: missing ones come back, newer tombstones win, ties lose',
    async (t) => {
      const store = await open(t, { nowMs })
      await store.publish([revocationOf(keyA1), revocationOf(keyB1)], operator)
      const tombstoneA = await store.restore(keyA1, operator)
      const tombstoneB = await store.restore(keyB1, operator)
      await store.publishAgain(
        [
          { key: keyA1, version: tombstoneA.version - 1 },
          { key: keyB1, version: tombstoneB.version },
          { key: keyA2, version: 40 },
        ],
        50,
      )
      t.match(await store.revocation(keyA1), { state: 'restored' }, 'the tombstone is newer')
      t.match(await store.revocation(keyB1), { state: 'revoked' }, 'a tie means revoked')
      const again = await store.revocation(keyA2)
      t.match(again, { state: 'revoked', revocation: { actor: 'sekisho' } })
      t.ok((again?.version ?? 0) > 50, 'versions go on above what was known')
      const after = await store.publishAgain([{ key: keyA2, version: 40 }], 10)
      t.equal(after, undefined)
      t.equal((await store.revocation(keyA2))?.version, again?.version, 'repeating changes nothing')
    },
  )

  t.test('the directory: upserts are idempotent and keep what operators changed', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    const before = await store.position()
    await addPeople(store)
    t.strictSame(await store.position(), before, 'nothing new to tell')
    await store.setLoginMethod('shoji', 'password')
    await store.setSuspended('user01', true)
    await addPeople(store)
    t.strictSame(await store.contract('shoji'), { contractId: 'shoji', loginMethod: 'password', certificateLimit: 100 })
    t.match(await store.user('user01'), { state: 'suspended', role: 'general' })
    await store.upsertUser({ loginId: 'user01', contractId: 'shoji', role: 'master' })
    t.match(await store.user('user01'), { state: 'suspended', role: 'master' })
    t.equal(await store.user('nobody'), undefined)
    t.equal(await store.contract('nobody'), undefined)
    t.strictSame(await store.loginIds('user', 10), ['user01', 'user02'])
    t.strictSame(await store.loginIds('user', 1), ['user01'])
    t.strictSame(await store.loginIds('x', 10), [])
    await t.rejects(store.upsertUser({ loginId: 'a', contractId: 'nowhere', role: 'general' }), {
      code: 'admin_not_found',
    })
    await t.rejects(store.setSuspended('nobody', true), { code: 'admin_not_found' })
    await t.rejects(store.setLoginMethod('nowhere', 'password'), { code: 'admin_not_found' })
  })

  t.test('a certificate names one login ID for ever, and is found by it until it expires', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    const certificate = { key: keyA1, loginId: 'user01', notBeforeMs: 10, notAfterMs: 20 }
    t.equal(await store.upsertCertificate(certificate), 'recorded')
    t.equal(await store.upsertCertificate(certificate), 'known')
    t.equal(await store.upsertCertificate({ ...certificate, loginId: 'user02' }), 'belongs_to_another')
    await t.rejects(store.upsertCertificate({ ...certificate, key: keyA2, loginId: 'nobody' }), {
      code: 'admin_not_found',
    })
    await store.upsertCertificate({ key: keyA2, loginId: 'user01', notBeforeMs: 15, notAfterMs: 30 })
    await store.publish([revocationOf(keyA2)], operator)
    t.equal((await store.revocation(keyA2))?.revocation.loginId, 'user01', 'taken from the record')
    t.strictSame(
      (await store.certificatesOf('user01', 20)).map(({ key, revoked, state }) => [key, revoked, state]),
      [
        [keyA1, false, 'current'],
        [keyA2, true, 'current'],
      ],
    )
    t.equal((await store.certificatesOf('user01', 21)).length, 1)
    t.strictSame(await store.certificatesOf('user02', 0), [])
    t.match(await store.supersede(keyA1), { changed: true })
    t.match(await store.supersede(keyA1), { changed: false })
    t.match(await store.certificatesOf('user01', 20), [{ state: 'superseded' }, {}])
    await t.rejects(store.supersede(keyB1), { code: 'admin_not_found' })
  })

  t.test('looking up answers who the user is and whether the certificate is theirs', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: 1 })
    const general = { contractId: 'shoji', role: 'general' }
    t.strictSame(await store.lookUp('user01', keyA1), { user: general, certificateRegistered: true })
    t.strictSame(await store.lookUp('user01', keyA2), { user: general, certificateRegistered: false })
    t.match(await store.lookUp('user02', keyA1), { user: { role: 'master' }, certificateRegistered: false })
    t.strictSame(await store.lookUp('nobody', keyA1), { user: undefined, certificateRegistered: false })
    t.strictSame(await store.lookUp("user01' OR '1'='1", keyA1), { user: undefined, certificateRegistered: false })
  })

  t.test('changes that change nothing make no event', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    t.match(await store.setSuspended('user01', false), { changed: false })
    t.match(await store.setLoginMethod('shoji', 'certificate'), { changed: false })
    t.match(await store.setSuspended('user01', true), { changed: true })
    const before = await store.position()
    t.match(await store.setSuspended('user01', true), { changed: false, version: before.version })
    t.strictSame(await store.position(), before)
  })

  t.test('shared values change by compare-and-set: of two writers one wins', async (t) => {
    const store = await open(t, { nowMs })
    t.equal(await store.readMeta('sealingKeys'), undefined)
    const firsts = await Promise.all([
      store.writeMeta('sealingKeys', 'one', 0),
      store.writeMeta('sealingKeys', 'two', 0),
    ])
    t.strictSame(firsts.toSorted(), [false, true])
    const { value, revision } = (await store.readMeta('sealingKeys')) ?? { value: '', revision: -1 }
    t.equal(value, firsts[0] ? 'one' : 'two')
    t.ok(await store.writeMeta('sealingKeys', 'three', revision))
    t.notOk(await store.writeMeta('sealingKeys', 'four', revision))
    t.match(await store.readMeta('sealingKeys'), { value: 'three' })
    t.equal(await store.readMeta('assertionKeys'), undefined, 'names do not mix')
  })
}
