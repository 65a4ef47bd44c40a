// Goal: the CA delegates OCSP to a key that can do nothing else, in time and again; without one nothing is answered. Method: certificates
// through the door's own reader and openssl's verifier; a signer that goes away; a clock moved by hand.
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { makeResponderCertificate } from '../../src/publication/ocsp-certificate.ts'
import { OcspResponder } from '../../src/publication/ocsp-responder.ts'
import { createFileSigner } from '../../src/signing/file-signer.ts'
import { formOpinion } from '../../src/trust/certificate-opinion.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { checkOcspResponse } from '../../src/x509/ocsp/check-response.ts'
import { pemOf } from '../../src/x509/pem.ts'
import { readCertificate } from '../../src/x509/read-certificate.ts'
import { eventually } from '../helpers/eventually.ts'
import { type CaOptions, createTestCa, type TestCa } from '../helpers/test-ca.ts'
import { OcspSetting, responseIn } from './ocsp-setting.ts'

const dayMs = 86_400_000
const nowMs = Math.floor(systemClock.nowMs() / 1_000) * 1_000
const root = createTestCa({ commonName: 'Delegation Root' })

function authorityOf(ca: TestCa) {
  const { certificatePem, parentPems } = ca
  const issuer = readIssuingCa({ name: 'users', certificatePem, chainPems: parentPems }, nowMs)
  return { issuer, signer: createFileSigner({ keyPem: ca.keyPem, keyPassword: undefined }) }
}

function make(options: Partial<CaOptions> = {}, responderDays = 7) {
  const ca = root.childCa({ commonName: 'Delegating', ...options })
  return makeResponderCertificate(authorityOf(ca), { nowMs, responderDays }).then((made) => ({ ca, made }))
}

t.test('what it says', async (t) => {
  const { made } = await make()
  const certificate = readCertificate(made.der)
  const day = new Date(nowMs).toISOString().slice(0, 10)
  t.same(
    certificate.subject.map(({ value }) => value),
    ['JP', 'Test Bank', `Delegating OCSP ${day}`],
  )
  t.match(certificate, {
    serial: made.serial,
    notBeforeMs: nowMs - 300_000,
    notAfterMs: nowMs + 7 * dayMs,
    keyUsage: { digitalSignature: true, keyCertSign: false, cRLSign: false },
    extendedKeyUsage: ['1.3.6.1.5.5.7.3.9'],
    basicConstraints: { ca: false },
    publicKey: { curve: 'P-256' },
    unknownCriticalExtensions: [],
  })
  const folder = t.testdir({})
  const print = ['x509', '-inform', 'DER', '-noout', '-text', '-in', join(folder, 'responder.der')]
  writeFileSync(join(folder, 'responder.der'), made.der)
  t.match(execFileSync('openssl', print).toString(), /OCSP No Check/)
  t.ok(made.renewAtMs > nowMs + 3 * dayMs && made.renewAtMs < nowMs + 4 * dayMs)
})

t.test('openssl verifies it, whatever key the CA has', async (t) => {
  for (const keyKind of ['p256', 'p384', 'rsa2048', 'ed25519'] as const) {
    const { ca, made } = await make({ keyKind })
    const folder = t.testdir({})
    const file = (name: string, pem: string) => {
      writeFileSync(join(folder, name), pem)
      return join(folder, name)
    }
    const trusted = ['-CAfile', file('root.pem', root.certificatePem), '-untrusted', file('ca.pem', ca.certificatePem)]
    const responder = file('responder.pem', pemOf(made.der, 'CERTIFICATE'))
    const strict = ['-x509_strict', '-purpose', 'ocsphelper', responder]
    t.match(execFileSync('openssl', ['verify', ...trusted, ...strict]).toString(), /: OK/, keyKind)
  }
})

t.test('no door lets it in; a user of the same CA passes', async (t) => {
  const { ca, made } = await make()
  const rules = {
    issuers: [authorityOf(ca).issuer],
    loginId: { from: 'commonName' } as const,
    rsaBitsMin: 2_048,
  }
  t.match(formOpinion(made.der, rules).fault, { reason: 'usage_not_allowed', detail: /lacks clientAuth/ })
  t.equal(formOpinion(ca.issueClient({ commonName: 'user01' }).der, rules).fault, undefined)
})

t.test('never beyond the CA, or one above it', async (t) => {
  const ends = [
    [{ notAfterMs: nowMs + 2 * dayMs }, nowMs + 2 * dayMs, true],
    [{ notAfterMs: nowMs + 8 * dayMs }, nowMs + 7 * dayMs, false],
  ] as const
  for (const [options, notAfterMs, isLast] of ends) {
    const { made } = await make(options)
    t.equal(made.notAfterMs, notAfterMs)
    t.equal(made.renewAtMs === Number.POSITIVE_INFINITY, isLast, 'a new one would gain nothing')
  }
  const young = await make({ notBeforeMs: nowMs - 60_000 })
  t.equal(young.made.notBeforeMs, nowMs - 60_000)
})

