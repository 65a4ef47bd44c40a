// Goal: EST on the public door issues to whoever shows login ID and login password, once, and says clearly why where it does not.
// Method: the real portal server and the real life of certificates, asked over TLS as programs ask.
import { createPublicKey } from 'node:crypto'
import t from 'tap'
import { GatewayError } from '../../../src/base/errors.ts'
import { revoke } from '../../../src/lifecycle/revoke.ts'
import { ask, certificateOf, certificatesOf, commonName, enrolled, newKey, requestFor } from './est-program.ts'
import { issuingCa, password, startEstWorld } from './est-world.ts'

const basic = `user01:${password}`

t.test('R7 login ID and login password get a certificate for the key of the request', async (t) => {
  const world = await startEstWorld(t)
  const key = newKey()
  const answer = await ask(world, { operation: 'simpleenroll', body: requestFor(key), basic })
  t.equal(answer.status, 200)
  t.equal(answer.headers['content-type'], 'application/pkcs7-mime; smime-type=certs-only')
  t.equal(answer.headers['cache-control'], 'no-store')
  const certificate = certificateOf(answer)
  t.ok(certificate.checkPrivateKey(key))
  t.ok(certificate.verify(createPublicKey(issuingCa.privateKey)))
  t.match(certificate.subject, /^C=JP\nO=Test Bank\nOU=demo-shoji\nCN=user01$/)
  t.match(
    world.audited.map(({ event }) => event),
    ['password_accepted', 'certificate_issued'],
  )
})

t.test('base64 in any lines, PEM and DER are taken, and a subject that is the user’s own', async (t) => {
  for (const [index, shape] of ['one line', 'PEM', 'DER', 'with subject'].entries()) {
    const world = await startEstWorld(t)
    const text = requestFor(newKey(), shape === 'with subject' ? { subject: commonName('user01') } : {})
    const oneLine = text.replaceAll('\r\n', '')
    const body = [
      oneLine,
      `-----BEGIN CERTIFICATE REQUEST-----\n${text}-----END CERTIFICATE REQUEST-----\n`,
      Buffer.from(oneLine, 'base64'),
      text,
    ][index]
    const headers = { 'Content-Transfer-Encoding': 'base64', 'Content-Type': 'application/pkcs10; charset=us-ascii' }
    if (body === undefined) throw new Error('no body')
    certificateOf(await ask(world, { operation: 'simpleenroll', body, basic, headers }))
    t.pass(shape)
  }
})

t.test('R8 asking again with the same key gives the same certificate, and nothing is issued twice', async (t) => {
  const world = await startEstWorld(t)
  const key = newKey()
  const first = await enrolled(world, 'user01', key)
  const again = await enrolled(world, 'user01', key)
  t.equal(again.certificate.fingerprint256, first.certificate.fingerprint256)
  t.equal(world.audited.filter(({ event }) => event === 'certificate_issued').length, 1)
})

t.test('R8 two at once with the same key get one certificate', async (t) => {
  const world = await startEstWorld(t)
  const key = newKey()
  const both = await Promise.all([enrolled(world, 'user01', key), enrolled(world, 'user01', key)])
  t.equal(both[0].certificate.fingerprint256, both[1].certificate.fingerprint256)
})

t.test('R17 with a certificate in use another key is refused, and gets one after a revocation', async (t) => {
  const world = await startEstWorld(t)
  const { certificate } = await enrolled(world, 'user01')
  const request = { operation: 'simpleenroll', body: requestFor(newKey()), basic }
  const answer = await ask(world, request)
  t.equal(answer.status, 409)
  t.match(answer.text, /^Cannot issue a certificate as the login ID has one: .*\nRequest id: request-1\n$/)
  t.equal(answer.headers['content-type'], 'text/plain; charset=utf-8')
  await revoke(
    {
      certificates: [{ issuer: 'test-issuing-ca', serial: certificate.serialNumber }],
      loginIds: [],
      reason: 'unspecified',
      comment: '',
      dryRun: false,
    },
    { name: 'branch', role: 'security', requestId: 'request-2' },
    world.ports,
  )
  t.not(certificateOf(await ask(world, request)).serialNumber, certificate.serialNumber)
})

