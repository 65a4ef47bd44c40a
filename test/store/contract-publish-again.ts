import type { Test } from 'tap'
import type { RevocationRule } from '../../src/control-path/ports.ts'
import { ruleIdOf } from '../../src/control-path/store-port.ts'
import { ruleOf, untilOf } from './contract-rules.ts'
import {
  addPeople,
  allEvents,
  allState,
  type ContractSetting,
  dayMs,
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

const ofIssuer: RevocationRule = { by: 'issuer', issuerId: issuerA, notBeforeMinMs: 2_000, notBeforeMaxMs: 9_000 }

/** Writing again what a gateway knows and the store has lost. */
export function testPublishAgain(t: Test, { open }: ContractSetting): void {
  t.test('revocations the store has lost: missing ones come back, newer tombstones win, ties lose', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.upsertCertificate({ key: keyA2, loginId: 'user01', notBeforeMs: 0, notAfterMs: dayMs })
    await store.publish([revocationOf(keyA1), revocationOf(keyB1)], operator)
    const tombstoneA = await store.restore(keyA1, operator)
    const tombstoneB = await store.restore(keyB1, operator)
    const before = await store.position()
    const revocations = [
      { key: keyA1, version: tombstoneA.version - 1 },
      { key: keyB1, version: tombstoneB.version },
      { key: keyA2, version: 40 },
    ]
    await store.publishAgain({ revocations, rules: [] }, 50)
    t.match(await store.revocation(keyA1), { state: 'restored' }, 'the tombstone is newer')
    t.match(await store.revocation(keyB1), { state: 'revoked' }, 'a tie means revoked')
    const again = await store.revocation(keyA2)
    t.match(again, { state: 'revoked', revocation: { actor: 'sekisho', loginId: 'user01' } })
    t.ok((again?.version ?? 0) > 50, 'versions go on above what was known')
    const events = await allEvents(t, store, { from: before })
    t.strictSame(revokedKeys(events), [keyA2, keyB1].toSorted(), 'the log tells of both')
    t.ok(events.every(({ version }) => version > 50))
    t.equal((await store.eventsSince(start, 1)).revokedCount, 2)
    const after = await store.position()
    await store.publishAgain({ revocations: [{ key: keyA2, version: 40 }], rules: [] }, 10)
    t.equal((await store.revocation(keyA2))?.version, again?.version, 'repeating changes nothing')
    t.strictSame(await store.position(), after)
  })

  t.test('what is in force stays as it was recorded, whatever version a gateway knows', async (t) => {
    const store = await open(t, { nowMs })
    await store.publish([revocationOf(keyA1)], operator)
    const before = [await store.revocation(keyA1), await store.position()]
    await store.publishAgain({ revocations: [{ key: keyA1, version: 90 }], rules: [] }, 0)
    t.strictSame([await store.revocation(keyA1), await store.position()], before)
  })

  t.test('an empty store is filled again, and its versions go on above', async (t) => {
    const store = await open(t, { nowMs })
    const keys = [keyA1, keyA2, keyB1]
    const known = [ofIssuer, untilOf('user01', 5_000)].map((rule) => ({ ruleId: ruleIdOf(rule), rule, version: 70 }))
    await store.publishAgain(
      { revocations: keys.map((key, index) => ({ key, version: 60 + index })), rules: known },
      80,
    )
    const subjects = [...keys.map((key) => `revoked ${key}`), ...known.map(({ ruleId }) => `rule ${ruleId}`)].toSorted()
    t.strictSame(subjectsOf(await allState(t, store)), subjects)
    const events = await allEvents(t, store)
    t.strictSame(subjectsOf(events), subjects)
    t.ok(events.every(({ version }) => version > 80))
    t.strictSame((await store.rules()).map(({ rule }) => rule).toSorted(byName), [ofIssuer, untilOf('user01', 5_000)])
    t.match(await store.rules(), [{ actor: 'sekisho' }, { actor: 'sekisho' }])
    t.match(await store.eventsSince(start, 1), { continuous: true, revokedCount: 3, unrecordedCount: 0 })
  })

  t.test('rules the store has lost: newer tombstones win, ties lose, and a bound only rises', async (t) => {
    const store = await open(t, { nowMs })
    for (const loginId of ['user01', 'user02', 'user03', 'user04'])
      await store.publishRule(ruleOf(untilOf(loginId, 5_000)), operator)
    const newer = await store.withdrawRule('login:user01', operator)
    const tied = await store.withdrawRule('login:user02', operator)
    const before = await store.position()
    const rules = [
      { rule: untilOf('user01', 5_000), version: newer.version - 1 },
      { rule: untilOf('user02', 5_000), version: tied.version },
      { rule: untilOf('user03', 6_000), version: 40 },
      { rule: untilOf('user04', 4_000), version: 40 },
    ].map((known) => ({ ruleId: ruleIdOf(known.rule), ...known }))
    await store.publishAgain({ revocations: [], rules }, 50)
    t.strictSame((await store.rules()).map(({ rule }) => rule).toSorted(byName), [
      untilOf('user02', 5_000),
      untilOf('user03', 6_000),
      untilOf('user04', 5_000),
    ])
    const events = await allEvents(t, store, { from: before })
    t.strictSame(subjectsOf(events), ['rule login:user02', 'rule login:user03'])
    t.ok(events.every(({ version }) => version > 50))
    const after = await store.position()
    await store.publishAgain({ revocations: [], rules }, 50)
    t.strictSame(await store.position(), after, 'repeating changes nothing')
  })

  t.test('with nothing lost only later versions are above', async (t) => {
    const store = await open(t, { nowMs })
    await store.publishAgain({ revocations: [], rules: [] }, 300)
    t.strictSame(await allEvents(t, store), [])
    t.strictSame(await allState(t, store), [])
    const { outcomes } = await store.publish([revocationOf(keyA1)], operator)
    t.ok((outcomes[0]?.version ?? 0) > 300)
  })
}

function byName(left: RevocationRule, right: RevocationRule): number {
  return ruleIdOf(left) < ruleIdOf(right) ? -1 : 1
}
