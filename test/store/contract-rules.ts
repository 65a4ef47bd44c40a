import type { Test } from 'tap'
import type { RevocationRule } from '../../src/control-path/ports.ts'
import { type RuleRequest, ruleIdOf } from '../../src/control-path/store-port.ts'
import {
  addPeople,
  allEvents,
  allState,
  type ContractSetting,
  givenNowMs,
  issuerA,
  issuerB,
  nowMs,
  operator,
  start,
  storeNowMs,
  subjectsOf,
} from './samples.ts'

const secondMs = 1_000
const ofIssuerA: RevocationRule = { by: 'issuer', issuerId: issuerA, notBeforeMinMs: 2_000, notBeforeMaxMs: 9_000 }
const ofIssuerB: RevocationRule = { by: 'issuer', issuerId: issuerB, notBeforeMinMs: 2_000, notBeforeMaxMs: 9_000 }

export function untilOf(loginId: string, notBeforeMaxMs: number): RevocationRule {
  return { by: 'loginId', loginId, notBeforeMaxMs }
}

/** A rule that ends now, by the store's clock. */
function untilNow(loginId: string): RuleRequest {
  return ruleOf({ by: 'loginId', loginId, notBeforeMaxMs: undefined })
}

export function ruleOf(rule: RuleRequest['rule'], changes: Partial<RuleRequest> = {}): RuleRequest {
  return { rule, reason: 'keyCompromise', comment: 'all PCs stolen', ...changes }
}

/** Rules that revoke by login ID, or by issuer and time range. */
export function testRules(t: Test, setting: ContractSetting): void {
  testRulesOfLoginIds(t, setting)
  testRulesOfIssuers(t, setting)
  testWithdrawing(t, setting)
}

function testRulesOfLoginIds(t: Test, { open, clock }: ContractSetting): void {
  t.test('a rule on a login ID without a bound ends now, by the store’s clock', async (t) => {
    const store = await open(t, { nowMs })
    const beforeMs = await storeNowMs(store)
    const { changed, version } = await store.publishRule(untilNow('nobody yet'), operator)
    const afterMs = await storeNowMs(store)
    t.ok(changed, 'the directory need not know the login ID')
    const [record] = await store.rules()
    const { rule, publishedAtMs, ...rest } = record ?? { rule: ofIssuerA, publishedAtMs: -1 }
    t.strictSame(rest, {
      ruleId: 'login:nobody yet',
      reason: 'keyCompromise',
      comment: 'all PCs stolen',
      version,
      actor: operator.name,
    })
    t.ok(publishedAtMs >= beforeMs && publishedAtMs <= afterMs)
    // Bounds count in whole seconds, so a store may cut off the rest.
    t.ok(rule.notBeforeMaxMs >= beforeMs - (beforeMs % secondMs) && rule.notBeforeMaxMs <= afterMs)
    if (clock === 'given') t.strictSame([publishedAtMs, rule.notBeforeMaxMs], [givenNowMs, givenNowMs])
    t.strictSame(rule, untilOf('nobody yet', rule.notBeforeMaxMs))
    const [event, ...others] = await allEvents(t, store)
    t.match(event, { kind: 'rule', ruleId: 'login:nobody yet', version })
    t.strictSame(event?.kind === 'rule' && event.rule, rule, 'the event carries the bound that was taken')
    t.equal(event?.kind === 'rule' && event.atMs, publishedAtMs)
    t.strictSame(others, [])
    t.strictSame(await allState(t, store), [event], 'the state says the same')
    t.match(await store.eventsSince(start, 1), { revokedCount: 0, unrecordedCount: 0 }, 'it is no certificate')
  })

  t.test('a second rule on the login ID raises the bound and never lowers it', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    const first = await store.publishRule(ruleOf(untilOf('user01', 5_000)), operator)
    const other = await store.publishRule(ruleOf(untilOf('user02', 1_000)), operator)
    const before = await store.position()
    for (const bound of [5_000, 4_000, 0]) {
      const nothing = await store.publishRule(ruleOf(untilOf('user01', bound), { comment: 'again' }), operator)
      t.strictSame(nothing, { changed: false, version: first.version }, `${bound} says nothing new`)
    }
    t.strictSame(await store.position(), before, 'nor does the log')
    const raised = await store.publishRule(
      ruleOf(untilOf('user01', 6_000), { comment: 'more', reason: 'superseded' }),
      {
        ...operator,
        name: 'suzuki',
      },
    )
    t.ok(raised.changed)
    t.ok(raised.version > other.version)
    t.match(await allEvents(t, store, { from: before }), [
      { kind: 'rule', ruleId: 'login:user01', version: raised.version, rule: untilOf('user01', 6_000) },
    ])
    t.match(await store.rules(), [
      {
        ruleId: 'login:user01',
        rule: untilOf('user01', 6_000),
        comment: 'more',
        reason: 'superseded',
        actor: 'suzuki',
      },
      { ruleId: 'login:user02', rule: untilOf('user02', 1_000), version: other.version },
    ])
    t.strictSame(subjectsOf(await allState(t, store)), ['rule login:user01', 'rule login:user02'], 'one each')
    t.ok((await store.publishRule(untilNow('user01'), operator)).changed, 'now is later')
    const future = (await storeNowMs(store)) + 3_600_000
    t.ok((await store.publishRule(ruleOf(untilOf('user02', future)), operator)).changed)
    t.notOk((await store.publishRule(untilNow('user02'), operator)).changed)
    const ofUser02 = (await store.rules()).find(({ ruleId }) => ruleId === 'login:user02')
    t.strictSame(ofUser02?.rule, untilOf('user02', future), 'a bound in the future stays')
  })
}

