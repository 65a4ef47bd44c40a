// Goal: what the responder says of a recorded certificate is what the door would say, whatever is revoked, ruled, restored or stale.
// Method: every combination of those, through the door's own judge and through the responder's; and by hand what only one of them knows.
import t from 'tap'
import { noteAnswer, OcspHoldings } from '../../src/publication/ocsp-holdings.ts'
import { judgeHolding } from '../../src/publication/ocsp-verdict.ts'
import { foreseeVerdict } from '../../src/trust/admit.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { IssuerRules } from '../../src/trust/issuer-rules.ts'
import { createTrust, goodOpinion, issuerId, keyOf } from '../trust/trust-fakes.ts'

const serial = 'abc1'
const notBeforeMs = goodOpinion(serial).certificate.notBeforeMs

function stand() {
  const trust = createTrust()
  const { index, freshness } = trust
  const entries = new Map<string, { revokedAtMs: number; reasonCode: number }>()
  const holdings = new OcspHoldings({ issuerId, entriesMax: 100 })
  const holding = holdings.take(serial)
  const issuerRules = new IssuerRules(index.shared.issuerRules)
  const state = { issuerId, index, issuerRules, freshness, entries: { find: (key: string) => entries.get(key) } }
  const judge = (nowMs = trust.clock.nowMs()) => judgeHolding(holding, state, nowMs)
  return { ...trust, entries, holding, judge }
}

const recorded = { recorded: true, loginId: 'user01', notBeforeMs } as const

t.test('the same as the door, in all combinations', async (t) => {
  let combinations = 0
  for (const isRevoked of [false, true]) {
    for (const loginRule of [undefined, 5]) {
      for (const issuerRule of [undefined, 7]) {
        for (const bound of [-1, 0, 1]) {
          for (const exemption of [0, 4, 5, 6, 7, 8]) {
            for (const isStale of [false, true]) {
              const { index, state, clock, holding, judge } = stand()
              noteAnswer(holding, recorded, clock.monotonicMs())
              const entry = fingerprintOf('revoked', keyOf(serial))
              const notBeforeMaxMs = notBeforeMs + bound * 1_000
              if (isRevoked) index.add(entry)
              if (loginRule !== undefined) {
                index.setRule('login', { by: 'loginId', loginId: 'user01', notBeforeMaxMs, version: loginRule })
              }
              if (issuerRule !== undefined) {
                const span = { notBeforeMinMs: notBeforeMs - 5_000, notBeforeMaxMs }
                index.setRule('issuer', { by: 'issuer', issuerId, ...span, version: issuerRule })
              }
              if (exemption > 0) index.setExemption(entry, exemption)
              if (isStale) clock.advance(400_000)
              const presented = { kind: 'certificate', opinion: goodOpinion(serial), opensslFault: undefined } as const
              const denial = foreseeVerdict({ presented, answer: undefined }, state)
              const doorSays = { certificate_revoked: 'revoked', trust_data_stale: undefined }
              const wanted = denial === undefined ? 'good' : doorSays[denial.reason as keyof typeof doorSays]
              const shown = JSON.stringify({ isRevoked, loginRule, issuerRule, bound, exemption, isStale })
              if (judge()?.kind !== wanted) t.fail(`${judge()?.kind} where the door says ${wanted}: ${shown}`)
              combinations++
            }
          }
        }
      }
    }
  }
  t.equal(combinations, 288)
})

t.test('what nobody recorded', async (t) => {
  const { index, clock, holding, judge } = stand()
  t.equal(judge(), undefined, 'nothing before the directory was asked')
  noteAnswer(holding, { recorded: false, passes: false }, clock.monotonicMs())
  t.same(judge(), { kind: 'unknown' })
  noteAnswer(holding, { recorded: false, passes: true }, clock.monotonicMs())
  t.same(judge(), { kind: 'good' })
  index.setRule('other', { by: 'issuer', issuerId: '0'.repeat(32), notBeforeMinMs: 0, notBeforeMaxMs: 1, version: 3 })
  t.same(judge(), { kind: 'good' }, 'a rule on another issuer says nothing of it')
  index.setRule('span', { by: 'issuer', issuerId, notBeforeMinMs: 0, notBeforeMaxMs: 1, version: 4 })
  t.same(judge(), { kind: 'unknown' }, 'it may be one of those that the rule covers')
  index.setExemption(fingerprintOf('revoked', keyOf(serial)), 4)
  t.same(judge(), { kind: 'unknown' }, 'a tie means revoked')
  index.setExemption(fingerprintOf('revoked', keyOf(serial)), 5)
  t.same(judge(), { kind: 'good' }, 'it was restored after the rule')
  index.removeRule('span')
  index.add(fingerprintOf('revoked', keyOf(serial)))
  t.match(judge(), { kind: 'revoked' })
})

t.test('since when and why', async (t) => {
  const { index, clock, entries, holding, judge } = stand()
  noteAnswer(holding, recorded, clock.monotonicMs())
  index.add(fingerprintOf('revoked', keyOf(serial)))
  const seenAtMs = clock.nowMs()
  t.same(judge(), { kind: 'revoked', revokedAtMs: seenAtMs, reasonCode: 0 }, 'without an entry: now')
  clock.advance(5_000)
  t.same(judge(), { kind: 'revoked', revokedAtMs: seenAtMs, reasonCode: 0 }, 'which does not move')
  entries.set(serial, { revokedAtMs: seenAtMs - 60_000, reasonCode: 1 })
  t.same(judge(), { kind: 'revoked', revokedAtMs: seenAtMs - 60_000, reasonCode: 1 })
  entries.set(serial, { revokedAtMs: seenAtMs + 3_600_000, reasonCode: 4 })
  t.same(judge(), { kind: 'revoked', revokedAtMs: seenAtMs, reasonCode: 4 }, 'never a time to come')
  index.remove(fingerprintOf('revoked', keyOf(serial)))
  t.same(judge(), { kind: 'good' })
  index.add(fingerprintOf('revoked', keyOf(serial)))
  entries.clear()
  t.match(judge(), { revokedAtMs: seenAtMs + 5_000 }, 'revoked anew')
})

t.test('only so many certificates are held; the one not asked about for longest gives way', async (t) => {
  const holdings = new OcspHoldings({ issuerId, entriesMax: 2 })
  const hold = (name: string) => {
    const holding = holdings.take(name)
    holdings.hold(holding)
    return holding
  }
  const first = hold('a')
  const second = hold('b')
  t.equal(holdings.take('a'), first)
  hold('c')
  t.equal(holdings.size, 2)
  t.equal(holdings.take('a'), first)
  t.not(holdings.take('b'), second, 'b has gone')
  t.equal(holdings.size, 2, 'what is only looked at is not held')
  holdings.hold(holdings.take('a'))
  t.equal(holdings.take('a'), first)
})