t.test('R3 a contract that is full gets no further certificate, and those who have one get theirs again', async (t) => {
  const world = await startEstWorld(t)
  const first = await enrolled(world, 'user01')
  await enrolled(world, 'user02')
  await enrolled(world, 'master01')
  const answer = await ask(world, {
    operation: 'simpleenroll',
    body: requestFor(newKey()),
    basic: `user03:${password}`,
  })
  t.equal(answer.status, 409)
  t.match(answer.text, /the contract may have 3/)
  await enrolled(world, 'user01', first.key)
})

t.test('without a login ID, HTTP Basic is asked for, and nothing is counted', async (t) => {
  const world = await startEstWorld(t)
  const answer = await ask(world, { operation: 'simpleenroll', body: requestFor(newKey()) })
  t.equal(answer.status, 401)
  t.equal(answer.headers['www-authenticate'], 'Basic realm="sekisho-est", charset="UTF-8"')
  t.match(answer.text, /^Cannot enrol without a login ID/)
  t.same(world.audited, [])
})

t.test('a wrong password, an unknown login ID and a suspended user look the same', async (t) => {
  const world = await startEstWorld(t)
  await world.publisher.setSuspended('user03', true)
  const answers = []
  for (const shown of ['user01:wrong', `nobody:${password}`, 'nobody:wrong', 'user01:', `user03:${password}`]) {
    answers.push(await ask(world, { operation: 'simpleenroll', body: requestFor(newKey()), basic: shown }))
  }
  for (const { status, text, headers } of answers) {
    t.equal(status, 401)
    t.equal(text, answers[0]?.text)
    t.ok(headers['www-authenticate'])
  }
  t.notMatch(JSON.stringify(world.audited), /"wrong"|sekisho-demo/, 'no password is on record')
})

t.test('another scheme and unreadable credentials get 401', async (t) => {
  const world = await startEstWorld(t)
  for (const field of [
    'Bearer abc',
    'Basic',
    'Basic ****',
    'Basic bm9jb2xvbg==',
    `Basic ${'A'.repeat(5_000)}`,
    'Basic gICA',
  ]) {
    const headers = { Authorization: field }
    const { status } = await ask(world, { operation: 'simpleenroll', body: requestFor(newKey()), headers })
    t.equal(status, 401, field.slice(0, 20))
  }
})

t.test('wrong passwords lock the login ID: 403, also for the right one', async (t) => {
  const world = await startEstWorld(t)
  for (let attempt = 0; attempt < 5; attempt++) {
    const wrong = await ask(world, { operation: 'simpleenroll', body: requestFor(newKey()), basic: 'user01:wrong' })
    t.equal(wrong.status, 401)
  }
  const answer = await ask(world, { operation: 'simpleenroll', body: requestFor(newKey()), basic })
  t.equal(answer.status, 403)
  t.match(answer.text, /locked until/)
  await enrolled(world, 'user02')
})

t.test('a contract in password mode gets none', async (t) => {
  const world = await startEstWorld(t)
  const answer = await ask(world, {
    operation: 'simpleenroll',
    body: requestFor(newKey()),
    basic: `pass01:${password}`,
  })
  t.equal(answer.status, 403)
  t.match(answer.text, /logs in with passwords/)
})

t.test('what passes by itself says when to come back', async (t) => {
  for (const [code, status] of [
    ['login_throttled', 429],
    ['verifier_unavailable', 503],
    ['store_unavailable', 503],
  ] as const) {
    const world = await startEstWorld(t, {
      verify: async () => {
        throw new GatewayError(code, 'Cannot check now')
      },
    })
    const answer = await ask(world, { operation: 'simpleenroll', body: requestFor(newKey()), basic })
    t.equal(answer.status, status, code)
    t.match(answer.headers['retry-after'], /^[1-9]\d*$/, code)
  }
})

t.test('a fault that nobody expected tells nothing of itself', async (t) => {
  const world = await startEstWorld(t, {
    verify: async () => {
      throw new GatewayError('certificate_lint_failed', 'secret of the house')
    },
  })
  const answer = await ask(world, { operation: 'simpleenroll', body: requestFor(newKey()), basic })
  t.equal(answer.status, 500)
  t.notMatch(answer.text, /secret/)
})