function testRulesOfIssuers(t: Test, { open }: ContractSetting): void {
  t.test('rules on issuers stand beside each other, each once, newest first', async (t) => {
    const store = await open(t, { nowMs })
    const later: RevocationRule = { ...ofIssuerA, notBeforeMaxMs: 10_000 }
    const versions: number[] = []
    for (const rule of [ofIssuerA, ofIssuerB, later, untilOf('user01', 1_000)]) {
      const { changed, version } = await store.publishRule(ruleOf(rule), operator)
      t.ok(changed)
      versions.push(version)
    }
    const before = await store.position()
    const again = await store.publishRule(ruleOf(ofIssuerA, { comment: 'again' }), operator)
    t.strictSame(again, { changed: false, version: versions[0] })
    t.strictSame(await store.position(), before)
    const rules = await store.rules()
    t.strictSame(
      rules.map(({ ruleId, rule, version }) => ({ ruleId, rule, version })),
      [ofIssuerA, ofIssuerB, later, untilOf('user01', 1_000)]
        .map((rule, index) => ({ ruleId: ruleIdOf(rule), rule, version: versions[index] }))
        .toReversed(),
    )
    const events = await allEvents(t, store)
    t.strictSame(
      events.map((event) => event.kind === 'rule' && [event.ruleId, event.rule, event.version]),
      rules.map(({ ruleId, rule, version }) => [ruleId, rule, version]).toReversed(),
    )
    const state = await allState(t, store)
    t.strictSame(
      state.toSorted((left, right) => left.version - right.version),
      events,
    )
  })
}

function testWithdrawing(t: Test, { open }: ContractSetting): void {
  t.test('a withdrawn rule leaves a tombstone with a newer version, is not listed, and may come again', async (t) => {
    const store = await open(t, { nowMs })
    const ruleId = ruleIdOf(ofIssuerA)
    const first = await store.publishRule(ruleOf(ofIssuerA), operator)
    await store.publishRule(ruleOf(untilOf('user01', 5_000)), operator)
    const before = await store.position()
    const beforeMs = await storeNowMs(store)
    const withdrawn = await store.withdrawRule(ruleId, operator)
    t.ok(withdrawn.changed)
    t.ok(withdrawn.version > first.version)
    const [event, ...others] = await allEvents(t, store, { from: before })
    t.match(event, { kind: 'rule_withdrawn', ruleId, version: withdrawn.version })
    const atMs = event?.kind === 'rule_withdrawn' ? event.atMs : -1
    t.ok(atMs >= beforeMs && atMs <= (await storeNowMs(store)))
    t.strictSame(others, [])
    t.match(await store.rules(), [{ ruleId: 'login:user01' }])
    t.equal((await store.rules()).length, 1, 'the other stays')
    const state = await allState(t, store)
    t.strictSame(subjectsOf(state), ['rule login:user01', `rule_withdrawn ${ruleId}`].toSorted())
    t.strictSame(
      state.find(({ kind }) => kind === 'rule_withdrawn'),
      event,
    )
    const repeated = await store.withdrawRule(ruleId, operator)
    t.strictSame(repeated, { changed: false, version: withdrawn.version }, 'a second time changes nothing')
    const again = await store.publishRule(ruleOf(ofIssuerA), operator)
    t.ok(again.changed && again.version > withdrawn.version)
    t.match(await store.rules(), [{ ruleId, version: again.version }, { ruleId: 'login:user01' }])
    await store.withdrawRule('login:user01', operator)
    t.ok((await store.publishRule(ruleOf(untilOf('user01', 2_000)), operator)).changed)
    t.match(await store.rules(), [{ rule: untilOf('user01', 2_000) }, {}], 'a new one begins with its own bound')
  })

  t.test('a withdrawal is newer than what a gateway knows, also when the store is behind', async (t) => {
    const store = await open(t, { nowMs })
    await store.publishRule(ruleOf(ofIssuerA), operator)
    const { version } = await store.withdrawRule(ruleIdOf(ofIssuerA), operator, 700)
    t.ok(version > 700)
    t.match(await allState(t, store), [{ kind: 'rule_withdrawn', version }])
    t.ok((await store.publishRule(ruleOf(ofIssuerB), operator)).version > version, 'versions go on from there')
  })

  t.test('a rule that never was cannot be withdrawn', async (t) => {
    const store = await open(t, { nowMs })
    await store.publishRule(ruleOf(ofIssuerA), operator)
    const before = await store.position()
    for (const ruleId of [ruleIdOf(ofIssuerB), 'login:user01', '', "' OR '1'='1"])
      await t.rejects(store.withdrawRule(ruleId, operator), { code: 'admin_not_found' }, ruleId)
    t.strictSame(await store.position(), before)
    t.equal((await store.rules()).length, 1)
  })
}
