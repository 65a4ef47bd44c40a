// Goal: users revoke on pages whose certificates the matrix grants them, with their confirmation password, and it is on record. Method: the
// real functions over a real embedded store, with workers that list connections; every cell of the matrix.
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { readHistory } from '../../src/lifecycle/history.ts'
import type { LifecyclePorts, NoticedAct } from '../../src/lifecycle/ports.ts'
import { restore } from '../../src/lifecycle/restore.ts'
import { revoke } from '../../src/lifecycle/revoke.ts'
import { authoriseRevocation, mayRevoke, type Person, revokeByUser } from '../../src/lifecycle/revoke-by-user.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { futureMs, issuerA, keyA1, keyA2, keyB1, operator, reservationOf, reserve } from '../store/samples.ts'
import { startFakeLifecycle } from './fake-lifecycle.ts'
import { caller, FakeVerifier, portal } from './samples.ts'

const master: Person = { loginId: 'user02', contractId: 'shoji', role: 'master' }
const general: Person = { loginId: 'user01', contractId: 'shoji', role: 'general' }
const confirmationPassword = 'confirmation'
const masterRevokesUser01 = { revoker: master, targetLoginId: 'user01', confirmationPassword }

async function start(t: Parameters<typeof startFakeLifecycle>[0], changes: Partial<LifecyclePorts> = {}) {
  const noticed: NoticedAct[] = []
  const verifier = new FakeVerifier()
  const noticeAct = (act: NoticedAct) => void noticed.push(act)
  const lifecycle = await startFakeLifecycle(t, { noticeAct, verifier, ...changes })
  const { store } = lifecycle
  await store.upsertContract({ contractId: 'kensetsu', loginMethod: 'certificate', certificateLimit: 100 })
  await store.upsertUser({ loginId: 'other01', contractId: 'kensetsu', role: 'general' })
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: futureMs })
  await store.upsertCertificate({ key: keyA2, loginId: 'user02', notBeforeMs: 0, notAfterMs: futureMs })
  await store.upsertCertificate({ key: keyB1, loginId: 'other01', notBeforeMs: 0, notAfterMs: futureMs })
  return { ...lifecycle, noticed, verifier }
}

const withMatrix = (revocation: typeof portal.revocation) => ({ portal: () => ({ ...portal, revocation }) })

t.test('R14, R15: who may revoke whom is the matrix, within the contract, one’s own by `own` alone', (t) => {
  const other: Person = { loginId: 'user03', contractId: 'shoji', role: 'general' }
  const abroad: Person = { loginId: 'other01', contractId: 'kensetsu', role: 'general' }
  const may = (revoker: Person, target: Person, ports: Pick<LifecyclePorts, 'portal'> = { portal: () => portal }) =>
    mayRevoke({ revoker, target }, ports)
  t.ok(may(master, general))
  t.ok(may(master, master), 'their own')
  t.notOk(may(master, abroad))
  t.notOk(may(general, general))
  t.notOk(may(general, other))
  t.notOk(may(general, master))
  const manager = withMatrix({ master: ['general'], general: ['own', 'master'] })
  t.ok(may(general, master, manager), 'some banks let a manager revoke the master')
  t.ok(may(general, general, manager))
  t.notOk(may(general, other, manager))
  t.notOk(may(master, master, manager))
  t.notOk(may(general, { ...master, contractId: 'kensetsu' }, manager))
  const masters = withMatrix({ master: ['master'], general: ['general'] })
  t.notOk(may(master, master, masters), 'being a master is not the same as oneself')
  t.notOk(may(general, general, masters))
  t.ok(may(general, other, masters))
  t.notOk(may(master, general, { portal: () => undefined }))
  t.end()
})

t.test('R14, R17, R25: a master revokes all of a general user’s certificates, the pending one too', async (t) => {
  const { ports, store, audited, isRevoked, noticed } = await start(t)
  const pending = await reserve(t, store, reservationOf('77'))
  const expired = certificateKey(issuerA, 'dead')
  await store.upsertCertificate({ key: expired, loginId: 'user01', notBeforeMs: 0, notAfterMs: 999 })
  const result = await revokeByUser({ ...masterRevokesUser01, reason: 'keyCompromise' }, caller, ports)
  t.strictSame(result, { revoked: 2, alreadyRevoked: 0, own: false })
  t.ok(isRevoked(keyA1))
  t.ok(isRevoked(pending))
  t.notOk(isRevoked(expired))
  t.notOk(isRevoked(keyA2), 'the master’s stays')
  t.notOk(isRevoked(keyB1))
  t.match(await store.rules(), [{ ruleId: 'login:user01' }], 'what nobody has seen is covered too')
  t.match(
    audited.map(({ event, actor, target, reason, requestId }) => ({ event, actor, target, reason, requestId })),
    [
      { event: 'password_accepted' },
      {
        event: 'certificate_revoked',
        actor: { kind: 'user', name: 'user02' },
        target: { name: 'demo-issuing-ca 1' },
        reason: 'keyCompromise',
        requestId: 'r-1',
      },
      { event: 'certificate_revoked', actor: { kind: 'user', name: 'user02' }, target: { name: 'demo-issuing-ca 77' } },
      { event: 'rule_published', actor: { kind: 'user', name: 'user02' } },
    ],
  )
  t.match(await readHistory('login:user01', 10, ports), [
    { what: 'revoked', who: 'user02', requestId: 'r-1', detail: { reason: 'keyCompromise', certificates: 2 } },
  ])
  t.strictSame(noticed, [{ kind: 'revoked', loginId: 'user01', by: 'user02' }], 'R10: and is mailed once')

  const again = await revokeByUser(masterRevokesUser01, caller, ports)
  t.strictSame(again, { revoked: 0, alreadyRevoked: 2, own: false })
  t.equal(noticed.length, 1)
  t.equal((await readHistory('login:user01', 10, ports)).length, 1)
})