t.test('cacerts has the issuing CA and the root, on both doors and for anybody', async (t) => {
  const world = await startEstWorld(t)
  const client = await enrolled(world, 'user01')
  for (const request of [{ operation: 'cacerts' }, { operation: 'cacerts', client }]) {
    const answer = await ask(world, request)
    const found = certificatesOf(answer).map(({ subject }) => /CN=(.*)$/m.exec(subject)?.[1])
    t.same(found.sort(), ['Test Root', 'test-issuing-ca'])
    t.match(answer.headers['content-type'], /^application\/pkcs7-mime/)
  }
})

t.test('csrattrs names the preferred kind of key', async (t) => {
  for (const keyType of ['P-256', 'P-384', 'RSA-2048']) {
    const world = await startEstWorld(t, { issuing: { keyTypes: [keyType] } })
    const answer = await ask(world, { operation: 'csrattrs' })
    t.equal(answer.status, 200)
    t.equal(answer.headers['content-type'], 'application/csrattrs')
    const expected = { 'P-256': '2a8648ce3d030107', 'P-384': '2b81040022', 'RSA-2048': '2a864886f70d010101' }[keyType]
    t.match(Buffer.from(answer.text, 'base64').toString('hex'), new RegExp(expected ?? 'none'))
  }
})

t.test('where no certificates are issued, EST is not there', async (t) => {
  const world = await startEstWorld(t, { change: (ports) => ({ ...ports, issuing: () => undefined }) })
  for (const operation of ['cacerts', 'csrattrs']) t.equal((await ask(world, { operation })).status, 404, operation)
  t.equal((await ask(world, { operation: 'simpleenroll', body: requestFor(newKey()), basic })).status, 404)
})

t.test('labels and the optional operations are not there', async (t) => {
  const world = await startEstWorld(t)
  for (const operation of ['label/cacerts', 'label/simpleenroll', 'fullcmc', 'serverkeygen']) {
    const body = operation.endsWith('cacerts') ? undefined : requestFor(newKey())
    const answer = await ask(world, { operation, basic, ...(body === undefined ? {} : { body }) })
    t.equal(answer.status, 404, operation)
  }
  t.equal((await ask(world, { operation: 'simpleenroll' })).status, 405)
})

t.test('a renewal on the public door is told where it belongs', async (t) => {
  const world = await startEstWorld(t)
  const answer = await ask(world, { operation: 'simplereenroll', body: requestFor(newKey()), basic })
  t.equal(answer.status, 403)
  t.match(answer.text, /https:\/\/login\.bank\.example:443/)
})

t.test('a page of another site cannot enrol', async (t) => {
  const world = await startEstWorld(t)
  const headers = { Origin: 'https://evil.example' }
  t.equal((await ask(world, { operation: 'simpleenroll', body: requestFor(newKey()), basic, headers })).status, 403)
})

t.test('a login ID with a colon needs a one-time code, and its password reaches nobody else', async (t) => {
  const world = await startEstWorld(t)
  const answer = await ask(world, { operation: 'simpleenroll', body: requestFor(newKey()), basic: `a:b:${password}` })
  t.equal(answer.status, 401)
})

t.test(
  'what certreq writes into a request is taken: its attributes, an extension list of Microsoft’s, CR LF',
  async (t) => {
    const world = await startEstWorld(t)
    const body = requestFor(newKey(), {
      subject: commonName('user01'),
      extensions: { keyUsage: ['digitalSignature'] },
      otherAttributes: [
        // OS version (IA5String), client information, and the provider that made the key.
        { oid: '1.3.6.1.4.1.311.13.2.3', valueDer: Buffer.from('160c31302e302e32363130302e32', 'hex') },
        { oid: '1.3.6.1.4.1.311.21.20', valueDer: Buffer.from('3009020105040161040162', 'hex') },
        { oid: '1.3.6.1.4.1.311.13.2.2', valueDer: Buffer.from('30070201000c0161 0300'.replaceAll(' ', ''), 'hex') },
      ],
    })
    const headers = { 'Content-Type': 'application/pkcs10; charset=us-ascii' }
    certificateOf(await ask(world, { operation: 'simpleenroll', body, basic, headers }))
  },
)
