import type { Test } from 'tap'
import type { Revocation } from '../../src/control-path/ports.ts'
import type { TrustStore } from '../../src/control-path/store-port.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import {
  addPeople,
  allEvents,
  allState,
  type ContractSetting,
  dayMs,
  givenNowMs,
  issuerA,
  issuerB,
  keyA1,
  keyA2,
  keyB1,
  nowMs,
  operator,
  revocationOf,
  revokedKeys,
  revokedVersions,
  start,
  storeNowMs,
  subjectsOf,
} from './samples.ts'

async function allPages(store: TrustStore, limit: number): Promise<Revocation[]> {
  const revocations: Revocation[] = []
  for (let cursor: number | undefined; ; ) {
    const page = await store.revocations({ limit, ...(cursor === undefined ? {} : { cursor }) })
    revocations.push(...page.revocations)
    cursor = page.nextCursor
    if (cursor === undefined) return revocations
  }
}

/** Publishing, restoring and listing revocations of certificates. */
export function testRevocations(t: Test, setting: ContractSetting): void {
  testPublishing(t, setting)
  testRestoring(t, setting)
  testListing(t, setting)
}

function testPublishing(t: Test, { open, clock }: ContractSetting): void {
  t.test('publishing revokes, tells the log, and a second time changes nothing', async (t) => {
    const store = await open(t, { nowMs })
    const beforeMs = await storeNowMs(store)
    const first = await store.publish([revocationOf(keyA1), revocationOf(keyB1, { loginId: 'x' })], operator)
    t.strictSame(
      first.outcomes.map(({ key, outcome }) => [key, outcome]),
      [
        [keyA1, 'revoked'],
        [keyB1, 'revoked'],
      ],
    )
    t.ok(first.replicas === undefined || first.replicas >= 0, 'replicas are counted, if there are any at all')
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
    t.equal(record?.version, first.outcomes[0]?.version)
    const { revokedAtMs, ...rest } = record?.revocation ?? { revokedAtMs: -1 }
    t.strictSame(rest, {
      key: keyA1,
      loginId: undefined,
      reason: 'keyCompromise',
      comment: 'lost PC',
      actor: operator.name,
    })
    t.match(await store.revocation(keyB1), { state: 'revoked', revocation: { loginId: 'x' } })
    const afterMs = await storeNowMs(store)
    t.ok(revokedAtMs >= beforeMs && revokedAtMs <= afterMs, 'the time is the store’s own')
    if (clock === 'given') t.equal(revokedAtMs, givenNowMs)
    const events = await allEvents(t, store)
    t.strictSame(revokedKeys(events), [keyA1, keyA2, keyB1].toSorted())
    t.ok(events.every((event) => event.kind === 'revoked' && event.atMs >= beforeMs && event.atMs <= afterMs))
    for (const { key, version } of [...first.outcomes, ...again.outcomes])
      t.ok((revokedVersions(events).get(key) ?? 0) >= version, 'whoever has the event has the revocation')
    t.match(await store.eventsSince(start, 1), { revokedCount: 3, unrecordedCount: 0 })
  })

  t.test('publishing nothing changes nothing', async (t) => {
    const store = await open(t, { nowMs })
    t.strictSame((await store.publish([], operator)).outcomes, [])
    t.strictSame(await store.position(), start)
  })

  t.test('two that revoke the same certificate at the same time: one of them does', async (t) => {
    const store = await open(t, { nowMs })
    const results = await Promise.all([1, 2, 3].map(() => store.publish([revocationOf(keyA1)], operator)))
    const outcomes = results.flatMap((result) => result.outcomes)
    t.equal(outcomes.filter(({ outcome }) => outcome === 'revoked').length, 1)
    t.equal(new Set(outcomes.map(({ version }) => version)).size, 1)
    t.strictSame(revokedKeys(await allEvents(t, store)), [keyA1])
  })

  t.test('a thousand at once, some of them twice: each is revoked once, told once and listed once', async (t) => {
    const store = await open(t, { nowMs })
    const keys = Array.from({ length: 1_000 }, (_, index) =>
      certificateKey(index % 2 === 0 ? issuerA : issuerB, (index + 0x1000).toString(16)),
    )
    const twice = keys.filter((_, index) => index % 4 === 0)
    const { outcomes } = await store.publish(
      [...keys, ...twice].map((key) => revocationOf(key)),
      operator,
    )
    t.strictSame(
      outcomes.map(({ key }) => key),
      [...keys, ...twice],
      'in the order of the requests',
    )
    t.ok(outcomes.every(({ outcome }, index) => outcome === (index < keys.length ? 'revoked' : 'already_revoked')))
    const versions = new Map(outcomes.slice(0, keys.length).map(({ key, version }) => [key, version]))
    t.ok(outcomes.every(({ key, version }) => versions.get(key) === version))
    const sorted = keys.toSorted()
    t.strictSame(revokedKeys(await allEvents(t, store, { limit: 300 })), sorted)
    t.strictSame(revokedKeys(await allState(t, store)), sorted)
    t.match(await store.eventsSince(start, 1), { revokedCount: keys.length, unrecordedCount: 0 })
    const listed = (await allPages(store, 300)).map(({ key }) => key)
    t.strictSame(listed.toSorted(), sorted, 'pages leave none out and repeat none, though all came at once')
  })

  t.test('odd but legal texts come back as they were', async (t) => {
    const store = await open(t, { nowMs })
    const odd = `o'brien "x" \\n \n\t\r <b>&amp;</b> {}[]:;%$\` 日本語 é 😀 \u2028 '); DROP TABLE revocations; --`
    const comment = `${'😀'.repeat(100)}${'long '.repeat(160)}`.slice(0, 1_000)
    const key = certificateKey(issuerA, 'f'.repeat(40))
    const loginId = `${odd} login`
    await store.upsertContract({ contractId: odd, loginMethod: 'certificate', certificateLimit: 1 })
    await store.upsertUser({ loginId, contractId: odd, role: 'general' })
    await store.upsertCertificate({ key: keyA1, loginId, notBeforeMs: 0, notAfterMs: dayMs })
    await store.publish([revocationOf(key, { loginId, comment })], { ...operator, name: odd })
    await store.publish([revocationOf(keyB1, { loginId, comment: odd })], operator)
    await store.publishRule(
      { rule: { by: 'loginId', loginId, notBeforeMaxMs: 0 }, reason: 'superseded', comment: odd },
      operator,
    )
    await store.publish([revocationOf(keyA2, { comment: '' })], { ...operator, name: '' })
    t.match((await store.revocation(key))?.revocation, { loginId, comment, actor: odd })
    t.match((await store.revocation(keyA2))?.revocation, { comment: '', actor: '' })
    const { revocations } = await store.revocations({ limit: 10, loginId })
    t.strictSame(
      revocations.map((revocation) => [revocation.key, revocation.loginId, revocation.comment]),
      [
        [keyB1, loginId, odd],
        [key, loginId, comment],
      ],
    )
    t.match(await store.rules(), [{ rule: { loginId }, comment: odd }])
    t.strictSame(await store.loginIds(odd, 10), [loginId])
    t.match(await store.certificatesOf(loginId, 0), [{ key: keyA1, loginId }])
    t.strictSame(await store.lookUp(loginId, keyA1), {
      user: { contractId: odd, role: 'general' },
      certificateRegistered: true,
    })
    await store.setSuspended(loginId, true)
    await store.setLoginMethod(odd, 'password')
    const told = subjectsOf(await allEvents(t, store))
    const wanted = [`contract ${odd}`, `user ${loginId}`, `rule login:${loginId}`, `suspended ${loginId}`]
    t.strictSame(
      wanted.filter((subject) => !told.includes(subject)),
      [],
    )
    t.strictSame(
      subjectsOf(await allState(t, store)),
      [
        `revoked ${key}`,
        `revoked ${keyA2}`,
        `revoked ${keyB1}`,
        `rule login:${loginId}`,
        `suspended ${loginId}`,
        `password ${odd}`,
      ].toSorted(),
    )
  })
}

