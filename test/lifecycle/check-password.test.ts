// Goal: passwords are checked, counted and locked alike for everybody, at every gateway, and every outcome is on record.
// Method: gateways over one store in memory whose clock the test moves; a verifier that writes down what it is asked.
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { checkConfirmation, checkLogin } from '../../src/lifecycle/check-password.ts'
import { readHistory } from '../../src/lifecycle/history.ts'
import { lockState, unlockUser } from '../../src/lifecycle/lock.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import { eventually } from '../helpers/eventually.ts'
import { operator } from '../store/samples.ts'
import { startFakeGateways } from './fake-gateways.ts'
import { caller, passwords } from './samples.ts'

const minuteMs = 60_000
const right = { loginId: 'user01', password: 'login' }
const wrong = { loginId: 'user01', password: 'guess' }
const confirmed = { loginId: 'master01', password: 'confirmation' }
const unconfirmed = { loginId: 'master01', password: 'guess' }

async function logInWrongly(times: number, ports: LifecyclePorts, loginId = 'user01'): Promise<void> {
  for (let time = 0; time < times; time++)
    await checkLogin({ loginId, password: 'guess' }, caller, ports).catch(() => {})
}

t.test('the right password gives the user, without hashes, and stands on record', async (t) => {
  const { ports, audited } = startFakeGateways()
  t.strictSame(await checkLogin(right, caller, ports), {
    loginId: 'user01',
    contractId: 'shoji',
    role: 'general',
    state: 'active',
  })
  t.strictSame(audited, [
    {
      event: 'password_accepted',
      actor: { kind: 'unauthenticated', name: '192.0.2.1' },
      target: { kind: 'login_id', name: 'user01' },
      requestId: 'r-1',
      detail: { kind: 'login', address: '192.0.2.1' },
    },
  ])
})

t.test('a login ID that can be none is refused before anybody is asked', async (t) => {
  const { ports, verifier, notes, audited } = startFakeGateways()
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /it is empty/],
    ['user\u000001', /holds U\+0000/],
    ['user01\r\nX: y', /holds U\+000D/],
    ['user 01', /holds U\+0020/],
    ['ｕｓｅｒ０１', /holds U\+FF55/],
    ['user01\u0301', /holds U\+0301/],
    ['😀', /holds U\+1F600/],
    ['u'.repeat(65), /has 65 characters/],
  ]
  for (const [loginId, message] of cases) {
    const given = { loginId, password: 'login' }
    await t.rejects(checkLogin(given, caller, ports), { code: 'login_id_invalid', message, path: 'loginId' })
    await t.rejects(checkConfirmation(given, caller, ports), { code: 'login_id_invalid', message })
  }
  t.strictSame(verifier.asked, [])
  t.strictSame(notes.names, [], 'nothing is counted')
  t.match(audited[0], { event: 'password_refused', reason: 'login_id_invalid' })
  await t.rejects(checkLogin({ loginId: 'u'.repeat(64), password: 'x' }, caller, ports), { code: 'login_refused' })
  t.equal(verifier.asked.length, 1, 'with 64 characters it is asked')
})

t.test('what can be no password is refused before anybody is asked, and counts for nothing', async (t) => {
  const { ports, verifier, notes } = startFakeGateways()
  for (const password of ['', 'x'.repeat(257), 'あ'.repeat(256).concat('あ'), '\ud800', '😀'.repeat(129)]) {
    const message = /1 to 256 characters/
    await t.rejects(checkLogin({ loginId: 'user01', password }, caller, ports), { code: 'login_refused', message })
    const confirmation = checkConfirmation({ loginId: 'user01', password }, caller, ports)
    await t.rejects(confirmation, { code: 'confirmation_wrong', message })
  }
  t.strictSame(verifier.asked, [])
  t.strictSame(notes.names, [])
  await t.rejects(checkLogin({ loginId: 'user01', password: 'あ'.repeat(256) }, caller, ports), {
    code: 'login_refused',
  })
  t.equal(verifier.asked.length, 1, 'with 256 characters it is asked')
})

