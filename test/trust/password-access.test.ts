// Goal: R21, R22: a password is good only for an active user of a contract in password mode, judged on fresh data; a connection is found
// by the logins it carried and by nothing else. Method: the judging functions over a real index, and fake connections.
import t from 'tap'
import type { DirectoryAnswer } from '../../src/trust/directory-answer.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { createFreshness, Freshness } from '../../src/trust/freshness.ts'
import { LiveConnections } from '../../src/trust/live-connections.ts'
import { judgePasswordAccess, judgePasswordLogin, passwordAccess } from '../../src/trust/password-access.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { FakeConnection } from './trust-fakes.ts'

function setUp() {
  const index = new RevocationIndexWriter()
  const clock = new FakeClock()
  const rules = { clock, maxStalenessSeconds: 10, insecureServeWhenStale: false }
  const freshness = new Freshness(createFreshness(), rules)
  freshness.heard()
  index.add(fingerprintOf('password_mode', 'yubin'))
  return { index, clock, state: { index, freshness } }
}

const known = (contractId: string): DirectoryAnswer => ({
  user: { contractId, role: 'general' },
  certificateRegistered: false,
})
const unknown: DirectoryAnswer = { user: undefined, certificateRegistered: false }

t.test('R21, R22: who may log in with a password', async (t) => {
  const { index, clock, state } = setUp()
  const judge = (loginId: string, answer: DirectoryAnswer | 'unavailable', passUnknown = false) => {
    const verdict = judgePasswordLogin({ loginId, answer, passUnknown }, state)
    return verdict.kind === 'refused' ? verdict.reason : verdict.kind
  }
  t.equal(judge('pass01', known('yubin')), 'access')
  t.equal(judge('user01', known('shoji')), 'login_method_mismatch', 'no entry means certificate mode')
  t.equal(judge('nobody', unknown), 'login_id_unknown')
  t.equal(judge('nobody', unknown, true), 'unknown')
  t.equal(judge('user01', known('shoji'), true), 'login_method_mismatch', 'who is known is not unknown')
  t.equal(judge('pass01', 'unavailable'), 'trust_data_stale')
  t.equal(judge('pass01', 'unavailable', true), 'trust_data_stale')
  index.add(fingerprintOf('suspended', 'pass01'))
  t.equal(judge('pass01', known('yubin')), 'user_suspended')
  t.equal(judge('pass02', known('yubin')), 'access')
  clock.advance(11_000)
  t.equal(judge('pass02', known('yubin')), 'trust_data_stale')
  t.equal(judge('nobody', unknown, true), 'trust_data_stale')
})

t.test('who is unknown is not named in the refusal, who is known is', async (t) => {
  const { state } = setUp()
  const judge = (answer: DirectoryAnswer) => judgePasswordLogin({ loginId: 'x', answer, passUnknown: false }, state)
  t.match(judge(unknown), { login: undefined })
  t.match(judge(known('shoji')), { login: { loginId: 'x', contractId: 'shoji' } })
})

t.test('what was let in is judged again', async (t) => {
  const { index, clock, state } = setUp()
  const access = passwordAccess({ loginId: 'pass01', contractId: 'yubin' })
  t.equal(judgePasswordAccess(access, state), undefined)
  index.remove(fingerprintOf('password_mode', 'yubin'))
  t.equal(judgePasswordAccess(access, state)?.reason, 'login_method_mismatch')
  index.add(fingerprintOf('password_mode', 'yubin'))
  t.equal(judgePasswordAccess(access, state), undefined)
  clock.advance(11_000)
  t.equal(judgePasswordAccess(access, state)?.reason, 'trust_data_stale')
})

t.test('connections are found by the logins they carried', async (t) => {
  const live = new LiveConnections()
  const connections = [1, 2, 3, 4].map((id) => new FakeConnection(id))
  const [first, second, third, visitor] = connections as [
    FakeConnection,
    FakeConnection,
    FakeConnection,
    FakeConnection,
  ]
  const holder = new FakeConnection(5, { loginId: 'pass01', contractId: 'yubin' })
  for (const connection of [...connections, holder]) live.add(connection)
  const pass01 = { loginId: 'pass01', contractId: 'yubin' }
  t.ok(live.notePassword(first, pass01))
  t.ok(live.notePassword(first, pass01), 'again')
  t.ok(live.notePassword(second, { loginId: 'pass02', contractId: 'yubin' }))
  t.ok(live.notePassword(second, { loginId: 'pass03', contractId: 'kisen' }), 'two users on one connection')
  t.ok(live.notePassword(third, { loginId: 'pass01', contractId: 'kisen' }), 'moved to another contract')
  t.equal(live.cut({ by: 'passwordContract', contractId: 'yubin' }, 'login_method_mismatch'), 2)
  t.strictSame(
    [first, second, third, visitor, holder].map(({ cutFor }) => cutFor),
    ['login_method_mismatch', 'login_method_mismatch', undefined, undefined, undefined],
  )
  t.equal(
    live.cut({ by: 'contract', contractId: 'yubin' }, 'contract_not_in_certificate_mode'),
    1,
    'only the certificate’s',
  )
  live.release(first)
  t.equal(live.cut({ by: 'passwordContract', contractId: 'yubin' }, 'login_method_mismatch'), 1)
  t.equal(live.cut({ by: 'loginId', loginId: 'pass01' }, 'user_suspended'), 2, 'by certificate and by password')
  for (const connection of connections) live.release(connection)
  t.equal(live.cut({ by: 'passwordContract', contractId: 'kisen' }, 'login_method_mismatch'), 0)
  t.ok(live.notePassword(first, pass01), 'one that has ended is not kept')
  t.equal(live.cut({ by: 'passwordContract', contractId: 'yubin' }, 'login_method_mismatch'), 0)
})

t.test('a connection carries so many logins and no more', async (t) => {
  const live = new LiveConnections()
  const connection = new FakeConnection(1)
  live.add(connection)
  const login = (at: number) => ({ loginId: `pass${at}`, contractId: 'yubin' })
  for (let at = 0; at < 256; at++) t.ok(live.notePassword(connection, login(at)))
  t.notOk(live.notePassword(connection, login(256)))
  t.ok(live.notePassword(connection, login(7)), 'one it carries already')
})
