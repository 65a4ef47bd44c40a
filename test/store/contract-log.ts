import type { Test } from 'tap'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import {
  addPeople,
  allEvents,
  allState,
  type ContractSetting,
  dayMs,
  givenNowMs,
  issuerA,
  keyA1,
  keyA2,
  keyB1,
  nowMs,
  operator,
  revocationOf,
  revokedKeys,
  start,
  subjectsOf,
} from './samples.ts'

/** The log, pages, positions, and the state it amounts to. */
export function testLog(t: Test, { open, clock }: ContractSetting): void {
  t.test('an empty store has no events, no state, no revocation', async (t) => {
    const store = await open(t, { nowMs })
    t.strictSame(await store.position(), start)
    t.strictSame(await allState(t, store), [])
    const { nowMs: atMs, ...page } = await store.eventsSince(start, 10)
    const empty = { continuous: true, events: [], end: start, lastVersion: 0, revokedCount: 0, unrecordedCount: 0 }
    t.strictSame(page, empty)
    if (clock === 'given') t.equal(atMs, givenNowMs, 'the page carries the store’s time')
    else t.ok((await store.eventsSince(start, 10)).nowMs >= atMs && atMs > Date.UTC(2026), 'the store’s own time')
    t.equal(await store.revocation(keyA1), undefined)
    t.strictSame(await store.revocations({ limit: 10 }), { revocations: [], nextCursor: undefined })
    t.strictSame(await store.rules(), [])
    t.strictSame((await store.gateways()).gateways, [])
  })

  t.test('versions rise with each event, and events come in that order, page by page', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.publish([revocationOf(keyA1)], operator)
    await store.publish([revocationOf(keyA2)], operator)
    await store.setSuspended('user01', true)
    const inOrder = [
      'contract shoji',
      'user user01',
      'user user02',
      `revoked ${keyA1}`,
      `revoked ${keyA2}`,
      'suspended user01',
    ]
    for (const limit of [1, 2, 100]) {
      const events = await allEvents(t, store, { limit })
      t.strictSame(
        events.flatMap((event) => subjectsOf([event])),
        inOrder,
        `pages of ${limit}`,
      )
    }
    const now = await store.position()
    const { nowMs: _, ...page } = await store.eventsSince(now, 10)
    const nothing = { continuous: true, events: [], end: now, lastVersion: now.version }
    t.strictSame(page, { ...nothing, revokedCount: 2, unrecordedCount: 0 }, 'at its end there is nothing')
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
    await store.publish([revocationOf(keyB1), revocationOf(keyA2)], operator)
    await store.restore(keyA2, operator)
    await store.setLoginMethod('shoji', 'password')
    const state = await allState(t, store)
    t.strictSame(
      subjectsOf(state),
      [
        'password yubin',
        'password shoji',
        'reinstated user01',
        'suspended user02',
        `superseded ${keyA1}`,
        `revoked ${keyB1}`,
        `restored ${keyA2}`,
      ].toSorted(),
    )
    const log = await allEvents(t, store)
    for (const event of state) {
      if (event.kind === 'revoked') continue
      const last = log.findLast((logged) => subjectsOf([logged])[0] === subjectsOf([event])[0])
      t.strictSame(event, last, `${event.kind}: the very event of the log`)
    }
  })

  t.test('a log that was trimmed, or never was this one, does not go on', async (t) => {
    const store = await open(t, { nowMs, eventsMax: 3 })
    await store.publish([revocationOf(keyA1)], operator)
    const early = await store.position()
    t.ok((await store.eventsSince(early, 10)).continuous)
    t.ok((await store.eventsSince(start, 10)).continuous)
    for (const serial of ['10', '11', '12', '13', '14'])
      await store.publish([revocationOf(certificateKey(issuerA, serial))], operator)
    const page = await store.eventsSince(early, 10)
    t.match(page, { continuous: false, events: [], revokedCount: 6 }, 'trimmed since')
    t.equal((await store.eventsSince(start, 10)).continuous, false, 'the beginning is gone')
    const now = await store.position()
    t.equal(page.lastVersion, now.version)
    t.ok((await store.eventsSince(now, 10)).continuous)
    t.equal((await store.eventsSince({ ...now, token: 'other' }, 10)).continuous, false, 'another log')
    t.equal((await store.eventsSince({ ...now, version: now.version + 5 }, 10)).continuous, false, 'a longer log')
    t.equal(revokedKeys(await allState(t, store)).length, 6, 'the state is whole all the same')
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