t.test('wrong passwords in a row lock the login ID, at every gateway, until the lock ends', async (t) => {
  const { ports, verifier, gateway, advance, clock, audited } = startFakeGateways()
  const other = gateway()
  await logInWrongly(3, ports)
  await t.rejects(checkLogin(wrong, caller, other.ports), { code: 'login_refused' })
  t.match(await lockState('user01', ports), { locked: false, untilMs: undefined })
  await t.rejects(checkLogin(wrong, caller, other.ports), { code: 'login_refused' })
  t.strictSame(await lockState('user01', ports), { locked: true, untilMs: clock.nowMs() + 30 * minuteMs })

  const asked = verifier.asked.length
  await t.rejects(checkLogin(right, caller, ports), { code: 'login_locked', message: /until 2026-/ })
  await t.rejects(checkLogin(right, caller, other.ports), { code: 'login_locked' })
  t.equal(verifier.asked.length, asked, 'nobody is asked while it is locked')
  t.match(audited.at(-1), { event: 'password_refused', reason: 'login_locked', target: { name: 'user01' } })
  await checkLogin({ loginId: 'user02', password: 'login' }, caller, ports)
  t.pass('others log in meanwhile')

  advance(30 * minuteMs - 1)
  await t.rejects(checkLogin(right, caller, ports), { code: 'login_locked' })
  advance(1)
  await logInWrongly(4, ports)
  t.match(await checkLogin(right, caller, ports), { loginId: 'user01' }, 'after the lock the count began anew')
})

t.test('a right password forgets the wrong ones before it', async (t) => {
  const { ports } = startFakeGateways()
  await logInWrongly(4, ports)
  await checkLogin(right, caller, ports)
  await logInWrongly(4, ports)
  t.match(await checkLogin(right, caller, ports), { loginId: 'user01' })
})

t.test('wrong passwords far apart count together for a day', async (t) => {
  const { ports, advance } = startFakeGateways()
  await logInWrongly(4, ports)
  advance(24 * 60 * minuteMs - 1)
  await logInWrongly(1, ports)
  await t.rejects(checkLogin(right, caller, ports), { code: 'login_locked' })
  advance(31 * minuteMs)
  await logInWrongly(4, ports)
  advance(24 * 60 * minuteMs)
  await logInWrongly(4, ports)
  t.match(await checkLogin(right, caller, ports), { loginId: 'user01' })
})

t.test('a gateway’s clock that moves neither ends a lock nor prolongs it', async (t) => {
  const { ports, clock, storeClock } = startFakeGateways()
  await logInWrongly(5, ports)
  clock.advance(365 * 24 * 60 * minuteMs)
  await t.rejects(checkLogin(right, caller, ports), { code: 'login_locked' })
  clock.advance(-730 * 24 * 60 * minuteMs)
  await t.rejects(checkLogin(right, caller, ports), { code: 'login_locked' })
  storeClock.advance(30 * minuteMs)
  t.match(await checkLogin(right, caller, ports), { loginId: 'user01' })
})

t.test('a login ID that nobody has is refused and locked as any other', async (t) => {
  const known = startFakeGateways()
  const unknown = startFakeGateways()
  const outcomesOf = async ({ ports }: { ports: LifecyclePorts }, loginId: string) => {
    const outcomes: unknown[] = []
    for (let time = 0; time < 7; time++) {
      await checkLogin({ loginId, password: 'guess' }, caller, ports).catch((error: GatewayError) => {
        outcomes.push([error.code, error.message, error.status])
      })
    }
    return outcomes
  }
  t.strictSame(await outcomesOf(unknown, 'nobody'), await outcomesOf(known, 'user01'))
  t.equal(unknown.verifier.asked.length, known.verifier.asked.length, 'the verifier works as often')
  t.strictSame(
    unknown.notes.names.map((name) => name.replace('nobody', 'user01')),
    known.notes.names,
  )
})

t.test('who is suspended, or logs in with passwords, is told so after the right password only', async (t) => {
  const { ports, audited } = startFakeGateways()
  for (const loginId of ['user09', 'pass01']) {
    const message = /login ID or password is wrong/
    await t.rejects(checkLogin({ loginId, password: 'guess' }, caller, ports), { code: 'login_refused', message })
  }
  const suspended = checkLogin({ loginId: 'user09', password: 'login' }, caller, ports)
  await t.rejects(suspended, { code: 'login_refused', message: /suspended/ })
  const passwordMode = checkLogin({ loginId: 'pass01', password: 'login' }, caller, ports)
  await t.rejects(passwordMode, { code: 'not_certificate_mode' })
  t.match(audited.at(-1), { event: 'password_refused', reason: 'not_certificate_mode' })
  const unknownHere = startFakeGateways({ verifier: { verify: async () => 'right' } })
  const login = checkLogin({ loginId: 'nobody', password: 'login' }, caller, unknownHere.ports)
  await t.rejects(
    login,
    { code: 'login_refused', message: /login ID or password is wrong/ },
    'the application knows a user whom the directory does not',
  )
})

