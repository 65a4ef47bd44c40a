// Goal: a one-time code stands in for the login password, once and for one key, and neither is ever taken for the other. Method: codes made
// by the real life of certificates, shown over HTTP Basic; time is moved by hand.
import t from 'tap'
import { makeEnrolmentCode } from '../../../src/lifecycle/enrolment-code.ts'
import { readBasicLogin } from '../../../src/portal/est/basic-login.ts'
import { ask, certificateOf, enrolled, keyOf, newKey, requestFor } from './est-program.ts'
import { type EstWorld, startEstWorld } from './est-world.ts'

const byPassword = { kind: 'password' } as const

async function codeFor(world: EstWorld, loginId: string): Promise<string> {
  return (await makeEnrolmentCode({ loginId, proof: byPassword }, world.ports)).code
}

const enrol = (world: EstWorld, basic: string, key = newKey()) =>
  ask(world, { operation: 'simpleenroll', body: requestFor(key), basic })

t.test('R7 a one-time code gets a certificate for the login ID it was made for', async (t) => {
  const world = await startEstWorld(t)
  const code = await codeFor(world, 'user01')
  const other = await enrol(world, `user02:${code}`)
  t.equal(other.status, 401)
  t.match(other.text, /one-time code/)
  t.match(certificateOf(await enrol(world, `user01:${code.toLowerCase()}`)).subject, /CN=user01$/)
})

t.test('a login ID with a colon enrols with a code', async (t) => {
  const world = await startEstWorld(t)
  const code = await codeFor(world, 'a:b')
  t.match(certificateOf(await enrol(world, `a:b:${code}`)).subject, /CN=a:b$/)
})

t.test('R8 the code counts again for the same key, and for no other', async (t) => {
  const world = await startEstWorld(t)
  const code = await codeFor(world, 'user01')
  const key = newKey()
  const first = certificateOf(await enrol(world, `user01:${code}`, key))
  const again = certificateOf(await enrol(world, `user01:${code}`, key))
  t.equal(again.fingerprint256, first.fingerprint256)
  t.equal((await enrol(world, `user01:${code}`)).status, 401)
})

t.test('a code that comes late is refused, and a new one is taken', async (t) => {
  const world = await startEstWorld(t)
  const late = await codeFor(world, 'user01')
  world.clock.advance(601_000)
  t.equal((await enrol(world, `user01:${late}`)).status, 401)
  certificateOf(await enrol(world, `user01:${await codeFor(world, 'user01')}`))
})

t.test('wrong codes lock nobody out', async (t) => {
  const world = await startEstWorld(t, {
    verify: async (_kind, _loginId, shown) => (shown === 'right' ? 'right' : 'wrong'),
  })
  for (let attempt = 0; attempt < 10; attempt++) {
    t.equal((await enrol(world, 'user01:0000-0000-0000-0000')).status, 401)
  }
  certificateOf(await enrol(world, 'user01:right'))
})

t.test('a code is never tried as a password', async (t) => {
  const asked: string[] = []
  const world = await startEstWorld(t, {
    verify: async (_kind, _loginId, shown) => {
      asked.push(shown)
      return 'wrong'
    },
  })
  await enrol(world, 'user01:0000-0000-0000-0000')
  t.same(asked, [])
  await enrol(world, 'user01:0000-0000-0000-000')
  t.same(asked, ['0000-0000-0000-000'], 'what has another form is a password')
})

t.test('a request that cannot be used costs no code', async (t) => {
  const world = await startEstWorld(t)
  const code = await codeFor(world, 'user01')
  const spoilt = await ask(world, { operation: 'simpleenroll', body: 'AAAA', basic: `user01:${code}` })
  t.equal(spoilt.status, 400)
  certificateOf(await enrol(world, `user01:${code}`))
})

t.test('R20 a code made after a login with a certificate renews it', async (t) => {
  const world = await startEstWorld(t)
  const { certificate } = await enrolled(world, 'user01')
  const proof = { kind: 'certificate', key: keyOf(certificate) } as const
  const { code } = await makeEnrolmentCode({ loginId: 'user01', proof }, world.ports)
  const renewed = certificateOf(await enrol(world, `user01:${code}`))
  t.not(renewed.serialNumber, certificate.serialNumber)
})

t.test('neither code nor password stands in the audit log', async (t) => {
  const world = await startEstWorld(t)
  const code = await codeFor(world, 'user01')
  await enrol(world, `user01:${code}`)
  await enrol(world, 'user02:1111-2222-3333-4444')
  await enrol(world, 'user02:swordfish')
  t.notMatch(JSON.stringify(world.audited), new RegExp(`${code}|1111-2222|swordfish`))
})

t.test('HTTP Basic is read as RFC 7617 has it', async (t) => {
  const read = (text: string) => readBasicLogin(`Basic ${Buffer.from(text).toString('base64')}`)
  t.same(read('user01:a:b'), { kind: 'password', loginId: 'user01', secret: 'a:b' })
  t.same(read('user01:暗証'), { kind: 'password', loginId: 'user01', secret: '暗証' })
  t.same(read(':x'), { kind: 'password', loginId: '', secret: 'x' })
  t.same(read('a:b:AAAA-BBBB-CCCC-DDDD'), { kind: 'code', loginId: 'a:b', secret: 'AAAA-BBBB-CCCC-DDDD' })
  t.same(readBasicLogin('bAsIc  dTpw'), { kind: 'password', loginId: 'u', secret: 'p' })
  t.equal(readBasicLogin(undefined), undefined)
})
