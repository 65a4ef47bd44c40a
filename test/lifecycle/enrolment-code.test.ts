// Goal: a one-time code counts once, for one login ID and one key, in its time; a lost answer costs nothing. Method: gateways over one
// store in memory whose clock the test moves.
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { isEnrolmentCode, makeEnrolmentCode, takeEnrolmentCode } from '../../src/lifecycle/enrolment-code.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import { keyA1 } from '../store/samples.ts'
import { startFakeGateways } from './fake-gateways.ts'
import { caller, passwords } from './samples.ts'

const proof = { kind: 'password' } as const
const user01 = { loginId: 'user01', proof }
const lifeMs = 600_000

const take = (code: string, ports: LifecyclePorts, changes: { loginId?: string; publicKeyHash?: string } = {}) =>
  takeEnrolmentCode({ loginId: 'user01', code, publicKeyHash: 'key-1', ...changes }, caller, ports)

t.test(
  'a code is made of four groups without look-alikes, lives as configured, and is kept as a hash only',
  async (t) => {
    const { ports, notes } = startFakeGateways()
    const { code, lifeSeconds } = await makeEnrolmentCode(user01, ports)
    t.equal(lifeSeconds, 600)
    t.match(code, /^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$/)
    t.ok(isEnrolmentCode(code))
    t.not((await makeEnrolmentCode(user01, ports)).code, code)
    t.notMatch(JSON.stringify([notes.names, notes.values]), code)
    const letters = new Set<string>()
    for (let made = 0; made < 200; made++)
      for (const sign of (await makeEnrolmentCode(user01, ports)).code) letters.add(sign)
    t.equal(letters.size, 33, 'all of the alphabet, and the hyphen')
  },
)

t.test('what only looks like a code is none', async (t) => {
  for (const text of [
    '',
    'sekisho-demo',
    'ABCD-EFGH-JKMN',
    'ABCDEFGHJKMNPQRS',
    'ABCD-EFGH-JKMN-PQRI',
    'ABCD-EFGH-JKMN-PQRS\n',
    'ABCD-EFGH-JKMN-PQR０',
  ])
    t.notOk(isEnrolmentCode(text), JSON.stringify(text))
  t.ok(isEnrolmentCode('abcd-efgh-jkmn-pqrs'))
})

t.test('R8: a code counts for the first key it is used with, again and again within its life', async (t) => {
  const { ports, gateway, advance, audited } = startFakeGateways()
  const { code } = await makeEnrolmentCode(user01, ports)
  const other = gateway()
  advance(lifeMs / 2)
  t.strictSame(await take(code, ports), { proof })
  t.strictSame(await take(code.toLowerCase(), other.ports), { proof }, 'at every gateway, in small letters too')
  await t.rejects(take(code, ports, { publicKeyHash: 'key-2' }), { code: 'code_invalid' }, 'reused for another key')
  t.match(audited.at(-1), {
    event: 'password_refused',
    reason: 'code_invalid',
    target: { kind: 'login_id', name: 'user01' },
    detail: { kind: 'code', address: '192.0.2.1' },
  })
  t.notMatch(JSON.stringify(audited), code)
  advance(lifeMs / 2 - 1)
  t.strictSame(await take(code, ports), { proof })
  advance(1)
  await t.rejects(take(code, ports), { code: 'code_invalid' }, 'late')
})

t.test('a late code, another login ID’s, and one that nobody made are refused', async (t) => {
  const { ports, advance } = startFakeGateways()
  const { code } = await makeEnrolmentCode(user01, ports)
  await t.rejects(take(code, ports, { loginId: 'user02' }), { code: 'code_invalid' })
  await t.rejects(take('ABCD-EFGH-JKMN-PQRS', ports), { code: 'code_invalid' })
  await t.rejects(take('login', ports), { code: 'code_invalid' })
  await t.rejects(take(code, ports, { loginId: 'ｕｓｅｒ０１' }), { code: 'login_id_invalid' })
  t.strictSame(await take(code, ports), { proof }, 'none of this has used it up')
  const late = await makeEnrolmentCode(user01, ports)
  advance(lifeMs)
  await t.rejects(take(late.code, ports), { code: 'code_invalid' })
})

t.test('it proves what it was made for', async (t) => {
  const { ports } = startFakeGateways()
  const renewal = { kind: 'certificate', key: keyA1 } as const
  const { code } = await makeEnrolmentCode({ loginId: 'user01', proof: renewal }, ports)
  t.strictSame(await take(code, ports), { proof: renewal })
})

t.test('of two keys that come at once one gets it', async (t) => {
  const { ports, gateway } = startFakeGateways()
  const { code } = await makeEnrolmentCode(user01, ports)
  const outcomes = await Promise.allSettled(
    ['key-1', 'key-2', 'key-3'].map((publicKeyHash) => take(code, gateway().ports, { publicKeyHash })),
  )
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
})

t.test('the same key that asks twice at once gets it twice', async (t) => {
  const { ports } = startFakeGateways()
  const { code } = await makeEnrolmentCode(user01, ports)
  t.strictSame(await Promise.all([take(code, ports), take(code, ports)]), [{ proof }, { proof }])
})

t.test('wrong codes are bounded by address, and lock no login ID', async (t) => {
  const few = { ...passwords, addressFailuresMax: 3 }
  const { ports } = startFakeGateways({ passwords: () => few })
  const { code } = await makeEnrolmentCode(user01, ports)
  for (let time = 0; time < 3; time++) await t.rejects(take('ABCD-EFGH-JKMN-PQRS', ports), { code: 'code_invalid' })
  await t.rejects(take(code, ports), { code: 'login_throttled' })
  const elsewhere = { ...caller, clientAddress: '192.0.2.9' }
  const request = { loginId: 'user01', code, publicKeyHash: 'key-1' }
  t.strictSame(await takeEnrolmentCode(request, elsewhere, ports), { proof })
})

t.test('a gateway’s clock that is wrong makes no code live longer than a new one', async (t) => {
  const { ports, clock, storeClock } = startFakeGateways()
  const { code } = await makeEnrolmentCode(user01, ports)
  clock.advance(-86_400_000)
  t.strictSame(await take(code, ports), { proof })
  storeClock.advance(lifeMs)
  await t.rejects(take(code, ports), { code: 'code_invalid' })
})

t.test('without pages, and without the store, there are none', async (t) => {
  const { ports } = startFakeGateways({ portal: () => undefined })
  await t.rejects(makeEnrolmentCode(user01, ports), { code: 'issuing_disabled' })
  const { ports: others, notes } = startFakeGateways()
  const { code } = await makeEnrolmentCode(user01, others)
  notes.failure = new GatewayError('store_unavailable', 'Cannot reach the store')
  await t.rejects(take(code, others), { code: 'store_unavailable' })
  notes.failure = undefined
  t.strictSame(await take(code, others), { proof }, 'it is not used up by that')
})
