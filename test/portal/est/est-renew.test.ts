// Goal: EST on the certificate door renews with the certificate that was presented, for its own login ID and names only. Method: the real
// portal server and the real life of certificates behind a TLS door that asks for a certificate.
import t from 'tap'
import { readCertificate } from '../../../src/x509/read-certificate.ts'
import { ask, certificateOf, commonName, enrolled, keyOf, newKey, requestFor } from './est-program.ts'
import { password, startEstWorld } from './est-world.ts'

const altName = { kind: 'uri', value: 'urn:sekisho:user01' } as const
const issuing = { subjectAltNames: ['uri:urn:sekisho:{loginId}'] }

t.test(
  'R20 simplereenroll gives a new certificate for the same names, and the old one stays until it is used',
  async (t) => {
    const world = await startEstWorld(t, { issuing })
    const client = await enrolled(world, 'user01')
    const { subject, subjectAltNames } = readCertificate(client.certificate.raw)
    t.same(subjectAltNames, [altName])
    const key = newKey()
    const body = requestFor(key, { subject, extensions: { subjectAltNames: [altName] } })
    const renewed = certificateOf(await ask(world, { operation: 'simplereenroll', body, client }))
    t.ok(renewed.checkPrivateKey(key))
    t.not(renewed.serialNumber, client.certificate.serialNumber)
    t.equal(renewed.subject, client.certificate.subject)
    const states = await world.store.certificatesOf('user01', world.clock.nowMs())
    t.notOk(states.some(({ state, revoked }) => state === 'superseded' || revoked))
  },
)

t.test('R8 a renewal whose answer was lost gives the same certificate for the same key', async (t) => {
  const world = await startEstWorld(t)
  const client = await enrolled(world, 'user01')
  const { subject } = readCertificate(client.certificate.raw)
  const body = requestFor(newKey(), { subject })
  const first = certificateOf(await ask(world, { operation: 'simplereenroll', body, client }))
  const again = certificateOf(await ask(world, { operation: 'simplereenroll', body, client }))
  t.equal(again.fingerprint256, first.fingerprint256)
})

t.test('a renewal asks for the subject and the names of the certificate it renews', async (t) => {
  const world = await startEstWorld(t, { issuing })
  const client = await enrolled(world, 'user01')
  const { subject } = readCertificate(client.certificate.raw)
  const extensions = { subjectAltNames: [altName] }
  const refused = {
    'an empty subject': requestFor(newKey(), { extensions }),
    'the login ID alone': requestFor(newKey(), { subject: commonName('user01'), extensions }),
    'another order': requestFor(newKey(), { subject: [...subject].reverse(), extensions }),
    'another user': requestFor(newKey(), { subject: [...subject.slice(0, -1), ...commonName('user02')], extensions }),
    'no alternative name': requestFor(newKey(), { subject }),
    'one alternative name more': requestFor(newKey(), {
      subject,
      extensions: { subjectAltNames: [altName, { kind: 'dns', value: 'x' }] },
    }),
    ChangeSubjectName: requestFor(newKey(), {
      subject,
      extensions,
      otherAttributes: [{ oid: '1.3.6.1.5.5.7.7.36', valueDer: Uint8Array.of(0x30, 0) }],
    }),
  }
  for (const [what, body] of Object.entries(refused)) {
    const { status, text } = await ask(world, { operation: 'simplereenroll', body, client })
    t.equal(status, 400, what)
    t.match(text, /^Cannot /, what)
  }
  certificateOf(
    await ask(world, { operation: 'simplereenroll', body: requestFor(newKey(), { subject, extensions }), client }),
  )
})

t.test('simpleenroll on the certificate door renews too, and takes an empty subject', async (t) => {
  const world = await startEstWorld(t)
  const client = await enrolled(world, 'user01')
  const renewed = certificateOf(await ask(world, { operation: 'simpleenroll', body: requestFor(newKey()), client }))
  t.equal(renewed.subject, client.certificate.subject)
})

t.test('R2 a certificate renews for its own login ID, whatever else is shown', async (t) => {
  const world = await startEstWorld(t)
  const client = await enrolled(world, 'user01')
  const request = { operation: 'simpleenroll', client, basic: `user02:${password}` }
  const renewed = certificateOf(await ask(world, { ...request, body: requestFor(newKey()) }))
  t.match(renewed.subject, /CN=user01$/)
  const foreign = await ask(world, { ...request, body: requestFor(newKey(), { subject: commonName('user02') }) })
  t.equal(foreign.status, 400)
})

t.test('R11 a renewal that is not due yet is refused with what is left', async (t) => {
  const world = await startEstWorld(t, { issuing: { renewalDays: 40 } })
  const client = await enrolled(world, 'user01')
  const { subject } = readCertificate(client.certificate.raw)
  const answer = await ask(world, { operation: 'simplereenroll', body: requestFor(newKey(), { subject }), client })
  t.equal(answer.status, 409)
  t.match(answer.text, /days are left/)
  world.clock.advance(330 * 86_400_000)
  certificateOf(await ask(world, { operation: 'simplereenroll', body: requestFor(newKey(), { subject }), client }))
})

t.test('a superseded certificate renews nothing: 403, and no password is asked for', async (t) => {
  const world = await startEstWorld(t)
  const old = await enrolled(world, 'user01')
  const { subject } = readCertificate(old.certificate.raw)
  const request = { operation: 'simplereenroll', body: requestFor(newKey(), { subject }), client: old }
  const renewed = certificateOf(await ask(world, request))
  await world.store.useCertificate(keyOf(renewed))
  const answer = await ask(world, { ...request, body: requestFor(newKey(), { subject }) })
  t.equal(answer.status, 403)
  t.equal(answer.headers['www-authenticate'], undefined)
})
