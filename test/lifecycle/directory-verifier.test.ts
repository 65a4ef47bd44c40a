// Goal: passwords in the directory are argon2id hashes, read strictly, compared with bounded work, also where there is none. Method: real
// hashes, as small as they may be; one made by another program; strings that are none.
import t from 'tap'
import { DirectoryVerifier } from '../../src/lifecycle/directory-verifier.ts'
import { hashPassword, isPasswordHash, makeDummyHash, matchesHash } from '../../src/lifecycle/password-hash.ts'
import type { User } from '../../src/lifecycle/ports.ts'
import { passwords } from './samples.ts'

const small = { memoryKib: 8_192, passes: 1 }
const config = { ...passwords, hashMemoryKib: 8_192, hashPasses: 1 }
const base: User = { loginId: 'user01', contractId: 'shoji', role: 'general', state: 'active' }

function verifierOf(users: Readonly<Record<string, User>>, changes: Partial<typeof passwords> = {}) {
  const logged: string[] = []
  const log = { info: () => {}, warn: () => {}, error: (message: string) => void logged.push(message) }
  const passwords = () => ({ ...config, ...changes })
  const verifier = new DirectoryVerifier({ store: { user: async (loginId) => users[loginId] }, passwords, log })
  return { verifier, logged }
}

t.test('a hash is a PHC string of argon2id with a salt of its own, and only its password matches', async (t) => {
  const phc = await hashPassword('sekisho-demo', small)
  t.match(phc, /^\$argon2id\$v=19\$m=8192,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  t.not(await hashPassword('sekisho-demo', small), phc)
  t.ok(await matchesHash('sekisho-demo', phc))
  t.notOk(await matchesHash('sekisho-Demo', phc))
  t.notOk(await matchesHash('sekisho-demo ', phc))
  t.notOk(await matchesHash('', phc))
})

t.test('the same letters match, however the keyboard spells them', async (t) => {
  const phc = await hashPassword('パスワード\u00e9', small)
  t.ok(await matchesHash('ハ\u309aスワート\u3099e\u0301', phc))
  t.notOk(await matchesHash('ハスワード\u00e9', phc))
})

t.test('a hash of another program is read', async (t) => {
  // The reference implementation's own test vector (argon2id, v=19, 64 MiB, 2 passes, password "password", salt "somesalt").
  const phc = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
  t.ok(isPasswordHash(phc))
  t.ok(await matchesHash('password', phc))
  t.notOk(await matchesHash('passwort', phc))
})

t.test('a string that is no such hash, or would cost too much, is none', async (t) => {
  const good = '$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
  t.ok(isPasswordHash(good))
  const bad: readonly (readonly [string, string])[] = [
    ['argon2id', 'argon2i'],
    ['v=19', 'v=16'],
    ['$v=19', ''],
    ['m=8192,t=1', 't=1,m=8192'],
    ['m=8192', 'm=08192'],
    ['m=8192', 'm=1048577'],
    ['m=8192', 'm=99999999'],
    ['m=8192', 'm=7'],
    ['m=8192,t=1,p=1', 'm=8192,t=1,p=1,data=AAAA'],
    ['t=1', 't=0'],
    ['t=1', 't=17'],
    ['p=1', 'p=17'],
    ['p=1', 'p=-1'],
    ['c29tZXNhbHQ', 'c29tZXNhbHR'],
    ['c29tZXNhbHQ', 'c29tZXNhbHQ='],
    ['c29tZXNhbHQ', 'c29tZXM'],
    ['PPc', 'PPc='],
    ['PPc', 'PPc\n'],
    ['PPc', 'PP_'],
    [good, 'sekisho-demo'],
    [good, ''],
  ]
  for (const [part, other] of bad) {
    const phc = good.replace(part, other)
    t.notOk(isPasswordHash(phc), phc)
    await t.rejects(matchesHash('password', phc), { code: 'admin_request_invalid' })
  }
})

t.test('each of the two passwords is the right one for its own question alone', async (t) => {
  const credentials = { login: await hashPassword('one', small), confirmation: await hashPassword('two', small) }
  const { verifier } = verifierOf({ user01: { ...base, credentials } })
  t.equal(await verifier.verify('login', 'user01', 'one'), 'right')
  t.equal(await verifier.verify('confirmation', 'user01', 'two'), 'right')
  t.equal(await verifier.verify('login', 'user01', 'two'), 'wrong')
  t.equal(await verifier.verify('confirmation', 'user01', 'one'), 'wrong')
})

t.test('who is unknown, or has no password, or an unreadable one, gets the answer of a wrong one', async (t) => {
  const broken = { ...base, credentials: { login: 'sekisho-demo', confirmation: '' } }
  const { verifier, logged } = verifierOf({ user01: base, user02: broken })
  for (const loginId of ['nobody', 'user01', 'user02'])
    t.equal(await verifier.verify('login', loginId, 'sekisho-demo'), 'wrong', loginId)
  t.strictSame(logged, ['the password hash of a user cannot be read'], 'operators are told')
  t.equal(await verifier.verify('confirmation', 'user02', ''), 'wrong')
  t.equal(logged.length, 1)
  const dummy = makeDummyHash(small)
  t.ok(isPasswordHash(dummy), 'what they are compared with costs what any hash costs')
  t.match(dummy, /m=8192,t=1,p=1/)
})

t.test('so many are computed at once, so many wait, and one more is refused; also without an account', async (t) => {
  const { verifier } = verifierOf({}, { hashesAtOnce: 1, hashQueueMax: 2 })
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => verifier.verify('login', 'nobody', 'x')))
  t.match(outcomes, [
    { value: 'wrong' },
    { value: 'wrong' },
    { value: 'wrong' },
    { reason: { code: 'verifier_unavailable', message: /the limit is 2$/ } },
  ])
  t.equal(await verifier.verify('login', 'nobody', 'x'), 'wrong', 'the places are free again')
})
