// Goal: an incident at a CA is answered with one rule, which can be taken back with a reason; both are on record, and restored
// certificates are let in beside rules. Method: the real functions over a real embedded store and index.
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { restore } from '../../src/lifecycle/restore.ts'
import { revoke } from '../../src/lifecycle/revoke.ts'
import { type RangeRequest, revokeRange } from '../../src/lifecycle/revoke-range.ts'
import { withdrawRule } from '../../src/lifecycle/withdraw-rule.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { issuerA, issuerB, keyA1, keyB1, operator } from '../store/contract.ts'
import { startFakeLifecycle } from './fake-lifecycle.ts'

const fromMs = Date.UTC(2027, 2, 1)
const toMs = Date.UTC(2027, 2, 2)
const nowMs = () => Date.UTC(2027, 2, 3)
const ruleId = `issuer:${issuerA}:${fromMs}-${toMs}`
const request: RangeRequest = {
  issuer: 'demo-issuing-ca',
  notBeforeFromMs: fromMs,
  notBeforeToMs: toMs,
  reason: 'cACompromise',
  comment: 'HSM stolen',
  dryRun: false,
}

t.test('the range is in force, both ends included, for this issuer alone; again changes nothing', async (t) => {
  const { ports, index, workers, audited } = await startFakeLifecycle(t, { nowMs })
  const result = await revokeRange(request, operator, ports)
  t.match(result, {
    dryRun: false,
    ruleId,
    issuer: 'demo-issuing-ca',
    issuerId: issuerA,
    notBeforeFrom: '2027-03-01T00:00:00.000Z',
    notBeforeTo: '2027-03-02T00:00:00.000Z',
    outcome: 'published',
  })
  const covered = (issuerId: string, notBeforeMs: number) =>
    index.coveringRule({ issuerId, loginEntry: undefined, notBeforeMs }) > 0
  t.ok(covered(issuerA, fromMs) && covered(issuerA, toMs))
  t.notOk(covered(issuerA, fromMs - 1_000) || covered(issuerA, toMs + 1_000))
  t.notOk(covered(issuerB, fromMs), 'another issuer’s stay')
  t.ok(workers.told.includes(`recheck {"issuerId":"${issuerA}"}`))
  t.match(await revokeRange(request, operator, ports), { outcome: 'unchanged', version: result.version })
  t.match(audited, [
    {
      event: 'rule_published',
      actor: { kind: 'operator', name: operator.name },
      target: { kind: 'rule', name: ruleId },
      reason: 'cACompromise',
      requestId: 'r-1',
      detail: {
        issuer: 'demo-issuing-ca',
        notBeforeFrom: '2027-03-01T00:00:00.000Z',
        outcome: 'published',
        comment: 'HSM stolen',
      },
    },
    { event: 'rule_published', detail: { outcome: 'unchanged' } },
  ])
})

t.test('a dry run tells how many certificates of the issuer are connected, and changes nothing', async (t) => {
  const { ports, store, workers, audited } = await startFakeLifecycle(t, { nowMs })
  for (const certificateKey of [keyA1, keyA1, keyB1]) {
    workers.live.push({
      door: 'main',
      certificateKey,
      loginId: 'user01',
      contractId: undefined,
      openedAtMs: 0,
      clientAddress: '',
    })
  }
  t.match(await revokeRange({ ...request, dryRun: true }, operator, ports), {
    dryRun: true,
    ruleId,
    outcome: 'would_be_published',
    connectedCertificates: 1,
    version: 0,
  })
  t.strictSame(await store.rules(), [])
  t.strictSame(audited, [])
})

t.test('ranges that cannot be meant are refused, beside those that can', async (t) => {
  const { ports, store } = await startFakeLifecycle(t, { nowMs })
  const dayMs = 86_400_000
  const cases: [Partial<RangeRequest>, string, RegExp][] = [
    [{ issuer: 'demo-ca' }, 'issuer', /demo-issuing-ca, second-ca/],
    [{ notBeforeToMs: fromMs - 1_000 }, 'notBeforeTo', /not before notBeforeFrom \(2027-03-01T00:00:00.000Z\)/],
    [{ notBeforeFromMs: -1 }, 'notBeforeFrom', /since 1970/],
    [{ notBeforeToMs: nowMs() + dayMs + 1_000 }, 'notBeforeTo', /at most a day from now/],
  ]
  for (const [change, path, message] of cases) {
    for (const dryRun of [true, false]) {
      await t.rejects(revokeRange({ ...request, ...change, dryRun }, operator, ports), {
        code: 'admin_request_invalid',
        path,
        message,
      })
    }
  }
  t.strictSame(await store.rules(), [])
  await revokeRange({ ...request, notBeforeFromMs: 0, notBeforeToMs: nowMs() + dayMs }, operator, ports)
  await revokeRange({ ...request, notBeforeFromMs: fromMs + 999, notBeforeToMs: fromMs }, operator, ports)
  t.match(
    (await store.rules()).map((rule) => rule.ruleId),
    [`issuer:${issuerA}:${fromMs}-${fromMs}`, `issuer:${issuerA}:0-${nowMs() + dayMs}`],
    'parts of a second do not count',
  )
})