t.test(
  'R6: an address is bounded by its wrong passwords alone; a hundred good users behind it never are',
  async (t) => {
    const { ports, advance, gateway } = startFakeGateways()
    const other = gateway()
    for (let user = 0; user < 300; user++) await checkLogin(right, caller, user % 2 === 0 ? ports : other.ports)
    for (let user = 0; user < 100; user++) await logInWrongly(1, user % 2 === 0 ? ports : other.ports, `guessed${user}`)
    await t.rejects(checkLogin(right, caller, ports), { code: 'login_throttled', message: /in 600 seconds/ })
    await t.rejects(checkConfirmation(confirmed, caller, other.ports), { code: 'login_throttled' })
    t.match(await checkLogin(right, { ...caller, clientAddress: '192.0.2.2' }, ports), { loginId: 'user01' })
    advance(passwords.addressWindowSeconds * 1_000)
    t.match(await checkLogin(right, caller, ports), { loginId: 'user01' })
  },
)

t.test('the addresses of one IPv6 network count together, those of another do not', async (t) => {
  const few = { ...passwords, addressFailuresMax: 2, attemptsMax: 100 }
  const { ports } = startFakeGateways({ passwords: () => few })
  const from = (clientAddress: string) => ({ ...caller, clientAddress })
  for (const address of ['2001:db8:0:7::1', '2001:0DB8:0:7:ffff::2'])
    await t.rejects(checkLogin(wrong, from(address), ports), { code: 'login_refused' })
  await t.rejects(checkLogin(right, from('2001:db8::7:1:2:3:4'), ports), { code: 'login_throttled' })
  t.ok(await checkLogin(right, from('2001:db8:0:8::1'), ports))
  for (let time = 0; time < 2; time++)
    await t.rejects(checkLogin(wrong, from('::ffff:192.0.2.7'), ports), { code: 'login_refused' })
  await t.rejects(checkLogin(right, from('192.0.2.7'), ports), { code: 'login_throttled' })
  t.ok(await checkLogin(right, from('::ffff:192.0.2.8'), ports))
})

t.test('the confirmation password: five wrong ones lock it, the login goes on, and the other way round', async (t) => {
  const { ports, audited, verifier } = startFakeGateways()
  await checkConfirmation(confirmed, caller, ports)
  t.match(audited[0], {
    event: 'password_accepted',
    actor: { kind: 'user', name: 'master01' },
    detail: { kind: 'confirmation' },
  })
  for (let time = 0; time < 5; time++)
    await t.rejects(checkConfirmation(unconfirmed, caller, ports), { code: 'confirmation_wrong' })
  const asked = verifier.asked.length
  await t.rejects(checkConfirmation(confirmed, caller, ports), { code: 'login_locked' })
  t.equal(verifier.asked.length, asked)
  t.match(await lockState('master01', ports), { locked: true })
  await checkLogin({ loginId: 'master01', password: 'login' }, caller, ports)

  const stranger = startFakeGateways()
  await logInWrongly(5, stranger.ports, 'master01')
  await t.rejects(checkLogin({ loginId: 'master01', password: 'login' }, caller, stranger.ports), {
    code: 'login_locked',
  })
  await checkConfirmation(confirmed, caller, stranger.ports)
  t.pass('a stranger at the login page cannot keep a master from revoking')
})

t.test('while nobody can say yes or no, nobody is let in and nothing is counted', async (t) => {
  const { ports, verifier, audited, notes } = startFakeGateways()
  verifier.failure = new GatewayError('verifier_unavailable', 'Cannot ask')
  for (let time = 0; time < 10; time++)
    await t.rejects(checkLogin(right, caller, ports), { code: 'verifier_unavailable' })
  t.match(audited.at(-1), { event: 'password_refused', reason: 'verifier_unavailable' })
  t.strictSame(notes.names, [])
  verifier.failure = undefined
  t.ok(await checkLogin(right, caller, ports))
  notes.failure = new GatewayError('store_unavailable', 'Cannot reach the store')
  await t.rejects(checkLogin(right, caller, ports), { code: 'store_unavailable' }, 'nor without the counts')
})