function testRestoring(t: Test, { open, clock }: ContractSetting): void {
  t.test('a restore leaves a tombstone with a newer version, and the certificate may be revoked anew', async (t) => {
    const store = await open(t, { nowMs })
    await store.publish([revocationOf(keyA1), revocationOf(keyA2)], operator)
    const revokedVersion = revokedVersions(await allEvents(t, store)).get(keyA1) ?? 0
    const beforeMs = await storeNowMs(store)
    const restored = await store.restore(keyA1, { ...operator, name: 'suzuki' })
    t.equal(restored.outcome, 'restored')
    t.ok(restored.version > revokedVersion, 'newer than the event that revoked it')
    t.match(await store.revocation(keyA1), { state: 'restored', version: restored.version })
    const state = await allState(t, store)
    const tombstone = state.find((event) => event.kind === 'restored')
    t.match(tombstone, { kind: 'restored', key: keyA1, version: restored.version, actor: 'suzuki' })
    const atMs = tombstone?.kind === 'restored' ? tombstone.atMs : -1
    t.ok(atMs >= beforeMs && atMs <= (await storeNowMs(store)))
    if (clock === 'given') t.equal(atMs, givenNowMs)
    t.strictSame(revokedKeys(state), [keyA2])
    t.strictSame((await allEvents(t, store)).at(-1), tombstone, 'the log says the same')
    t.strictSame(
      (await store.revocations({ limit: 10 })).revocations.map(({ key }) => key),
      [keyA2],
      'it is not listed',
    )
    t.match(await store.eventsSince(start, 10), { revokedCount: 1, unrecordedCount: 0 })
    t.equal((await store.restore(keyA1, operator)).outcome, 'not_revoked')
    t.strictSame(await store.restore(keyB1, operator), { outcome: 'not_revoked', version: 0 })
    const again = await store.publish([revocationOf(keyA1)], operator)
    t.match(again.outcomes, [{ outcome: 'revoked' }])
    t.ok((again.outcomes[0]?.version ?? 0) > restored.version)
    t.equal((await store.eventsSince(start, 10)).revokedCount, 2)
    t.strictSame(subjectsOf(await allState(t, store)), [`revoked ${keyA1}`, `revoked ${keyA2}`])
  })

  t.test('a restore is newer than what a gateway knows, also when the store is behind', async (t) => {
    const store = await open(t, { nowMs })
    await store.publish([revocationOf(keyA1)], operator)
    const before = await store.position()
    const restored = await store.restore(keyA1, operator, 500)
    t.equal(restored.outcome, 'restored')
    t.ok(restored.version > 500)
    t.match(await store.revocation(keyA1), { state: 'restored', version: restored.version })
    t.match(await allEvents(t, store, { from: before }), [{ kind: 'restored', version: restored.version }])
    const { outcomes } = await store.publish([revocationOf(keyA2)], operator)
    t.ok((outcomes[0]?.version ?? 0) > restored.version, 'versions go on from there')
    t.ok((await store.restore(keyA2, operator, 3)).version > (outcomes[0]?.version ?? 0), 'and never go back')
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
}

function testListing(t: Test, { open }: ContractSetting): void {
  t.test('revocations are listed newest first, by page, issuer and login ID', async (t) => {
    const store = await open(t, { nowMs })
    for (const key of [keyA1, keyB1, keyA2])
      await store.publish([revocationOf(key, { loginId: key === keyA2 ? 'user02' : 'user01' })], operator)
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
    const ofBoth = await store.revocations({ limit: 9, loginId: 'user01', issuerId: issuerA })
    t.strictSame(
      ofBoth.revocations.map(({ key }) => key),
      [keyA1],
    )
    t.strictSame((await store.revocations({ limit: 9, loginId: 'nobody' })).revocations, [])
  })
}
