// Goal: whether a certificate may be issued is decided by the rules of the bank, each with what is refused and what is still allowed.
// Method: decideIssue as a table over holdings made on the spot; no store.
import t from 'tap'
import type { FaultCode } from '../../src/base/errors.ts'
import { decideIssue, type IssueProof, isAlive } from '../../src/lifecycle/issue-rules.ts'
import type { Contract, ContractHoldings, RecordedCertificate, User } from '../../src/lifecycle/ports.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { dayMs, issuerA } from '../store/samples.ts'

const nowMs = 1_000 * dayMs
const keyOf = (serial: string) => certificateKey(issuerA, serial)

function certificate(serial: string, changes: Partial<RecordedCertificate> = {}): RecordedCertificate {
  return {
    key: keyOf(serial),
    loginId: 'user01',
    notBeforeMs: nowMs - dayMs,
    notAfterMs: nowMs + 10 * dayMs,
    publicKeyHash: `key-${serial}`,
    state: 'current',
    revoked: false,
    recordedVersion: 1,
    ...changes,
  }
}

function holdings(
  certificates: readonly RecordedCertificate[],
  {
    user = {},
    contract = {},
    others = 0,
  }: { user?: Partial<User>; contract?: Partial<Contract>; others?: number } = {},
): ContractHoldings {
  const holder = (loginId: string): User => ({ loginId, contractId: 'shoji', role: 'general', state: 'active' })
  return {
    contract: { contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 100, ...contract },
    revision: 7,
    users: [
      { user: { ...holder('user01'), ...user }, certificates },
      ...Array.from({ length: others }, (_, at) => {
        const loginId = `other${at}`
        return { user: holder(loginId), certificates: [certificate(`ff${at}`, { loginId })] }
      }),
    ],
  }
}

const password: IssueProof = { kind: 'password' }
const renewal = (serial: string, renewalDays = 40): IssueProof => ({
  kind: 'certificate',
  key: keyOf(serial),
  renewalDays,
})

function decide(held: ContractHoldings, { proof = password, publicKeyHash = 'fresh', loginId = 'user01' } = {}) {
  return decideIssue(held, { loginId, publicKeyHash, proof, nowMs })
}

type Row = {
  readonly name: string
  readonly held: ContractHoldings
  readonly ask?: Parameters<typeof decide>[1]
  readonly refused?: FaultCode
  readonly again?: string
  readonly replaces?: readonly string[]
}

