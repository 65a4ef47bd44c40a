// Goal: an assertion is bound, short-lived, renewed before its end, never used close to it, and follows the newest key.
// Method: a fake clock and real ES256 keys; every token is verified with jose at the fake time.
import { generateKeyPairSync } from 'node:crypto'
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JWK, jwtVerify } from 'jose'
import t from 'tap'
import { type AssertionKey, AssertionSigner, ConnectionAssertion } from '../../src/data-path/assertion.ts'
import type { PermittedUser } from '../../src/trust/admit.ts'
import { eventually } from '../helpers/eventually.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

function createKey(kid: string): { signing: AssertionKey; published: JWK } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    signing: { ...(privateKey.export({ format: 'jwk' }) as JWK), kid },
    published: { ...(publicKey.export({ format: 'jwk' }) as JWK), kid, alg: 'ES256' },
  }
}

const first = createKey('first')
const second = createKey('second')
const keys = createLocalJWKSet({ keys: [first.published, second.published] })
const user = {
  loginId: 'user01',
  contractId: 'demo-shoji',
  role: 'general',
  opinion: { certificate: { thumbprint: 'thumb' } },
} as unknown as PermittedUser
const identity = { user, loginMethod: 'certificate' } as const

async function setUp(lifetimeSeconds: number) {
  const clock = new FakeClock()
  const signer = new AssertionSigner({ audience: 'bank', lifetimeSeconds }, clock)
  await signer.use(first.signing)
  const assertion = new ConnectionAssertion(signer, identity, clock)
  const token = () => assertion.line()?.replace(/^Sekisho-Assertion: (.*)\r\n$/, '$1')
  const verify = (text: string | undefined) =>
    jwtVerify(text ?? '', keys, { audience: 'bank', issuer: 'sekisho', currentDate: new Date(clock.nowMs()) })
  return { clock, signer, assertion, token, verify }
}

t.test('there is none before a key was given', async (t) => {
  const clock = new FakeClock()
  const assertion = new ConnectionAssertion(
    new AssertionSigner({ audience: 'bank', lifetimeSeconds: 60 }, clock),
    identity,
    clock,
  )
  t.equal(assertion.line(), undefined)
  await t.rejects(assertion.renew(), /before a key/)
})

t.test('claims: who, for whom, how long, bound to the certificate', async (t) => {
  const { clock, assertion, token, verify } = await setUp(60)
  t.equal(token(), undefined, 'the first one is awaited')
  await assertion.renew()
  const { payload, protectedHeader } = await verify(token())
  t.strictSame(protectedHeader, { alg: 'ES256', typ: 'JWT', kid: 'first' })
  const { jti, ...claims } = payload
  const issuedAt = Math.floor(clock.nowMs() / 1_000)
  t.match(jti, /^[0-9a-f-]{36}$/)
  t.strictSame(claims, {
    login_method: 'certificate',
    contract_id: 'demo-shoji',
    role: 'general',
    cnf: { 'x5t#S256': 'thumb' },
    iss: 'sekisho',
    aud: 'bank',
    iat: issuedAt,
    exp: issuedAt + 60,
    sub: 'user01',
  })
})

t.test('whatever the fraction of the second, a token is used only with a tenth of its life to spare', async (t) => {
  for (const lifetimeSeconds of [5, 60]) {
    for (const fractionMs of [0, 1, 500, 999]) {
      let usedMs = 0
      // Each age is a connection of its own, quiet until then, so that nothing has renewed the token.
      for (let ageMs = 0; ageMs <= lifetimeSeconds * 1_000; ageMs += lifetimeSeconds * 20) {
        const { clock, assertion, token } = await setUp(lifetimeSeconds)
        clock.advance(1_000 - (clock.nowMs() % 1_000) + fractionMs)
        await assertion.renew()
        clock.advance(ageMs)
        const used = token()
        if (used === undefined) continue
        usedMs = ageMs
        const leftMs = (decodeJwt(used).exp as number) * 1_000 - clock.nowMs()
        if (leftMs < lifetimeSeconds * 100)
          t.fail(`${lifetimeSeconds} s, ${fractionMs} ms, age ${ageMs} ms: ${leftMs} ms left`)
      }
      t.ok(usedMs >= lifetimeSeconds * 650, `used for ${usedMs} ms of its life`)
    }
  }
})

t.test('it is renewed in the second half of its life, in the background and once', async (t) => {
  const { clock, assertion, token, verify } = await setUp(60)
  await assertion.renew()
  const original = token()
  clock.advance(30_000)
  t.equal(token(), original)
  clock.advance(1)
  t.equal(token(), original, 'still good while the next one is signed')
  t.equal(token(), original)
  await eventually(
    () => token(),
    (now) => now !== original,
  )
  const { payload } = await verify(token())
  t.not(payload.jti, decodeJwt(original ?? '').jti)
})

t.test('after a quiet time it is awaited, not sent stale', async (t) => {
  const { clock, assertion, token, verify } = await setUp(60)
  await assertion.renew()
  clock.advance(54_001)
  t.equal(token(), undefined)
  await Promise.all([assertion.renew(), assertion.renew()])
  await t.resolves(verify(token()))
})

t.test('a new key signs what is signed from then on; the old one still verifies', async (t) => {
  const { clock, signer, assertion, token, verify } = await setUp(60)
  await assertion.renew()
  const old = token()
  await signer.use(second.signing)
  t.equal(token(), old, 'the assertion at hand lives on')
  clock.advance(31_000)
  token()
  const renewed = await eventually(
    () => token(),
    (now) => now !== old,
  )
  t.equal(decodeProtectedHeader(renewed ?? '').kid, 'second')
  await t.resolves(verify(renewed))
  await t.resolves(verify(old))
})

t.test('the public door’s names no user', async (t) => {
  const clock = new FakeClock()
  const signer = new AssertionSigner({ audience: 'bank', lifetimeSeconds: 60 }, clock)
  await signer.use(first.signing)
  const { token } = await signer.sign({ user: undefined, loginMethod: 'password' })
  const { sub, cnf, login_method } = decodeJwt(token)
  t.strictSame({ sub, cnf, login_method }, { sub: undefined, cnf: undefined, login_method: 'password' })
})
