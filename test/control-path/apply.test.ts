// Goal: what an event does to index and memory does not depend on how often or in which order it comes: the newest statement about
// each subject counts, ties mean revoked, and only what is new is told to the workers.
// Method: every order of a handful of events, each also twice, against what the newest says; a real index and ledger.
import t from 'tap'
import { takeEvent } from '../../src/control-path/apply.ts'
import type { TrustEvent } from '../../src/control-path/ports.ts'
import { TrustMemory } from '../../src/control-path/trust-memory.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'
import { issuerIdOf } from '../../src/x509/certificate-key.ts'
import { issuerA, keyA1, keyA2, keyB1 } from '../store/contract.ts'

const second = 1_000

function createMemory(): TrustMemory {
  return new TrustMemory(new RevocationIndexWriter())
}

function orders<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]]
  return items.flatMap((item, at) => orders(items.toSpliced(at, 1)).map((rest) => [item, ...rest]))
}

/** Takes the events in every order, and every event twice somewhere. */
function inEveryOrder(events: readonly TrustEvent[], check: (memory: TrustMemory, order: string) => void): void {
  for (const order of orders(events)) {
    for (const sequence of [order, [...order, ...order], order.flatMap((event) => [event, event])]) {
      const memory = createMemory()
      for (const event of sequence) takeEvent(event, memory)
      check(memory, sequence.map(({ version, kind }) => `${kind}@${version}`).join(' '))
    }
  }
}

const revoked = (version: number, ...keys: (typeof keyA1)[]) => ({ kind: 'revoked', version, keys, atMs: 0 }) as const
const restored = (version: number, key = keyA1) => ({ kind: 'restored', version, key, actor: 'x', atMs: 0 }) as const

t.test('the newest of revoked and restored counts, a tie means revoked', async (t) => {
  const cases: [readonly TrustEvent[], boolean][] = [
    [[revoked(1, keyA1), restored(2)], false],
    [[revoked(2, keyA1), restored(1)], true],
    [[revoked(2, keyA1), restored(2)], true],
    [[revoked(1, keyA1), restored(2), revoked(3, keyA1)], true],
    [[revoked(1, keyA1), revoked(3, keyA1), restored(2), restored(4)], false],
  ]
  for (const [events, wanted] of cases) {
    inEveryOrder(events, ({ index, ledger }, order) => {
      t.equal(index.has(fingerprintOf('revoked', keyA1)), wanted, order)
      t.equal(ledger.find(keyA1)?.state, wanted ? 'revoked' : 'restored', order)
      t.equal(ledger.revoked, wanted ? 1 : 0, order)
    })
  }
})

t.test('suspension and login method: the newest counts, a tie means no', async (t) => {
  const suspended = (version: number, value: boolean) =>
    ({ kind: 'suspended', version, loginId: 'user01', suspended: value }) as const
  const method = (version: number, value: 'certificate' | 'password') =>
    ({ kind: 'login_method', version, contractId: 'shoji', method: value }) as const
  const cases = [
    [1, 2, false],
    [2, 1, true],
    [2, 2, true],
  ] as const
  for (const [off, on, isOff] of cases) {
    inEveryOrder(
      [suspended(off, true), suspended(on, false), method(off, 'password'), method(on, 'certificate')],
      ({ index }, order) => {
        t.equal(index.has(fingerprintOf('suspended', 'user01')), isOff, order)
        t.equal(index.has(fingerprintOf('password_mode', 'shoji')), isOff, order)
      },
    )
  }
})

t.test(
  'R22: a switch to certificate mode cuts who came in with a password; a contract that never was in password mode has nobody',
  async (t) => {
    const memory = createMemory()
    const take = (version: number, method: 'certificate' | 'password') =>
      takeEvent({ kind: 'login_method', version, contractId: 'shoji', method }, memory)
    t.equal(take(1, 'certificate'), undefined)
    t.match(take(2, 'password'), { selector: { by: 'contract', contractId: 'shoji' } })
    t.strictSame(take(3, 'certificate'), {
      version: 3,
      kind: 'cut',
      selector: { by: 'passwordContract', contractId: 'shoji' },
      reason: 'login_method_mismatch',
    })
    t.equal(take(3, 'certificate'), undefined, 'told once')
    t.equal(take(2, 'password'), undefined, 'what is older')
  },
)

const loginRule = (version: number, notBeforeMaxMs: number) =>
  ({
    kind: 'rule',
    version,
    ruleId: 'login:user01',
    rule: { by: 'loginId', loginId: 'user01', notBeforeMaxMs },
    atMs: 0,
  }) as const
const withdrawn = (version: number, ruleId = 'login:user01') =>
  ({ kind: 'rule_withdrawn', version, ruleId, atMs: 0 }) as const
const certificate = (notBeforeMs: number) => ({
  issuerId: issuerA,
  loginEntry: fingerprintOf('login_rule', 'user01'),
  notBeforeMs,
})

t.test('the bound of a rule on a login ID rises and never falls, whatever order the rules come in', async (t) => {
  inEveryOrder(
    [loginRule(1, 10 * second), loginRule(2, 30 * second), loginRule(3, 20 * second)],
    ({ index }, order) => {
      t.ok(index.coveringRule(certificate(30 * second)) > 0, order)
      t.equal(index.coveringRule(certificate(31 * second)), 0, `${order}: issued later, still allowed`)
    },
  )
})