t.test('what is refused', async (t) => {
  const { issuer, signer } = authorityOf(root.childCa({ commonName: 'Delegating' }))
  const other = authorityOf(root.childCa({ commonName: 'Delegating' }))
  const times = { nowMs, responderDays: 7 }
  await t.rejects(makeResponderCertificate({ issuer, signer: other.signer }, times), { code: 'config_invalid' })
  const lying = { ...signer, sign: other.signer.sign }
  await t.rejects(makeResponderCertificate({ issuer, signer: lying }, times), { code: 'signer_unavailable' })
  const late = { nowMs: issuer.certificate.notAfterMs + 1_000, responderDays: 7 }
  await t.rejects(makeResponderCertificate({ issuer, signer }, late), { code: 'config_invalid', message: /ended/ })
  const permitted = [{ kind: 'directoryName', der: readCertificate(root.der).subjectNameDer }] as const
  const elsewhere = { nameConstraints: { permitted, excluded: [] } }
  await t.rejects(make(elsewhere), { code: 'certificate_lint_failed', message: /name_constraints/ })
  t.ok(await makeResponderCertificate({ issuer, signer }, times))
})

t.test('a long name is cut to what a common name may hold', async (t) => {
  const { made } = await make({ commonName: '証明書を発行する認証局'.repeat(6).slice(0, 64) })
  const name = readCertificate(made.der).subject.at(-1)?.value ?? ''
  t.equal([...name].length, 64)
  t.match(name, /^証明書.* OCSP \d{4}-\d\d-\d\d$/)
  t.ok(new X509Certificate(made.der))
})

t.test('the signer away at the start: tryLater until it is back', async (t) => {
  const setting = new OcspSetting(systemClock.nowMs())
  t.teardown(() => setting.responder.close())
  const { serial } = setting.record('user01')
  setting.signerAway = true
  await setting.responder.start()
  t.same(setting.issued, [])
  t.match(setting.warnings, [{ code: 'signer_unavailable', waitMs: 1_000 }])
  t.equal(await setting.statusOf(serial), 'tryLater')
  setting.revoke(serial)
  t.equal(await setting.statusOf(serial), 'tryLater', 'nobody could verify it')
  setting.restore(serial)
  // What another responder needs to make a certificate, this one would have needed too.
  const other = new OcspResponder(setting.options)
  await other.start()
  other.close()
  t.equal(setting.signings, 2, 'the signer is not asked for each request')
  setting.signerAway = false
  setting.warnings.splice(1)
  t.equal(await setting.statusOf(serial), 'tryLater')
  setting.clock.advance(1_000)
  t.equal(
    await eventually(
      () => setting.statusOf(serial),
      (status) => status === 'good',
    ),
    'good',
  )
  t.equal(setting.issued.length, 1)
  t.equal(setting.warnings.length, 1)
})

t.test('renewed at half of its life; the old one serves until the new one is there', async (t) => {
  const setting = new OcspSetting(systemClock.nowMs())
  t.teardown(() => setting.responder.close())
  await setting.responder.start()
  const { serial } = setting.record('user01')
  const responderOf = async () => {
    setting.freshness.heard()
    const nonce = Buffer.alloc(16, 3)
    const response = responseIn(await setting.post(setting.ask([serial], nonce)))
    if (response.status !== 'successful') return response.status
    const expected = { issuer: setting.issuer, serial, nonce, clockSkewMs: 0, validityMaxMs: dayMs }
    checkOcspResponse(response, { ...expected, nowMs: setting.clock.nowMs() })
    return readCertificate(response.basic.certificates[0] as Uint8Array).serial
  }
  const first = setting.issued[0]?.serial
  t.equal(await responderOf(), first)
  setting.clock.advance(3 * dayMs)
  t.equal(await responderOf(), first)
  t.equal(setting.issued.length, 1)
  setting.signerAway = true
  setting.clock.advance(dayMs)
  t.equal(await responderOf(), first, 'the old one while the signer is away')
  await eventually(
    () => setting.warnings.length,
    (count) => count === 1,
  )
  setting.signerAway = false
  setting.clock.advance(1_000)
  t.equal(await responderOf(), first, 'and while the new one is made')
  await eventually(
    () => setting.issued.length,
    (count) => count === 2,
  )
  t.equal(await responderOf(), setting.issued[1]?.serial)
  t.not(setting.issued[1]?.serial, first)
  // Nobody signs for long: the certificate ends, and nothing is said, from the cache as little as anew.
  t.equal(await setting.statusOf(serial), 'good')
  setting.signerAway = true
  setting.clock.advance(7 * dayMs)
  t.equal(await responderOf(), 'tryLater')
  t.equal(await setting.statusOf(serial), 'tryLater')
})

t.test('no answer is valid for longer than the certificate that verifies it', async (t) => {
  const setting = new OcspSetting(systemClock.nowMs(), { validitySeconds: 604_800, responderDays: 1 })
  t.teardown(() => setting.responder.close())
  await setting.responder.start()
  const { serial } = setting.record('user01')
  const response = responseIn(await setting.post(setting.ask([serial])))
  const nextUpdateMs = response.status === 'successful' ? response.basic.answers[0]?.nextUpdateMs : undefined
  t.equal(nextUpdateMs, setting.issued[0]?.notAfterMs)
})

t.test('closed: nothing is made any more', async (t) => {
  const setting = new OcspSetting(systemClock.nowMs())
  const started = setting.responder.start()
  setting.responder.close()
  await started
  t.same(setting.issued, [])
})