t.test('R15: a master revokes their own, once the page may have been delivered', async (t) => {
  const { ports, isRevoked } = await start(t)
  const own = { revoker: master, targetLoginId: 'user02', confirmationPassword }
  t.match(await authoriseRevocation(own, caller, ports), { loginId: 'user02' })
  t.notOk(isRevoked(keyA2), 'nothing has changed by then')
  t.strictSame(await revokeByUser(own, caller, ports), { revoked: 1, alreadyRevoked: 0, own: true })
  t.ok(isRevoked(keyA2))
  t.notOk(isRevoked(keyA1))
})

t.test('who may not is told the same for everybody, before any password is asked, and it is on record', async (t) => {
  const { ports, verifier, audited, isRevoked, store } = await start(t)
  await store.setSuspended('user02', false)
  const refused: readonly (readonly [Person, string])[] = [
    [general, 'user02'],
    [general, 'user01'],
    [master, 'other01'],
    [master, 'nobody'],
    [master, `user01${'x'.repeat(200)}`],
    // The directory counts, not what the connection was told when it began.
    [{ ...general, role: 'master' }, 'user02'],
    [{ ...master, contractId: 'kensetsu' }, 'other01'],
    [{ ...master, contractId: 'kensetsu' }, 'user01'],
    [{ ...master, loginId: 'nobody' }, 'user01'],
  ]
  const messages = new Set<string>()
  for (const [revoker, targetLoginId] of refused) {
    const request = { revoker, targetLoginId, confirmationPassword }
    const error = await revokeByUser(request, caller, ports).catch((reason: GatewayError) => reason)
    t.match(error, { code: 'revocation_not_allowed' }, `${revoker.loginId} ${targetLoginId}`)
    if (error instanceof GatewayError) messages.add(error.message)
  }
  t.equal(messages.size, 1)
  t.strictSame(verifier.asked, [])
  t.equal(audited.length, refused.length)
  t.match(audited[2], {
    event: 'revocation_refused',
    actor: { kind: 'user', name: 'user02' },
    target: { kind: 'login_id', name: 'other01' },
    requestId: 'r-1',
  })
  await store.setSuspended('user02', true)
  await t.rejects(revokeByUser(masterRevokesUser01, caller, ports), { code: 'revocation_not_allowed' }, 'suspended')
  for (const key of [keyA1, keyA2, keyB1]) t.notOk(isRevoked(key))
})

t.test('the confirmation password wrong five times: nothing is revoked, not by the right one either', async (t) => {
  const { ports, isRevoked, audited, store } = await start(t)
  const wrong = { ...masterRevokesUser01, confirmationPassword: 'guess' }
  for (let time = 0; time < 5; time++)
    await t.rejects(revokeByUser(wrong, caller, ports), { code: 'confirmation_wrong' })
  await t.rejects(revokeByUser(masterRevokesUser01, caller, ports), { code: 'login_locked' })
  t.notOk(isRevoked(keyA1))
  t.strictSame(await store.rules(), [])
  t.match(audited.at(-1), {
    event: 'password_refused',
    actor: { kind: 'user', name: 'user02' },
    reason: 'login_locked',
  })
})

t.test('a history that cannot be written undoes no revocation', async (t) => {
  const lines: string[] = []
  const log = { info: () => {}, error: () => {}, warn: (message: string) => void lines.push(message) }
  const { ports, isRevoked, store } = await start(t, { log })
  const broken: LifecyclePorts['store'] = new Proxy(store, {
    get(target, name) {
      if (name === 'addHistory') return () => Promise.reject(new GatewayError('store_unavailable', 'Cannot write'))
      const member = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
  const result = await revokeByUser(masterRevokesUser01, caller, { ...ports, store: broken })
  t.match(result, { revoked: 1 })
  t.ok(isRevoked(keyA1))
  t.strictSame(lines, ['the history of a subject could not be written'])
})

t.test('what operators revoke and restore stands in the user’s history too, and is mailed', async (t) => {
  const { ports, noticed } = await start(t)
  const certificate = { issuer: 'demo-issuing-ca', serial: '1' }
  const request = { certificates: [certificate], loginIds: [], comment: 'lost PC', dryRun: false } as const
  await revoke({ ...request, reason: 'keyCompromise', dryRun: true }, operator, ports)
  t.strictSame([noticed, await readHistory('login:user01', 10, ports)], [[], []], 'not by a dry run')
  await revoke({ ...request, reason: 'keyCompromise' }, operator, ports)
  await restore({ certificate, dryRun: false, reason: 'wrong user', comment: '' }, operator, ports)
  t.match(await readHistory('login:user01', 10, ports), [
    { what: 'restored', who: 'sato.hanako', detail: { serial: '1', reason: 'wrong user' } },
    { what: 'revoked', who: 'sato.hanako', detail: { reason: 'keyCompromise', comment: 'lost PC' } },
  ])
  t.strictSame(noticed, [{ kind: 'revoked', loginId: 'user01', by: '' }])
})