t.test('a rule that was withdrawn covers nobody until a newer one comes; a tie stays in force', async (t) => {
  inEveryOrder([loginRule(1, 10 * second), withdrawn(2)], ({ index, rules }, order) => {
    t.equal(index.coveringRule(certificate(0)), 0, order)
    t.equal(rules.get('login:user01')?.version, 2, order)
  })
  inEveryOrder([loginRule(2, 10 * second), withdrawn(2)], ({ index }, order) =>
    t.ok(index.coveringRule(certificate(0)) > 0, order),
  )
  inEveryOrder([loginRule(1, 10 * second), withdrawn(2), loginRule(3, 5 * second)], ({ index }, order) =>
    t.ok(index.coveringRule(certificate(5 * second)) > 0, order),
  )
})

t.test('a rule on an issuer covers its span and no other issuer', async (t) => {
  const memory = createMemory()
  const rule = { by: 'issuer', issuerId: issuerA, notBeforeMinMs: 10 * second, notBeforeMaxMs: 20 * second } as const
  const followUp = takeEvent({ kind: 'rule', version: 4, ruleId: 'issuer:a', rule, atMs: 0 }, memory)
  t.match(followUp, { kind: 'recheck', scope: { issuerId: issuerA } })
  const of = (issuerId: string, notBeforeMs: number) =>
    memory.index.coveringRule({ issuerId, loginEntry: undefined, notBeforeMs })
  t.strictSame(
    [9_999, 10_000, 20_999, 21_000].map((notBeforeMs) => of(issuerA, notBeforeMs)),
    [0, 4, 4, 0],
  )
  t.equal(of(issuerIdOf(Buffer.from('other')), 15_000), 0)
})

t.test('a restored certificate is exempt from the rules before its tombstone, not from those after', async (t) => {
  inEveryOrder([loginRule(1, 10 * second), revoked(2, keyA1), restored(3)], ({ index }, order) => {
    const rule = index.coveringRule(certificate(0))
    t.ok(rule > 0 && index.exemption(fingerprintOf('revoked', keyA1)) > rule, order)
    t.ok(rule > index.exemption(fingerprintOf('revoked', keyA2)), `${order}: another certificate is not exempt`)
  })
  inEveryOrder([loginRule(1, 10 * second), restored(3), loginRule(4, 12 * second)], ({ index }, order) =>
    t.ok(index.coveringRule(certificate(0)) > index.exemption(fingerprintOf('revoked', keyA1)), order),
  )
})

t.test('workers are told to cut only those who are newly revoked', async (t) => {
  const memory = createMemory()
  const first = takeEvent(revoked(1, keyA1, keyB1), memory)
  t.match(first, { kind: 'cut', version: 1, selector: { by: 'certificates', keys: [keyA1, keyB1] } })
  t.match(takeEvent(revoked(2, keyA1, keyA2), memory), { selector: { keys: [keyA2] } })
  t.equal(takeEvent(revoked(3, keyA1), memory), undefined)
  takeEvent(restored(4), memory)
  t.match(takeEvent(revoked(5, keyA1), memory), { selector: { keys: [keyA1] } }, 'revoked anew')
  t.match(takeEvent({ kind: 'superseded', version: 6, key: keyA2 }, memory), { reason: 'certificate_superseded' })
  t.equal(takeEvent({ kind: 'superseded', version: 7, key: keyA2 }, memory), undefined)
})

t.test('names go through a snapshot and come back as they were', async (t) => {
  const before = createMemory()
  for (const event of [
    loginRule(1, 10 * second),
    { kind: 'suspended', version: 2, loginId: 'user01', suspended: true },
    { kind: 'login_method', version: 3, contractId: 'shoji', method: 'password' },
    revoked(4, keyA1),
    restored(5),
    withdrawn(6, 'issuer:gone'),
  ] as const)
    takeEvent(event, before)
  const after = createMemory()
  after.takeNames(JSON.parse(JSON.stringify(before.names())))
  t.strictSame(after.suspended, before.suspended)
  t.strictSame(after.loginMethods, before.loginMethods)
  t.strictSame(after.rules, before.rules)
  t.equal(after.index.coveringRule(certificate(0)), 1)
  t.equal(after.index.exemption(fingerprintOf('revoked', keyA1)), 5)
  t.throws(() => createMemory().takeNames({ layout: 99 }), /layout/)
})

t.test(
  'a CA that backdates: what it issues right after a revocation of the login ID is not covered, what came long before is',
  async (t) => {
    const memory = new TrustMemory(new RevocationIndexWriter(), { backdatedMs: 300 * second })
    takeEvent(loginRule(1, 1_000 * second), memory)
    t.equal(memory.index.coveringRule(certificate(701 * second)), 0)
    t.equal(memory.index.coveringRule(certificate(700 * second)), 1)
    const again = new TrustMemory(new RevocationIndexWriter(), { backdatedMs: 300 * second })
    again.takeNames(JSON.parse(JSON.stringify(memory.names())))
    t.strictSame(
      [700, 701].map((at) => again.index.coveringRule(certificate(at * second))),
      [1, 0],
      'also from a snapshot',
    )
    t.strictSame(
      again.rulesInForce(),
      memory.rulesInForce(),
      'what is told to the store is the rule as it was published',
    )
  },
)