t.test('a rule is withdrawn with a reason, on record; what is revoked by itself stays revoked', async (t) => {
  const { ports, index, store, audited, isRevoked } = await startFakeLifecycle(t, { nowMs })
  await revokeRange(request, operator, ports)
  const certificates = [{ issuer: issuerA, serial: '1' }]
  await revoke({ certificates, loginIds: [], reason: 'unspecified', comment: '', dryRun: false }, operator, ports)
  audited.length = 0
  const withdrawal = { ruleId, reason: ' wrong CA ', comment: 'ticket 9', dryRun: false }
  await t.rejects(withdrawRule({ ...withdrawal, reason: ' ' }, operator, ports), {
    code: 'admin_request_invalid',
    path: 'reason',
  })
  await t.rejects(withdrawRule({ ...withdrawal, ruleId: 'login:nobody' }, operator, ports), { code: 'admin_not_found' })
  t.match(await withdrawRule({ ...withdrawal, dryRun: true }, operator, ports), {
    outcome: 'would_be_withdrawn',
    by: 'issuer',
    issuer: 'demo-issuing-ca',
  })
  t.equal((await store.rules()).length, 1)
  t.strictSame(audited, [])
  t.match(await withdrawRule(withdrawal, operator, ports), { outcome: 'withdrawn', ruleId })
  t.strictSame(await store.rules(), [])
  t.equal(index.coveringRule({ issuerId: issuerA, loginEntry: undefined, notBeforeMs: fromMs }), 0)
  t.ok(isRevoked(keyA1))
  t.match(audited, [
    {
      event: 'rule_withdrawn',
      target: { kind: 'rule', name: ruleId },
      reason: 'wrong CA',
      detail: { outcome: 'withdrawn', revocationReason: 'cACompromise', comment: 'ticket 9', by: 'issuer' },
    },
  ])
  await t.rejects(withdrawRule(withdrawal, operator, ports), { code: 'admin_not_found' })
})

t.test('a rule that cannot be confirmed is on record all the same', async (t) => {
  const { ports, publisher, audited } = await startFakeLifecycle(t, { nowMs })
  await revokeRange(request, operator, ports)
  audited.length = 0
  const fault = new GatewayError('store_unavailable', 'Cannot confirm')
  const fail = async () => {
    throw fault
  }
  const failing = { ...ports, publisher: { ...publisher, publishRule: fail, withdrawRule: fail } }
  await t.rejects(revokeRange(request, operator, failing), fault)
  await t.rejects(withdrawRule({ ruleId, reason: 'x', comment: '', dryRun: false }, operator, failing), fault)
  await t.rejects(
    revoke(
      { certificates: [], loginIds: ['user01'], reason: 'unspecified', comment: '', dryRun: false },
      operator,
      failing,
    ),
    fault,
  )
  t.match(audited, [
    { event: 'rule_published', detail: { outcome: 'unconfirmed' } },
    { event: 'rule_withdrawn', detail: { outcome: 'unconfirmed' } },
    { event: 'rule_published', target: { name: 'login:user01' }, detail: { outcome: 'unconfirmed' } },
  ])
})

t.test(
  'a certificate that a rule covers is let in again without the rule: revoked by itself, then restored',
  async (t) => {
    const { ports, index } = await startFakeLifecycle(t, { nowMs })
    const certificate = { issuer: 'demo-issuing-ca', serial: '1' }
    const why = { reason: 'innocent', comment: '', dryRun: false }
    await t.rejects(restore({ certificate, ...why }, operator, ports), { message: /^Cannot restore .*not revoked$/ })
    const { version } = await revokeRange(request, operator, ports)
    await t.rejects(restore({ certificate, ...why }, operator, ports), {
      code: 'admin_not_found',
      message: /If a rule covers it, revoke it by its serial number first/,
    })
    await revoke(
      { certificates: [certificate], loginIds: [], reason: 'unspecified', comment: '', dryRun: false },
      operator,
      ports,
    )
    await restore({ certificate, ...why }, operator, ports)
    t.ok(index.exemption(fingerprintOf('revoked', keyA1)) > version, 'exempt from the rule')
    t.equal(index.exemption(fingerprintOf('revoked', keyB1)), 0, 'and no other')
  },
)