t.test('who guesses many at once gets no more answers than are counted', async (t) => {
  const { ports, verifier } = startFakeGateways()
  let open = (): void => {}
  verifier.gate = new Promise((resolve) => {
    open = resolve
  })
  const guesses = Array.from({ length: 40 }, () =>
    checkLogin(wrong, caller, ports).catch(({ code }: GatewayError) => code),
  )
  await eventually(
    () => verifier.asked.length,
    (asked) => asked === 1,
  )
  open()
  const codes = await Promise.all(guesses)
  const count = (code: string) => codes.filter((one) => one === code).length
  t.equal(verifier.asked.length, 5)
  t.strictSame([count('login_refused'), count('login_locked'), count('login_throttled')], [5, 6, 29])
})

t.test('neither audit log nor store ever holds a password', async (t) => {
  const { ports, audited, notes, logged } = startFakeGateways()
  const password = 'guess-9f86d081'
  for (let time = 0; time < 7; time++) await checkLogin({ loginId: 'user01', password }, caller, ports).catch(() => {})
  await checkConfirmation({ loginId: 'user01', password }, caller, ports).catch(() => {})
  const written = JSON.stringify([audited, notes.names, notes.values, logged])
  t.notMatch(written, password)
  t.match(written, 'user01')
})

t.test('a lock stands in the history of a user, not of what was typed', async (t) => {
  const { ports } = startFakeGateways()
  await logInWrongly(5, ports)
  await logInWrongly(5, ports, 'nobody')
  const [entry] = await eventually(
    () => readHistory('login:user01', 10, ports),
    ({ length }) => length > 0,
  )
  t.match(entry, { what: 'locked', requestId: 'r-1', detail: { kind: 'login', attempts: 5, address: '192.0.2.1' } })
  t.strictSame(await readHistory('login:nobody', 10, ports), [])
})

t.test('a master unlocks general users of their own contract, an operator anybody', async (t) => {
  const { ports, audited } = startFakeGateways()
  const by = (loginId: string, contractId = 'shoji') =>
    ({ kind: 'user', revoker: { loginId, contractId, role: 'master' } }) as const
  await logInWrongly(5, ports)
  t.strictSame(await unlockUser({ loginId: 'user01', by: by('master01') }, caller, ports), { wasLocked: true })
  t.match(audited.at(-1), {
    event: 'user_unlocked',
    actor: { kind: 'user', name: 'master01' },
    target: { kind: 'login_id', name: 'user01' },
    requestId: 'r-1',
    detail: { wasLocked: true },
  })
  t.match(await readHistory('login:user01', 1, ports), [{ what: 'unlocked', who: 'master01' }])
  await logInWrongly(4, ports)
  t.ok(await checkLogin(right, caller, ports), 'its count began anew')
  t.strictSame(await unlockUser({ loginId: 'user01', by: by('master01') }, caller, ports), { wasLocked: false })

  for (const [loginId, who] of [
    ['pass01', by('master01')],
    ['master01', by('master01')],
    ['nobody', by('master01')],
    ['user02', by('user01')],
    ['user02', by('user09')],
    ['user02', by('pass02')],
    ['user02', by('master09')],
    // What the request says of the master does not count, what the directory says does.
    ['user02', by('pass02', 'shoji')],
  ] as const)
    await t.rejects(unlockUser({ loginId, by: who }, caller, ports), { code: 'unlock_not_allowed' }, loginId)

  await logInWrongly(5, ports, 'master01')
  for (let time = 0; time < 5; time++) await checkConfirmation(unconfirmed, caller, ports).catch(() => {})
  const operated = { loginId: 'master01', by: { kind: 'operator', actor: operator } } as const
  t.strictSame(await unlockUser(operated, caller, ports), { wasLocked: true })
  t.match(audited.at(-1), { event: 'user_unlocked', actor: { kind: 'operator', name: 'sato.hanako' } })
  await checkLogin({ loginId: 'master01', password: 'login' }, caller, ports)
  await checkConfirmation(confirmed, caller, ports)
  await t.rejects(unlockUser({ ...operated, loginId: 'nobody' }, caller, ports), { code: 'admin_not_found' })
})
