// Goal: where an issuer's OCSP responder must vouch for certificates, they pass as long as it does and not a moment longer; those of
// other issuers are not concerned.
// Method: admit and judge again with answers that vouch until some time, on a clock that the test moves.
import t from 'tap'
import { admit, type Candidate, judgeAgain, type Permit } from '../../src/trust/admit.ts'
import { mustBeGoodOf } from '../../src/trust/must-be-good.ts'
import { createTrust, FakeConnection, goodOpinion, issuerId } from './trust-fakes.ts'

const otherIssuer = 'ffeeddccbbaa99887766554433221100'

function setUp() {
  const trust = createTrust({ directory: true, mustBeRegistered: false })
  const state = { ...trust.state, mustBeGood: new Set([issuerId]) }
  const candidate = (goodUntilMs: number | undefined, issuer = issuerId): Candidate => ({
    connection: new FakeConnection(1),
    presented: { kind: 'certificate', opinion: goodOpinion('a1', { issuer }), opensslFault: undefined },
    answer: {
      user: { contractId: 'demo', role: 'general' },
      certificateRegistered: true,
      ...(goodUntilMs === undefined ? {} : { goodUntilMs }),
    },
  })
  return { trust, state, candidate }
}

t.test('a certificate that nobody vouches for is denied, one that somebody vouches for passes', async (t) => {
  const { trust, state, candidate } = setUp()
  const nowMs = trust.clock.nowMs()
  for (const [goodUntilMs, kind] of [
    [undefined, 'denial'],
    [0, 'denial'],
    [nowMs, 'denial'],
    [nowMs + 1, 'permit'],
  ] as const) {
    const verdict = admit(candidate(goodUntilMs), state)
    t.match(verdict, kind === 'permit' ? { kind } : { kind, reason: 'trust_data_stale' }, `until ${goodUntilMs}`)
  }
})

t.test('without an answer it is denied too', async (t) => {
  const { state, candidate } = setUp()
  t.match(admit({ ...candidate(undefined), answer: undefined }, { ...state, directory: false }), {
    kind: 'denial',
    reason: 'trust_data_stale',
  })
})

t.test('certificates of other issuers, and gateways without such an issuer, are not concerned', async (t) => {
  const { trust, state, candidate } = setUp()
  t.match(admit(candidate(undefined, otherIssuer), state), { kind: 'permit' })
  t.match(admit(candidate(undefined), trust.state), { kind: 'permit' })
})

t.test(
  'requests on a connection pass until the answer ends, with an index that did not change and with one that did',
  async (t) => {
    const { trust, state, candidate } = setUp()
    const permit = admit(candidate(trust.clock.nowMs() + 1_000), state) as Permit
    t.equal(judgeAgain(permit, state), permit)
    trust.clock.advance(999)
    t.equal(judgeAgain(permit, state), permit)
    trust.clock.advance(1)
    t.match(judgeAgain(permit, state), { kind: 'denial', reason: 'trust_data_stale' })
    trust.index.add([1, 2, 3, 4])
    t.match(judgeAgain(permit, state), { kind: 'denial', reason: 'trust_data_stale' })
  },
)

t.test('what was revoked is called revoked, whatever the responder says', async (t) => {
  const { trust, state, candidate } = setUp()
  const { presented } = candidate(0)
  const entry = presented.kind === 'certificate' ? presented.opinion.revokedEntry : undefined
  if (entry !== undefined) trust.index.add(entry)
  t.match(admit(candidate(trust.clock.nowMs() + 1_000), state), { reason: 'certificate_revoked' })
})

t.test('the issuers are those whose configuration says so', async (t) => {
  const issuers = [
    { name: 'a', issuerId },
    { name: 'b', issuerId: otherIssuer },
  ]
  const config = (name: string, policy?: 'mustBeGood' | 'revokedOnly') =>
    ({ name, certificatePem: '', chainPems: [], ...(policy && { ocsp: { policy } }) }) as never
  t.equal(mustBeGoodOf([config('a'), config('b', 'revokedOnly')], issuers), undefined)
  t.strictSame(mustBeGoodOf([config('a', 'mustBeGood'), config('b')], issuers), new Set([issuerId]))
})
