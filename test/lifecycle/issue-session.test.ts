// Goal: an issue page is open for whoever has its token, for its time, at every gateway. Method: gateways over one store in memory whose
// clock the test moves.
import t from 'tap'
import { closeIssueSession, findIssueSession, openIssueSession } from '../../src/lifecycle/issue-session.ts'
import { startFakeGateways } from './fake-gateways.ts'

t.test('a session is found by its token at every gateway, for its time, and is kept as a hash only', async (t) => {
  const { ports, gateway, advance, notes } = startFakeGateways()
  const token = await openIssueSession('user01', ports)
  t.match(token, /^[A-Za-z0-9_-]{43}$/)
  t.not(await openIssueSession('user01', ports), token)
  t.notMatch(JSON.stringify([notes.names, notes.values]), token)
  t.strictSame(await findIssueSession(token, gateway().ports), { loginId: 'user01' })
  advance(599_999)
  t.strictSame(await findIssueSession(token, ports), { loginId: 'user01' })
  advance(1)
  t.equal(await findIssueSession(token, ports), undefined)
})

t.test('a closed session is gone, the others stay', async (t) => {
  const { ports } = startFakeGateways()
  const token = await openIssueSession('user01', ports)
  const other = await openIssueSession('user01', ports)
  await closeIssueSession(token, ports)
  await closeIssueSession(token, ports)
  t.equal(await findIssueSession(token, ports), undefined)
  t.strictSame(await findIssueSession(other, ports), { loginId: 'user01' })
})

t.test('what is no token finds nothing', async (t) => {
  const { ports } = startFakeGateways()
  const token = await openIssueSession('user01', ports)
  for (const wrong of ['', 'x', `${token}=`, token.slice(1), `${token.slice(0, 42)}!`, 'A'.repeat(43)]) {
    t.equal(await findIssueSession(wrong, ports), undefined)
    await closeIssueSession(wrong, ports)
  }
  t.ok(await findIssueSession(token, ports))
  const { ports: without } = startFakeGateways({ portal: () => undefined })
  await t.rejects(openIssueSession('user01', without), { code: 'issuing_disabled' })
})