const pending = { state: 'issued' } as const
const ended = { notAfterMs: nowMs - 1_001 }
const rows: readonly Row[] = [
  { name: 'R2: a first certificate', held: holdings([]) },
  { name: 'R17: refused while one is current', held: holdings([certificate('1')]), refused: 'certificate_exists' },
  {
    name: 'R17: refused while one waits unused',
    held: holdings([certificate('1', pending)]),
    refused: 'certificate_exists',
  },
  { name: 'R16: allowed after revocation', held: holdings([certificate('1', { revoked: true })]) },
  { name: 'R18: one that never installed, revoked', held: holdings([certificate('1', { ...pending, revoked: true })]) },
  { name: 'R17: allowed once it has expired', held: holdings([certificate('1', ended)]) },
  {
    name: 'R17: refused in the last second, which counts',
    held: holdings([certificate('1', { notAfterMs: nowMs - 999 })]),
    refused: 'certificate_exists',
  },
  { name: 'R17: a superseded one is in nobody’s way', held: holdings([certificate('1', { state: 'superseded' })]) },
  {
    name: 'R17: refused where of two one is left',
    held: holdings([certificate('1', { revoked: true }), certificate('2')]),
    refused: 'certificate_exists',
  },
  { name: 'R3: the hundredth', held: holdings([], { others: 99 }) },
  { name: 'R3: the 101st', held: holdings([], { others: 100 }), refused: 'certificate_limit_reached' },
  {
    name: 'R3: a full contract can still renew',
    held: holdings([certificate('1')], { others: 99 }),
    ask: { proof: renewal('1') },
  },
  {
    name: 'R3: a contract over its limit can still renew',
    held: holdings([certificate('1')], { others: 120 }),
    ask: { proof: renewal('1') },
  },
  {
    name: 'R3: a larger limit of a contract',
    held: holdings([], { others: 100, contract: { certificateLimit: 101 } }),
  },
  {
    name: 'R3: a smaller limit of a contract',
    held: holdings([], { others: 3, contract: { certificateLimit: 3 } }),
    refused: 'certificate_limit_reached',
  },
  {
    name: 'R3: what is counted is login IDs, so two of one user count once',
    held: {
      ...holdings([], { contract: { certificateLimit: 2 } }),
      users: [
        ...holdings([]).users,
        ...holdings([certificate('a'), certificate('b', pending)], { user: { loginId: 'other' } }).users,
      ],
    },
  },
  {
    name: 'R8: the same key, used before',
    held: holdings([certificate('1')]),
    ask: { publicKeyHash: 'key-1' },
    again: '1',
  },
  {
    name: 'R8: the same key, never used',
    held: holdings([certificate('1', pending)]),
    ask: { publicKeyHash: 'key-1' },
    again: '1',
  },
  {
    name: 'R8: the same key of a renewal whose answer was lost',
    held: holdings([certificate('1'), certificate('2', pending)]),
    ask: { publicKeyHash: 'key-2', proof: renewal('1') },
    again: '2',
  },
  {
    name: 'R8: the same key, but revoked',
    held: holdings([certificate('1', { revoked: true })]),
    ask: { publicKeyHash: 'key-1' },
    refused: 'key_reused',
  },
  {
    name: 'R8: the same key, but superseded',
    held: holdings([certificate('1', { state: 'superseded' }), certificate('2')]),
    ask: { publicKeyHash: 'key-1', proof: renewal('2') },
    refused: 'key_reused',
  },
  {
    name: 'R8: the same key, but expired',
    held: holdings([certificate('1', ended)]),
    ask: { publicKeyHash: 'key-1' },
    refused: 'key_reused',
  },
  {
    name: 'R8: in a full contract the same key is given again',
    held: holdings([certificate('1')], { others: 100 }),
    ask: { publicKeyHash: 'key-1' },
    again: '1',
  },
  {
    name: 'R11: renewal on the first day',
    held: holdings([certificate('1', { notAfterMs: nowMs + 40 * dayMs })]),
    ask: { proof: renewal('1', 40) },
  },
  {
    name: 'R11: renewal a day too early',
    held: holdings([certificate('1', { notAfterMs: nowMs + 41 * dayMs })]),
    ask: { proof: renewal('1', 40) },
    refused: 'renewal_not_due',
  },
  {
    name: 'R20: the pending one is replaced, the old one stays',
    held: holdings([certificate('1'), certificate('2', pending)]),
    ask: { proof: renewal('1') },
    replaces: ['2'],
  },
  {
    name: 'R20: renewing with the pending one itself replaces neither',
    held: holdings([certificate('1'), certificate('2', pending)]),
    ask: { proof: renewal('2') },
    replaces: [],
  },
  {
    name: 'R20: what is pending and revoked is left alone',
    held: holdings([certificate('1'), certificate('2', { ...pending, revoked: true })]),
    ask: { proof: renewal('1') },
    replaces: [],
  },
  {
    name: 'R17: a revoked certificate renews nothing',
    held: holdings([certificate('1', { revoked: true })]),
    ask: { proof: renewal('1') },
    refused: 'login_refused',
  },
  {
    name: 'R9: an expired certificate renews nothing',
    held: holdings([certificate('1', ended)]),
    ask: { proof: renewal('1') },
    refused: 'login_refused',
  },
  {
    name: 'R20: a superseded certificate renews nothing',
    held: holdings([certificate('1', { state: 'superseded' }), certificate('2')]),
    ask: { proof: renewal('1') },
    refused: 'login_refused',
  },
  {
    name: 'R2: another user’s certificate renews nothing',
    held: holdings([certificate('1')], { others: 1 }),
    ask: { proof: renewal('ff0') },
    refused: 'login_refused',
  },
  { name: 'a suspended user', held: holdings([], { user: { state: 'suspended' } }), refused: 'login_refused' },
  {
    name: 'a suspended user gets nothing again either',
    held: holdings([certificate('1')], { user: { state: 'suspended' } }),
    ask: { publicKeyHash: 'key-1' },
    refused: 'login_refused',
  },
  {
    name: 'a login ID of another contract',
    held: holdings([]),
    ask: { loginId: 'stranger' },
    refused: 'login_refused',
  },
  {
    name: 'R21: a contract in password mode',
    held: holdings([], { contract: { loginMethod: 'password' } }),
    refused: 'not_certificate_mode',
  },
]

for (const { name, held, ask, refused, again, replaces = [] } of rows) {
  t.test(name, async (t) => {
    if (refused !== undefined) {
      t.throws(() => decide(held, ask), { code: refused })
      return
    }
    const decision = decide(held, ask)
    if (again !== undefined) t.match(decision, { kind: 'again', certificate: { key: keyOf(again) } })
    else t.match(decision, { kind: 'new', user: { loginId: 'user01' }, replaces: replaces.map(keyOf) })
    if (again === undefined) t.equal(decision.kind === 'new' && decision.replaces.length, replaces.length)
  })
}

t.test('R17, R3, R11: what is refused says what stands in the way', async (t) => {
  t.throws(() => decide(holdings([certificate('1')])), { message: /ends at 1972-10-07T.* unless it is revoked before/ })
  t.throws(() => decide(holdings([], { others: 100 })), { message: /may have 100: 100 login IDs hold one/ })
  const early = holdings([certificate('1', { notAfterMs: nowMs + 60 * dayMs })])
  t.throws(() => decide(early, { proof: renewal('1') }), {
    message: /earlier than 40 days before expiry: 60 days are left/,
  })
})

t.test('a certificate is alive until the end of its last second (RFC 5280 4.1.2.5)', async (t) => {
  const notAfterMs = 1_000_000
  t.ok(isAlive(certificate('1', { notAfterMs }), notAfterMs + 999))
  t.notOk(isAlive(certificate('1', { notAfterMs }), notAfterMs + 1_000))
})
